//! The bounds of the server, and its openness to browsers.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use gainsay::rpc::RpcLimits;
use jsonrpsee::{
    core::{client::ClientT, params::BatchRequestBuilder},
    rpc_params,
};
use serde_json::{Value, json};

use crate::world::World;

/// The server's answer to raw HTTP.
pub(crate) async fn exchange(address: SocketAddr, request: String) -> String {
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    answer.await.unwrap()
}

pub(crate) fn post(body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: l2\r\norigin: https://dapp.example\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_call() {
    let world = World::start().await;
    let preflight = "OPTIONS / HTTP/1.1\r\nhost: l2\r\norigin: https://dapp.example\r\n\
                     access-control-request-method: POST\r\n\
                     access-control-request-headers: content-type\r\nconnection: close\r\n\r\n";
    let answer = exchange(world.address, preflight.into()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for header in
        ["access-control-allow-origin: *", "access-control-allow-headers: *", "allow-methods: *"]
    {
        assert!(answer.contains(header), "{answer}");
    }
    let call = post(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#);
    let answer = exchange(world.address, call).await;
    assert!(answer.contains("access-control-allow-origin: *"), "{answer}");
    assert!(answer.contains(r#""result":"0xa455""#), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_batches_have_a_largest_size() {
    let limits = RpcLimits { request_bytes_max: 2_000, batch_len_max: 3, ..RpcLimits::default() };
    let world = World::start_with(limits, 64).await;
    let batch = |len: usize| {
        let mut batch = BatchRequestBuilder::new();
        (0..len).for_each(|_| batch.insert("eth_blockNumber", rpc_params![]).unwrap());
        batch
    };
    let answers = world.client.batch_request::<Value>(batch(3)).await.unwrap();
    assert_eq!(answers.num_successful_calls(), 3);
    assert!(world.client.batch_request::<Value>(batch(4)).await.is_err());
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "web3_sha3", "params": [format!("0x{}", "00".repeat(2_000))],
    });
    let answer = exchange(world.address, post(&body.to_string())).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(world.ask("eth_blockNumber", json!([])).await, "0x4");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_beyond_the_bound_waits_or_is_refused() {
    let limits = RpcLimits { concurrent_calls_max: 1, waiting_max: 1, ..RpcLimits::default() };
    let world = std::sync::Arc::new(World::start_with(limits, 64).await);
    let calls = (0..8).map(|_| {
        let world = std::sync::Arc::clone(&world);
        // Runs for as long as its gas lasts.
        let call = json!([{ "to": crate::world::LOOP }]);
        tokio::spawn(async move { world.try_ask("eth_call", call).await.unwrap_err() })
    });
    let mut messages = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        messages.push(call.await.unwrap().1);
    }
    let busy = messages.iter().filter(|it| it.starts_with("server is busy")).count();
    let done = messages.iter().filter(|it| *it == "out of gas").count();
    assert_eq!(busy + done, 8, "{messages:?}");
    assert!(done >= 2 && busy >= 1, "{messages:?}");
    // The others' work does not count for reads.
    assert_eq!(world.ask("eth_getBlockTransactionCountByNumber", json!(["0x0"])).await, "0x0");
}
