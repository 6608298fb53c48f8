//! Whatever L1 holds, the program claims what the native transition claims: random batches, seeded.
//!
//! `GAINSAY_SEED` replays a run, `GAINSAY_ROUNDS` makes more rounds. Where GAINSAY_PROGRAM_ELF
//! names the program, the machine runs every block, too, and must halt with exit code 0.

use std::io::Cursor;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use brotli::enc::BrotliEncoderParams;
use gainsay_derivation::{
    BATCH_BLOCKS_MAX, BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, BatchBlock, BatchKind, DepositKind,
    encode_batch,
};
use gainsay_oracle::WitnessOracle;
use gainsay_program::run;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    chain::{CALLER, Chain, L1_TIME, Step, tx},
    machine::Prover,
};

/// Batches of a round.
const BATCHES: usize = 6;
/// Columns of a batch of version 1, and where those lie that are used here.
pub(crate) const COLUMNS: usize = 33;
pub(crate) const RAW: usize = 4;
pub(crate) const TIMES: usize = 6;
pub(crate) const COUNTS: usize = 7;
pub(crate) const DEPOSITS: usize = 8;
pub(crate) const KINDS: usize = 9;
pub(crate) const RAW_LENGTHS: usize = 10;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The claims of these steps by the program on this host, and by the machine.
fn check(prover: Option<&Prover>, chain: &Chain, steps: &[Step], what: &str) {
    assert!(!steps.is_empty(), "{what}");
    for step in steps {
        match prover {
            Some(prover) => drop(prover.prove(chain, step)),
            None => {
                let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
                assert_eq!(run(&oracle, step.input).unwrap(), step.claim, "{what}");
            }
        }
    }
}

#[test]
fn random_batches_give_the_right_claim() {
    let prover = Prover::from_env();
    let seed = from_env("GAINSAY_SEED").unwrap_or_else(rand::random);
    for round in 0..from_env("GAINSAY_ROUNDS").unwrap_or(8) {
        println!("GAINSAY_SEED={} GAINSAY_ROUNDS=1", seed.wrapping_add(round));
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(round));
        let mut chain = Chain::new(4);
        for _ in 0..BATCHES {
            for _ in 0..random.random_range(0..3) {
                let (kind, payload) = deposit(&mut random);
                chain.deposit(kind, payload);
            }
            let data = batch(&mut random, &chain);
            let kinds = [BatchKind::Calldata, BatchKind::Blobs, BatchKind::Forced];
            let steps = chain.batch(*kinds.choose(&mut random).unwrap(), &data);
            check(prover.as_ref(), &chain, &steps, "a random batch");
        }
    }
}

/// Blocks beyond the slots of their batch: the program, too, takes the fallback.
// PROTOCOL.md DERIVE-8, DERIVE-9
#[test]
fn blocks_without_a_slot_give_the_right_claim() {
    let prover = Prover::from_env();
    let mut chain = Chain::new(1).with_slots(1);
    chain.deposit(DepositKind::FeeReport, Bytes::new());
    // One slot for each second from L1's time to the end of 60 seconds of drift.
    let block = |nonce| BatchBlock {
        timestamp: L1_TIME,
        deposit_count: 0,
        transactions: vec![chain.transfer(0, nonce, Address::repeat_byte(7), Bytes::new())],
    };
    let crowd: Vec<_> = (0..63).map(block).collect();
    let data = encode_batch(&crowd, chain.config.chain_id).unwrap();
    let steps = chain.batch(BatchKind::Calldata, &data);
    let counts: Vec<_> = steps.iter().map(|step| step.transactions).collect();
    assert_eq!(counts, [1; 62], "61 blocks with a transfer each, and one with the deposit");
    assert_eq!((steps[60].cursor.block, steps[61].cursor.block), (61, 0));
    check(prover.as_ref(), &chain, &steps[60..], "the last slot, and the fallback behind it");
    // No slot is left for a batch of the same second, but a forced one needs none.
    for kind in [BatchKind::Calldata, BatchKind::Forced] {
        let steps = chain.batch(kind, &data);
        assert_eq!(steps.iter().map(|step| step.transactions).collect::<Vec<_>>(), [0]);
        check(prover.as_ref(), &chain, &steps, "a batch without a slot");
    }
}

/// Batches at the caps of the decoder: nothing runs out of memory or of the trace.
#[test]
fn batches_at_the_caps_are_within_the_machine() {
    let prover = Prover::from_env();
    let count = |count: usize| {
        let columns = [(TIMES, vec![0]), (COUNTS, varint(count)), (DEPOSITS, vec![0])];
        let more = [(KINDS, vec![5; count]), (RAW_LENGTHS, vec![0; count])];
        crafted(&[&columns[..], &more].concat())
    };
    let empty = |count: usize| crafted(&[TIMES, COUNTS, DEPOSITS].map(|it| (it, vec![0; count])));
    let batches = [
        ("a bomb", compressed(vec![1], &vec![0; 2 * BATCH_BYTES_MAX])),
        ("one of zeros", one_of_zeros(BATCH_BYTES_MAX - 100)),
        ("above the cap", one_of_zeros(BATCH_BYTES_MAX)),
        ("the most transactions", count(BATCH_TRANSACTIONS_MAX)),
        ("too many transactions", count(BATCH_TRANSACTIONS_MAX + 1)),
        ("too many blocks", empty(BATCH_BLOCKS_MAX + 1)),
    ];
    for (what, data) in batches {
        println!("{what}, {} bytes", data.len());
        let mut chain = Chain::new(1);
        let steps = chain.batch(BatchKind::Calldata, &data);
        check(prover.as_ref(), &chain, &steps, what);
    }
    println!("the most blocks");
    let mut chain = Chain::new(1);
    let steps = chain.batch(BatchKind::Calldata, &empty(BATCH_BLOCKS_MAX));
    assert_eq!(steps.len(), BATCH_BLOCKS_MAX);
    check(prover.as_ref(), &chain, &steps[..1], "the most blocks");
}

fn bytes(random: &mut StdRng, len_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(0..=len_max)];
    random.fill_bytes(&mut bytes);
    bytes
}

pub(crate) fn deposit(random: &mut StdRng) -> (DepositKind, Bytes) {
    let word = |random: &mut StdRng| {
        let number = U256::from_be_bytes(random.random::<[u8; 32]>());
        (number >> random.random_range(0..256_usize)).to_be_bytes::<32>()
    };
    let kinds = [DepositKind::FeeReport, DepositKind::Transaction];
    let payload = match random.random_range(0..3) {
        0 => bytes(random, 200),
        _ => {
            let to = *[Address::new(random.random()), CALLER].choose(random).unwrap();
            let gas = random.random_range(0..2_000_000_u64).to_be_bytes();
            let (mint, value) = (word(random), word(random));
            let is_creation = [random.random_range(0..3_u8)];
            [to.as_slice(), &mint, &value, &gas, &is_creation, &bytes(random, 100)].concat()
        }
    };
    (*kinds.choose(random).unwrap(), payload.into())
}

/// Data of a batch: from garbage to blocks that are nearly valid.
pub(crate) fn batch(random: &mut StdRng, chain: &Chain) -> Vec<u8> {
    match random.random_range(0..6) {
        0 => bytes(random, 3_000),
        1 => [&[1, 0][..], &bytes(random, 500)].concat(),
        2 => {
            let columns: Vec<_> = (0..COLUMNS).map(|column| (column, bytes(random, 12))).collect();
            crafted(&columns)
        }
        kind => {
            let mut blocks: Vec<_> =
                (0..random.random_range(1..4)).map(|_| block(random, chain)).collect();
            blocks.sort_by_key(|block| block.timestamp);
            let mut data = encode_batch(&blocks, chain.config.chain_id).unwrap();
            if kind == 3 && !data.is_empty() {
                let at = random.random_range(0..data.len());
                data[at] ^= 1 << random.random_range(0..8);
            }
            if kind == 4 {
                data.truncate(random.random_range(0..=data.len()));
            }
            data
        }
    }
}

fn block(random: &mut StdRng, chain: &Chain) -> BatchBlock {
    let mut transactions = Vec::new();
    for _ in 0..random.random_range(0..4) {
        let raw = transaction(random, chain);
        transactions.push(raw);
    }
    let times = [0, L1_TIME, L1_TIME + 30, u64::MAX];
    let timestamp = *times.choose(random).unwrap();
    BatchBlock { timestamp, deposit_count: random.random_range(0..3), transactions }
}

fn transaction(random: &mut StdRng, chain: &Chain) -> Bytes {
    if random.random_bool(0.1) {
        return bytes(random, 150).into();
    }
    let targets = [TxKind::Create, CALLER.into(), Address::new(random.random()).into()];
    let address = U256::from(random.random_range(0..0x14_u64)).to_be_bytes::<32>();
    let input = [&address[..], &bytes(random, 400)].concat();
    let gas_limits = [21_000, 60_000, 1_000_000, 20_000_000, u64::MAX];
    let tx = TxEip1559 {
        nonce: random.random_range(0..2),
        gas_limit: gas_limits[random.random_range(0..50_usize).saturating_sub(46)],
        to: *targets.choose(random).unwrap(),
        value: U256::from(random.random_range(0..3)) << [0, 255][random.random_range(0..2_usize)],
        input: if random.random() { input.into() } else { Bytes::new() },
        ..tx()
    };
    let mut raw = chain.sign(random.random_range(0..5), tx).to_vec();
    if random.random_bool(0.1) {
        let at = random.random_range(0..raw.len());
        raw[at] ^= 1 << random.random_range(0..8);
    }
    raw.into()
}

/// A well-formed batch of these columns, without signatures.
pub(crate) fn crafted(columns: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let column = |i| columns.iter().find(|(at, _)| *at == i).map_or(&[][..], |(_, bytes)| bytes);
    let mut body: Vec<u8> = (0..COLUMNS).flat_map(|i| varint(column(i).len())).collect();
    body.extend((0..COLUMNS).flat_map(column));
    compressed(vec![1, 0], &body)
}

fn compressed(mut head: Vec<u8>, body: &[u8]) -> Vec<u8> {
    let params = BrotliEncoderParams { quality: 5, lgwin: 24, ..Default::default() };
    brotli::BrotliCompress(&mut Cursor::new(body), &mut head, &params).unwrap();
    head
}

/// One transaction kept raw.
pub(crate) fn one_of_zeros(len: usize) -> Vec<u8> {
    let columns = [(RAW, vec![0; len]), (TIMES, vec![0]), (COUNTS, vec![1]), (DEPOSITS, vec![0])];
    crafted(&[&columns[..], &[(KINDS, vec![5]), (RAW_LENGTHS, varint(len))]].concat())
}

pub(crate) fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
    out
}
