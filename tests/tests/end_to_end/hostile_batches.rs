//! Whatever the sequencer's key posts, followers go on: a batch that is garbage is a block of
//! deposits alone, on every node alike.

use std::io::Cursor;

use alloy::{
    eips::{BlockId, eip4844::Blob},
    primitives::{Bytes, U256, address, keccak256},
};
use brotli::enc::BrotliEncoderParams;
use gainsay_derivation::{
    BATCH_BLOCKS_MAX, BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, BLOB_LEN, BatchBlock, BatchIndex,
    DepositIndex, MAX_CALLDATA_BYTES, encode_batch, to_blobs,
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
        let index = self.inbox.batch_count().await.unwrap();
        BatchPosition {
            index: BatchIndex(index),
            batch_acc: self.inbox.batch_acc(index, BlockId::latest()).await.unwrap(),
            deposits_read: DepositIndex(deposits_read),
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

/// Columns of version 1, and where those lie that are used here.
const COLUMNS: usize = 33;
const RAW: usize = 4;
const TIMES: usize = 6;
const COUNTS: usize = 7;
const DEPOSITS: usize = 8;
const KINDS: usize = 9;
const RAW_LENGTHS: usize = 10;

/// A well-formed batch of these columns, without signatures.
fn crafted(version: u8, columns: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let column = |i| columns.iter().find(|(at, _)| *at == i).map_or(&[][..], |(_, bytes)| bytes);
    let mut body: Vec<u8> = (0..COLUMNS).flat_map(|i| varint(column(i).len())).collect();
    body.extend((0..COLUMNS).flat_map(column));
    let mut data = vec![version, 0];
    let params = BrotliEncoderParams { quality: 5, lgwin: 24, ..Default::default() };
    brotli::BrotliCompress(&mut Cursor::new(body), &mut data, &params).unwrap();
    assert!(data.len() < MAX_CALLDATA_BYTES, "{} bytes", data.len());
    data
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
    out
}

/// One transaction kept raw, of `len` zeros.
fn one_of_zeros(version: u8, len: usize) -> Vec<u8> {
    let columns = [(RAW, vec![0; len]), (TIMES, vec![0]), (COUNTS, vec![1]), (DEPOSITS, vec![0])];
    let more = [(KINDS, vec![5]), (RAW_LENGTHS, varint(len))];
    crafted(version, &[&columns[..], &more].concat())
}

fn empty_blocks(version: u8, count: usize) -> Vec<u8> {
    crafted(version, &[TIMES, COUNTS, DEPOSITS].map(|column| (column, vec![0; count])))
}

/// A few hundred bytes that brotli turns into twice the bytes that a batch may have.
fn bomb(version: u8) -> Vec<u8> {
    let mut data = vec![version];
    let zeros = vec![0; 2 * BATCH_BYTES_MAX];
    let params = BrotliEncoderParams { quality: 5, lgwin: 24, ..Default::default() };
    brotli::BrotliCompress(&mut Cursor::new(zeros), &mut data, &params).unwrap();
    assert!(data.len() < MAX_CALLDATA_BYTES, "the bomb has {} bytes", data.len());
    data
}

fn too_many_transactions(version: u8) -> Vec<u8> {
    let count = BATCH_TRANSACTIONS_MAX + 1;
    let columns = [(TIMES, vec![0]), (COUNTS, varint(count)), (DEPOSITS, vec![0])];
    let more = [(KINDS, vec![5; count]), (RAW_LENGTHS, vec![0; count])];
    crafted(version, &[&columns[..], &more].concat())
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
        ("above the cap by its table", one_of_zeros(version, BATCH_BYTES_MAX)),
        ("of a transaction that is none", one_of_zeros(version, BATCH_BYTES_MAX - 100)),
        ("of too many blocks", empty_blocks(version, BATCH_BLOCKS_MAX + 1)),
        ("of too many transactions", too_many_transactions(version)),
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
    all_agree(devnet, follower).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_blobs_is_a_block_of_deposits() {
    let mut random = seeded("garbage_in_blobs_is_a_block_of_deposits");
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let mut follower = devnet.follower("follower").await;
    devnet.sequencer.stop();
    let poster = Poster::of(&devnet).await;
    let good = good_batch(&devnet, devnet.l1.time().await);
    // Field elements must be below the modulus: their first byte stays zero.
    let mut noise = Blob::ZERO;
    for (index, byte) in noise.iter_mut().enumerate().take(BLOB_LEN) {
        *byte = if index % 32 == 0 { 0 } else { random.random() };
    }
    for (what, blobs) in [("a blob of noise", vec![noise])].into_iter().chain(bad_blobs(&good)) {
        survives(what, &devnet, &mut follower, Batch::Blobs(blobs), &poster).await;
    }
    all_agree(devnet, follower).await;
}

/// Blobs of a good batch, and what is wrong with them.
fn bad_blobs(good: &[u8]) -> Vec<(&'static str, Vec<Blob>)> {
    let blobs = |data: &[u8]| -> Vec<Blob> {
        to_blobs(data).into_iter().map(|blob| Blob::new(*blob)).collect()
    };
    // Below the modulus, and above the 254 bits that an element holds.
    let mut high_bit = blobs(good);
    high_bit[0][32 * 99] |= 0x40;
    // The first four bytes of content say how long it is.
    let mut too_long = blobs(good);
    too_long[0][1] = 0xff;
    let mut cut_off = blobs(&[good, &random_tail()].concat());
    assert_eq!(cut_off.len(), 2);
    cut_off.pop();
    let mut swapped = blobs(&[good, &random_tail()].concat());
    swapped.reverse();
    vec![
        ("a truncated batch in a blob", blobs(&good[..good.len() / 2])),
        ("a blob with a bit too many", high_bit),
        ("a blob that promises more than it has", too_long),
        ("the first of two blobs", cut_off),
        ("two blobs the wrong way round", swapped),
    ]
}

/// What makes a batch long enough for two blobs.
fn random_tail() -> Vec<u8> {
    vec![0x77; BLOB_LEN]
}

/// A block with an invalid transaction ends its batch: those before it stand, it becomes one of
/// deposits alone, and what follows in the batch is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_transaction_ends_its_batch() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let mut follower = devnet.follower("follower").await;
    devnet.sequencer.stop();
    let poster = Poster::of(&devnet).await;
    let (wallet, to) = (devnet.wallet(0), devnet.wallet(1).address());
    let sign = |nonce| wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(nonce)));
    let mut bad_signature = sign(3).to_vec();
    *bad_signature.last_mut().unwrap() ^= 1;
    // (what, the transaction of the third block)
    let invalid = [
        ("a nonce from before", sign(0)),
        ("a nonce to come", sign(9)),
        ("another's signature", bad_signature.into()),
        ("no transaction", Bytes::from_static(&[0x7e, 0x80])),
    ];
    let mut nonce = 0;
    for (what, bad) in invalid {
        let before = follower.rpc.height("safe").await;
        let timestamp = devnet.l1.time().await;
        let block = |raw| BatchBlock { timestamp, deposit_count: 0, transactions: vec![raw] };
        let blocks = [sign(nonce), sign(nonce + 1), bad, sign(nonce + 2)].map(block);
        nonce += 2;
        let stands = [&blocks[0], &blocks[1]].map(|it| keccak256(&it.transactions[0]));
        let deposit = devnet.deposit(2, &["--to", &to.to_string(), "--value-wei", "5"]).await;
        poster.calldata(encode_batch(&blocks, devnet.rollup.chain.chain_id).unwrap()).await;
        println!("posted: a batch whose third block has {what}");
        let receipt = wait_for_receipt(&mut follower, deposit).await;
        assert_eq!(number(&receipt["blockNumber"]), before + 3, "{what}: {receipt:#}");
        for (height, hash) in (before + 1..).zip(stands) {
            let receipt = follower.rpc.receipt(hash).await;
            let found = (&receipt["status"], number(&receipt["blockNumber"]));
            assert_eq!(found, (&"0x1".into(), height), "{what}: {receipt:#}");
        }
        wait_for_safe(&mut follower, before + 3).await;
        assert_eq!(follower.rpc.block_number().await, before + 3, "{what}: the rest stands");
        assert_eq!(follower.rpc.nonce(wallet.address()).await, nonce, "{what}");
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
            if derived >= posted.index.get() { Ok(()) } else { Err(format!("{derived} batches")) }
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
