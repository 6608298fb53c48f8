//! A restart reads L1 from where the data folder stands: logs are kept, and read once.
//!
//! A follower derives the chain of a devnet through a relay that writes down which blocks are asked
//! for; then it is opened again on the same folder.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use gainsay_chain::{Deriver, Follower, Progress, ProposedAssertion, SafeChain, UnsafeBlocks};
use gainsay_l1::{L1BlockRef, L1Client};
use gainsay_store::{L1BlockRecord, L1Update, StoreOptions};
use gainsay_tests::{Devnet, DevnetOptions, use_chain, wait_for_receipt, wait_for_safe};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The methods by which blocks are read, by number.
const READS: [&str; 4] =
    ["eth_getHeaderByNumber", "eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getLogs"];

/// All requests for a block: the method, and the number of the block.
type Reads = Arc<Mutex<Vec<(&'static str, u64)>>>;

/// Relays connections to L1 and keeps the requests that pass. Returns its URL.
async fn recorder(target: String, reads: Reads) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((inner, _)) = listener.accept().await {
            let outer = TcpStream::connect(&target).await.unwrap();
            let (mut from, mut back) = inner.into_split();
            let (mut answers, mut to) = outer.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            let reads = reads.clone();
            tokio::spawn(async move {
                let (mut sent, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
                while let Ok(len @ 1..) = from.read(&mut chunk).await {
                    to.write_all(&chunk[..len]).await.unwrap();
                    sent.extend_from_slice(&chunk[..len]);
                    keep_reads(&mut sent, &reads);
                }
            });
        }
    });
    url
}

/// Takes whole requests out of what was sent; the rest stays until more comes.
fn keep_reads(sent: &mut Vec<u8>, reads: &Reads) {
    let text = String::from_utf8_lossy(sent).into_owned();
    let mut rest = text.as_str();
    while let Some((_, call)) = rest.split_once("\"method\":\"") {
        let Some((call, behind)) = call.split_once(']') else { break };
        let method = READS.into_iter().find(|method| call.starts_with(method));
        // A tag is no number.
        let number = call
            .split_once("[\"0x")
            .and_then(|(_, params)| u64::from_str_radix(params.split_once('"')?.0, 16).ok());
        if let Some(method) = method.filter(|method| number.is_some() || *method == READS[3]) {
            reads.lock().unwrap().push((method, number.unwrap_or_default()));
        }
        rest = behind;
    }
    *sent = rest.as_bytes().to_vec();
}

struct Seen {
    l1_block: u64,
    l2_block: u64,
    assertions: Vec<ProposedAssertion>,
}

/// Says that a folder has read L1 to its head, though it has not.
async fn skip_to_head(devnet: &Devnet, data: &Path) {
    let head = devnet.l1.client().latest().await.unwrap();
    let rollup = Arc::new(devnet.rollup.clone());
    let chain = SafeChain::open(rollup, data, &StoreOptions::default()).unwrap();
    let L1BlockRef { number, hash, parent_hash, timestamp } = head;
    let l1_blocks = vec![L1BlockRecord { number, hash, parent_hash, timestamp }];
    chain.store.apply(&L1Update { l1_blocks, ..Default::default() }, true).unwrap();
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
    let reads = Reads::default();
    let target = devnet.l1.rpc.url().trim_start_matches("http://").to_owned();
    let url = recorder(target, reads.clone()).await;
    let data = devnet.data("restarted");

    let first = follow(&devnet, &url, &data).await;
    let before = std::mem::take(&mut *reads.lock().unwrap());
    let receipts =
        |reads: &[(&'static str, u64)]| reads.iter().filter(|it| it.0 == READS[2]).count();
    assert!(receipts(&before) > 0, "the relay saw no request for receipts");
    let is_of_logs = |it: &(&'static str, u64)| it.0 == READS[3];
    assert!(!before.iter().any(is_of_logs), "what eth_getLogs leaves out cannot be seen");
    assert!(first.l2_block > 0, "nothing was derived");
    assert!(!first.assertions.is_empty(), "no assertion was seen");

    devnet.l1.wait_blocks(3).await;
    let second = follow(&devnet, &url, &data).await;
    let after = std::mem::take(&mut *reads.lock().unwrap());
    println!("{} reads, then {}", before.len(), after.len());
    assert!(second.l1_block > first.l1_block && !after.is_empty());
    assert_eq!(second.assertions[..first.assertions.len()], first.assertions);
    let start = devnet.rollup.l1_start.number;
    for (method, number) in &after {
        // Whether L1 has the chain's start is asked at every start.
        let is_new = *number > first.l1_block || *number == start;
        assert!(is_new, "{method} of block {number}, known {}", first.l1_block);
    }
    // One header a block, and receipts where it may hold an event: nothing is read twice.
    let new_blocks = second.l1_block - first.l1_block;
    let most = 2 * new_blocks + 1;
    assert!(after.len() as u64 <= most, "{} reads, {new_blocks} blocks", after.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_behind_an_event_that_was_never_read_goes_back() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    let url = devnet.l1.rpc.url().to_owned();
    let data = devnet.data("behind");
    let first = follow(&devnet, &url, &data).await;

    let to = "0x000000000000000000000000000000000011e5e2";
    let missed = devnet.deposit(1, &["--to", to, "--value-wei", "1"]).await;
    skip_to_head(&devnet, &data).await;
    let seen = devnet.deposit(1, &["--to", to, "--value-wei", "2"]).await;
    for deposit in [missed, seen] {
        wait_for_receipt(&mut devnet.sequencer, deposit).await;
    }
    let height = devnet.sequencer.rpc.block_number().await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    let second = follow(&devnet, &url, &data).await;
    assert!(second.l2_block >= height && height > first.l2_block, "{} {height}", second.l2_block);
}
