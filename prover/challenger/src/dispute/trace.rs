//! What a player believes: claims of blocks, states of the machine.
//!
//! The honest challenger's trace is computed from L1 data and the program; those of the simulation
//! are made up. `None` means that the answer is still being computed.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use gainsay_derivation::Cursor;
use gainsay_l1::bindings::IEdgeGame::{Claim, Program};

use crate::{
    ChallengerError,
    dispute::{Commitment, game::GameAssertion},
};

/// An instruction, or what contains it. Counts begin at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracePoint {
    /// The assertion whose children are disputed.
    pub parent: B256,
    /// Block after the parent.
    pub block: u64,
    /// Span of the run on that block.
    pub span: u64,
    /// Instruction of that span.
    pub step: u64,
}

/// The child of an assertion that a player believes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BelievedChild {
    /// Output root after its last block; zero if the program fails on one of its blocks.
    pub output_root: B256,
    /// Position in the Inbox after its last block; (0, 0, 0) if the program fails on one.
    pub cursor: Cursor,
    /// The claims after each block.
    pub claims: Commitment,
    /// `batchAcc` at the parent's batch limit.
    pub batch_limit_acc: B256,
}

impl BelievedChild {
    /// Whether it says that the program fails on one of its blocks.
    #[must_use]
    pub fn is_halt(&self) -> bool {
        self.claims.last_leaf().is_zero()
    }
}

/// A player's knowledge.
pub trait Trace {
    /// The right child, in this player's belief, of the assertion `parent` with the id `id`.
    ///
    /// # Errors
    /// The parent itself is wrong, or the source of the data failed.
    fn child(
        &mut self,
        id: B256,
        parent: &GameAssertion,
    ) -> Result<Option<Arc<BelievedChild>>, ChallengerError>;

    /// The root of that child's claims. Where nobody contradicts the child this is enough, so that
    /// no trees are kept for a long line of right assertions.
    ///
    /// # Errors
    /// As [`Self::child`].
    fn child_root(
        &mut self,
        id: B256,
        parent: &GameAssertion,
    ) -> Result<Option<B256>, ChallengerError> {
        Ok(self.child(id, parent)?.map(|child| child.claims.root()))
    }

    /// The machine's states after each span of the run on the block of `point`.
    ///
    /// # Errors
    /// The source of the data failed.
    fn spans(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError>;

    /// The machine's states after each instruction of the span of `point`.
    ///
    /// # Errors
    /// The source of the data failed.
    fn steps(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError>;
}

/// What `openSpans` reads itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpansEvidence {
    /// What the claim before the block is the hash of.
    pub agreed: Claim,
    /// What the program hash commits to.
    pub program: Program,
    /// The claim after the block, which is the result of `final_state`.
    pub claim: B256,
    /// The packed last state of the run: 363 bytes.
    pub final_state: Bytes,
}

/// What moves carry besides hashes: what the contracts read themselves.
pub trait Evidence {
    /// Evidence for a tree of "spans": of the block at `point.block` after the assertion
    /// `point.parent`.
    ///
    /// # Errors
    /// The source of the data failed.
    fn final_state(&mut self, point: &TracePoint)
    -> Result<Option<SpansEvidence>, ChallengerError>;

    /// Evidence for the instruction at `point`: its packed witness, with the proof of the preimage
    /// that it reads.
    ///
    /// # Errors
    /// The source of the data failed.
    fn witness(&mut self, point: &TracePoint) -> Result<Option<Bytes>, ChallengerError>;
}
