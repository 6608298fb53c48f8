//! The commitment of an assertion, and of a player at each level of a dispute: a perfect binary
//! tree over 2^height claims or machine states.
//!
//! In: the leaves. A run of equal leaves at the start or at the end costs one hash a level (a
//! machine that has halted repeats its last state, an assertion its last claim). Out: the root of
//! any subtree, and the proofs that the contracts ask for. node = keccak256(left ‖ right), a leaf
//! is itself (PROTOCOL.md CLAIM-5). Many nodes are hashed at once, by rayon's threads.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "indices of leaves and nodes, below 2^63: the constructors bound them by the height"
)]

use alloy_primitives::{B256, keccak256};
use rayon::prelude::*;

use crate::keccak256_pairs;

/// Pairs that one thread hashes at once.
const TOGETHER: usize = 512;

/// Leaves that make no tree of the height asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found} leaves, expected 1 to 2^{height}")]
pub struct LeafCountError {
    /// Leaves given.
    pub found: u64,
    /// Height of the tree.
    pub height: u8,
}

/// A tree over 2^height leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    height: u8,
    /// Leaves before `middle[0]`, all the same.
    head_len: u64,
    /// Nodes over equal leaves of the head, by height.
    heads: Vec<B256>,
    /// Nodes over equal leaves of the tail, by height.
    tails: Vec<B256>,
    /// By height: the nodes over leaves that are not all in the head or all in the tail, from the
    /// node at `head_len >> height` on.
    middle: Vec<Vec<B256>>,
}

impl Commitment {
    /// The tree over `leaves`, of which the last one is repeated up to 2^height.
    ///
    /// # Errors
    /// [`LeafCountError`]: no leaf, or more than 2^height.
    pub fn new(height: u8, leaves: &[B256]) -> Result<Self, LeafCountError> {
        let first = leaves.first().copied().unwrap_or_default();
        Self::with_head(height, first, 0, leaves)
    }

    /// The tree over `head_len` times `head` and then `leaves`, of which the last one is repeated.
    ///
    /// # Errors
    /// [`LeafCountError`]: no leaf besides the head, or more than 2^height in all.
    pub fn with_head(
        height: u8,
        head: B256,
        head_len: u64,
        leaves: &[B256],
    ) -> Result<Self, LeafCountError> {
        let room = 1_u64 << height.min(63);
        let count = head_len.saturating_add(leaves.len() as u64);
        let Some(last) = leaves.last().copied().filter(|_| count <= room) else {
            return Err(LeafCountError { found: count, height });
        };
        let distinct = leaves.iter().rposition(|leaf| *leaf != last).map_or(0, |last| last + 1);
        let (mut heads, mut tails) = (vec![head], vec![last]);
        let mut middle = vec![leaves[..distinct].to_vec()];
        let mut start = head_len;
        for level in 0..usize::from(height) {
            let below = &middle[level];
            let end = start + below.len() as u64;
            let mut pairs = Vec::with_capacity(below.len() / 2 + 2);
            let at = |index: u64| match index.checked_sub(start) {
                None => heads[level],
                Some(offset) => {
                    let stored = usize::try_from(offset).ok().and_then(|it| below.get(it));
                    stored.copied().unwrap_or(tails[level])
                }
            };
            // A pair in which head and tail meet belongs to neither of them.
            for pair in start / 2..end.div_ceil(2) {
                pairs.push([at(2 * pair), at(2 * pair + 1)]);
            }
            start /= 2;
            middle.push(hash_pairs(&pairs));
            heads.push(node(&heads[level], &heads[level]));
            tails.push(node(&tails[level], &tails[level]));
        }
        Ok(Self { height, head_len, heads, tails, middle })
    }

    /// Height of the tree.
    #[must_use]
    pub const fn height(&self) -> u8 {
        self.height
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.node(self.height, 0)
    }

    /// The leaf at `index`; beyond the leaves given, the last one.
    #[must_use]
    pub fn leaf(&self, index: u64) -> B256 {
        self.node(0, index)
    }

    /// The last leaf.
    #[must_use]
    pub fn last_leaf(&self) -> B256 {
        self.leaf((1_u64 << self.height) - 1)
    }

    /// The root of the subtree with this height, `index` of such subtrees from the left.
    #[must_use]
    pub fn node(&self, height: u8, index: u64) -> B256 {
        let level = usize::from(height.min(self.height));
        match index.checked_sub(self.head_len >> level) {
            None => self.heads[level],
            Some(offset) => {
                let stored = usize::try_from(offset).ok().and_then(|it| self.middle[level].get(it));
                stored.copied().unwrap_or(self.tails[level])
            }
        }
    }

    /// Bytes of memory that its nodes take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<B256>() * self.middle.iter().map(Vec::len).sum::<usize>()
    }

    /// Siblings, upwards, of the last leaf of a subtree.
    #[must_use]
    pub fn last_leaf_proof_of(&self, height: u8, index: u64) -> Vec<B256> {
        let last_leaf = ((index + 1) << height) - 1;
        (0..height).map(|level| self.node(level, (last_leaf >> level) ^ 1)).collect()
    }

    /// Siblings, upwards, of the tree's last leaf.
    #[must_use]
    pub fn last_leaf_proof(&self) -> Vec<B256> {
        self.last_leaf_proof_of(self.height, 0)
    }
}

/// The parent of two nodes.
fn node(left: &B256, right: &B256) -> B256 {
    keccak256([left.0, right.0].concat())
}

fn hash_pairs(pairs: &[[B256; 2]]) -> Vec<B256> {
    let mut hashes = vec![B256::ZERO; pairs.len()];
    if pairs.len() <= TOGETHER {
        keccak256_pairs(pairs, &mut hashes);
        return hashes;
    }
    pairs
        .par_chunks(TOGETHER)
        .zip(hashes.par_chunks_mut(TOGETHER))
        .for_each(|(pairs, hashes)| keccak256_pairs(pairs, hashes));
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_from_siblings(leaf: B256, index: u64, siblings: &[B256]) -> B256 {
        let (root, _) = siblings.iter().fold((leaf, index), |(below, index), sibling| {
            let is_right = index & 1 == 1;
            let above = if is_right { node(sibling, &below) } else { node(&below, sibling) };
            (above, index >> 1)
        });
        root
    }

    fn naive(leaves: &[B256]) -> Vec<Vec<B256>> {
        let mut levels = vec![leaves.to_vec()];
        while levels.last().unwrap().len() > 1 {
            let above = levels.last().unwrap().chunks(2).map(|it| node(&it[0], &it[1])).collect();
            levels.push(above);
        }
        levels
    }

    #[test]
    fn agrees_with_the_padded_tree_at_every_node() {
        for height in 0..6_u8 {
            for head_len in 0..1_u64 << height {
                for count in 1..=(1_u64 << height) - head_len {
                    let leaves: Vec<B256> =
                        (1..=count).map(|it| B256::left_padding_from(&it.to_be_bytes())).collect();
                    let head = B256::repeat_byte(9);
                    let tree = Commitment::with_head(height, head, head_len, &leaves).unwrap();
                    let mut all = vec![head; usize::try_from(head_len).unwrap()];
                    all.extend(&leaves);
                    all.resize(1 << height, *leaves.last().unwrap());
                    for (level, nodes) in (0..).zip(naive(&all)) {
                        for (index, expected) in (0..).zip(&nodes) {
                            let found = tree.node(level, index);
                            assert_eq!(found, *expected, "{height} {head_len} {count} {level}");
                            let proof = tree.last_leaf_proof_of(level, index);
                            let last = ((index + 1) << level) - 1;
                            let within = last & ((1 << level) - 1);
                            let root = root_from_siblings(tree.leaf(last), within, &proof);
                            assert_eq!(root, *expected);
                        }
                    }
                    assert_eq!(tree.last_leaf(), *all.last().unwrap());
                }
            }
        }
    }

    #[test]
    fn a_run_that_halts_early_costs_its_height_alone() {
        let mut leaves = vec![B256::repeat_byte(1), B256::repeat_byte(2)];
        leaves.resize(1 << 16, B256::repeat_byte(3));
        let tree = Commitment::new(20, &leaves).unwrap();
        assert!(tree.middle.iter().all(|level| level.len() <= 2));
        assert_eq!(tree.last_leaf(), B256::repeat_byte(3));
        assert_eq!(tree, Commitment::new(20, &leaves[..3]).unwrap());
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(Commitment::new(3, &[]).is_err());
        assert!(Commitment::new(3, &[B256::ZERO; 9]).is_err());
        assert!(Commitment::with_head(3, B256::ZERO, 8, &[B256::ZERO]).is_err());
    }
}
