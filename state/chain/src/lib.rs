//! From L1 to the safe chain: the library that sequencer and challenger share.
//!
//! In: an L1 node, `rollup.json`, a data folder. Out: the blocks that the batches on L1 bring, with
//! their cursors, in a store; the assertions on L1; and what the one right child of an assertion
//! claims. In reading order:
//!
//! | module | job |
//! |---|---|
//! | `safe_chain` | [`SafeChain`]: a data folder that is open |
//! | `l1_index` | how blocks and L1's records belong together |
//! | `chain_writer` | [`ChainStep`]: what the one writer of a store takes in |
//! | `deriver` | [`Deriver`]: writes the safe chain |
//! | `l1_position` | where on L1 a folder stands |
//! | `batch_archive` | [`BatchArchive`]: data of batches, kept when L1 has forgotten it |
//! | `follower` | [`Follower`]: reads L1 and hands steps to the writer |
//! | `assertion_tree` | [`AssertionTree`]: the assertions on L1 |
//! | `right_child` | [`right_child()`]: THE rule of what an assertion must claim; verdicts |
//! | `kept_proofs` | [`keep_proofs`]: what proves withdrawals when states are gone |
//! | `error` | [`ChainError`] |
//!
//! Architecture invariant: one writer alone writes a store. The follower hands each step to a
//! [`ChainWriter`]. It writes only one note, which never changes: the chain's origin on L1. Code
//! that reads L1 is async, code that writes is not, and functions that do neither decide what is
//! right.
//!
//! Architecture invariant: nothing here proposes, plays or serves. There is no RPC, no pool and no
//! machine. `sequencer` and `prover/challenger` use this crate and never import each other.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;
pub use error::ChainError;
mod safe_chain;
pub use safe_chain::SafeChain;
mod chain_writer;
pub mod l1_index;
pub use chain_writer::{ChainStep, ChainWriter, FetchedBatch};
mod deriver;
pub use deriver::{Derived, Deriver, HeadObserver, UnsafeBlocks};
mod batch_archive;
mod l1_position;
pub use batch_archive::{ArchivedBatch, BatchArchive};
mod follower;
pub use follower::{Follower, Progress, SharedAssertions, kept_events, recorded_assertions};
mod assertion_tree;
pub use assertion_tree::{AssertionTree, ProposedAssertion, end_claim};
mod kept_proofs;
pub use kept_proofs::keep_proofs;
mod right_child;
pub use right_child::{
    AssertionVerdict, Difference, RightChild, judge, judge_assertions, right_child,
};

#[cfg(test)]
mod test_chain;
#[cfg(any(test, feature = "test-support"))]
pub mod test_l1;
