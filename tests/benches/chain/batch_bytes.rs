//! Bytes that batches take on L1: raw, under plain Brotli, and in our format.
//!
//! In: real L2 blocks of `state/derivation/tests/vectors`, and batches of 5,000 made-up transfers.
//! All are decoded again and compared.

use std::{fs, time::Duration};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, Signature, TxKind, U256},
};
use brotli::enc::{BrotliCompress, BrotliEncoderParams};
use gainsay_derivation::{BatchBlock, decode_blocks, encode_batch};
use gainsay_tests::in_repository;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::{
    cpu,
    report::{Report, Row},
};

const TRANSFERS: usize = 5_000;
const TRANSFERS_PER_BLOCK: usize = 500;
const ACCOUNTS: usize = 5_000;
const CHAIN_ID: u64 = 901;

/// The sizes of one batch.
struct Sizes {
    transactions: f64,
    raw: f64,
    brotli: f64,
    ours: f64,
    encoded_in: Duration,
}

pub(crate) fn measure(report: &mut Report) {
    made_up(report);
    let unit = "bytes";
    let op = sizes(&real("op-mainnet-143blocks"), 10);
    let mut row = |name, ours, peer, peer_name, goal| {
        report.add(Row { name, ours, peer, peer_name, unit, less_is_better: true, goal });
    };
    // 615,361 to be under 525,000.
    row(
        "op-mainnet-143blocks, posted",
        op.ours,
        615_361.0,
        "what OP posted",
        615_361.0 / 525_000.0,
    );
    row("op-mainnet-143blocks, beside brotli-11", op.ours, op.brotli, "brotli-11 over RLP", 1.0);
    let scroll = sizes(&real("scroll-mainnet-blocks"), 534_352);
    row(
        "scroll-mainnet-blocks, beside brotli-11",
        scroll.ours,
        scroll.brotli,
        "brotli-11 over RLP",
        1.0,
    );
    for (name, sizes) in [("op-mainnet-143blocks", op), ("scroll-mainnet-blocks", scroll)] {
        note(report, name, &sizes);
    }
}

fn made_up(report: &mut Report) {
    let mut random = StdRng::seed_from_u64(1);
    let mut row = |name, accounts, erc20, peer, bound: f64| {
        let sizes = sizes(&transfers(&mut random, accounts, erc20), CHAIN_ID);
        report.add(Row {
            name,
            ours: sizes.ours / sizes.transactions,
            peer,
            peer_name: "OP span batch, brotli-10, measured once",
            unit: "bytes/tx",
            less_is_better: true,
            goal: peer / bound,
        });
        note(report, name, &sizes);
    };
    row("5,000 ETH transfers", ACCOUNTS, false, 87.0, 85.0);
    row("5,000 ERC-20 transfers", ACCOUNTS, true, 90.0, 87.0);
    let fresh = sizes(&transfers(&mut random, 100 * ACCOUNTS, false), CHAIN_ID);
    note(report, "5,000 ETH transfers, hardly one recipient twice", &fresh);
}

fn note(report: &mut Report, name: &str, sizes: &Sizes) {
    let per_tx = |bytes: f64| bytes / sizes.transactions;
    report.note(format!(
        "{name}: {} transactions, {} bytes raw ({:.1} each), {} brotli-11 ({:.1}), {} ours ({:.1}); \
         encoded in {} CPU-ms",
        sizes.transactions,
        sizes.raw,
        per_tx(sizes.raw),
        sizes.brotli,
        per_tx(sizes.brotli),
        sizes.ours,
        per_tx(sizes.ours),
        sizes.encoded_in.as_millis(),
    ));
}

/// The blocks of a file of vectors.
fn real(name: &str) -> Vec<BatchBlock> {
    let folder = in_repository("state/derivation/tests/vectors");
    let packed = fs::read(folder.join(format!("{name}.jsonl.br"))).unwrap();
    let mut text = Vec::new();
    brotli::BrotliDecompress(&mut packed.as_slice(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let block = |(index, line): (usize, &str)| {
        let line: Value = serde_json::from_str(line).unwrap();
        let transactions = line["txs"].as_array().unwrap().iter();
        BatchBlock {
            timestamp: 1_718_000_000 + 2 * index as u64,
            deposit_count: 0,
            transactions: transactions.map(|it| it.as_str().unwrap().parse().unwrap()).collect(),
        }
    };
    text.lines().enumerate().map(block).collect()
}

fn sizes(blocks: &[BatchBlock], chain_id: u64) -> Sizes {
    let transactions = blocks.iter().flat_map(|block| &block.transactions);
    let count = transactions.clone().count();
    let raw: Vec<u8> = transactions.flatten().copied().collect();
    let mut brotli = Vec::new();
    let params = BrotliEncoderParams { quality: 11, lgwin: 24, ..Default::default() };
    BrotliCompress(&mut raw.as_slice(), &mut brotli, &params).unwrap();
    let before = cpu::of_this_process();
    let ours = encode_batch(blocks, chain_id).unwrap();
    let encoded_in = cpu::of_this_process() - before;
    assert!(decode_blocks(&ours, chain_id).unwrap() == blocks, "it decodes to other blocks");
    Sizes {
        transactions: count as f64,
        raw: raw.len() as f64,
        brotli: brotli.len() as f64,
        ours: ours.len() as f64,
        encoded_in,
    }
}

fn word(random: &mut StdRng) -> U256 {
    U256::from_be_bytes(random.random::<[u8; 32]>())
}

/// Amounts have two to four significant digits; fees are near one gwei and a few to choose from.
fn transfers(random: &mut StdRng, accounts: usize, erc20: bool) -> Vec<BatchBlock> {
    let accounts: Vec<Address> = (0..accounts).map(|_| Address::new(random.random())).collect();
    let token = Address::new(random.random());
    let transactions: Vec<Bytes> = (0..TRANSFERS)
        .map(|_| {
            let to = accounts[random.random_range(0..accounts.len())];
            let digits = 10_u64.pow(random.random_range(2..5));
            let amount = U256::from(random.random_range(1..digits))
                * U256::from(10_u64.pow(random.random_range(12..16)));
            let mut input = Vec::new();
            if erc20 {
                input.extend_from_slice(&[0xa9, 0x05, 0x9c, 0xbb]);
                input.extend_from_slice(&to.into_word()[..]);
                input.extend_from_slice(&amount.to_be_bytes::<32>());
            }
            let fee = 1_000_000 * random.random_range(1000..1010_u128);
            let transaction = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce: random.random_range(0..100),
                gas_limit: if erc20 { 65_000 } else { 21_000 },
                max_fee_per_gas: 2 * fee,
                max_priority_fee_per_gas: 1_000_000,
                to: TxKind::Call(if erc20 { token } else { to }),
                value: if erc20 { U256::ZERO } else { amount },
                access_list: Default::default(),
                input: input.into(),
            };
            let signature = Signature::new(word(random), word(random), random.random());
            TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
        })
        .collect();
    let blocks = transactions.chunks(TRANSFERS_PER_BLOCK).enumerate();
    blocks
        .map(|(index, transactions)| BatchBlock {
            timestamp: 1_718_000_000 + index as u64,
            deposit_count: u64::from(index == 0),
            transactions: transactions.to_vec(),
        })
        .collect()
}
