//! Players with made-up beliefs: one that is right, and liars of every kind.
//!
//! The right claim of every block is that of the genesis assertion, and the right run stands in its
//! final state after its first instruction. Where the program fails on a block, the right claims are
//! 0 from there on. A lie begins at one leaf.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256, map::HashMap};
use rand::{Rng, rngs::StdRng};

use super::contract::{RIGHT_CLAIM, Rules, final_of};
use gainsay_challenger::{
    ChallengerError,
    dispute::{
        BelievedChild, Commitment, Trace, TracePoint,
        game::{GameAssertion, Heights},
    },
};

/// Where a player leaves what is right. Each `Some` is the index of a leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deviation {
    /// From this block on its claims are wrong.
    pub(super) block: Option<u64>,
    /// In the run on the first wrong block, or on this right one, states are wrong from here on.
    pub(super) span: u64,
    /// In the first wrong span, states are wrong from here on.
    pub(super) step: u64,
    /// Of a player whose claims are right: the block about whose inside it lies.
    pub(super) inside: Option<u64>,
}

impl Deviation {
    /// A deviation anywhere.
    pub(super) fn random(rng: &mut StdRng, heights: Heights) -> Self {
        let block = rng.random_range(0..1_u64 << heights.blocks);
        // One before the last, so that a right end can follow.
        let span = rng.random_range(0..(1_u64 << heights.spans) - 1);
        let step = rng.random_range(0..1_u64 << heights.steps);
        Self { block: Some(block), span, step, inside: None }
    }

    /// A right assertion with a wrong inside at this block.
    pub(super) const fn of_a_false_friend(self, inside: u64) -> Self {
        Self { block: None, inside: Some(inside), ..self }
    }
}

/// A player's beliefs.
#[derive(Clone, Debug)]
pub(super) struct Believer {
    heights: Heights,
    lie: Deviation,
    /// The block on which the program fails.
    fails_at: Option<u64>,
    /// What it says instead of the right claim.
    pub(super) claim: B256,
    /// Trees made before: that of the claims, and those of runs, by block, and span if of one.
    child: Option<Arc<BelievedChild>>,
    runs: HashMap<(u64, Option<u64>), Arc<Commitment>>,
}

impl Believer {
    pub(super) fn new(rules: &Rules, lie: Deviation, seed: u64) -> Self {
        let claim = keccak256(seed.to_be_bytes());
        let Rules { heights, fails_at, .. } = *rules;
        Self { heights, lie, fails_at, claim, child: None, runs: HashMap::default() }
    }

    /// The first block with a wrong claim.
    pub(super) const fn lie_block(&self) -> Option<u64> {
        self.lie.block
    }

    fn claim_after(&self, block: u64) -> B256 {
        let is_lie = self.lie.block.is_some_and(|from| block >= from);
        if is_lie { self.claim } else { self.right_after(block) }
    }

    fn right_after(&self, block: u64) -> B256 {
        let has_failed = self.fails_at.is_some_and(|at| block >= at);
        if has_failed { B256::ZERO } else { RIGHT_CLAIM }
    }

    /// The claims after each block.
    pub(super) fn claims(&self) -> Result<Commitment, ChallengerError> {
        let last = (1_u64 << self.heights.blocks) - 1;
        let lie = self.lie.block.unwrap_or(last);
        let from = self.fails_at.map_or(lie, |at| lie.min(at));
        let rest: Vec<B256> = (from..=lie).map(|block| self.claim_after(block)).collect();
        Ok(Commitment::with_head(self.heights.blocks, RIGHT_CLAIM, from, &rest)?)
    }

    /// The block whose run it lies about.
    fn lies_in(&self, block: u64) -> bool {
        self.lie.block == Some(block) || self.lie.inside == Some(block)
    }

    /// Whether it is no liar, or lies here: a liar does not do the honest player's work.
    fn plays_in(&self, block: u64) -> bool {
        self.lie.block.is_none() && self.lie.inside.is_none() || self.lies_in(block)
    }

    /// The state after a span of the run on a block.
    fn state_after(&self, block: u64, span: u64) -> B256 {
        if !self.lies_in(block) {
            return final_of(self.claim_after(block));
        }
        let right = final_of(self.right_after(block));
        match self.lie.inside {
            // Wrong once, then right again.
            Some(_) if span == self.lie.span => final_of(self.claim),
            Some(_) => right,
            None if span < self.lie.span => right,
            None => final_of(self.claim),
        }
    }

    fn tree(height: u8, leaves: &[(B256, u64)]) -> Result<Arc<Commitment>, ChallengerError> {
        let (head, head_len) = leaves[0];
        let rest: Vec<B256> = leaves[1..].iter().map(|(leaf, _)| *leaf).collect();
        Ok(Arc::new(Commitment::with_head(height, head, head_len, &rest)?))
    }
}

impl Trace for Believer {
    fn child(
        &mut self,
        _: B256,
        _: &GameAssertion,
    ) -> Result<Option<Arc<BelievedChild>>, ChallengerError> {
        if let Some(child) = &self.child {
            return Ok(Some(child.clone()));
        }
        let claims = self.claims()?;
        let (output_root, batch_limit_acc) = (claims.root(), B256::ZERO);
        let cursor = Default::default();
        let child = BelievedChild { output_root, cursor, claims, batch_limit_acc };
        Ok(Some(self.child.insert(Arc::new(child)).clone()))
    }

    fn spans(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        let block = point.block;
        if !self.plays_in(block) {
            return Ok(None);
        }
        if let Some(tree) = self.runs.get(&(block, None)) {
            return Ok(Some(tree.clone()));
        }
        let (height, right) = (self.heights.spans, final_of(self.right_after(block)));
        let tree = if !self.lies_in(block) {
            Self::tree(height, &[(right, 0), (final_of(self.claim_after(block)), 1)])
        } else if self.lie.inside.is_some() {
            let wrong = final_of(self.claim);
            Self::tree(height, &[(right, self.lie.span), (wrong, 1), (right, 1)])
        } else {
            Self::tree(height, &[(right, self.lie.span), (final_of(self.claim), 1)])
        }?;
        Ok(Some(self.runs.entry((block, None)).or_insert(tree).clone()))
    }

    fn steps(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        let TracePoint { block, span, .. } = *point;
        if !self.plays_in(block) || self.lies_in(block) && span != self.lie.span {
            return Ok(None);
        }
        if let Some(tree) = self.runs.get(&(block, Some(span))) {
            return Ok(Some(tree.clone()));
        }
        let (height, after) = (self.heights.steps, self.state_after(block, span));
        let before = match span.checked_sub(1) {
            Some(before) => self.state_after(block, before),
            None => final_of(self.claim_after(block.saturating_sub(1))),
        };
        let is_lie = self.lies_in(block) && span == self.lie.span;
        let head_len = if is_lie { self.lie.step } else { 0 };
        let before = if is_lie { final_of(self.right_after(block)) } else { before };
        let tree = Self::tree(height, &[(before, head_len), (after, 1)])?;
        Ok(Some(self.runs.entry((block, Some(span))).or_insert(tree).clone()))
    }
}
