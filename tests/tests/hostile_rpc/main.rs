//! Whatever comes in by JSON-RPC, the node answers it with a clear error or closes the connection,
//! keeps its memory within bounds, and goes on serving everybody else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod target;

use std::time::Duration;

use alloy::primitives::{Bytes, hex};
use gainsay_tests::{Node, PATIENCE, Rpc, seeded, wait_until};
use jsonrpsee::{
    core::client::{ClientT, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use rand::{Rng, RngCore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use target::{MEMORY_MAX_BYTES, Target, head, read_answer};

/// Connections that are opened at once.
const CONNECTIONS: usize = 10_000;
/// Of these, the node keeps.
const CONNECTIONS_KEPT: usize = 2_000;
/// Subscriptions of one WebSocket.
const SUBSCRIPTIONS_MAX: usize = 128;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_requests() {
    let mut target = Target::start().await;
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let call = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    };
    let digits = "9".repeat(100_000);
    let balance = |params: &str| call("eth_getBalance", params);
    // (what, body, codes that say what is wrong)
    let cases: Vec<(&str, String, &[i64])> = vec![
        ("no JSON", "{".into(), &[-32700]),
        ("bytes that are no text", "\u{fffd}\0\0".into(), &[-32700]),
        ("an empty body", String::new(), &[-32700, -32600]),
        ("an empty batch", "[]".into(), &[-32600]),
        ("a number", "1".into(), &[-32700, -32600]),
        ("nested arrays", deep("[", "]"), &[-32700, -32600]),
        ("nested arrays that never end", "[".repeat(100_000), &[-32700]),
        ("nested objects", deep(r#"{"a":"#, "}").replace(":}", ":1}"), &[-32700, -32600]),
        ("nested parameters", balance(&deep("[", "]")), &[-32700, -32600, -32602]),
        ("no method", r#"{"jsonrpc":"2.0","id":1}"#.into(), &[-32600]),
        ("another version", r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#.into(), &[-32600]),
        ("an unknown method", call("eth_mine", "[]"), &[-32601]),
        ("bad hex", balance(r#"["0xzz","latest"]"#), &[-32602]),
        ("a short address", balance(r#"["0x12","latest"]"#), &[-32602]),
        ("an odd number of digits", call("eth_sendRawTransaction", r#"["0x123"]"#), &[-32602]),
        ("a transaction that is none", call("eth_sendRawTransaction", r#"["0xdead"]"#), &[-32602]),
        ("a wrong type", balance("[{},[]]"), &[-32602]),
        ("parameters by name", balance(r#"{"address":1}"#), &[-32602]),
        ("a huge number", call("eth_getBlockByNumber", &format!("[{digits},true]")), &[-32602]),
        (
            "a huge quantity",
            call("eth_getBlockByNumber", &format!(r#"["0x{digits}",true]"#)),
            &[-32602],
        ),
        (
            "a block far away",
            balance(&format!(r#"["0x{:040}","0xffffffffffffffff"]"#, 1)),
            &[-32001, -32000],
        ),
        (
            "a huge slot",
            call("eth_getStorageAt", &format!(r#"["0x{:040}","0x{digits}"]"#, 1)),
            &[-32602],
        ),
    ];
    for (what, body, codes) in cases {
        let answer = target.post(&body).await;
        let code = answer.code();
        assert!(codes.contains(&code), "{what}: found {code}, expected {codes:?}: {answer:?}");
        assert!(answer.body.len() < 2_000, "{what}: an error of {} bytes", answer.body.len());
    }
    target.assert_well("bodies that are no requests").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_bodies_and_batches() {
    let mut target = Target::start().await;
    let huge = vec![b'1'; 100 << 20];
    let answer = target.post(&huge).await;
    assert_eq!((answer.status, answer.code()), (413, -32007), "100 MB: {answer:?}");
    target.assert_well("100 MB with their length").await;

    // In a stream that does not say how long it gets, from several clients.
    let streams: Vec<_> = (0..8)
        .map(|_| {
            let address = target.address;
            tokio::spawn(async move {
                let mut socket = TcpStream::connect(address).await.unwrap();
                let head = head("transfer-encoding: chunked");
                socket.write_all(head.as_bytes()).await.unwrap();
                let chunk = [&b"100000\r\n"[..], &[b'['; 1 << 20], b"\r\n"].concat();
                for _ in 0..100 {
                    // The node has had enough, and closes the connection.
                    if socket.write_all(&chunk).await.is_err() {
                        break;
                    }
                }
                read_answer(&mut socket).await
            })
        })
        .collect();
    for stream in streams {
        // The answer is lost when the node closes while the client still writes.
        if let Some(answer) = stream.await.unwrap() {
            assert_eq!((answer.status, answer.code()), (413, -32007), "a stream: {answer:?}");
        }
    }
    target.assert_well("streams of 100 MB").await;

    let calls = |count: usize, call: &str| format!("[{}]", vec![call; count].join(","));
    let chain_id = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let batch = calls(100_000, chain_id);
    assert!(batch.len() < 5 << 20, "{} bytes: refused for its length", batch.len());
    let answer = target.post(batch).await;
    assert_eq!(answer.code(), -32010, "100,000 calls: {answer:?}");
    let answer = target.post(calls(100_000, "1")).await;
    assert_eq!(answer.code(), -32010, "100,000 numbers: {answer:?}");
    let answer = target.post(calls(1_000, "1")).await;
    let errors = answer.json();
    assert_eq!(errors.as_array().unwrap().len(), 1_000);
    assert_eq!(errors[999]["error"]["code"], -32600);
    // Answers that are much longer than what asks for them.
    let block = r#"{"jsonrpc":"2.0","id":1,"method":"debug_getRawBlock","params":["0x0"]}"#;
    target.post(calls(5_000, block)).await;
    let history =
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x400","latest",[]]}"#;
    target.post(calls(5_000, history)).await;
    target.assert_well("batches of 100,000 and of 5,000").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests() {
    let mut random = seeded("random_requests");
    let mut target = Target::start().await;
    let methods = [
        "eth_call",
        "eth_estimateGas",
        "eth_getLogs",
        "eth_getProof",
        "eth_feeHistory",
        "eth_getBlockByNumber",
        "eth_sendRawTransaction",
        "eth_newFilter",
        "eth_getFilterChanges",
        "eth_createAccessList",
        "eth_getStorageAt",
        "debug_getRawBlock",
        "eth_subscribe",
        "eth_getTransactionByBlockNumberAndIndex",
        "rollup_status",
        "rollup_getWithdrawal",
        "rollup_getWithdrawals",
        "eth_simulateV1",
    ];
    for _ in 0..1_000 {
        let method = methods[random.random_range(0..methods.len())];
        let params: Vec<Value> =
            (0..random.random_range(0..5)).map(|_| any_value(&mut random, 3)).collect();
        let mut request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        if random.random_range(0..4) == 0 {
            let at = random.random_range(0..request.len());
            request.truncate(at);
        }
        let answer = target.post(&request).await;
        let json = answer.json();
        assert!(json["error"].is_object() != json.get("result").is_some(), "{request}: {json}");
        assert_ne!(json["error"]["code"], -32603, "{request}: {json}");
    }
    target.assert_well("1,000 random requests").await;
}

fn any_value(random: &mut impl RngCore, depth: u32) -> Value {
    let mut bytes = vec![0; random.random_range(0..40)];
    random.fill_bytes(&mut bytes);
    let address = json!(format!("0x42{:038x}", random.random_range(0..20_u64)));
    match random.random_range(0..if depth == 0 { 9 } else { 12 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>()),
        3 => json!(random.random::<f64>() * 1e30),
        4 => json!(hex::encode_prefixed(&bytes)),
        5 => json!(format!("{:#x}", random.random::<u128>() >> random.random_range(0..128))),
        6 => json!(
            ["latest", "safe", "pending", "earliest", "newHeads", "logs", ""]
                [random.random_range(0..7)]
        ),
        7 => json!(format!("0x{}", hex::encode([7; 32]))),
        8 => address,
        9 => (0..random.random_range(0..4)).map(|_| any_value(random, depth - 1)).collect(),
        _ => {
            let keys = [
                "to",
                "from",
                "data",
                "value",
                "gas",
                "fromBlock",
                "toBlock",
                "topics",
                "address",
                "blockHash",
                "nonce",
                "accessList",
                "authorizationList",
            ];
            let fields = (0..random.random_range(0..5)).map(|_| {
                let key = keys[random.random_range(0..keys.len())];
                (key.to_owned(), any_value(random, depth - 1))
            });
            Value::Object(fields.collect())
        }
    }
}

/// As many open files as this process may have.
fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections() {
    let files = raise_file_limit();
    assert!(files > CONNECTIONS as u64 + 200, "this test needs more than {files} open files");
    let mut target = Target::start().await;
    // Half of a request each: the node has to wait for the rest.
    let half = &head("content-length: 60")[..40];
    let mut sockets = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut socket = target.connect().await;
        // Some are closed at once.
        let _refused = socket.write_all(half.as_bytes()).await;
        sockets.push(socket);
    }
    // One more gets an answer that says why.
    let refusal = wait_until("a clear refusal", || async {
        let mut socket = target.connect().await;
        let request = head("content-length: 2") + "{}";
        let _refused = socket.write_all(request.as_bytes()).await;
        read_answer(&mut socket).await.ok_or("closed without a word".to_owned())
    })
    .await;
    assert_eq!((refusal.status, refusal.code()), (429, -32005), "{refusal:?}");
    let peak = target.memory_peak();
    assert!(peak < MEMORY_MAX_BYTES, "{} MiB with {CONNECTIONS} connections", peak >> 20);
    // Those that came first are served when they go on.
    let mut first = sockets.remove(0);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]  }"#;
    let rest = head(&format!("content-length: {}", body.len()))[40..].to_owned() + body;
    first.write_all(rest.as_bytes()).await.unwrap();
    let answer = read_answer(&mut first).await.expect("an answer");
    assert_eq!(answer.json()["result"], "0xa455");
    let mut open = 0;
    for socket in &mut sockets {
        let mut byte = [0];
        open +=
            usize::from(timeout(Duration::from_millis(1), socket.read(&mut byte)).await.is_err());
    }
    assert!(open < CONNECTIONS_KEPT + 300, "{open} of {CONNECTIONS} connections are open");
    println!("{open} of {CONNECTIONS} connections stayed open");
    drop((first, sockets));
    serves_again(&target.devnet.sequencer).await;
    target.assert_well("10,000 connections").await;
}

async fn serves_again(node: &Node) {
    wait_until("the node to serve again", || async {
        node.rpc.try_call("eth_chainId", json!([])).await
    })
    .await;
}

/// Clients that ask for much and take nothing: what they do not take is bounded, and others get
/// theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes() {
    const CLIENTS: usize = 120;
    let mut target = Target::start().await;
    let rpc = &target.devnet.sequencer.rpc;
    // The largest code that is there: Multicall3, EntryPoint or another preinstall.
    let alloc = &target.devnet.rollup.genesis.alloc;
    let (address, account) = alloc.iter().max_by_key(|(_, it)| it.code.len()).unwrap();
    let code = rpc.call("eth_getCode", json!([address, "latest"])).await;
    assert_eq!(code.as_str().unwrap().len(), 2 + 2 * account.code.len());
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "eth_getCode", "params": [address, "latest"],
    });
    let count = (12 << 20) / code.as_str().unwrap().len();
    let batch = json!(vec![call; count]).to_string();
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = target.connect().await;
        let head = head(&format!("content-length: {}", batch.len()));
        socket.write_all((head + &batch).as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    // The last one has been answered when all have been worked on.
    let mut answers = Vec::new();
    for socket in sockets.iter_mut().rev() {
        answers.push(read_answer(socket).await.expect("an answer"));
        if answers.len() >= CLIENTS / 2 {
            break;
        }
    }
    target.assert_well("12 MiB for each of 120 clients").await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty(), "room for everybody: nothing was tested");
    for answer in &refused {
        assert_eq!((answer.status, answer.code()), (503, -32005), "{answer:?}");
    }
    drop(sockets);
    let answer = target.post(&batch).await;
    let codes = answer.json();
    assert_eq!((answer.status, codes.as_array().map(Vec::len)), (200, Some(count)));
    assert_eq!(codes[count - 1]["result"], code);
    target.assert_well("answers that nobody takes").await;
}

/// Slow clients: they hold their place for a while only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_finish() {
    let mut target = Target::start().await;
    let mut headless = target.connect().await;
    headless.write_all(&head("content-length: 60").as_bytes()[..40]).await.unwrap();
    let mut silent = target.connect().await;
    let mut bodyless = target.connect().await;
    bodyless.write_all(head("content-length: 60").as_bytes()).await.unwrap();
    bodyless.write_all(b"{").await.unwrap();
    // Long bodies, all but their last bytes: more than the node takes in at a time.
    let mut long = Vec::new();
    for _ in 0..100 {
        let mut socket = target.connect().await;
        long.push(tokio::spawn(async move {
            let length = 4 << 20;
            socket.write_all(head(&format!("content-length: {length}")).as_bytes()).await.unwrap();
            // The node takes them when it has room.
            let _waiting =
                timeout(Duration::from_secs(10), socket.write_all(&vec![b'['; length - 1])).await;
            socket
        }));
    }
    let mut sockets = Vec::new();
    for task in long {
        sockets.push(task.await.unwrap());
    }
    target.assert_well("100 unfinished bodies of 4 MB").await;
    // Each is closed in time, those in the middle of a body with a word.
    assert!(read_answer(&mut headless).await.is_none());
    assert!(read_answer(&mut silent).await.is_none());
    let answer = read_answer(&mut bodyless).await.expect("an answer");
    assert_eq!((answer.status, answer.code()), (408, -32000), "{answer:?}");
    drop(sockets);
    target.assert_well("clients that never finish").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websockets_and_subscriptions_without_end() {
    let mut target = Target::start().await;
    let url = format!("ws://{}", target.address);
    let connect = || WsClientBuilder::default().build(&url);
    let client = connect().await.unwrap();
    let heads = || {
        let params = rpc_params!["newHeads"];
        client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe")
    };
    let mut subscriptions = Vec::new();
    let error = loop {
        match heads().await {
            Ok(subscription) => subscriptions.push(subscription),
            Err(error) => break error.to_string(),
        }
        assert!(subscriptions.len() <= SUBSCRIPTIONS_MAX, "no end of subscriptions");
    };
    assert_eq!(subscriptions.len(), SUBSCRIPTIONS_MAX, "{error}");
    assert!(error.contains("-32006"), "{error}");
    for subscription in &mut subscriptions {
        let head = timeout(PATIENCE, subscription.next()).await.unwrap().unwrap().unwrap();
        assert!(head["number"].is_string(), "{head}");
    }
    // A message that is too long is refused, and the connection stands.
    let long = "0".repeat(600_000);
    let refused = client.request::<Value, _>("eth_getBalance", rpc_params![long]).await;
    assert!(refused.is_err(), "{refused:?}");

    let mut clients = Vec::new();
    let error = loop {
        match connect().await {
            Ok(client) => clients.push(client),
            Err(error) => break error.to_string(),
        }
        assert!(clients.len() < CONNECTIONS_KEPT, "no end of WebSockets");
    };
    assert!(error.contains("429"), "{error}");
    println!("{} WebSockets", clients.len());
    // Others are served meanwhile, and new ones when those are gone.
    target.assert_well("as many WebSockets as it takes").await;
    drop((clients, subscriptions, client));
    wait_until("a WebSocket", || async {
        let client = connect().await.map_err(|error| error.to_string())?;
        let id = client.request::<Value, _>("eth_chainId", rpc_params![]).await;
        id.map_err(|error| error.to_string())
    })
    .await;
    target.assert_well("WebSockets without end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_over_everything() {
    let mut target = Target::start().await;
    let rpc = target.devnet.sequencer.rpc.clone();
    let all = json!([{ "fromBlock": "0x0", "toBlock": "latest" }]);
    assert!(rpc.call("eth_getLogs", all).await.is_array());
    let far = json!([{ "fromBlock": "0x0", "toBlock": "0xffffffffffff" }]);
    refused(&rpc, "eth_getLogs", far).await;
    refused(&rpc, "eth_getLogs", json!([{ "fromBlock": "0x5", "toBlock": "0x1" }])).await;
    let address = json!("0x4200000000000000000000000000000000000015");
    refused(&rpc, "eth_getProof", json!([address, vec!["0x1"; 20_000], "latest"])).await;
    refused(&rpc, "eth_call", json!([{ "gas": "0xffffffffffffffff", "to": "0x1" }, "latest"]))
        .await;
    refused(&rpc, "eth_getFilterChanges", json!(["0x1"])).await;
    let large = Bytes::from(vec![0; 200_000]);
    refused(&rpc, "eth_sendRawTransaction", json!([large])).await;
    // A loop without end costs its gas and no more.
    let looping = json!([{ "data": "0x5b5f56", "gas": "0x2faf080" }, "latest"]);
    refused(&rpc, "eth_call", looping).await;
    // So many that none is left.
    let mut filters = 0;
    let error = loop {
        match rpc.try_call("eth_newFilter", json!([{}])).await {
            Ok(_) => filters += 1,
            Err(error) => break error,
        }
        assert!(filters < 20_000, "{filters} filters and no end");
    };
    assert!(error.contains("-32005") && error.contains("filters"), "{error}");
    println!("{filters} filters");
    target.assert_well("queries over everything").await;
}

/// The node must say no, and not for a fault of its own.
async fn refused(rpc: &Rpc, method: &'static str, params: Value) {
    let error = rpc.try_call(method, params).await.expect_err(method);
    assert!(!error.contains("-32603") && error.contains("error code"), "{error}");
}
