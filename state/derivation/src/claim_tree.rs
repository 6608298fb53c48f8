//! The commitment that an assertion makes: a perfect binary tree over the claims after each block.
//!
//! In: the claims of an assertion's blocks, in order. Out: the root of the tree of `2^height`
//! leaves, in which the last claim is repeated to the end, and the proof of its last leaf
//! (PROTOCOL.md CLAIM-5). Node = keccak(left ‖ right), leaf = the claim itself.

use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

/// Why claims do not make a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimTreeError {
    /// An assertion is about at least one claim.
    #[error("an assertion has no claims, expected at least 1")]
    Empty,
    /// More claims than leaves.
    #[error("{found} claims do not fit a tree of height {height}")]
    TooManyClaims {
        /// Claims given.
        found: usize,
        /// Height of the tree.
        height: u32,
    },
}

/// Root and last-leaf proof of an assertion's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimTree {
    /// Root over `2^height` leaves.
    pub root: B256,
    /// The leaf at index `2^height - 1`: the assertion's end claim.
    pub last_leaf: B256,
    /// Siblings of the last leaf's path, from the leaf upwards; `height` of them.
    pub last_leaf_proof: Vec<B256>,
}

impl ClaimTree {
    /// Builds the tree. Costs one keccak for each claim, and one or two for each level.
    // PROTOCOL.md CLAIM-5
    pub fn new(claims: &[B256], height: u32) -> Result<Self, ClaimTreeError> {
        let last_leaf = *claims.last().ok_or(ClaimTreeError::Empty)?;
        if u32::try_from(claims.len()).is_ok_and(|len| u64::from(len) > 1_u64 << height.min(32)) {
            return Err(ClaimTreeError::TooManyClaims { found: claims.len(), height });
        }
        // `level` holds the nodes that are not just padding, `padding` the node of a subtree full
        // of the repeated last claim.
        let mut level = claims.to_vec();
        let mut padding = last_leaf;
        let mut last_leaf_proof = Vec::new();
        let mut width = 1_u64 << height.min(32);
        for _ in 0..height {
            let sibling = usize::try_from(width.saturating_sub(2))
                .ok()
                .and_then(|index| level.get(index).copied())
                .unwrap_or(padding);
            last_leaf_proof.push(sibling);
            level = level
                .chunks(2)
                .map(|pair| node(pair[0], pair.get(1).copied().unwrap_or(padding)))
                .collect();
            padding = node(padding, padding);
            width /= 2;
        }
        Ok(Self { root: level[0], last_leaf, last_leaf_proof })
    }
}

/// The parent of two nodes.
fn node(left: B256, right: B256) -> B256 {
    keccak256([left.0, right.0].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `leaf` is the leaf at `index` of the tree of height `proof.len()` with this root.
    fn verify_leaf(root: B256, leaf: B256, mut index: u64, proof: &[B256]) -> bool {
        let mut hash = leaf;
        for sibling in proof {
            hash = if index & 1 == 0 { node(hash, *sibling) } else { node(*sibling, hash) };
            index >>= 1;
        }
        index == 0 && hash == root
    }

    fn naive_root(claims: &[B256], height: u32) -> B256 {
        let mut level = claims.to_vec();
        level.resize(1 << height, *claims.last().unwrap());
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| node(pair[0], pair[1])).collect();
        }
        level[0]
    }

    #[test]
    fn agrees_with_the_padded_tree_and_proves_its_last_leaf() {
        for height in 0..7_u32 {
            for count in 1..=1_u64 << height {
                let claims: Vec<B256> =
                    (1..=count).map(|i| B256::left_padding_from(&i.to_be_bytes())).collect();
                let tree = ClaimTree::new(&claims, height).unwrap();
                assert_eq!(tree.root, naive_root(&claims, height), "{count} claims of 2^{height}");
                let last = (1 << height) - 1;
                assert!(verify_leaf(tree.root, tree.last_leaf, last, &tree.last_leaf_proof));
                assert!(!verify_leaf(tree.root, B256::ZERO, last, &tree.last_leaf_proof));
                for i in 0..tree.last_leaf_proof.len() {
                    let mut corrupt = tree.last_leaf_proof.clone();
                    corrupt[i].0[0] ^= 1;
                    assert!(!verify_leaf(tree.root, tree.last_leaf, last, &corrupt));
                }
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(ClaimTree::new(&[], 3), Err(ClaimTreeError::Empty));
        let claims = [B256::ZERO; 9];
        let error = ClaimTreeError::TooManyClaims { found: 9, height: 3 };
        assert_eq!(ClaimTree::new(&claims, 3), Err(error));
    }
}
