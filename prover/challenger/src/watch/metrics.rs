//! Numbers of a watching challenger, for Prometheus.
//!
//! In: what each look at L1 found. Out: `GET /metrics` over HTTP in the text format, version 0.0.4;
//! `GET /health` answers 200 while L1 was seen within the last minutes, else 503. One connection is
//! served at a time and each is bounded in time and length: a scraper asks every few seconds.

use std::{
    collections::BTreeMap,
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{U256, utils::format_ether};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::AlarmKind;

/// Longest time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest head of a request.
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// A challenger that has not seen L1 for so long is not healthy.
const HEALTHY_SECS: u64 = 180;

/// The numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// The L1 block that was read up to.
    pub l1_block: u64,
    /// Timestamp of that L1 block, seconds.
    pub l1_time: u64,
    /// The newest L2 block derived.
    pub l2_block: u64,
    /// Batches derived.
    pub batches: u64,
    /// Assertions that are neither confirmed nor lost.
    pub pending: u64,
    /// Assertions that are confirmed.
    pub confirmed: u64,
    /// Assertions that lost against a rival.
    pub lost: u64,
    /// 1 if an assertion has ended the chain, else 0.
    pub halted: u64,
    /// Parents of rivals that are not decided.
    pub disputes: u64,
    /// Edges of all disputes so far.
    pub edges: u64,
    /// Wei that the account has locked.
    pub locked: U256,
    /// Wei that the account may withdraw.
    pub credit: U256,
    /// Wei that the account has on L1.
    pub balance: U256,
    /// Gas that the account's moves used since the start.
    pub gas_used: u64,
    /// Wei that the account's gas has cost, over all restarts.
    pub fees: U256,
    /// Moves by name and outcome.
    pub moves: BTreeMap<(&'static str, &'static str), u64>,
    /// Alarms by kind: number that hold now, number since the start.
    pub alarms: BTreeMap<AlarmKind, (usize, u64)>,
    /// Things that wait to be computed.
    pub computing: u64,
    /// Looks at L1 that succeeded.
    pub looks_seen: u64,
    /// Looks at L1 that failed.
    pub looks_failed: u64,
    /// When the last look succeeded, Unix seconds.
    pub seen_at: u64,
}

/// A place where the watch leaves its numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Numbers>>);

impl Metrics {
    /// The numbers, to be read or changed.
    pub fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the metrics for ever.
    pub async fn serve(self, listener: TcpListener) {
        loop {
            let answered = match listener.accept().await {
                Ok((stream, _)) => tokio::time::timeout(REQUEST_TIMEOUT, self.answer(stream)).await,
                Err(error) => {
                    tracing::warn!(%error, "metrics: cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            match answered {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "metrics: a request broke off"),
                Err(_) => tracing::debug!("metrics: a request took too long"),
            }
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < REQUEST_BYTES_MAX {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        let path = String::from_utf8_lossy(&head);
        let path = path.strip_prefix("GET ").and_then(|rest| rest.split_whitespace().next());
        let (status, body) = match path {
            Some("/metrics") => ("200 OK", render(&self.numbers().clone())),
            Some("/health") if self.is_healthy() => ("200 OK", "ok\n".to_owned()),
            Some("/health") => ("503 Service Unavailable", "L1 is out of sight\n".to_owned()),
            _ => ("404 Not Found", "expected /metrics or /health\n".to_owned()),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    fn is_healthy(&self) -> bool {
        unix_secs().saturating_sub(self.numbers().seen_at) < HEALTHY_SECS
    }
}

/// Binds the address of the metrics.
///
/// # Errors
/// When another process uses the address.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Seconds since the Unix epoch.
pub(super) fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The text format.
fn render(it: &Numbers) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP gainsay_challenger_{name} {help}");
        let _ = writeln!(text, "# TYPE gainsay_challenger_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "gainsay_challenger_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value.to_string())];
    let wei = |value: U256| vec![(String::new(), format_ether(value))];
    family("l1_block", "gauge", "The L1 block read up to.", &one(it.l1_block));
    family("l1_timestamp_seconds", "gauge", "Its time.", &one(it.l1_time));
    family("l2_block", "gauge", "The newest L2 block derived.", &one(it.l2_block));
    family("batches", "gauge", "Batches derived.", &one(it.batches));
    let statuses = [
        ("pending", it.pending),
        ("confirmed", it.confirmed),
        ("lost", it.lost),
        ("halted", it.halted),
    ];
    let samples = statuses.map(|(name, it)| (format!("{{status=\"{name}\"}}"), it.to_string()));
    family("assertions", "gauge", "Assertions on L1.", &samples);
    family("disputes", "gauge", "Assertions whose children are disputed.", &one(it.disputes));
    family("edges", "gauge", "Edges of all disputes.", &one(it.edges));
    family("locked_ether", "gauge", "Stakes of this account.", &wei(it.locked));
    family("credit_ether", "gauge", "What it may withdraw.", &wei(it.credit));
    family("balance_ether", "gauge", "What it has on L1.", &wei(it.balance));
    family("gas_used_total", "counter", "Gas of its moves since the start.", &one(it.gas_used));
    family("fees_ether", "gauge", "What its gas has cost in all.", &wei(it.fees));
    let moves = it.moves.iter().map(|((name, outcome), count)| {
        (format!("{{move=\"{name}\",outcome=\"{outcome}\"}}"), count.to_string())
    });
    let moves: Vec<_> = moves.collect();
    family("moves_total", "counter", "Moves since the start.", &moves);
    let of = |kind: &AlarmKind| it.alarms.get(kind).copied().unwrap_or_default();
    let label = |kind: &AlarmKind| format!("{{kind=\"{}\"}}", kind.name());
    let holding = AlarmKind::ALL.map(|kind| (label(&kind), of(&kind).0.to_string()));
    family("alarms", "gauge", "Alarms that hold now.", &holding);
    let raised = AlarmKind::ALL.map(|kind| (label(&kind), of(&kind).1.to_string()));
    family("alarms_total", "counter", "Alarms since the start.", &raised);
    family("computing", "gauge", "Trees and witnesses being computed.", &one(it.computing));
    let looks = [("seen", it.looks_seen), ("failed", it.looks_failed)];
    let looks = looks.map(|(label, count)| (format!("{{outcome=\"{label}\"}}"), count.to_string()));
    family("looks_total", "counter", "Looks at L1 since the start.", &looks);
    family("last_look_timestamp_seconds", "gauge", "The last that succeeded.", &one(it.seen_at));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn numbers_are_served_as_text() {
        let metrics = Metrics::default();
        metrics.numbers().l1_block = 77;
        metrics.numbers().locked = U256::from(1_500_000_000_000_000_000_u64);
        metrics.numbers().moves.insert(("bisect", "sent"), 3);
        metrics.numbers().alarms.insert(AlarmKind::Funds, (1, 2));
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(metrics.clone().serve(listener));
        let answer = get(address, "/metrics").await;
        for line in [
            "HTTP/1.1 200 OK\r",
            "# TYPE gainsay_challenger_l1_block gauge",
            "gainsay_challenger_l1_block 77",
            "gainsay_challenger_locked_ether 1.500000000000000000",
            "gainsay_challenger_moves_total{move=\"bisect\",outcome=\"sent\"} 3",
            "gainsay_challenger_alarms{kind=\"funds\"} 1",
            "gainsay_challenger_alarms_total{kind=\"funds\"} 2",
            "gainsay_challenger_alarms{kind=\"l1\"} 0",
        ] {
            assert!(answer.lines().any(|found| found == line.trim_end()), "{line} in {answer}");
        }
        assert!(get(address, "/health").await.starts_with("HTTP/1.1 503 "));
        metrics.numbers().seen_at = unix_secs();
        assert!(get(address, "/health").await.starts_with("HTTP/1.1 200 "));
        assert!(get(address, "/other").await.starts_with("HTTP/1.1 404 "));
        server.abort();
    }
}
