//! The relay itself, before an L1 that counts its requests: what passes, what is altered, what is
//! lost.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::{Field, Rpc, http_client};

/// An L1 whose every answer is the number of requests that it has had, and whose head is 9.
async fn counting_l1() -> (String, Arc<Mutex<u64>>, JoinHandle<()>) {
    let count = Arc::new(Mutex::new(0));
    let counted = count.clone();
    let answer = move |request: Request<Incoming>| {
        let counted = counted.clone();
        async move {
            let is_get = request.method() == Method::GET;
            let body = request.into_body().collect().await.unwrap().to_bytes();
            *counted.lock().unwrap() += 1;
            let seen = format!("{:#x}", *counted.lock().unwrap());
            if is_get {
                return Ok(respond(StatusCode::OK, json!({ "data": [seen] }).to_string()));
            }
            let reply = |call: &Value| {
                let result = match method(call) {
                    "eth_blockNumber" => json!("0x9"),
                    "eth_call" => call["params"].clone(),
                    _ => json!(seen),
                };
                json!({ "jsonrpc": "2.0", "id": call["id"], "result": result })
            };
            let answer = match serde_json::from_slice(&body).unwrap() {
                Value::Array(calls) => calls.iter().map(reply).collect(),
                call => reply(&call),
            };
            Ok(respond(StatusCode::OK, answer.to_string()))
        }
    };
    let (address, server) = serve(answer).await;
    (format!("http://{address}"), count, server)
}

async fn ask(relay: &LyingRelay) -> Result<Value, String> {
    Rpc::new(relay.url()).try_call("eth_gasPrice", json!([])).await
}

#[tokio::test]
async fn an_honest_relay_passes_everything_on_and_counts_it() {
    let (l1, _, _server) = counting_l1().await;
    let relay = LyingRelay::to(&l1, 1).await;
    assert_eq!(ask(&relay).await.unwrap(), "0x1");
    let batch = json!([
        { "jsonrpc": "2.0", "id": 5, "method": "eth_gasPrice", "params": [] },
        { "jsonrpc": "2.0", "id": 6, "method": "eth_chainId", "params": [] },
    ]);
    let answer = http_client().post(relay.url()).json(&batch).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((&answer[0]["id"], &answer[1]["id"]), (&json!(5), &json!(6)));
    let beacon = http_client()
        .get(format!("{}/eth/v1/beacon/blobs/7?versioned_hashes=0x1", relay.url()))
        .send();
    assert_eq!(beacon.await.unwrap().status(), 200);
    let asked = relay.take_asked();
    assert_eq!((asked["eth_gasPrice"], asked["eth_chainId"], asked[BEACON]), (2, 1, 1));
    assert_eq!(asked[HTTP_REQUESTS], 3);
    assert!(relay.asked().is_empty());
    assert_eq!(relay.lies(ANY), 0);
}

#[tokio::test]
async fn a_lie_is_told_of_its_method_as_often_as_ordered() {
    let (l1, count, _server) = counting_l1().await;
    let relay = LyingRelay::to(&l1, 1).await;
    relay.lie_times("eth_gasPrice", Fault::NoBytes, 1);
    relay.lie("eth_chainId", Fault::Null);
    assert_eq!(ask(&relay).await.unwrap(), "0x");
    assert_eq!(ask(&relay).await.unwrap(), "0x2");
    assert_eq!((relay.lies("eth_gasPrice"), relay.lies(ANY)), (1, 1));
    relay.lie("eth_gasPrice", Fault::Error { code: -32005, message: "limit exceeded" });
    let before = *count.lock().unwrap();
    assert!(ask(&relay).await.unwrap_err().contains("limit exceeded"));
    assert_eq!(*count.lock().unwrap(), before, "a refused request reaches nobody");
    relay.be_honest();
    assert_eq!(ask(&relay).await.unwrap(), "0x3");
}

#[tokio::test]
async fn of_a_batch_only_what_is_meant_is_a_lie() {
    let (l1, _, _server) = counting_l1().await;
    let relay = LyingRelay::to(&l1, 1).await;
    relay.lie("eth_chainId", Fault::NoBytes);
    let call = |id, method| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [] });
    let batch = json!([call(1, "eth_gasPrice"), call(2, "eth_chainId")]);
    let answer = http_client().post(relay.url()).json(&batch).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_ne!(answer[0]["result"], "0x");
    assert_eq!(answer[1]["result"], "0x");
}

#[tokio::test]
async fn connections_fail_as_ordered() {
    let (l1, count, _server) = counting_l1().await;
    let relay = LyingRelay::to(&l1, 1).await;
    for (fault, reaches_l1, words) in [
        (Fault::Http(429), false, "429"),
        (Fault::Http(503), false, "503"),
        (Fault::Closed, false, "error sending request"),
        (Fault::AnswerLost, true, "error sending request"),
        (Fault::Truncated, true, "deserialization error"),
    ] {
        relay.lie_times("eth_gasPrice", fault, 1);
        let before = *count.lock().unwrap();
        let error = ask(&relay).await.unwrap_err();
        assert!(error.contains(words), "{fault:?}: {error}");
        assert_eq!(*count.lock().unwrap() > before, reaches_l1, "{fault:?}");
        assert!(ask(&relay).await.is_ok());
    }
    relay.lie("eth_gasPrice", Fault::Hang);
    assert!(timeout(Duration::from_millis(200), ask(&relay)).await.is_err(), "it was answered");
    let hangs = ask(&relay);
    let (answer, ()) = futures::join!(hangs, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        relay.be_honest();
    });
    assert!(answer.is_err(), "a hung request was answered");
    assert!(ask(&relay).await.is_ok());
}

#[tokio::test]
async fn a_stale_answer_is_of_some_blocks_ago() {
    let (l1, _, _server) = counting_l1().await;
    let relay = LyingRelay::to(&l1, 1).await;
    relay.lie(ANY, Fault::Stale { blocks: 2 });
    let rpc = Rpc::new(relay.url());
    assert_eq!(rpc.block_number().await, 7);
    assert_eq!(rpc.call("eth_call", json!([{}, "latest"])).await, json!([{}, "0x7"]));
}

#[tokio::test]
async fn the_beacon_api_lies_too() {
    let (l1, _, _server) = counting_l1().await;
    let relay = LyingRelay::to(&l1, 1).await;
    let get = || async {
        let answer = http_client()
            .get(format!("{}/eth/v1/beacon/blobs/7", relay.url()))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    relay.lie_times(BEACON, Fault::EmptyList, 1);
    assert_eq!(get().await, (200, r#"{"data":[]}"#.to_owned()));
    relay.lie_times(BEACON, Fault::Null, 1);
    assert_eq!(get().await.0, 404);
    relay.lie_times(BEACON, Fault::Altered(Field::Number), 1);
    let (status, body) = get().await;
    assert_eq!(status, 200);
    assert_ne!(body, r#"{"data":["0x2"]}"#);
}
