//! The listening server: HTTP and WebSocket on one port, open to browsers, bounded everywhere.
//!
//! In: an [`RpcContext`] and an address. Out: the address in use and a handle that stops the
//! server.
//!
//! | bound | on |
//! |---|---|
//! | `connections_max`, `websockets_max` | connections (see `connection`) |
//! | `request_bytes_max`, `websocket_message_bytes_max` | one request |
//! | [`BODIES_BYTES_MAX`] | all long requests, and messages over WebSocket, that are at work |
//! | `batches_max`, `batch_response_bytes_max` | batches at work (see `dispatcher`) |
//! | `answers_in_flight` | all long answers that are being sent |
//! | [`RECEIPT_TIME_MAX`] | a request over HTTP, until it is received |
//! | `answer_time_ms_max` | a request over HTTP from its head, or a message, to its answer |

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, StatusCode,
    body::{Bytes, Incoming},
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
    },
};
use jsonrpsee::types::error::reject_too_big_request;
use soketto::handshake::http::is_upgrade_request;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit, watch},
    time::{Instant, timeout},
};
use tower::BoxError;

use super::{
    RpcContext, RpcLimits,
    answers_in_flight::{AnswersInFlight, error_answer, json_answer, text_answer},
    block_methods, call_methods,
    connection::{self, HttpRequest, HttpResponse, Place, Stop},
    dispatcher::Dispatcher,
    fee_methods, filter_methods, log_methods,
    message::{Id, error_text},
    node::{Methods, RpcNode},
    node_methods, pool_methods, raw_methods,
    sequencer_client::in_request,
    state_methods, submit,
    websocket::{Held, WebSocket},
    withdrawal_methods,
};
use crate::error::NodeError;

/// Time that a stopping server gives to requests in work.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a request over HTTP to be received, also while it waits for memory.
const RECEIPT_TIME_MAX: Duration = Duration::from_secs(45);
/// Bytes of all requests longer than [`SHORT_BYTES`] that are in memory at a time, and of messages
/// over WebSocket that are long or many. More must wait.
const BODIES_BYTES_MAX: usize = 256 << 20;
/// Requests up to this length are not counted: the bound on connections bounds them, too.
const SHORT_BYTES: u64 = 64 << 10;

/// A running server. Dropping it stops the server, too, without waiting.
#[derive(Debug)]
pub struct ServerHandle(watch::Sender<()>);

impl ServerHandle {
    /// Stops the server, and waits a while for the requests in work.
    pub async fn stop(self) {
        if self.0.send(()).is_ok() {
            let _slow = timeout(STOP_TIMEOUT, self.0.closed()).await;
        }
    }
}

/// Starts to serve on `listen` (port 0: any free one).
///
/// Must run within a tokio runtime.
///
/// # Errors
/// [`NodeError::Listen`], and [`NodeError::SequencerUrl`] for a follower.
pub async fn serve(
    context: RpcContext,
    listen: SocketAddr,
) -> Result<(SocketAddr, ServerHandle), NodeError> {
    let limits = context.limits.clone();
    let refused = |source| NodeError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let connections_max = connection::connections_allowed(limits.connections_max);
    let mut methods = Methods::default();
    register(&mut methods);
    let dispatcher = Arc::new(Dispatcher::new(methods, Arc::new(RpcNode::new(context)?)));

    let (stopper, stop) = Stop::new();
    let bodies = Arc::new(Semaphore::new(BODIES_BYTES_MAX));
    let answers = AnswersInFlight::new();
    let answerer = Arc::new(Answerer {
        websockets: Arc::new(Semaphore::new(limits.websockets_max as usize)),
        websocket: WebSocket {
            dispatcher: dispatcher.clone(),
            limits: limits.clone(),
            bodies: bodies.clone(),
            answers: answers.clone(),
            stop: stop.clone(),
        },
        dispatcher,
        bodies,
        answers,
        limits,
    });
    let answer = move |request, place| {
        let answerer = answerer.clone();
        async move { answerer.answer(request, place).await.map(open_to_pages) }
    };
    tokio::spawn(connection::accept(listener, connections_max, stop, answer));
    Ok((address, ServerHandle(stopper)))
}

/// Wallets call from pages of any origin; the server holds no key and no session.
fn open_to_pages(mut answer: HttpResponse) -> HttpResponse {
    let any = HeaderValue::from_static("*");
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    answer
}

/// Answers HTTP requests.
#[derive(Debug)]
struct Answerer {
    dispatcher: Arc<Dispatcher>,
    websocket: WebSocket,
    /// A permit for each WebSocket.
    websockets: Arc<Semaphore>,
    /// A permit for each byte of long requests.
    bodies: Arc<Semaphore>,
    answers: AnswersInFlight,
    limits: RpcLimits,
}

impl Answerer {
    async fn answer(&self, request: HttpRequest, place: Place) -> Result<HttpResponse, BoxError> {
        if is_upgrade_request(&request) {
            return Ok(self.upgrade(request, place));
        }
        match *request.method() {
            Method::OPTIONS if request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) => {
                let mut answer = text(StatusCode::OK, "");
                for allowed in [ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_HEADERS] {
                    answer.headers_mut().insert(allowed, HeaderValue::from_static("*"));
                }
                return Ok(answer);
            }
            Method::POST if is_json(request.headers()) => {}
            Method::POST => {
                let why = "Supplied content type is not allowed. Content-Type: application/json is required\n";
                return Ok(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
            }
            _ => {
                let why = "Used HTTP Method is not allowed. POST is required\n";
                return Ok(text(StatusCode::METHOD_NOT_ALLOWED, why));
            }
        }
        let since = Instant::now();
        let headers = request.headers().clone();
        let received = timeout(RECEIPT_TIME_MAX, async {
            let length = request.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let room = self.room_for(length).await?;
            Ok::<_, BoxError>((self.read(request.into_body(), length).await?, room))
        });
        let Ok(received) = received.await else { return Ok(too_slow()) };
        let (Some(body), _room) = received? else {
            let error = reject_too_big_request(self.limits.request_bytes_max);
            let error = error_text(&Id::null(), &error);
            return Ok(json_answer(StatusCode::PAYLOAD_TOO_LARGE, error));
        };
        let answer = self.dispatcher.answer(&body, None, since);
        let answer = in_request(&headers, answer).await;
        // A notification is answered by an empty body.
        Ok(self.answers.admit(answer.text.unwrap_or_default(), &answer.id))
    }

    /// Makes a WebSocket of the connection, if there is a place for one.
    fn upgrade(&self, mut request: HttpRequest, place: Place) -> HttpResponse {
        let Ok(permit) = Arc::clone(&self.websockets).try_acquire_owned() else {
            let allowed = self.limits.websockets_max;
            let why = format!("too many WebSockets: {allowed} are open already, try again later");
            return error_answer(StatusCode::TOO_MANY_REQUESTS, -32005, &why);
        };
        let shaken = soketto::handshake::http::Server::new().receive_request(&request);
        match shaken {
            Ok(response) => {
                let upgrade = hyper::upgrade::on(&mut request);
                let held = Held { _place: place, _websocket: permit };
                tokio::spawn(self.websocket.clone().serve(upgrade, held));
                response.map(|()| text(StatusCode::OK, "").into_body())
            }
            Err(error) => {
                let why = format!("Could not upgrade connection: {error}\n");
                text_answer(StatusCode::BAD_REQUEST, "text/plain", why)
            }
        }
    }

    /// Waits until there is memory for a request. One that does not say how long it is may become
    /// as long as is allowed; one that is longer is refused without being read.
    async fn room_for(&self, length: Option<u64>) -> Result<Option<SemaphorePermit<'_>>, BoxError> {
        let request_bytes_max = self.limits.request_bytes_max;
        let bytes = length.unwrap_or(request_bytes_max.into());
        if bytes <= SHORT_BYTES || bytes > request_bytes_max.into() {
            return Ok(None);
        }
        Ok(Some(self.bodies.acquire_many(u32::try_from(bytes)?).await?))
    }

    /// Reads a body; nothing when it is too long.
    async fn read(&self, body: Incoming, length: Option<u64>) -> Result<Option<Bytes>, BoxError> {
        let bytes_max = self.limits.request_bytes_max;
        if length.is_some_and(|length| length > bytes_max.into()) {
            return Ok(None);
        }
        match Limited::new(body, bytes_max as usize).collect().await {
            Ok(body) => Ok(Some(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> HttpResponse {
    text_answer(status, "text/plain", text.into())
}

/// Whether the body is said to be JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    matches!(parts.next(), Some("application/json" | "application/json-rpc"))
        && parts.all(|parameter| matches!(parameter, "charset=utf-8" | "charset=\"utf-8\"" | ""))
}

fn too_slow() -> HttpResponse {
    let why = format!("the request took more than {} s to arrive", RECEIPT_TIME_MAX.as_secs());
    error_answer(StatusCode::REQUEST_TIMEOUT, -32000, &why)
}

/// The names of all methods but `eth_subscribe` and `eth_unsubscribe`, in no order.
#[must_use]
pub fn method_names() -> Vec<&'static str> {
    let mut methods = Methods::default();
    register(&mut methods);
    methods.names().collect()
}

fn register(methods: &mut Methods) {
    block_methods::register(methods);
    call_methods::register(methods);
    fee_methods::register(methods);
    filter_methods::register(methods);
    log_methods::register(methods);
    node_methods::register(methods);
    pool_methods::register(methods);
    raw_methods::register(methods);
    state_methods::register(methods);
    submit::register(methods);
    withdrawal_methods::register(methods);
}
