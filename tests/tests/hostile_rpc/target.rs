//! The node under attack: raw requests to it, and whether it is well.

use std::{fs, net::SocketAddr};

use gainsay_tests::{Devnet, DevnetOptions, PATIENCE};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The most memory that the node may hold at any time under any of this.
pub(crate) const MEMORY_MAX_BYTES: u64 = 1 << 30;

pub(crate) struct Target {
    pub(crate) devnet: Devnet,
    pub(crate) address: SocketAddr,
}

/// An answer as it comes over the socket.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the JSON-RPC error.
    pub(crate) fn code(&self) -> i64 {
        let json = match self.json() {
            // A batch is answered by a batch.
            Value::Array(answers) => answers[0].clone(),
            one => one,
        };
        let message = json["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "an error without a message: {json}");
        json["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {json}"))
    }
}

impl Target {
    pub(crate) async fn start() -> Self {
        let devnet = Devnet::start(DevnetOptions::default()).await;
        let address = devnet.sequencer.rpc.url().strip_prefix("http://").unwrap();
        Self { address: address.parse().unwrap(), devnet }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Posts a body in one piece.
    pub(crate) async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut socket = self.connect().await;
        let head = head(&format!("content-length: {}", body.len()));
        socket.write_all(head.as_bytes()).await.unwrap();
        // The node may answer and hang up before it has read all.
        let _hung_up = socket.write_all(body).await;
        read_answer(&mut socket).await.expect("an answer")
    }

    /// Peak memory of the node so far.
    pub(crate) fn memory_peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.devnet.sequencer.pid());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kib * 1024
    }

    /// Checks that the node serves as before, and has not needed too much memory on the way.
    pub(crate) async fn assert_well(&mut self, after: &str) {
        assert_eq!(self.devnet.sequencer.ended(), None, "the node ended after {after}");
        let answer = self.post(r#"{"jsonrpc":"2.0","id":7,"method":"eth_chainId"}"#).await;
        let expected = json!({ "jsonrpc": "2.0", "id": 7, "result": "0xa455" });
        assert_eq!((answer.status, answer.json()), (200, expected), "after {after}");
        let peak = self.memory_peak();
        assert!(peak < MEMORY_MAX_BYTES, "{} MiB after {after}", peak >> 20);
        println!("{after}: peak of {} MiB", peak >> 20);
    }
}

pub(crate) fn head(more: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n{more}\r\n\r\n")
}

/// Reads one answer to its end; `None` when the connection was closed without one.
pub(crate) async fn read_answer(socket: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        if let Some(answer) = parse_answer(&bytes) {
            return Some(answer);
        }
        let read = timeout(PATIENCE, socket.read(&mut chunk)).await.expect("no answer in time");
        match read {
            Ok(0) | Err(_) => return None,
            Ok(len) => bytes.extend_from_slice(&chunk[..len]),
        }
    }
}

fn parse_answer(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    (body.len() >= length.parse().ok()?).then(|| Answer { status, body: body.to_owned() })
}
