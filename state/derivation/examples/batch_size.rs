//! Bytes that batches take on L1: raw, under plain Brotli, and in our format.
//!
//! `cargo run -p gainsay-derivation --example batch_size -- CHAIN_ID FILE.jsonl..` reads one
//! `{"block": .., "txs": ["0x..", ..]}` a line. Without arguments it makes batches of 5,000
//! transfers: of ETH and of an ERC-20 token between 5,000 random accounts, and of ETH among
//! 500,000, where hardly a recipient repeats. It checks that all batches decode again.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use brotli::enc::{BrotliCompress, BrotliEncoderParams};
use gainsay_derivation::{BatchBlock, decode_blocks, encode_batch};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use std::{env, error::Error, fs, time::Instant};

const TRANSFERS: usize = 5_000;
const TRANSFERS_PER_BLOCK: usize = 500;
const ACCOUNTS: usize = 5_000;
const CHAIN_ID: u64 = 901;

#[derive(Deserialize)]
struct Line {
    txs: Vec<Bytes>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<30} {:>6} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "batch", "txs", "raw", "brotli", "ours", "ours/tx", "enc ms", "dec ms"
    );
    let mut arguments = env::args().skip(1);
    let Some(chain_id) = arguments.next() else {
        let mut rng = StdRng::seed_from_u64(1);
        for (name, accounts, erc20) in [
            ("ETH transfers", ACCOUNTS, false),
            ("ERC-20 transfers", ACCOUNTS, true),
            ("ETH, hardly one address twice", 100 * ACCOUNTS, false),
        ] {
            measure(name, &transfers(&mut rng, accounts, erc20), CHAIN_ID)?;
        }
        return Ok(());
    };
    for path in arguments {
        let mut blocks = Vec::new();
        for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
            let Line { txs } = serde_json::from_str(line)?;
            let timestamp = 1_718_000_000 + 2 * index as u64;
            blocks.push(BatchBlock { timestamp, deposit_count: 0, transactions: txs });
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        measure(name, &blocks, chain_id.parse()?)?;
    }
    Ok(())
}

fn measure(name: &str, blocks: &[BatchBlock], chain_id: u64) -> Result<(), Box<dyn Error>> {
    let raw: Vec<u8> =
        blocks.iter().flat_map(|block| &block.transactions).flatten().copied().collect();
    let count: usize = blocks.iter().map(|block| block.transactions.len()).sum();
    let mut plain = Vec::new();
    let params = BrotliEncoderParams { quality: 11, lgwin: 24, ..Default::default() };
    BrotliCompress(&mut raw.as_slice(), &mut plain, &params)?;
    let start = Instant::now();
    let ours = encode_batch(blocks, chain_id)?;
    let encoded_ms = start.elapsed().as_millis();
    let start = Instant::now();
    let decoded = decode_blocks(&ours, chain_id)?;
    let decoded_ms = start.elapsed().as_millis();
    assert!(decoded == blocks, "the batch decodes to other blocks");
    println!(
        "{name:<30} {count:>6} {:>9} {:>9} {:>9} {:>8.2} {encoded_ms:>8} {decoded_ms:>8}",
        raw.len(),
        plain.len(),
        ours.len(),
        ours.len() as f64 / count as f64,
    );
    Ok(())
}

fn word(rng: &mut StdRng) -> U256 {
    U256::from_be_bytes(rng.random::<[u8; 32]>())
}

/// Amounts have two to four significant digits; fees are near one gwei and a few to choose from.
fn transfers(rng: &mut StdRng, accounts: usize, erc20: bool) -> Vec<BatchBlock> {
    let accounts: Vec<Address> = (0..accounts).map(|_| Address::new(rng.random())).collect();
    let token = Address::new(rng.random());
    let transactions: Vec<Bytes> = (0..TRANSFERS)
        .map(|_| {
            let to = accounts[rng.random_range(0..accounts.len())];
            let digits = 10_u64.pow(rng.random_range(2..5));
            let amount = U256::from(rng.random_range(1..digits))
                * U256::from(10_u64.pow(rng.random_range(12..16)));
            let mut input = Vec::new();
            if erc20 {
                input.extend_from_slice(&[0xa9, 0x05, 0x9c, 0xbb]);
                input.extend_from_slice(&to.into_word()[..]);
                input.extend_from_slice(&amount.to_be_bytes::<32>());
            }
            let fee = 1_000_000 * rng.random_range(1000..1010_u128);
            let transaction = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce: rng.random_range(0..100),
                gas_limit: if erc20 { 65_000 } else { 21_000 },
                max_fee_per_gas: 2 * fee,
                max_priority_fee_per_gas: 1_000_000,
                to: TxKind::Call(if erc20 { token } else { to }),
                value: if erc20 { U256::ZERO } else { amount },
                access_list: Default::default(),
                input: input.into(),
            };
            let signature = Signature::new(word(rng), word(rng), rng.random());
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
