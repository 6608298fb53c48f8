//! Sizes of the memory; the rule of both trees: a node is keccak256(left ‖ right), a leaf is its 32
//! raw bytes; and the hashes of subtrees of zeros, which witnesses leave out.

use std::sync::LazyLock;

use alloy_primitives::{B256, keccak256};

/// Bytes of memory.
// PROTOCOL.md MACHINE-3
pub const MEMORY_BYTES: u64 = 1 << 30;

pub(crate) const MEMORY_LEN: usize = 1 << 30;

/// Bytes of a page: what is marked, hashed and copied as one.
pub const PAGE_BYTES: usize = 1 << PAGE_SHIFT;

pub(crate) const PAGE_SHIFT: u32 = 12;
pub(crate) const PAGE_COUNT: usize = MEMORY_LEN >> PAGE_SHIFT;

/// Height of the memory tree: 2^25 leaves of 32 bytes are 2^30 bytes.
pub const MEMORY_HEIGHT: u32 = 25;

/// Bytes of a leaf.
pub const LEAF_BYTES: usize = 1 << LEAF_SHIFT;

/// From addresses to numbers of leaves.
pub(crate) const LEAF_SHIFT: u32 = 5;

static ZEROS: LazyLock<[B256; 26]> = LazyLock::new(|| {
    let mut zeros = [B256::ZERO; 26];
    for height in 1..zeros.len() {
        let below = zeros[height.wrapping_sub(1)];
        zeros[height] = node(&below, &below);
    }
    zeros
});

/// The root of a subtree of zeros, `height` levels above its leaves.
///
/// # Panics
/// Above the height of the memory tree.
#[must_use]
pub fn zero_hash(height: u32) -> B256 {
    ZEROS[height as usize]
}

/// The hash of a node from those of its children.
#[must_use]
pub fn node(left: &B256, right: &B256) -> B256 {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(left.as_slice());
    pair[32..].copy_from_slice(right.as_slice());
    keccak256(pair)
}

/// The root above `leaf` at `index`, from its siblings from the bottom up.
#[must_use]
pub fn root_from_siblings<'a>(
    leaf: B256,
    index: u64,
    siblings: impl IntoIterator<Item = &'a B256>,
) -> B256 {
    let mut index = index;
    siblings.into_iter().fold(leaf, |hash, sibling| {
        let is_right = index & 1 == 1;
        index >>= 1;
        if is_right { node(sibling, &hash) } else { node(&hash, sibling) }
    })
}

/// A path in the memory tree as witnesses carry it: only siblings that are not zero subtrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPath {
    /// Bit i is set when the sibling at height i is in `siblings`.
    pub bitmap: u32,
    /// From the bottom up.
    pub siblings: Vec<B256>,
}

impl MemoryPath {
    /// Leaves out the zero subtrees of a path whose first sibling is at `lowest`.
    pub(crate) fn compress(lowest: u32, path: impl IntoIterator<Item = B256>) -> Self {
        let mut bitmap = 0;
        let mut siblings = Vec::new();
        for (height, sibling) in (lowest..).zip(path) {
            if sibling != zero_hash(height) {
                bitmap |= 1 << height;
                siblings.push(sibling);
            }
        }
        Self { bitmap, siblings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_hashes_are_the_known_ones() {
        // As in Ethereum's deposit contract, but with keccak: known from the OP fault proofs.
        assert_eq!(zero_hash(0), B256::ZERO);
        assert_eq!(
            zero_hash(1).to_string(),
            "0xad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5"
        );
        assert_eq!(
            zero_hash(2).to_string(),
            "0xb4c11951957c6f8f642c4af61cd6b24640fec6dc7fc607ee8206a99e92410d30"
        );
    }

    #[test]
    fn roots_follow_the_bits_of_the_index() {
        let leaves: Vec<B256> = (1..=4).map(B256::repeat_byte).collect();
        let (left, right) = (node(&leaves[0], &leaves[1]), node(&leaves[2], &leaves[3]));
        let root = node(&left, &right);
        assert_eq!(root_from_siblings(leaves[2], 2, [&leaves[3], &left]), root);
        assert_eq!(root_from_siblings(leaves[1], 1, [&leaves[0], &right]), root);
    }
}
