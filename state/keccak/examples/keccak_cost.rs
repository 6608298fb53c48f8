//! What one hash costs, alone and with others: `cargo run -p gainsay-keccak --example keccak_cost`.

use std::{hint::black_box, time::Instant};

use alloy_primitives::{B256, keccak256};
use gainsay_keccak::{keccak256_each, keccak256_many, keccak256_pairs};

const COUNT: usize = 4_096;
const ROUNDS: usize = 60;

/// The fastest of many rounds, in nanoseconds a hash.
fn best(mut round: impl FnMut()) -> f64 {
    let nanoseconds = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_nanos()
        })
        .min();
    nanoseconds.unwrap_or_default() as f64 / COUNT as f64
}

fn main() {
    let mut hashes = vec![B256::ZERO; COUNT];
    let pairs: Vec<[B256; 2]> =
        (0..COUNT).map(|at| [keccak256(at.to_le_bytes()), B256::ZERO]).collect();
    let single = best(|| {
        for (pair, hash) in black_box(&pairs).iter().zip(&mut hashes) {
            *hash = keccak256(pair.map(|half| half.0).as_flattened());
        }
    });
    let many = best(|| keccak256_pairs(black_box(&pairs), &mut hashes));
    println!("pairs of hashes: alone {single:.0} ns, together {many:.0} ns each");

    let addresses = vec![[7_u8; 20]; COUNT];
    let many = best(|| keccak256_each(black_box(&addresses), &mut hashes));
    println!("addresses: together {many:.0} ns each");

    let seconds: Vec<&[u8]> = pairs.iter().map(|[first, _]| first.as_slice()).collect();
    let many = best(|| keccak256_many(black_box(&seconds), &mut hashes));
    println!("32 bytes, any length: together {many:.0} ns each");

    // Leaves, small branches, whole branches, in turn.
    let nodes: Vec<Vec<u8>> = (0..COUNT).map(|at| vec![7; [110, 110, 245, 532][at % 4]]).collect();
    let single = best(|| {
        for (node, hash) in black_box(&nodes).iter().zip(&mut hashes) {
            *hash = keccak256(node);
        }
    });
    let many = best(|| keccak256_many(black_box(&nodes), &mut hashes));
    println!("trie nodes: alone {single:.0} ns, together {many:.0} ns each");
}
