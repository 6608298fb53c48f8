//! A server between a node and L1 that lies on demand: JSON-RPC over HTTP, single requests and
//! batches, and the paths of the beacon API.
//!
//! In: requests, and which [`Fault`] is done to which method for how long. Out: L1's answers, or
//! others in their place; how often each method was asked, and how often the answer was a lie. It
//! never lies unless it was ordered to.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    future::{Future, pending},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use futures::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::{
    Fault,
    fault::{hide_later, past_params},
    http_client, number,
};

/// The name that requests of the beacon API have here.
pub const BEACON: &str = "beacon";
/// The name under which HTTP requests are counted; one may hold many calls.
pub const HTTP_REQUESTS: &str = "HTTP requests";
/// Every method.
pub const ANY: &str = "*";

/// What is done to the answers of one method.
#[derive(Clone, Debug)]
struct Order {
    method: String,
    fault: Fault,
    /// How many requests it is done to.
    times: u64,
    /// It is done to so many of a hundred requests.
    percent: u32,
}

#[derive(Debug)]
struct Script {
    orders: Vec<Order>,
    random: StdRng,
    asked: BTreeMap<String, u64>,
    lies: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    http: reqwest::Client,
    script: Mutex<Script>,
    /// Another L1, whose finalized block is named in place of this one's.
    final_of: Mutex<Option<String>>,
    /// Counts the times that all orders were taken back.
    cleared: watch::Sender<u64>,
}

/// A connection that is closed without an answer.
#[derive(Debug)]
struct Hangup;

impl fmt::Display for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the relay was ordered to close this connection")
    }
}

impl std::error::Error for Hangup {}

/// The relay. It ends when it is dropped.
#[derive(Debug)]
pub struct LyingRelay {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for LyingRelay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl LyingRelay {
    /// An honest relay to the L1 node at `target`. `seed` decides where its lies will be.
    pub async fn to(target: &str, seed: u64) -> Self {
        let cleared = watch::channel(0).0;
        let script = Script {
            orders: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            asked: BTreeMap::new(),
            lies: BTreeMap::new(),
        };
        let (target, http) = (target.trim_end_matches('/').to_owned(), http_client());
        let shared = Arc::new(Shared {
            target,
            http,
            script: Mutex::new(script),
            final_of: Mutex::default(),
            cleared,
        });
        let relay = shared.clone();
        let answer = move |request| relay.clone().answer(request);
        let (address, server) = serve(answer).await;
        Self { url: format!("http://{address}"), shared, server }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every answer of `method` (or of [`BEACON`], or [`ANY`]) has this fault, until
    /// [`Self::be_honest`]. Earlier orders go first.
    pub fn lie(&self, method: &str, fault: Fault) {
        self.order(method, fault, u64::MAX, 100);
    }

    /// The next so many answers of `method` have this fault.
    pub fn lie_times(&self, method: &str, fault: Fault, times: u64) {
        self.order(method, fault, times, 100);
    }

    /// So many of a hundred answers of `method` have this fault.
    pub fn lie_at_times(&self, method: &str, fault: Fault, percent: u32) {
        self.order(method, fault, u64::MAX, percent);
    }

    /// Answers whoever asks for the finalized block by that of the L1 at `url`, until
    /// [`Self::be_honest`].
    pub fn name_final_block_of(&self, url: &str) {
        *self.shared.final_of.lock().unwrap() = Some(url.to_owned());
    }

    fn order(&self, method: &str, fault: Fault, times: u64, percent: u32) {
        let method = method.to_owned();
        self.shared.script().orders.push(Order { method, fault, times, percent });
    }

    /// From here on every answer is L1's. Requests that hang end without an answer.
    pub fn be_honest(&self) {
        *self.shared.final_of.lock().unwrap() = None;
        self.shared.script().orders.clear();
        self.shared.cleared.send_modify(|times| *times += 1);
    }

    /// How often each method was asked, and [`HTTP_REQUESTS`].
    pub fn asked(&self) -> BTreeMap<String, u64> {
        self.shared.script().asked.clone()
    }

    /// Counts from zero again. What was counted.
    pub fn take_asked(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.shared.script().asked)
    }

    /// Lies so far about `method`, or about [`ANY`].
    pub fn lies(&self, method: &str) -> u64 {
        let script = self.shared.script();
        script.lies.iter().filter(|(name, _)| method == ANY || *name == method).map(|it| it.1).sum()
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Counts a request, and takes the order that is for it.
    fn take_order(&self, method: &str) -> Option<Fault> {
        let mut script = self.script();
        let Script { orders, random, asked, .. } = &mut *script;
        *asked.entry(method.to_owned()).or_default() += 1;
        let order = orders.iter_mut().find(|order| {
            let is_meant = order.method == method || order.method == ANY;
            is_meant && order.times > 0 && random.random_range(0..100) < order.percent
        })?;
        order.times = order.times.saturating_sub(1);
        Some(order.fault)
    }

    fn count_lie(&self, method: &str) {
        *self.script().lies.entry(method.to_owned()).or_default() += 1;
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Hangup> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Hangup)?.to_bytes();
        *self.script().asked.entry(HTTP_REQUESTS.to_owned()).or_default() += 1;
        if head.method == Method::GET {
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            return self.answer_beacon(path).await;
        }
        let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
            return Ok(respond(StatusCode::BAD_REQUEST, "no JSON"));
        };
        let calls = match &asked {
            Value::Array(calls) => calls.clone(),
            call => vec![call.clone()],
        };
        let faults: Vec<Option<Fault>> =
            calls.iter().map(|call| self.take_order(method(call))).collect();
        let of_connection = faults.iter().position(|it| it.is_some_and(Fault::is_of_connection));
        if let Some(index) = of_connection {
            let fault = faults[index].expect("it has one");
            return self.fail(method(&calls[index]), fault, self.forward(&asked)).await;
        }
        if faults.iter().all(Option::is_none) {
            return Ok(respond(StatusCode::OK, self.forward(&asked).await?.to_string()));
        }
        let answers = calls.iter().zip(faults).map(|(call, fault)| self.answer_call(call, fault));
        let answers: Result<Vec<Value>, Hangup> = join_all(answers).await.into_iter().collect();
        let answers = match (asked.is_array(), answers?) {
            (true, answers) => Value::Array(answers),
            (false, mut answers) => answers.remove(0),
        };
        Ok(respond(StatusCode::OK, answers.to_string()))
    }

    /// The answer of one call, distorted if that is ordered.
    async fn answer_call(&self, call: &Value, fault: Option<Fault>) -> Result<Value, Hangup> {
        let (name, id) = (method(call), &call["id"]);
        match fault {
            None => self.forward(call).await,
            Some(Fault::Error { code, message }) => {
                self.count_lie(name);
                let error = json!({ "code": code, "message": message });
                Ok(json!({ "jsonrpc": "2.0", "id": id, "error": error }))
            }
            Some(Fault::Stale { blocks }) => {
                let head =
                    json!({ "jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": [] });
                let past = number(&self.forward(&head).await?["result"]).saturating_sub(blocks);
                let mut call = call.clone();
                past_params(&mut call["params"], past);
                let mut answer = self.forward(&call).await?;
                hide_later(name, &mut answer["result"], past);
                self.count_lie(name);
                Ok(answer)
            }
            Some(fault) => {
                let mut answer = self.forward(call).await?;
                // An error of L1 stays one.
                if let Some(result) = answer.get_mut("result")
                    && fault.distort(result, &mut self.script().random)
                {
                    self.count_lie(name);
                }
                Ok(answer)
            }
        }
    }

    async fn answer_beacon(&self, path: &str) -> Result<Response<Full<Bytes>>, Hangup> {
        let ask = async {
            let answer = self.http.get(format!("{}{path}", self.target)).send().await;
            let answer = answer.map_err(|_| Hangup)?;
            let status = answer.status().as_u16();
            let body = answer.bytes().await.map_err(|_| Hangup)?;
            Ok((StatusCode::from_u16(status).map_err(|_| Hangup)?, body))
        };
        match self.take_order(BEACON) {
            None => ask.await.map(|(status, body)| respond(status, body)),
            Some(fault) if fault.is_of_connection() => {
                let body =
                    async { Ok(Value::String(String::from_utf8_lossy(&ask.await?.1).into())) };
                self.fail(BEACON, fault, body).await
            }
            Some(Fault::Null | Fault::Error { .. } | Fault::Stale { .. }) => {
                self.count_lie(BEACON);
                Ok(respond(StatusCode::NOT_FOUND, r#"{"code":404,"message":"not found"}"#))
            }
            Some(fault) => {
                let (status, body) = ask.await?;
                let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
                    return Ok(respond(status, body));
                };
                if fault.distort(&mut answer["data"], &mut self.script().random) {
                    self.count_lie(BEACON);
                }
                Ok(respond(status, answer.to_string()))
            }
        }
    }

    /// Does a fault to the connection. `answer` asks L1.
    async fn fail(
        &self,
        method: &str,
        fault: Fault,
        answer: impl Future<Output = Result<Value, Hangup>>,
    ) -> Result<Response<Full<Bytes>>, Hangup> {
        self.count_lie(method);
        match fault {
            Fault::Http(status) => {
                let status = StatusCode::from_u16(status).expect("an HTTP status");
                Ok(respond(status, status.to_string()))
            }
            Fault::Hang => {
                let mut cleared = self.cleared.subscribe();
                // An error means that the relay is gone, and with it this connection.
                if cleared.changed().await.is_err() {
                    pending::<Infallible>().await;
                }
                Err(Hangup)
            }
            Fault::Truncated => {
                let mut text = answer.await?.to_string();
                text.truncate(text.len() / 2);
                Ok(respond(StatusCode::OK, text))
            }
            Fault::AnswerLost => {
                answer.await?;
                Err(Hangup)
            }
            _ => Err(Hangup),
        }
    }

    /// Asks L1.
    async fn forward(&self, call: &Value) -> Result<Value, Hangup> {
        let mut target = self.target.clone();
        if call["params"][0] == "finalized"
            && let Some(other) = self.final_of.lock().unwrap().clone()
        {
            self.count_lie(method(call));
            target = other;
        }
        let answer = self.http.post(target).json(call).send().await;
        answer.map_err(|_| Hangup)?.json().await.map_err(|_| Hangup)
    }
}

fn method(call: &Value) -> &str {
    call["method"].as_str().unwrap_or("no method")
}

fn respond(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// Answers on a port of its own until the task is aborted.
async fn serve<F>(
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> (SocketAddr, JoinHandle<()>)
where
    F: Future<Output = Result<Response<Full<Bytes>>, Hangup>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connection = |stream: TcpStream, answer| async move {
        // Either side may hang up.
        let _ended =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    };
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, answer.clone()));
        }
    });
    (address, server)
}

#[cfg(test)]
#[path = "lying_relay_tests.rs"]
mod tests;
