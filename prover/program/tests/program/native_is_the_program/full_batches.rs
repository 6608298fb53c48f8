//! Batches that decompress to the cap, and batches of anything that `hostile` makes.

use gainsay_derivation::{BATCH_BYTES_MAX, BatchKind};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::Fuzzer;
use crate::{
    chain::Chain,
    hostile::{self, COLUMNS, COUNTS, KINDS, RAW, RAW_LENGTHS, TIMES, crafted, varint},
};

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let mut chain = Chain::new(4);
    for _ in 0..4 {
        for _ in 0..random.random_range(0..3) {
            let (kind, payload) = hostile::deposit(random);
            chain.deposit(kind, payload);
        }
        let data = hostile::batch(random, &chain);
        let kinds = [BatchKind::Calldata, BatchKind::Blobs, BatchKind::Forced];
        let steps = chain.batch(*kinds.choose(random).unwrap(), &data);
        fuzzer.check("batches of anything", &chain, &steps);
    }
    let data = full(random);
    let steps = chain.batch(BatchKind::Calldata, &data);
    fuzzer.check("batches that decompress to the cap", &chain, &steps[..1]);
}

/// Columns that compress well and take all that a batch may take, or a little more.
fn full(random: &mut StdRng) -> Vec<u8> {
    let mut left = BATCH_BYTES_MAX - 1_000 + random.random_range(0..1_200);
    let transactions = random.random_range(1..100_000_usize);
    let kind = random.random_range(0..8_u8);
    let mut columns = vec![
        (TIMES, vec![0]),
        (COUNTS, varint(transactions)),
        (KINDS, vec![kind; transactions]),
        (RAW_LENGTHS, vec![random.random_range(0..0x80); transactions]),
    ];
    left -= 3 * transactions;
    let raw = random.random_range(0..=left);
    columns.push((RAW, vec![*[0, 2, 0xf8].choose(random).unwrap(); raw]));
    left -= raw;
    for column in 0..COLUMNS {
        if columns.iter().all(|(taken, _)| *taken != column) {
            let len = random.random_range(0..=left / 2);
            columns.push((column, vec![*[0, 1, 0x7f, 0x80].choose(random).unwrap(); len]));
            left -= len;
        }
    }
    crafted(&columns)
}
