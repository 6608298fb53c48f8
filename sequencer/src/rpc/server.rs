//! The listening server: HTTP and WebSocket on one port, open to browsers, bounded everywhere.
//!
//! In: an [`RpcContext`] and an address. Out: the address in use and a handle that stops the
//! server.
//!
//! | bound | on |
//! |---|---|
//! | `connections_max`, `websockets_max` | connections (see `connection`) |
//! | `request_bytes_max`, `websocket_message_bytes_max` | one request |
//! | [`BODIES_BYTES_MAX`] | all long requests that are being received or answered |
//! | `batches_max`, `batch_response_bytes_max` | batches at work |
//! | `answers_in_flight` | all long answers that are being sent |
//! | [`REQUEST_TIME_MAX`] | a request over HTTP, from its head to its answer |

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{StatusCode, body::Incoming, header::CONTENT_LENGTH};
use jsonrpsee::{
    Methods as JsonRpcMethods, RpcModule,
    core::{BoxError, traits::IdProvider},
    server::{
        BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, PingConfig, Server, ServerConfig,
        ServerConfigBuilder, StopHandle, TowerServiceBuilder, http::response::too_large,
        middleware::rpc::RpcServiceBuilder, stop_channel, ws::is_upgrade_request,
    },
    types::SubscriptionId,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tower::{
    Layer, Service,
    layer::util::{Identity, Stack},
};
use tower_http::cors::{Any, CorsLayer};

use super::{
    RpcContext, RpcLimits,
    answers_in_flight::{AnswersInFlight, error_answer},
    batch_calls::BatchCalls,
    block_methods,
    call_bounds::CallBounds,
    call_methods,
    connection::{self, Place},
    fee_methods, filter_methods, log_methods,
    node::{Methods, RpcNode},
    node_methods, raw_methods, state_methods, submit, subscriptions,
};
use crate::error::NodeError;

/// Time that a stopping server gives to requests in work.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a request over HTTP: to be received, to wait for its turn and to be answered.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(45);
/// Bytes of all requests longer than [`SHORT_BYTES`] that are in memory at a time. More must wait.
const BODIES_BYTES_MAX: usize = 256 << 20;
/// Requests up to this length are not counted: the bound on connections bounds them, too.
const SHORT_BYTES: u64 = 64 << 10;
/// Answers and notifications that wait for a slow WebSocket client.
const WEBSOCKET_BUFFER: u32 = 16;

/// A running server. Dropping it stops the server, too, without waiting.
#[derive(Debug)]
pub struct ServerHandle(jsonrpsee::server::ServerHandle);

impl ServerHandle {
    /// Stops the server, and waits a while for the requests in work.
    pub async fn stop(self) {
        if self.0.stop().is_ok() {
            let _slow = timeout(STOP_TIMEOUT, self.0.stopped()).await;
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
    let mut methods = Methods(RpcModule::new(RpcNode::new(context)?));
    register(&mut methods);

    let (stop, handle) = stop_channel();
    let batches = Arc::new(Semaphore::new(limits.batches_max));
    let layers = |is_websocket| CallLayers {
        response_bytes_max: limits.batch_response_bytes_max,
        is_websocket,
        batches: batches.clone(),
    };
    let for_http = config(&limits).max_connections(connections_max);
    let for_websocket = config(&limits)
        .max_request_body_size(limits.websocket_message_bytes_max)
        .max_response_body_size(limits.batch_response_bytes_max)
        .max_connections(limits.websockets_max);
    let answerer = Arc::new(Answerer {
        http: builder(for_http, layers(false)),
        websocket: builder(for_websocket, layers(true)),
        methods: methods.0.into(),
        stop: stop.clone(),
        bodies: Semaphore::new(BODIES_BYTES_MAX),
        answers: AnswersInFlight::new(),
        request_bytes_max: limits.request_bytes_max,
    });
    let answer = move |request, place| {
        let answerer = answerer.clone();
        async move { answerer.answer(request, place).await }
    };
    tokio::spawn(connection::accept(listener, connections_max, stop, answer));
    Ok((address, ServerHandle(handle)))
}

type Builder = TowerServiceBuilder<Stack<CallLayers, Identity>, Stack<CorsLayer, Identity>>;

fn builder(config: ServerConfigBuilder, layers: CallLayers) -> Builder {
    // Wallets call from pages of any origin; the server holds no key and no session.
    let cors = CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any);
    Server::builder()
        .set_config(config.build())
        .set_rpc_middleware(RpcServiceBuilder::new().layer(layers))
        .set_http_middleware(tower::ServiceBuilder::new().layer(cors))
        .to_service_builder()
}

/// What calls go through.
#[derive(Clone, Debug)]
struct CallLayers {
    response_bytes_max: u32,
    is_websocket: bool,
    batches: Arc<Semaphore>,
}

impl<S> Layer<S> for CallLayers {
    type Service = CallBounds<BatchCalls<S>>;

    fn layer(&self, service: S) -> Self::Service {
        CallBounds {
            service: BatchCalls { service, response_bytes_max: self.response_bytes_max },
            is_websocket: self.is_websocket,
            batches: self.batches.clone(),
        }
    }
}

fn config(limits: &RpcLimits) -> ServerConfigBuilder {
    ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_subscriptions_per_connection(limits.subscriptions_per_connection_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_len_max))
        .set_message_buffer_capacity(WEBSOCKET_BUFFER)
        .enable_ws_ping(PingConfig::default())
        .set_id_provider(HexIds)
}

/// Answers HTTP requests.
#[derive(Debug)]
struct Answerer {
    http: Builder,
    websocket: Builder,
    methods: JsonRpcMethods,
    stop: StopHandle,
    /// A permit for each byte of long requests.
    bodies: Semaphore,
    answers: AnswersInFlight,
    request_bytes_max: u32,
}

impl Answerer {
    async fn answer(
        &self,
        mut request: HttpRequest<Incoming>,
        place: Place,
    ) -> Result<HttpResponse, BoxError> {
        let (methods, stop) = (self.methods.clone(), self.stop.clone());
        if is_upgrade_request(&request) {
            // The WebSocket keeps what is in here for as long as it is open.
            request.extensions_mut().insert(place);
            return self.websocket.clone().build(methods, stop).call(request).await;
        }
        let in_time = timeout(REQUEST_TIME_MAX, async {
            let length = request.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let _room = self.room_for(length).await?;
            let request = match length {
                Some(_) => request.map(HttpBody::new),
                None => match self.read(request).await? {
                    Some(request) => request,
                    None => return Ok(too_large(self.request_bytes_max)),
                },
            };
            let answer = self.http.clone().build(methods, stop).call(request).await?;
            Ok(self.answers.admit(answer))
        });
        in_time.await.unwrap_or_else(|_| Ok(too_slow()))
    }

    /// Waits until there is memory for a request. One that does not say how long it is may become
    /// as long as is allowed; one that is longer is refused without being read.
    async fn room_for(&self, length: Option<u64>) -> Result<Option<SemaphorePermit<'_>>, BoxError> {
        let bytes = length.unwrap_or(self.request_bytes_max.into());
        if bytes <= SHORT_BYTES || bytes > self.request_bytes_max.into() {
            return Ok(None);
        }
        Ok(Some(self.bodies.acquire_many(u32::try_from(bytes)?).await?))
    }

    /// Reads a body that comes in pieces; nothing when it gets too long.
    async fn read(&self, request: HttpRequest<Incoming>) -> Result<Option<HttpRequest>, BoxError> {
        let (parts, body) = request.into_parts();
        match Limited::new(body, self.request_bytes_max as usize).collect().await {
            Ok(body) => Ok(Some(HttpRequest::from_parts(parts, HttpBody::new(body)))),
            Err(error) if error.is::<LengthLimitError>() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn too_slow() -> HttpResponse {
    let why = format!("the request took more than {} s", REQUEST_TIME_MAX.as_secs());
    error_answer(StatusCode::REQUEST_TIMEOUT, -32000, &why)
}

fn register(methods: &mut Methods) {
    block_methods::register(methods);
    call_methods::register(methods);
    fee_methods::register(methods);
    filter_methods::register(methods);
    log_methods::register(methods);
    node_methods::register(methods);
    raw_methods::register(methods);
    state_methods::register(methods);
    submit::register(methods);
    subscriptions::register(methods);
}

/// Subscription ids as Ethereum clients expect them: hex quantities that cannot be guessed.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#x}", rand::random::<u128>()).into()
    }
}
