//! Keccak-256 of many messages at once: one message in each lane of the CPU's vectors.
//!
//! In: messages. Out: their hashes, the same that [`keccak256`] gives one by one. On an x86-64 host
//! eight messages share each permutation with AVX-512, four with AVX2; elsewhere, and in the guest,
//! they are hashed one after the other. Nothing but `commitment` allocates or uses threads.
//!
//! | module | job |
//! |---|---|
//! | `lanes` | which vectors this CPU has, and the one unsafe step: calling code for them |
//! | `sponge` | the permutation and the sponge over vectors, written once for both widths |
//! | `avx512`, `avx2` | the six operations on eight and on four lanes |
//! | `commitment` | trees of claims and machine states, hashed level by level |
//!
//! ```
//! use alloy_primitives::{B256, keccak256};
//!
//! let messages = ["one", "another, longer one", ""];
//! let mut hashes = [B256::ZERO; 3];
//! gainsay_keccak::keccak256_many(&messages, &mut hashes);
//! assert_eq!(hashes[1], keccak256(messages[1]));
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx512;
#[cfg(feature = "std")]
mod commitment;
mod lanes;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod sponge;

#[cfg(test)]
mod tests;

use alloy_primitives::B256;
#[cfg(doc)]
use alloy_primitives::keccak256;

#[cfg(feature = "std")]
pub use commitment::{Commitment, LeafCountError};
use lanes::Lanes;

/// Bytes of a message that one permutation takes in: 1,600 bits less twice the 256 of the hash.
pub const BLOCK_BYTES: usize = 136;

/// Limits the lanes of the whole process from now on: 8, 4, or 1 for plain code. The hashes stay
/// the same; tests and benchmarks compare the widths.
#[cfg(feature = "std")]
pub fn set_lanes_max(lanes: usize) {
    lanes::set_lanes_max(lanes);
}

/// Hashes messages of any lengths. Few lanes idle even when lengths differ: a lane whose message
/// ends takes up the next one.
///
/// # Panics
/// When there are not as many `hashes` as `messages`.
pub fn keccak256_many<T: AsRef<[u8]>>(messages: &[T], hashes: &mut [B256]) {
    assert_eq!(messages.len(), hashes.len(), "as many hashes as messages");
    Lanes::widest().many(messages, hashes);
}

/// Hashes messages of one length below [`BLOCK_BYTES`], known when compiled.
///
/// # Panics
/// When there are not as many `hashes` as `messages`.
pub fn keccak256_each<const BYTES: usize>(messages: &[[u8; BYTES]], hashes: &mut [B256]) {
    keccak256_keys(messages, hashes, |message| *message);
}

/// Hashes what `key` makes of each item: addresses, slots, whatever has one length below
/// [`BLOCK_BYTES`], known when compiled.
///
/// # Panics
/// When there are not as many `hashes` as `items`.
pub fn keccak256_keys<T, const BYTES: usize>(
    items: &[T],
    hashes: &mut [B256],
    key: impl Fn(&T) -> [u8; BYTES],
) {
    assert_eq!(items.len(), hashes.len(), "as many hashes as items");
    Lanes::widest().each(items, hashes, key);
}

/// Hashes pairs of hashes: one level of a binary Merkle tree.
///
/// # Panics
/// When there are not as many `hashes` as `pairs`.
pub fn keccak256_pairs(pairs: &[[B256; 2]], hashes: &mut [B256]) {
    assert_eq!(pairs.len(), hashes.len(), "as many hashes as pairs");
    Lanes::widest().each(pairs, hashes, |[left, right]| {
        let mut pair = [0; 64];
        pair[..32].copy_from_slice(left.as_slice());
        pair[32..].copy_from_slice(right.as_slice());
        pair
    });
}
