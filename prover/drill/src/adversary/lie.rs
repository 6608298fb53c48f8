//! Where a fault is: in which block, span and step an adversary leaves the right trace.
//!
//! In: the right chain, the program, the right child of an assertion, a [`Fault`]. Out: a [`Lie`].

use std::sync::Arc;

use alloy_primitives::B256;
use gainsay_derivation::claim;
use gainsay_vm::Program;

use super::{
    Fault,
    false_claims::{ClaimParts, false_claims},
};
use gainsay_chain::RightChild;
use gainsay_challenger::{
    ArchivedChain, ChallengerError,
    dispute::{BelievedChild, Commitment, game::Heights},
    machine::{StepPosition, prove_step, run_block},
};

/// Where a run without a block goes wrong: it is a short one.
const IDLE_STEP: u64 = 100;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A claim: the run on its block leads to that wrong claim.
    Claim,
    /// The state after one span of a run that leads to the right claim.
    Spans,
    /// The state after one instruction of a span that leads to the right state.
    Steps,
}

/// Where a trace leaves the right one. Counts begin at 0.
#[derive(Clone, Debug)]
pub struct Lie {
    /// Which fault it is.
    pub fault: Fault,
    /// What is wrong.
    pub about: About,
    /// The assertion about whose child it is.
    pub parent: B256,
    /// That child, as the liar tells it.
    pub child: Arc<BelievedChild>,
    /// The first block with a wrong claim, or the one with a wrong run.
    pub block: u64,
    /// What the liar claims after that block.
    pub claim: B256,
    /// The first wrong span of the run on that block.
    pub span: u64,
    /// The first wrong step of that span.
    pub step: u64,
}

/// Makes lies about the child of one assertion.
#[derive(Debug)]
pub struct LieBuilder<'a> {
    /// The right chain.
    pub chain: &'a ArchivedChain,
    /// What disputes run.
    pub program: &'a Arc<Program>,
    /// Heights of the levels.
    pub heights: Heights,
    /// The assertion.
    pub parent: B256,
    /// Its right child.
    pub expected: &'a RightChild,
}

impl LieBuilder<'_> {
    /// A lie with this fault; `salt` makes liars of one kind differ.
    ///
    /// # Errors
    /// [`ChallengerError::NoPlaceForFault`] when no block of the assertion has what the fault is
    /// about; those of the store and the machine.
    pub fn build(&self, fault: Fault, salt: u64) -> Result<Lie, ChallengerError> {
        for block in self.candidates(fault) {
            let Some(claims) = self.claims(fault, block, salt)? else { continue };
            let Some(step) = self.step(fault, block)? else { continue };
            return self.lie(fault, block, step, &claims);
        }
        let blocks = self.expected.claims.len();
        Err(ChallengerError::NoPlaceForFault { fault: fault.name(), blocks })
    }

    /// Blocks in the order in which they are tried.
    fn candidates(&self, fault: Fault) -> Vec<usize> {
        let count = self.expected.claims.len();
        let (middle, last) = (count / 2, count.saturating_sub(1));
        match fault {
            Fault::FirstBlock => vec![0],
            Fault::MiddleBlock => vec![middle],
            Fault::LastBlock | Fault::Cursor => vec![last],
            // A tree that is full has nothing after its end.
            Fault::AfterEnd if count >> self.heights.blocks == 0 => vec![count],
            Fault::AfterEnd => Vec::new(),
            // The end stays right.
            Fault::Interior => (0..last).rev().collect(),
            _ => (middle..count).chain((0..middle).rev()).collect(),
        }
    }

    /// Claims with the fault at a block; none if it changes nothing there.
    fn claims(
        &self,
        fault: Fault,
        block: usize,
        salt: u64,
    ) -> Result<Option<Vec<ClaimParts>>, ChallengerError> {
        false_claims(self.chain, self.expected, fault, block, salt)
    }

    /// The number of the instruction at which the run on a block goes wrong.
    fn step(&self, fault: Fault, block: usize) -> Result<Option<u64>, ChallengerError> {
        if fault == Fault::AfterEnd {
            return Ok(Some(IDLE_STEP));
        }
        let number = self.expected.first_block.plus(block as u64);
        let witness = self.chain.block_witness(number)?;
        if let Some(kind) = fault.step_kind() {
            let at = StepPosition::First(kind);
            return match prove_step(self.program, witness.input, &witness.witness, at) {
                Ok(proof) => Ok(Some(proof.witnessed.step)),
                Err(ChallengerError::NoSuchStep { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let steps = run_block(self.program, witness.input, &witness.witness)?.instructions;
        Ok(Some(match fault {
            Fault::Halt => steps.saturating_sub(1),
            Fault::Padding => steps,
            _ => steps / 2,
        }))
    }

    fn lie(
        &self,
        fault: Fault,
        block: usize,
        step: u64,
        claims: &[ClaimParts],
    ) -> Result<Lie, ChallengerError> {
        let about = match fault {
            Fault::Spans => About::Spans,
            Fault::Steps => About::Steps,
            _ => About::Claim,
        };
        let wrong: Vec<B256> = claims.iter().map(|(root, cursor)| claim(*root, cursor)).collect();
        let is_claim = about == About::Claim;
        let leaves = if is_claim { &wrong } else { &self.expected.claims };
        let right_end = (self.expected.output_root, self.expected.cursor);
        let (output_root, cursor) = match claims.last() {
            Some(end) if is_claim => *end,
            _ => right_end,
        };
        let child = BelievedChild {
            output_root,
            cursor,
            claims: Commitment::new(self.heights.blocks, leaves)?,
            batch_limit_acc: self.expected.batch_acc,
        };
        let in_span = (1_u64 << self.heights.steps) - 1;
        Ok(Lie {
            fault,
            about,
            parent: self.parent,
            child: Arc::new(child),
            block: block as u64,
            claim: leaves[block],
            span: step >> self.heights.steps,
            step: step & in_span,
        })
    }
}
