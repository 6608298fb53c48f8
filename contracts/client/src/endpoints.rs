//! The L1 nodes behind one client: a transport that asks the first one that works.
//!
//! In: requests. Out: the answer of one node. A node that is out of reach, fails or asks to slow
//! down rests for a while, longer each time, and the next one is asked; when all fail, they are
//! asked again a bounded number of times. The content of an answer is not judged here: a node that
//! refuses a request for what it asks has answered. A caller that finds an answer false or late
//! moves on to the next node.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use alloy::{
    network::Ethereum,
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::{
        client::ClientBuilder,
        json_rpc::{ErrorPayload, RequestPacket, ResponsePacket, RpcError},
    },
    transports::{TransportError, TransportErrorKind, TransportFut, http::Http},
};
use parking_lot::Mutex;
use reqwest::Url;
use tower::Service;
use tracing::{debug, warn};

use crate::L1Error;

/// Longest time one request to one node may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);
/// How often a request that no node served is sent again before the failure is reported.
const RETRIES_MAX: u32 = 4;
/// Pause before the first of these, unless a node names another; the next ones are longer.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause that a node may ask for.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Rest of a node after its first failure; doubled by each further one.
const REST_MIN: Duration = Duration::from_secs(1);
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(64);

/// The nodes, in the order in which they were named.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    nodes: Arc<[Endpoint]>,
    /// The node that is asked first, while it does not rest.
    preferred: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Endpoint {
    transport: Http<reqwest::Client>,
    single: SingleNode,
    health: Mutex<Health>,
}

/// One of the nodes, for requests that only this node must answer.
#[derive(Clone, Debug)]
pub(crate) struct SingleNode {
    /// Its host and port: what is left of a URL without its secrets.
    pub(crate) host: String,
    pub(crate) provider: DynProvider,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    /// Failures since the last answer.
    failures: u32,
    rests_until: Option<Instant>,
}

/// How one node treated a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The node answered, be it by an error.
    Answered,
    /// The node, or a server before it, refused the request before it looked at what it asks.
    Refused,
    /// The node is out of reach, fails, or wants fewer requests: its next answer may be another.
    Failed,
}

impl Endpoints {
    pub(crate) fn new(urls: &[Url]) -> Result<Self, L1Error> {
        let http = http_client(REQUEST_TIMEOUT)?;
        let nodes = urls.iter().map(|url| Endpoint::new(http.clone(), url)).collect();
        Ok(Self { nodes, preferred: Arc::default() })
    }

    pub(crate) fn are_several(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Each node by itself.
    pub(crate) fn singles(&self) -> impl Iterator<Item = &SingleNode> {
        self.nodes.iter().map(|node| &node.single)
    }

    /// Asks the node at this place of [`Self::singles`] first from here on.
    pub(crate) fn prefer(&self, place: usize) {
        self.preferred.store(place, Ordering::Relaxed);
        if let Some(node) = self.nodes.get(place) {
            *node.health.lock() = Health::default();
        }
    }

    /// Asks the next node first from here on: what the preferred one answered was false.
    pub(crate) fn prefer_next(&self) {
        let next = self.preferred.load(Ordering::Relaxed).wrapping_add(1);
        let place = next.checked_rem(self.nodes.len()).unwrap_or_default();
        self.preferred.store(place, Ordering::Relaxed);
        if let Some(node) = self.nodes.get(place).filter(|_| self.are_several()) {
            warn!(host = node.single.host, "L1 node errs, the next one is asked");
        }
    }

    /// The nodes from the preferred one on, those first that do not rest.
    fn by_health(&self) -> Vec<&Endpoint> {
        let now = Instant::now();
        let preferred = self.preferred.load(Ordering::Relaxed);
        let (before, from) = self.nodes.split_at(preferred.min(self.nodes.len()));
        let mut nodes: Vec<_> = from
            .iter()
            .chain(before)
            .map(|node| (node.health.lock().rests_until.filter(|until| *until > now), node))
            .collect();
        // `None` comes first, and equal keys keep their order.
        nodes.sort_by_key(|(rests_until, _)| *rests_until);
        nodes.into_iter().map(|(_, node)| node).collect()
    }

    async fn send(self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let mut tries = 0;
        loop {
            let mut answers = Vec::with_capacity(self.nodes.len());
            for node in self.by_health() {
                let answer = node.transport.clone().call(request.clone()).await;
                let outcome = judge(&answer, self.are_several());
                node.learn(outcome, &answer, self.are_several());
                if outcome == Outcome::Answered {
                    return answer;
                }
                answers.push((outcome, answer));
            }
            let pause = answers.iter().filter_map(|(_, answer)| asked_pause(answer)).max();
            let is_refused = answers.iter().any(|(outcome, _)| *outcome == Outcome::Refused);
            if is_refused || tries == RETRIES_MAX {
                let refused = answers.iter().position(|(outcome, _)| *outcome == Outcome::Refused);
                return answers.swap_remove(refused.unwrap_or(0)).1;
            }
            tries += 1;
            let pause = pause.unwrap_or(RETRY_PAUSE.saturating_mul(tries));
            tokio::time::sleep(pause.min(ASKED_PAUSE_MAX)).await;
        }
    }
}

impl Service<RequestPacket> for Endpoints {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

impl Endpoint {
    fn new(http: reqwest::Client, url: &Url) -> Self {
        let transport = Http::with_client(http, url.clone());
        let client = ClientBuilder::default().transport(transport.clone(), false);
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .network::<Ethereum>()
            .connect_client(client)
            .erased();
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self { transport, single: SingleNode { host, provider }, health: Mutex::default() }
    }

    fn learn(
        &self,
        outcome: Outcome,
        answer: &Result<ResponsePacket, TransportError>,
        are_several: bool,
    ) {
        let mut health = self.health.lock();
        if outcome == Outcome::Answered || outcome == Outcome::Refused && !are_several {
            *health = Health::default();
            return;
        }
        let is_first = health.failures == 0;
        health.fail();
        drop(health);
        let (host, reason) = (&self.single.host, reason_of(answer));
        if is_first && are_several {
            warn!(host, reason, "L1 node fails, the next one is asked");
        } else {
            debug!(host, reason, "L1 node fails");
        }
    }
}

impl Health {
    fn fail(&mut self) {
        let rest = REST_MIN.saturating_mul(1 << self.failures.min(6)).min(REST_MAX);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = Some(Instant::now() + rest);
    }
}

fn judge(answer: &Result<ResponsePacket, TransportError>, are_several: bool) -> Outcome {
    match answer {
        Ok(packet) if packet.iter_errors().any(asks_to_slow_down) => Outcome::Failed,
        // Another node may do better; where there is none, the error is the answer.
        Ok(packet) if are_several && packet.iter_errors().any(is_of_server) => Outcome::Refused,
        Ok(_) => Outcome::Answered,
        Err(RpcError::Transport(kind)) => match kind.as_http_error() {
            Some(error) if error.status < 500 && error.status != 429 => Outcome::Refused,
            _ => Outcome::Failed,
        },
        // The answer is no JSON, or is cut off.
        Err(_) => Outcome::Failed,
    }
}

/// Whether an error is about the server or the account that pays for it, not about the request.
fn is_of_server(error: &ErrorPayload) -> bool {
    // "Internal error" of JSON-RPC, "resource unavailable" of EIP-1474.
    const CODES: [i64; 2] = [-32_603, -32_002];
    const WORDS: [&str; 5] = ["unauthorized", "forbidden", "api key", "upstream", "unavailable"];
    let message = error.message.to_lowercase();
    CODES.contains(&error.code) || WORDS.iter().any(|words| message.contains(words))
}

/// Whether a node wants fewer requests, as opposed to a smaller one.
///
/// There is no code for it: nodes and providers use -32005 for both
/// ([EIP-1474](https://eips.ethereum.org/EIPS/eip-1474): "limit exceeded").
pub(crate) fn asks_to_slow_down(error: &ErrorPayload) -> bool {
    const WORDS: [&str; 9] = [
        "rate limit",
        "ratelimit",
        "too many requests",
        "per second",
        "per minute",
        "throughput",
        "capacity",
        "slow down",
        "request count exceeded",
    ];
    let message = error.message.to_lowercase();
    error.code == 429 || WORDS.iter().any(|words| message.contains(words))
}

/// The pause that a node asks for by HTTP's `Retry-After`.
fn asked_pause(answer: &Result<ResponsePacket, TransportError>) -> Option<Duration> {
    match answer {
        Err(RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter {
            retry_after,
            ..
        })) => Some(*retry_after),
        _ => None,
    }
}

fn reason_of(answer: &Result<ResponsePacket, TransportError>) -> String {
    match answer {
        Ok(packet) => packet.first_error_message().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A client for HTTP and HTTPS. Each of our programs makes all its clients here, because reqwest
/// panics in a process that has chosen no TLS library.
///
/// # Errors
/// [`L1Error::Invalid`] when the system has no certificates that can be used.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client, L1Error> {
    // An error means that the process has chosen a TLS library before.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(timeout)
        .build()
        .map_err(|error| L1Error::Invalid { what: "HTTP client", reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Result<ResponsePacket, TransportError> {
        Ok(serde_json::from_str(json).unwrap())
    }

    fn refusal(code: i64, message: &str) -> Result<ResponsePacket, TransportError> {
        let error = serde_json::json!({ "code": code, "message": message });
        answer(&serde_json::json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string())
    }

    #[test]
    fn slow_down_and_ask_for_less_are_told_apart() {
        for (code, message) in [
            (429, "Too Many Requests"),
            (-32_005, "project ID request rate exceeded: rate limit"),
            (-32_005, "daily request count exceeded, request rate limited"),
            (-32_007, "50/second request limit reached - reduce calls per second"),
            (-32_016, "Your app has exceeded its compute units per second capacity"),
        ] {
            assert_eq!(judge(&refusal(code, message), false), Outcome::Failed, "{message}");
        }
        for (code, message) in [
            (-32_005, "query returned more than 10000 results"),
            (-32_005, "limit exceeded"),
            (-32_600, "batch too large"),
            (-32_602, "block range is too wide"),
            (-32_000, "response too large"),
            (3, "execution reverted"),
        ] {
            assert_eq!(judge(&refusal(code, message), true), Outcome::Answered, "{message}");
        }
        let result = answer(r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#);
        assert_eq!(judge(&result, true), Outcome::Answered);
        for (code, message) in [
            (-32_603, "Internal error"),
            (-32_000, "invalid API key"),
            (-32_001, "upstream is down"),
        ] {
            assert_eq!(judge(&refusal(code, message), true), Outcome::Refused, "{message}");
            assert_eq!(judge(&refusal(code, message), false), Outcome::Answered, "{message}");
        }
    }

    #[test]
    fn http_statuses_are_judged_by_who_is_to_act() {
        let status = |status| Err(TransportErrorKind::http_error(status, String::new()));
        for refused in [400, 403, 404, 413] {
            assert_eq!(judge(&status(refused), true), Outcome::Refused);
        }
        for failed in [429, 500, 502, 503] {
            assert_eq!(judge(&status(failed), true), Outcome::Failed);
        }
        assert_eq!(judge(&Err(TransportErrorKind::custom_str("timed out")), true), Outcome::Failed);
    }

    #[test]
    fn who_fails_rests_longer_each_time_and_is_asked_last() {
        let urls = ["http://one:1", "http://two:2", "http://three:3"];
        let urls = urls.map(|url| url.parse().unwrap());
        let endpoints = Endpoints::new(&urls).unwrap();
        let order = || -> Vec<String> {
            endpoints.by_health().iter().map(|node| node.single.host.clone()).collect()
        };
        assert_eq!(order(), ["one:1", "two:2", "three:3"]);
        let down = Err(TransportErrorKind::custom_str("refused"));
        endpoints.nodes[0].learn(Outcome::Failed, &down, true);
        endpoints.nodes[0].learn(Outcome::Failed, &down, true);
        endpoints.nodes[1].learn(Outcome::Failed, &down, true);
        assert_eq!(order(), ["three:3", "two:2", "one:1"]);
        endpoints.nodes[0].learn(Outcome::Answered, &refusal(3, "reverted"), true);
        assert_eq!(order(), ["one:1", "three:3", "two:2"]);
        // Who is preferred stays so, and is passed over only while it rests.
        endpoints.prefer(1);
        assert_eq!(order(), ["two:2", "three:3", "one:1"]);
        endpoints.nodes[1].learn(Outcome::Failed, &down, true);
        assert_eq!(order(), ["three:3", "one:1", "two:2"]);
        *endpoints.nodes[1].health.lock() = Health::default();
        assert_eq!(order()[0], "two:2");
        endpoints.prefer_next();
        endpoints.prefer_next();
        assert_eq!(order(), ["one:1", "two:2", "three:3"]);
        let mut health = Health::default();
        for _ in 0..100 {
            health.fail();
        }
        assert!(health.rests_until.unwrap() <= Instant::now() + REST_MAX);
    }
}
