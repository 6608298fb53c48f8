//! A node that asks another one: how often, how much, and never in circles.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{B256, U256};
use futures::future::join_all;
use gainsay::rpc::{RpcContext, RpcLimits, ServerHandle, TxSink, serve};
use jsonrpsee::{
    RpcModule,
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    server::{Server, ServerConfig},
    ws_client::WsClientBuilder,
};
use serde_json::{Value, json};

use crate::{
    bounds::{exchange, post},
    world::{Plan, World, ask, http_client},
};

async fn follower(world: &World, url: String, listen: SocketAddr) -> (SocketAddr, ServerHandle) {
    let context = RpcContext {
        chain: Arc::clone(&world.chain),
        sink: TxSink::Forward { url },
        status: world.status.clone(),
        limits: RpcLimits::default(),
    };
    serve(context, listen).await.unwrap()
}

/// What a sequencer is asked for.
#[derive(Default)]
struct Asked {
    filters: AtomicUsize,
    polls: AtomicUsize,
    transactions: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_transaction_is_asked_for_once_however_many_listen() {
    let world = World::start().await;
    let asked = Arc::new(Asked::default());
    let mut module = RpcModule::new(Arc::clone(&asked));
    module
        .register_async_method("eth_newPendingTransactionFilter", |_, asked, _| async move {
            asked.filters.fetch_add(1, Ordering::SeqCst);
            // Listeners that come before the answer wait for the same one.
            tokio::time::sleep(Duration::from_millis(200)).await;
            "0x1"
        })
        .unwrap();
    module
        .register_method("eth_getFilterChanges", |_, asked, _| {
            // One hash with each poll: those who came late miss none that matters.
            vec![B256::from(U256::from(asked.polls.fetch_add(1, Ordering::SeqCst)))]
        })
        .unwrap();
    module
        .register_method("eth_getTransactionByHash", |params, asked, _| {
            asked.transactions.fetch_add(1, Ordering::SeqCst);
            json!({ "hash": params.one::<B256>().unwrap() })
        })
        .unwrap();
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let _sequencer = server.start(module);
    let (address, _server) = follower(&world, url, ([127, 0, 0, 1], 0).into()).await;

    let client = WsClientBuilder::default().build(format!("ws://{address}")).await.unwrap();
    let subscribe = || {
        let params = rpc_params!["newPendingTransactions", true];
        client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe")
    };
    let listeners = join_all((0..16).map(|_| subscribe())).await;
    let mut listeners: Vec<Subscription<Value>> =
        listeners.into_iter().map(Result::unwrap).collect();
    for listener in &mut listeners {
        let next = tokio::time::timeout(Duration::from_secs(10), listener.next()).await;
        assert!(next.expect("a notification").unwrap().unwrap()["hash"].is_string());
    }
    assert_eq!(asked.filters.load(Ordering::SeqCst), 1);
    let transactions = asked.transactions.load(Ordering::SeqCst);
    assert!(transactions <= asked.polls.load(Ordering::SeqCst), "{transactions} for 16 listeners");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_passes_on_as_much_of_the_pool_as_a_sequencer_shows() {
    let world = World::start().await;
    let mut module = RpcModule::new(());
    let bytes_max = RpcLimits::default().response_bytes_max as usize;
    module.register_method("txpool_content", move |_, (), _| "a".repeat(bytes_max - 2)).unwrap();
    let config = ServerConfig::builder().max_response_body_size(u32::MAX).build();
    let server = Server::builder().set_config(config).build("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let _sequencer = server.start(module);
    let (address, _server) = follower(&world, url, ([127, 0, 0, 1], 0).into()).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"txpool_content","params":[]}"#;
    let answer = exchange(address, post(call)).await;
    let shown = &answer[answer.len().saturating_sub(400)..];
    assert!(answer.len() > bytes_max, "{shown}");
    assert!(answer.contains(r#""result":"aaa"#), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_names_itself_as_its_sequencer_does_not_ask_in_circles() {
    let world = World::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let (address, _server) = follower(&world, format!("http://{listen}"), listen).await;
    let client = http_client(address);
    let unknown = ask(&client, "eth_getTransactionByHash", json!([B256::repeat_byte(7)])).await;
    assert_eq!(unknown.unwrap(), Value::Null);
    for (method, params) in [
        ("eth_sendRawTransaction", json!([Plan::default().sign(1).raw])),
        ("eth_sendRawTransactionSync", json!([Plan::default().sign(1).raw])),
        ("eth_newPendingTransactionFilter", json!([])),
        ("txpool_status", json!([])),
        ("txpool_content", json!([])),
    ] {
        let (code, message, _) = ask(&client, method, params).await.unwrap_err();
        assert_eq!(code, -32000, "{method}: {message}");
        assert!(message.starts_with("the request was forwarded to this node"), "{message}");
    }
}
