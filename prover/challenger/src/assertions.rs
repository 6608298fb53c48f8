//! The assertions that L1 holds, as their events told them, and whether they are right.
//!
//! In: events in the order of L1, reorgs, the chain derived from L1. Out: all assertions, and for
//! each the verdict. It makes no move.

use alloy_primitives::{Address, B256};
use gainsay_derivation::Cursor;
use gainsay_l1::{AssertionEvent, bindings::IAssertionChain::IAssertionChainEvents};
use serde::{Deserialize, Serialize};

use crate::{ChallengerError, ReplayedChain};

/// One assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedAssertion {
    /// Its id.
    pub id: B256,
    /// The id of the assertion that it extends.
    pub parent: B256,
    /// Who staked on it.
    pub proposer: Address,
    /// Root of the tree over the claims after each of its blocks.
    pub root: B256,
    /// Output root of its end claim.
    pub output_root: B256,
    /// Cursor of its end claim.
    pub cursor: Cursor,
    /// Batches that its children must read up to.
    pub batch_limit: u64,
    /// The L1 block that holds its proposal.
    pub l1_block: u64,
    /// The L1 block that confirmed it.
    pub confirmed_in: Option<u64>,
}

impl ProposedAssertion {
    /// Its end claim.
    #[must_use]
    pub fn claim(&self) -> B256 {
        gainsay_derivation::claim(self.output_root, &self.cursor)
    }
}

/// All assertions but the genesis, in the order of L1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AssertionRecords(Vec<ProposedAssertion>);

impl AssertionRecords {
    /// Takes in an event. One that was taken in before changes nothing.
    pub fn apply(&mut self, event: &AssertionEvent) {
        let l1_block = event.origin.block_number;
        match &event.event {
            IAssertionChainEvents::AssertionProposed(it) => {
                if self.get(it.id).is_some() {
                    return;
                }
                let cursor = &it.cursor;
                self.0.push(ProposedAssertion {
                    id: it.id,
                    parent: it.parent,
                    proposer: it.proposer,
                    root: it.root,
                    output_root: it.outputRoot,
                    cursor: Cursor {
                        batch: cursor.batch,
                        block: cursor.block,
                        deposits_read: cursor.depositsRead,
                    },
                    batch_limit: it.batchLimit,
                    l1_block,
                    confirmed_in: None,
                });
            }
            IAssertionChainEvents::AssertionConfirmed(it) => {
                let found = self.0.iter_mut().find(|assertion| assertion.id == it.id);
                if let Some(assertion) = found {
                    assertion.confirmed_in = Some(l1_block);
                }
            }
            _ => {}
        }
    }

    /// Forgets what L1 blocks above `l1_block` said.
    pub fn rewind(&mut self, l1_block: u64) {
        self.0.retain(|it| it.l1_block <= l1_block);
        for assertion in &mut self.0 {
            assertion.confirmed_in = assertion.confirmed_in.filter(|at| *at <= l1_block);
        }
    }

    /// The assertion with this id.
    #[must_use]
    pub fn get(&self, id: B256) -> Option<&ProposedAssertion> {
        self.0.iter().find(|it| it.id == id)
    }

    /// All, parents before children.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ProposedAssertion> {
        self.0.iter()
    }
}

/// Where an assertion first says something else than the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It extends a wrong one.
    Parent,
    /// It ends at another place in the Inbox.
    Cursor {
        /// Where the right one ends.
        expected: Cursor,
    },
    /// It ends in another state.
    OutputRoot {
        /// Its last block.
        block: u64,
        /// The right one.
        expected: B256,
    },
    /// Its end is right, the claims on the way are not.
    Claims {
        /// The root of the right ones.
        expected: B256,
    },
}

/// What the chain says about an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionVerdict {
    /// It is the one right child of a right parent.
    Right {
        /// Its first block.
        first_block: u64,
        /// Its last block.
        last_block: u64,
    },
    /// It is not.
    Wrong {
        /// The first block that it makes a claim about, if its parent is right.
        first_block: Option<u64>,
        /// What is wrong.
        difference: Difference,
    },
    /// Its blocks are not all derived yet.
    Undecided,
}

/// The verdict on each assertion, in order.
///
/// # Errors
/// Those of the store.
pub fn judge_assertions(
    chain: &ReplayedChain,
    genesis: &ProposedAssertion,
    records: &AssertionRecords,
) -> Result<Vec<(ProposedAssertion, AssertionVerdict)>, ChallengerError> {
    let mut judged: Vec<(ProposedAssertion, AssertionVerdict)> = Vec::new();
    for assertion in records.iter() {
        let parent = match assertion.parent == genesis.id {
            true => Some((*genesis, AssertionVerdict::Right { first_block: 0, last_block: 0 })),
            false => judged.iter().find(|(it, _)| it.id == assertion.parent).copied(),
        };
        let verdict = match parent {
            Some((parent, AssertionVerdict::Right { .. })) => judge(chain, &parent, assertion)?,
            Some((_, AssertionVerdict::Undecided)) => AssertionVerdict::Undecided,
            _ => AssertionVerdict::Wrong { first_block: None, difference: Difference::Parent },
        };
        judged.push((*assertion, verdict));
    }
    Ok(judged)
}

/// The verdict on the child of a right assertion.
fn judge(
    chain: &ReplayedChain,
    parent: &ProposedAssertion,
    child: &ProposedAssertion,
) -> Result<AssertionVerdict, ChallengerError> {
    let Some(expected) = chain.claims_after(&parent.cursor, parent.batch_limit)? else {
        return Ok(AssertionVerdict::Undecided);
    };
    let first_block = expected.first_block;
    let difference = if child.cursor != expected.cursor {
        Difference::Cursor { expected: expected.cursor }
    } else if child.output_root != expected.output_root {
        Difference::OutputRoot { block: expected.last_block(), expected: expected.output_root }
    } else if child.root != expected.tree.root {
        Difference::Claims { expected: expected.tree.root }
    } else {
        let last_block = expected.last_block();
        return Ok(AssertionVerdict::Right { first_block, last_block });
    };
    Ok(AssertionVerdict::Wrong { first_block: Some(first_block), difference })
}

#[cfg(test)]
mod tests {
    use gainsay_l1::{L1Origin, bindings::IAssertionChain};

    use super::*;

    fn event(block_number: u64, event: IAssertionChainEvents) -> AssertionEvent {
        let (block_hash, transaction) = (B256::ZERO, B256::ZERO);
        let origin = L1Origin { block_number, block_hash, transaction, log_index: 0 };
        AssertionEvent { event, origin }
    }

    fn proposed(l1_block: u64, id: u8) -> AssertionEvent {
        let proposed = IAssertionChain::AssertionProposed {
            id: B256::repeat_byte(id),
            parent: B256::repeat_byte(id - 1),
            proposer: Address::ZERO,
            root: B256::ZERO,
            outputRoot: B256::ZERO,
            cursor: IAssertionChain::Cursor { batch: 1, block: 2, depositsRead: 3 },
            batchLimit: 4,
            batchLimitAcc: B256::ZERO,
        };
        event(l1_block, IAssertionChainEvents::AssertionProposed(proposed))
    }

    #[test]
    fn records_follow_l1_forth_and_back() {
        let mut records = AssertionRecords::default();
        records.apply(&proposed(10, 1));
        records.apply(&proposed(11, 2));
        records.apply(&proposed(11, 2));
        let confirmed = IAssertionChain::AssertionConfirmed {
            id: B256::repeat_byte(1),
            outputRoot: B256::ZERO,
            cursor: IAssertionChain::Cursor { batch: 1, block: 2, depositsRead: 3 },
        };
        let confirmed = IAssertionChainEvents::AssertionConfirmed(confirmed);
        records.apply(&event(12, confirmed));
        assert_eq!(records.iter().len(), 2);
        assert_eq!(records.get(B256::repeat_byte(1)).unwrap().confirmed_in, Some(12));
        let text = serde_json::to_vec(&records).unwrap();
        assert_eq!(serde_json::from_slice::<AssertionRecords>(&text).unwrap(), records);
        records.rewind(11);
        assert_eq!(records.get(B256::repeat_byte(1)).unwrap().confirmed_in, None);
        records.rewind(10);
        assert_eq!(records.iter().map(|it| it.id).collect::<Vec<_>>(), [B256::repeat_byte(1)]);
    }
}
