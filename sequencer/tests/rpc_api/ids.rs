//! Every call is answered with its own id, exactly as the client wrote it, by every way in.

use std::time::Duration;

use futures::io::{BufReader, BufWriter};
use gainsay::rpc::RpcLimits;
use serde_json::{Value, value::RawValue};
use soketto::handshake::{Client, ServerResponse};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::{
    bounds::{exchange, post},
    world::World,
};

/// Ids that clients send, by the letter.
const IDS: [&str; 12] = [
    "1",
    "0",
    "-1",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890123456789012345678901234567890",
    "1.5",
    "-0.25",
    "1e3",
    r#""text""#,
    r#""\u00e9 \"quoted\"""#,
];

fn call(id: &str, method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":[]}}"#)
}

/// The id of an answer, by the letter.
fn id_of(answer: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let answer: Answer<'_> = serde_json::from_str(answer)
        .unwrap_or_else(|error| panic!("an answer without an id: {answer:?}: {error}"));
    answer.id.get().to_owned()
}

fn ids_of(batch: &str) -> Vec<String> {
    let answers: Vec<&RawValue> = serde_json::from_str(batch).unwrap();
    answers.into_iter().map(|answer| id_of(answer.get())).collect()
}

async fn http(world: &World, body: &str) -> String {
    let answer = exchange(world.address, post(body)).await;
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

type Stream = BufReader<BufWriter<Compat<TcpStream>>>;

/// A WebSocket without a library's ideas about ids.
struct RawSocket {
    sender: soketto::Sender<Stream>,
    receiver: soketto::Receiver<Stream>,
}

impl RawSocket {
    async fn open(world: &World) -> Self {
        let stream = TcpStream::connect(world.address).await.unwrap().compat();
        let mut client = Client::new(BufReader::new(BufWriter::new(stream)), "l2", "/");
        let response = client.handshake().await.unwrap();
        assert!(matches!(response, ServerResponse::Accepted { .. }), "{response:?}");
        let (sender, receiver) = client.into_builder().finish();
        Self { sender, receiver }
    }

    async fn send(&mut self, text: &str) {
        self.sender.send_text(text).await.unwrap();
        self.sender.flush().await.unwrap();
    }

    async fn next(&mut self) -> String {
        let mut data = Vec::new();
        let next = self.receiver.receive_data(&mut data);
        tokio::time::timeout(Duration::from_secs(10), next).await.expect("an answer").unwrap();
        String::from_utf8(data).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_come_back_as_they_were_written() {
    let world = World::start().await;
    let mut socket = RawSocket::open(&world).await;
    for id in IDS {
        // A quick method, one that reads, one that fails and one that is unknown.
        for method in ["eth_chainId", "eth_gasPrice", "eth_getBalance", "eth_mine"] {
            let call = call(id, method);
            assert_eq!(id_of(&http(&world, &call).await), id, "{method} over HTTP");
            socket.send(&call).await;
            assert_eq!(id_of(&socket.next().await), id, "{method} over WebSocket");
        }
        socket.send(&call(id, "eth_subscribe")).await;
        assert_eq!(id_of(&socket.next().await), id, "eth_subscribe");
    }
    let batch = format!("[{}]", IDS.map(|id| call(id, "eth_chainId")).join(","));
    assert_eq!(ids_of(&http(&world, &batch).await), IDS);
    socket.send(&batch).await;
    assert_eq!(ids_of(&socket.next().await), IDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_id_or_no_call_is_answered_by_an_error() {
    let world = World::start().await;
    let mut socket = RawSocket::open(&world).await;
    for id in ["true", "{}", r#"[1]"#, r#"{"a":-1}"#] {
        let call = call(id, "eth_chainId");
        for answer in [http(&world, &call).await, {
            socket.send(&call).await;
            socket.next().await
        }] {
            let json: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!((id_of(&answer).as_str(), &json["error"]["code"]), (id, &(-32600).into()));
        }
    }
    let old = r#"{"jsonrpc":"1.0","id":-7,"method":"eth_chainId"}"#;
    assert_eq!(id_of(&http(&world, old).await), "-7");
    socket.send(old).await;
    assert_eq!(id_of(&socket.next().await), "-7");
    // Null is an id that the specification discourages; a notification gets no answer.
    assert_eq!(id_of(&http(&world, &call("null", "eth_chainId")).await), "null");
    let notification = r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#;
    assert_eq!(http(&world, notification).await, "");
    let mixed = format!("[{notification},{},1,{}]", call("-1", "eth_chainId"), call("[]", "a"));
    assert_eq!(ids_of(&http(&world, &mixed).await), ["-1", "null", "[]"]);
    socket.send(notification).await;
    socket.send(&mixed).await;
    assert_eq!(ids_of(&socket.next().await), ["-1", "null", "[]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_answer_in_time_is_refused_under_its_id() {
    let limits = RpcLimits { answer_time_ms_max: 0, ..RpcLimits::default() };
    let world = World::start_with(limits, 64).await;
    let mut socket = RawSocket::open(&world).await;
    let batch = format!("[{},{}]", call("-1", "eth_gasPrice"), call("2", "eth_sendRawTransaction"));
    for (message, ids) in [(call("7", "eth_gasPrice"), vec!["7"]), (batch, vec!["-1", "2"])] {
        socket.send(&message).await;
        for answer in [socket.next().await, http(&world, &message).await] {
            let found = if ids.len() > 1 { ids_of(&answer) } else { vec![id_of(&answer)] };
            assert_eq!(found, ids, "{answer}");
            let why = r#""error":{"code":-32000,"message":"the request took more than 0 ms"}"#;
            assert_eq!(answer.matches(why).count(), ids.len(), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_in_a_batch_is_answered_once_and_then_speaks() {
    let world = World::start().await;
    let mut socket = RawSocket::open(&world).await;
    let subscribe = |id: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_subscribe","params":["newHeads"]}}"#)
    };
    let batch = format!("[{},{},{}]", subscribe("-1"), call("2", "eth_chainId"), subscribe("3"));
    socket.send(&batch).await;
    let answer: Vec<Value> = serde_json::from_str(&socket.next().await).unwrap();
    let ids: Vec<_> = answer.iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, [Value::from(-1), 2.into(), 3.into()]);
    world.block(&[], vec![]);
    // Nothing but the two notifications: no second answer stands before them.
    let mut told = Vec::new();
    for _ in 0..2 {
        let notification: Value = serde_json::from_str(&socket.next().await).unwrap();
        assert_eq!(notification["params"]["result"]["number"], "0x5", "{notification}");
        told.push(notification["params"]["subscription"].clone());
    }
    told.sort_by_key(ToString::to_string);
    let mut expected = vec![answer[0]["result"].clone(), answer[2]["result"].clone()];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(told, expected);
    let first = &answer[0]["result"];
    for expected in [true, false] {
        let unsubscribe =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_unsubscribe","params":[{first}]}}"#);
        socket.send(&unsubscribe).await;
        let answer: Value = serde_json::from_str(&socket.next().await).unwrap();
        assert_eq!(answer["result"], expected);
    }
}
