//! A restart reads L1 from where the data folder stands: logs are kept, and asked for once.
//!
//! A follower derives the chain of a devnet through a relay that writes down every `eth_getLogs`;
//! then it is opened again on the same folder.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use gainsay_chain::{Deriver, Follower, Progress, ProposedAssertion, SafeChain, UnsafeBlocks};
use gainsay_l1::L1Client;
use gainsay_store::StoreOptions;
use gainsay_tests::{Devnet, DevnetOptions, use_chain, wait_for_safe};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The filters of all log requests, as JSON.
type Filters = Arc<Mutex<Vec<String>>>;

/// Relays connections to L1 and keeps the filters that pass. Returns its URL.
async fn recorder(target: String, filters: Filters) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((inner, _)) = listener.accept().await {
            let outer = TcpStream::connect(&target).await.unwrap();
            let (mut from, mut back) = inner.into_split();
            let (mut answers, mut to) = outer.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            let filters = filters.clone();
            tokio::spawn(async move {
                let (mut sent, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
                while let Ok(len @ 1..) = from.read(&mut chunk).await {
                    to.write_all(&chunk[..len]).await.unwrap();
                    sent.extend_from_slice(&chunk[..len]);
                    keep_filters(&mut sent, &filters);
                }
            });
        }
    });
    url
}

/// Takes whole log requests out of what was sent; the rest stays until more comes.
fn keep_filters(sent: &mut Vec<u8>, filters: &Filters) {
    let text = String::from_utf8_lossy(sent).into_owned();
    let mut rest = text.as_str();
    while let Some((_, call)) = rest.split_once("\"eth_getLogs\"") {
        let Some((filter, behind)) = call.split_once("}]") else { break };
        filters.lock().unwrap().push(filter.split_once('[').unwrap().1.to_owned());
        rest = behind;
    }
    *sent = rest.as_bytes().to_vec();
}

/// A field of a filter.
fn field<'a>(filter: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = filter.split_once(&format!("\"{name}\":\""))?;
    value.split_once('"').map(|(value, _)| value)
}

struct Seen {
    l1_block: u64,
    l2_block: u64,
    assertions: Vec<ProposedAssertion>,
}

/// Opens the folder, follows L1 to its head, and closes it again.
async fn follow(devnet: &Devnet, url: &str, data: &Path) -> Seen {
    let client = L1Client::connect(url, None).unwrap();
    let rollup = Arc::new(devnet.rollup.clone());
    let chain = SafeChain::open(rollup, data, &StoreOptions::default()).unwrap();
    let deriver = Deriver::new(chain.clone(), UnsafeBlocks::Drop);
    let mut follower = Follower::open(chain, client.clone(), deriver, None).await.unwrap();
    let head = client.latest().await.unwrap();
    while follower.step(&head).await.unwrap() == Progress::Advanced {}
    let assertions = follower.assertions().read().in_order();
    let l2_block = follower.chain().safe_block().get();
    Seen { l1_block: follower.l1_block().number, l2_block, assertions }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_follower_asks_only_for_logs_above_its_position() {
    let mut devnet = Devnet::start(DevnetOptions { proposes: true, ..Default::default() }).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    let rpc = devnet.sequencer.rpc.clone();
    devnet
        .sequencer
        .wait("to propose a claim", || async {
            let status = rpc.status().await;
            if status["proposed"].is_null() { Err(format!("{status:#}")) } else { Ok(()) }
        })
        .await;
    let filters = Filters::default();
    let target = devnet.l1.rpc.url().trim_start_matches("http://").to_owned();
    let url = recorder(target, filters.clone()).await;
    let data = devnet.data("restarted");

    let first = follow(&devnet, &url, &data).await;
    let before: Vec<String> = std::mem::take(&mut filters.lock().unwrap());
    assert!(!before.is_empty(), "the relay saw no log request");
    assert!(first.l2_block > 0, "nothing was derived");
    assert!(!first.assertions.is_empty(), "no assertion was seen");

    devnet.l1.wait_blocks(3).await;
    let second = follow(&devnet, &url, &data).await;
    let after: Vec<String> = std::mem::take(&mut filters.lock().unwrap());
    println!("{} log requests, then {}", before.len(), after.len());
    assert!(second.l1_block > first.l1_block && !after.is_empty());
    assert_eq!(second.assertions[..first.assertions.len()], first.assertions);
    for filter in &after {
        assert!(!before.contains(filter), "asked for again: {filter}");
        if let Some(from) = field(filter, "fromBlock") {
            let from = u64::from_str_radix(from.trim_start_matches("0x"), 16).unwrap();
            assert!(from > first.l1_block, "asked for from block {from}, known {}", first.l1_block);
        } else {
            assert!(field(filter, "blockHash").is_some(), "{filter}");
        }
    }
    // One request a block at most: nothing below the position is asked for.
    let new_blocks = second.l1_block - first.l1_block;
    assert!(after.len() as u64 <= new_blocks, "{} requests, {new_blocks} blocks", after.len());
}
