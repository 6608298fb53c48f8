//! Hashes many messages at once: in the lanes of vectors, and on several threads if there are
//! enough.

use alloy_primitives::B256;
use gainsay_keccak::{keccak256_many, keccak256_pairs};
use rayon::prelude::*;

/// Hashes that one thread makes at once; about 20 us of work.
const TOGETHER: usize = 512;

/// The nodes above pairs of nodes.
pub(crate) fn hash_pairs(pairs: &[[B256; 2]], hashes: &mut [B256]) {
    if pairs.len() <= TOGETHER {
        return keccak256_pairs(pairs, hashes);
    }
    pairs
        .par_chunks(TOGETHER)
        .zip(hashes.par_chunks_mut(TOGETHER))
        .for_each(|(pairs, hashes)| keccak256_pairs(pairs, hashes));
}

/// The hashes of messages.
pub(crate) fn hash_many<T: AsRef<[u8]> + Sync>(messages: &[T], hashes: &mut [B256]) {
    if messages.len() <= TOGETHER {
        return keccak256_many(messages, hashes);
    }
    messages
        .par_chunks(TOGETHER)
        .zip(hashes.par_chunks_mut(TOGETHER))
        .for_each(|(messages, hashes)| keccak256_many(messages, hashes));
}
