//! Whatever the sequencer's key posts, followers go on: a batch that is garbage is a block of
//! deposits alone, on every node alike.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;

use alloy::{
    eips::{BlockId, eip4844::Blob},
    primitives::{Bytes, U256, address},
};
use brotli::enc::BrotliEncoderParams;
use gainsay_derivation::{
    BLOB_LEN, BatchBlock, MAX_BATCH_BYTES, MAX_CALLDATA_BYTES, encode_batch, to_blobs,
};
use gainsay_l1::{BatchPosition, Inbox, TxSender};
use gainsay_tests::{
    Call, Devnet, DevnetOptions, Kind, Node, Role, assert_same_chain, number, seeded,
    wait_for_receipt, wait_for_safe,
};
use rand::{Rng, RngCore, rngs::StdRng};

/// The sequencer's key in other hands.
struct Poster {
    inbox: Inbox,
    sender: TxSender,
}

impl Poster {
    async fn of(devnet: &Devnet) -> Self {
        let sender = devnet.l1.sender(Role::Poster).await;
        Self { inbox: devnet.l1.inbox(&devnet.rollup), sender }
    }

    /// Where the next batch goes; it reads all deposits.
    async fn next(&self) -> BatchPosition {
        let deposits_read = self.inbox.deposit_count().await.unwrap();
        BatchPosition {
            index: self.inbox.batch_count().await.unwrap(),
            deposits_read,
            deposit_acc: self.inbox.deposit_acc(deposits_read, BlockId::latest()).await.unwrap(),
        }
    }

    async fn calldata(&self, data: Vec<u8>) {
        let at = self.next().await;
        self.inbox.post_batch_calldata(&self.sender, at, data.into()).await.unwrap();
    }

    async fn blobs(&self, blobs: Vec<Blob>) {
        let at = self.next().await;
        self.inbox.post_batch_blobs(&self.sender, at, blobs).await.unwrap();
    }
}

/// A batch as a good sequencer would post it.
fn good_batch(devnet: &Devnet, timestamp: u64) -> Vec<u8> {
    let wallet = devnet.wallet(0);
    let to = devnet.wallet(1).address();
    let sign = |nonce| wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(nonce)));
    let transactions: Vec<Bytes> = (0..20).map(sign).collect();
    let blocks = [BatchBlock { timestamp, deposit_count: 1, transactions }];
    encode_batch(&blocks, devnet.rollup.chain.chain_id).unwrap()
}

/// A few hundred bytes that brotli turns into twice the bytes that a batch may have.
fn bomb(version: u8) -> Vec<u8> {
    let mut data = vec![version];
    let zeros = vec![0; 2 * MAX_BATCH_BYTES];
    let params = BrotliEncoderParams { quality: 5, lgwin: 24, ..Default::default() };
    brotli::BrotliCompress(&mut Cursor::new(zeros), &mut data, &params).unwrap();
    assert!(data.len() < MAX_CALLDATA_BYTES, "the bomb has {} bytes", data.len());
    data
}

fn random_bytes(random: &mut StdRng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Batches that hold no transaction, whatever else they are.
fn garbage(random: &mut StdRng, good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let version = good[0];
    let mut wrong_version = good.to_vec();
    wrong_version[0] = version.wrapping_add(1);
    let mut extended = vec![version];
    extended.extend(random_bytes(random, 1_000));
    vec![
        ("empty", Vec::new()),
        ("a version and nothing else", vec![version]),
        ("random", random_bytes(random, 5_000)),
        ("random after the version", extended),
        ("truncated", good[..random.random_range(1..good.len())].to_vec()),
        ("of another version", wrong_version),
        ("a decompression bomb", bomb(version)),
        ("as long as L1 takes", random_bytes(random, MAX_CALLDATA_BYTES)),
    ]
}

/// Deposits, posts by `post`, and checks that the follower executed the deposit and nothing else.
async fn survives(what: &str, devnet: &Devnet, follower: &mut Node, batch: Batch, poster: &Poster) {
    let stranger = address!("0000000000000000000000000000000000bad000");
    let before = follower.rpc.balance(stranger).await;
    let deposit = devnet.deposit(2, &["--to", &stranger.to_string(), "--value-wei", "5"]).await;
    match batch {
        Batch::Calldata(data) => poster.calldata(data).await,
        Batch::Blobs(blobs) => poster.blobs(blobs).await,
    }
    println!("posted: {what}");
    let receipt = wait_for_receipt(follower, deposit).await;
    assert_eq!(receipt["status"], "0x1", "deposit of a batch that is {what}: {receipt:#}");
    assert_eq!(follower.rpc.balance(stranger).await, before + U256::from(5), "batch: {what}");
    let block = follower.rpc.block(receipt["blockNumber"].clone()).await;
    for hash in block["transactions"].as_array().unwrap() {
        let receipt = follower.rpc.receipt(hash.as_str().unwrap().parse().unwrap()).await;
        assert_eq!(receipt["type"], "0x7e", "a batch that is {what} held {receipt:#}");
    }
}

enum Batch {
    Calldata(Vec<u8>),
    Blobs(Vec<Blob>),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_a_block_of_deposits() {
    let mut random = seeded("garbage_is_a_block_of_deposits");
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let mut follower = devnet.follower("follower").await;
    devnet.sequencer.stop();
    let poster = Poster::of(&devnet).await;
    let good = good_batch(&devnet, devnet.l1.time().await);
    for (what, data) in garbage(&mut random, &good) {
        survives(what, &devnet, &mut follower, Batch::Calldata(data), &poster).await;
    }
    // Field elements must be below the modulus: their first byte stays zero.
    let mut noise = Blob::ZERO;
    for (index, byte) in noise.iter_mut().enumerate().take(BLOB_LEN) {
        *byte = if index % 32 == 0 { 0 } else { random.random() };
    }
    let truncated = to_blobs(&good[..good.len() / 2]).into_iter().map(|blob| Blob::new(*blob));
    let blobs = [("a blob of noise", vec![noise]), ("a truncated blob", truncated.collect())];
    for (what, blobs) in blobs {
        survives(what, &devnet, &mut follower, Batch::Blobs(blobs), &poster).await;
    }
    all_agree(devnet, follower).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_divides_nobody() {
    let mut random = seeded("a_flipped_bit_divides_nobody");
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let follower = devnet.follower("follower").await;
    devnet.sequencer.stop();
    let poster = Poster::of(&devnet).await;
    let good = good_batch(&devnet, devnet.l1.time().await);
    for _ in 0..6 {
        let mut data = good.clone();
        let index = random.random_range(0..data.len());
        data[index] ^= 1 << random.random_range(0..8);
        poster.calldata(data).await;
    }
    all_agree(devnet, follower).await;
}

/// Checks that the sequencer goes on after what was posted in its name, that a new follower and
/// the old one have its chain, and that transactions are executed again.
async fn all_agree(mut devnet: Devnet, mut follower: Node) {
    let posted = Poster::of(&devnet).await.next().await;
    let rpc = follower.rpc.clone();
    follower
        .wait("to derive all batches", || async {
            let derived = number(&rpc.status().await["batches"]["derived"]);
            if derived >= posted.index { Ok(()) } else { Err(format!("{derived} batches")) }
        })
        .await;
    let height = follower.rpc.height("safe").await;
    devnet.sequencer.start().await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    let wallet = devnet.wallet(5);
    let call = Call::transfer(devnet.wallet(1).address(), U256::from(1));
    let hash = devnet.sequencer.rpc.send(&wallet.sign(Kind::Eip1559, 0, call)).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    let mut fresh = devnet.follower("fresh").await;
    let height = number(&receipt["blockNumber"]);
    for node in [&mut follower, &mut fresh, &mut devnet.sequencer] {
        wait_for_safe(node, height).await;
    }
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &fresh.rpc, height).await;
}
