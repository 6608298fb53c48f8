//! THE rule of what the one right child of an assertion claims, and verdicts by that rule.
//!
//! In: the safe chain, assertions as L1 holds them. Out: the claims that the right child of a right
//! assertion makes; for each assertion on L1 whether it is right, and if not, where it first
//! differs. Stakes depend on this rule: all code that proposes, defends or judges asks here.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use gainsay_derivation::{BatchIndex, BlockNumber, Cursor};
use gainsay_keccak::Commitment;

use crate::{AssertionTree, ChainError, ProposedAssertion, SafeChain, l1_index};

/// The claims that the one right child of an assertion makes.
#[derive(Clone, Debug)]
pub struct RightChild {
    /// The first block after the parent.
    pub first_block: BlockNumber,
    /// The claim after each block from `first_block` on.
    pub claims: Vec<B256>,
    /// Where the last block ends in the Inbox.
    pub cursor: Cursor,
    /// The output root after the last block.
    pub output_root: B256,
    /// The tree over the claims.
    pub tree: Commitment,
    /// `batchAcc` at the parent's batch limit.
    pub batch_acc: B256,
}

impl RightChild {
    /// The last block with a claim.
    #[must_use]
    pub fn last_block(&self) -> BlockNumber {
        self.first_block.plus((self.claims.len() as u64).saturating_sub(1))
    }

    /// Where an assertion differs from the right child; `None` if it does not.
    #[must_use]
    pub fn difference(&self, child: &ProposedAssertion) -> Option<Difference> {
        if child.cursor != self.cursor {
            Some(Difference::Cursor { expected: self.cursor })
        } else if child.output_root != self.output_root {
            Some(Difference::OutputRoot { block: self.last_block(), expected: self.output_root })
        } else if child.root != self.tree.root() {
            Some(Difference::Claims { expected: self.tree.root() })
        } else {
            None
        }
    }
}

/// The claims of the right child of a right assertion, which ends at `parent_end` and lets its
/// children read `batch_limit` batches: the claims after each block up to there, or as many as a
/// tree holds. None while they are not all derived, or when a reorg of L1 just took them back.
///
/// The caller must know that the parent is right: this function sees only its place in the Inbox.
///
/// # Errors
/// Those of the store.
// PROTOCOL.md ASSERT-3
pub fn right_child(
    chain: &SafeChain,
    parent_end: &Cursor,
    batch_limit: BatchIndex,
) -> Result<Option<RightChild>, ChainError> {
    let store = &chain.store;
    if l1_index::safe_cursor(store)?.batch < batch_limit {
        return Ok(None);
    }
    let Some(parent_block) = l1_index::block_at_cursor(store, parent_end)? else {
        return Ok(None);
    };
    let last_batch = batch_limit.previous().unwrap_or_default();
    let Some(last_batch) = store.batch(last_batch)? else { return Ok(None) };
    let height = chain.rollup.assertions.blocks_height;
    let first_block = parent_block.next();
    let mut claims: Vec<B256> = Vec::new();
    for number in first_block.up_to(chain.safe_block().next()) {
        let Some(record) = store.cursor(number)? else { return Ok(None) };
        claims.push(record.claim());
        let is_full = claims.len() as u64 >= 1_u64 << height.min(63);
        if record.cursor.batch >= batch_limit || is_full {
            let tree = Commitment::new(height, &claims)?;
            return Ok(Some(RightChild {
                first_block,
                claims,
                cursor: record.cursor,
                output_root: record.output_root,
                tree,
                batch_acc: last_batch.acc,
            }));
        }
    }
    Ok(None)
}

/// Where an assertion first says something else than the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It extends a wrong assertion.
    Parent,
    /// It ends at another place in the Inbox.
    Cursor {
        /// Where the right child ends.
        expected: Cursor,
    },
    /// It ends in another state.
    OutputRoot {
        /// Its last block.
        block: BlockNumber,
        /// The right output root.
        expected: B256,
    },
    /// Its end is right, the claims on the way are not.
    Claims {
        /// The root of the right claims.
        expected: B256,
    },
}

/// What the chain says about an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionVerdict {
    /// It is the one right child of a right parent.
    Right {
        /// Its first block.
        first_block: BlockNumber,
        /// Its last block.
        last_block: BlockNumber,
    },
    /// It is not the right child.
    Wrong {
        /// The first block that it makes a claim about, if its parent is right.
        first_block: Option<BlockNumber>,
        /// Where it first differs.
        difference: Difference,
    },
    /// Its blocks are not all derived yet.
    Undecided,
}

/// The verdict on the child of a right assertion.
///
/// # Errors
/// Those of the store.
pub fn judge(
    chain: &SafeChain,
    parent: &ProposedAssertion,
    child: &ProposedAssertion,
) -> Result<AssertionVerdict, ChainError> {
    let Some(right) = right_child(chain, &parent.cursor, parent.batch_limit)? else {
        return Ok(AssertionVerdict::Undecided);
    };
    let first_block = right.first_block;
    Ok(match right.difference(child) {
        None => AssertionVerdict::Right { first_block, last_block: right.last_block() },
        Some(difference) => AssertionVerdict::Wrong { first_block: Some(first_block), difference },
    })
}

/// The verdict on each assertion of a tree that has forgotten none, in the order of L1.
///
/// # Errors
/// Those of the store.
pub fn judge_assertions(
    chain: &SafeChain,
    tree: &AssertionTree,
) -> Result<Vec<(ProposedAssertion, AssertionVerdict)>, ChainError> {
    let genesis = *tree.genesis();
    let right =
        AssertionVerdict::Right { first_block: BlockNumber::ZERO, last_block: BlockNumber::ZERO };
    let mut known = BTreeMap::from([(genesis.id, (genesis, right))]);
    let mut judged = Vec::new();
    for assertion in tree.in_order() {
        let verdict = match known.get(&assertion.parent) {
            Some((parent, AssertionVerdict::Right { .. })) => judge(chain, parent, &assertion)?,
            Some((_, AssertionVerdict::Undecided)) => AssertionVerdict::Undecided,
            _ => AssertionVerdict::Wrong { first_block: None, difference: Difference::Parent },
        };
        known.insert(assertion.id, (assertion, verdict));
        judged.push((assertion, verdict));
    }
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use gainsay_derivation::DepositIndex;

    use super::*;
    use crate::{
        test_chain::TestChain,
        test_l1::{TestL1, batch_block, l1_time},
    };

    /// A chain of batches of three blocks, of two, and of one; a tree holds four claims.
    fn six_blocks() -> (TestL1, TestChain) {
        let mut l1 = TestL1::default();
        let test = TestChain::new();
        for (index, blocks) in [3, 2, 1].into_iter().enumerate() {
            let blocks = vec![batch_block(l1_time(1), 0, &[]); blocks];
            test.deriver.on_batch(&l1.batch_of(2 + index as u64, 0, &blocks)).unwrap();
        }
        (l1, test)
    }

    const fn at(batch: u64, block: u64) -> Cursor {
        Cursor { batch: BatchIndex(batch), block, deposits_read: DepositIndex(0) }
    }

    #[test]
    fn claims_end_at_the_batch_limit_or_when_the_tree_is_full() {
        let (l1, test) = six_blocks();
        let store = &test.chain.store;
        let claim = |number: u64| store.cursor(BlockNumber(number)).unwrap().unwrap().claim();
        let next = |cursor, limit| right_child(&test.chain, &cursor, limit).unwrap();

        let one = next(at(0, 0), BatchIndex(1)).unwrap();
        assert_eq!(
            (one.first_block, one.last_block(), one.cursor),
            (BlockNumber(1), BlockNumber(3), at(1, 0))
        );
        assert_eq!(one.claims, [claim(1), claim(2), claim(3)]);
        let tree = Commitment::new(2, &one.claims).unwrap();
        assert_eq!(one.tree.root(), tree.root());
        assert_eq!(one.batch_acc, l1.batches[0].posted.acc);
        // Three batches have six blocks: four fit, and the next one starts within a batch.
        let full = next(at(0, 0), BatchIndex(3)).unwrap();
        assert_eq!((full.last_block(), full.cursor), (BlockNumber(4), at(1, 1)));
        assert_eq!(full.batch_acc, l1.batches[2].posted.acc);
        let rest = next(full.cursor, BatchIndex(3)).unwrap();
        assert_eq!((rest.last_block(), rest.cursor), (BlockNumber(6), at(3, 0)));
        assert_eq!(rest.output_root, store.header(6).unwrap().unwrap().output_root);
        assert_eq!(rest.tree.root(), Commitment::new(2, &[claim(5), claim(6)]).unwrap().root());
        // Not derived yet, or no place in this chain.
        assert!(next(at(3, 0), BatchIndex(4)).is_none());
        assert!(next(at(1, 7), BatchIndex(3)).is_none());
        assert!(
            next(Cursor { deposits_read: DepositIndex(1), ..at(1, 0) }, BatchIndex(3)).is_none()
        );
    }

    #[test]
    fn every_part_of_an_assertion_that_differs_is_wrong() {
        let (_, test) = six_blocks();
        let chain = &test.chain;
        let right = right_child(chain, &at(0, 0), BatchIndex(1)).unwrap().unwrap();
        let genesis = ProposedAssertion {
            id: B256::repeat_byte(1),
            parent: B256::ZERO,
            proposer: Address::ZERO,
            root: B256::ZERO,
            output_root: B256::ZERO,
            cursor: at(0, 0),
            batch_limit: BatchIndex(1),
            l1_block: 0,
            log_index: 0,
            confirmed_in: Some(0),
        };
        let child = ProposedAssertion {
            id: B256::repeat_byte(2),
            parent: genesis.id,
            root: right.tree.root(),
            output_root: right.output_root,
            cursor: right.cursor,
            batch_limit: BatchIndex(2),
            confirmed_in: None,
            ..genesis
        };
        let verdict = |child| judge(chain, &genesis, &child).unwrap();
        assert_eq!(
            verdict(child),
            AssertionVerdict::Right { first_block: BlockNumber(1), last_block: BlockNumber(3) }
        );
        let wrong =
            |difference| AssertionVerdict::Wrong { first_block: Some(BlockNumber(1)), difference };
        // An end that is right too early.
        let early = ProposedAssertion { cursor: at(0, 2), ..child };
        assert_eq!(verdict(early), wrong(Difference::Cursor { expected: right.cursor }));
        let output_root = ProposedAssertion { output_root: B256::ZERO, ..child };
        let expected = right.output_root;
        assert_eq!(
            verdict(output_root),
            wrong(Difference::OutputRoot { block: BlockNumber(3), expected })
        );
        let claims = ProposedAssertion { root: B256::ZERO, ..child };
        assert_eq!(verdict(claims), wrong(Difference::Claims { expected: right.tree.root() }));
        let late = ProposedAssertion { batch_limit: BatchIndex(9), ..genesis };
        assert_eq!(judge(chain, &late, &child).unwrap(), AssertionVerdict::Undecided);
    }
}
