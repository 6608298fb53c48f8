//! What a player can do, with all that the contracts ask for except machine states and witnesses:
//! the responder adds those, which are large.

use std::sync::Arc;

use alloy_primitives::{B256, U256};

use super::StrategyConfig;
use crate::dispute::{
    BelievedChild, Commitment, TracePoint,
    game::{EdgeId, Game, GameAssertion},
};

/// Where a height-0 edge is in its level, and what precedes its leaf: `IEdgeGame.Position`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// "blocks": id of the parent assertion. Else: mutual id of the level's root edges.
    pub start: B256,
    /// Which leaf of the level's trees it is: its bits are the turns from the root edge down.
    pub index: u64,
    /// For each turn to the right, from the root edge down: the root of the left sibling.
    pub lefts: Vec<B256>,
    /// Siblings, upwards, of the last leaf of the last of `lefts`.
    pub agreed_proof: Vec<B256>,
}

impl Position {
    /// The position of the leaf at `index` of a tree.
    #[must_use]
    // PROTOCOL.md GAME-6
    pub fn of_leaf(start: B256, tree: &Commitment, index: u64) -> Self {
        let nodes = (0..tree.height()).rev().map(|height| (height, index >> height));
        let rights = nodes.filter(|(_, node)| node & 1 == 1);
        let lefts = rights.map(|(height, node)| tree.node(height, node ^ 1)).collect();
        // The last left sibling ends right before the leaf.
        let height = u8::try_from(index.trailing_zeros()).unwrap_or(0);
        let agreed_proof = match (index >> height.min(63)).checked_sub(1) {
            Some(sibling) if index > 0 => tree.last_leaf_proof_of(height, sibling),
            _ => Vec::new(),
        };
        Self { start, index, lefts, agreed_proof }
    }
}

/// A stake on a tree below a height-0 edge: `openSpans` or `openSteps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMove {
    /// The height-0 edge.
    pub edge: EdgeId,
    /// Its place.
    pub position: Position,
    /// What it is about; finer counts than its level's are 0.
    pub point: TracePoint,
    /// The state before its leaf: of "spans" alone, at "blocks" the claim comes from the trace.
    pub agreed: B256,
    /// Root of the tree.
    pub root: B256,
    /// Siblings, upwards, of the tree's last leaf.
    pub last_leaf_proof: Vec<B256>,
    /// Wei to lock.
    pub stake: U256,
}

/// One edge whose timer is to be cached: `IEdgeGame.TimerUpdate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerUpdate {
    /// The edge.
    pub edge: EdgeId,
    /// Root of its left child, or of the edge opened below it; zero if there is none.
    pub left: B256,
    /// Root of its right child, or zero.
    pub right: B256,
}

/// Stakes of one level: `IEdgeGame.Settlement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The root edge that has won.
    pub winner: EdgeId,
    /// Roots of its rivals whose stakes are open.
    pub losers: Vec<B256>,
}

/// Moves of one tree that has won, from its root down to one edge: `IEdgeGame.Line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The place of the tree's root edge.
    pub place: B256,
    /// Of the last edge among those of its height: its bits are the turns from the root edge down.
    pub index: u64,
    /// Root of the last edge.
    pub end: B256,
    /// Siblings of the nodes on it, upwards.
    pub siblings: Vec<B256>,
    /// Root of the tree opened below the last edge, whose opening is to be paid, or zero.
    pub opened: B256,
}

/// What ends a dispute, in one transaction and in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// Timers to be cached, those below first.
    pub updates: Vec<TimerUpdate>,
    /// Stakes on trees of machine states, to be returned and taken.
    pub settlements: Vec<Settlement>,
    /// Moves to be paid.
    pub lines: Vec<Line>,
}

/// One transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Stakes on the right child of an assertion.
    Propose {
        /// The assertion.
        parent: B256,
        /// The child.
        child: Arc<BelievedChild>,
        /// Wei that it locks: none if our stake lies on the parent and moves on.
        stake: U256,
        /// Of these, wei to send along: what our credit does not pay.
        value: U256,
    },
    /// Splits an edge.
    Bisect {
        /// The edge.
        edge: EdgeId,
        /// Root of its left half.
        left: B256,
        /// Root of its right half.
        right: B256,
    },
    /// Commits to the run on a block.
    OpenSpans(OpenMove),
    /// Commits to the instructions of a span.
    OpenSteps(OpenMove),
    /// Executes one instruction on L1.
    ProveStep {
        /// The edge that it proves.
        edge: EdgeId,
        /// Its place.
        position: Position,
        /// The instruction.
        point: TracePoint,
        /// Hash of the state before it.
        agreed: B256,
    },
    /// Says that claim 0 follows claim 0: behind a block on which the program fails.
    ProveZero {
        /// The edge that it proves.
        edge: EdgeId,
        /// Its place.
        position: Position,
    },
    /// Caches timers, settles stakes on trees of machine states, pays moves.
    Conclude(Conclusion),
    /// Confirms an assertion.
    Confirm(B256),
    /// Confirms an assertion and takes the stakes of its rivals.
    Collect {
        /// The assertion.
        winner: B256,
        /// Its rivals and what builds on them, parents first.
        losers: Vec<B256>,
    },
    /// Pays out credit.
    Withdraw {
        /// Wei.
        amount: U256,
    },
}

impl Move {
    /// A stake on a child of `parent`: the one that lies there moves on if it is ours, and what our
    /// credit pays need not be sent.
    #[must_use]
    pub fn propose(
        game: &Game,
        config: &StrategyConfig,
        parent: B256,
        child: Arc<BelievedChild>,
    ) -> Self {
        let is_ours = |it: &GameAssertion| it.holds_stake() && it.proposer == config.account;
        let moves_on = game.assertion(&parent).is_some_and(is_ours);
        let stake = if moves_on { U256::ZERO } else { config.stake };
        let value = stake.saturating_sub(game.credit(&config.account));
        Self::Propose { parent, child, stake, value }
    }

    /// The contract's name for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Propose { .. } => "propose",
            Self::Bisect { .. } => "bisect",
            Self::OpenSpans(_) => "openSpans",
            Self::OpenSteps(_) => "openSteps",
            Self::ProveStep { .. } => "proveStep",
            Self::ProveZero { .. } => "proveZero",
            Self::Conclude(_) => "conclude",
            Self::Confirm(_) => "confirm",
            Self::Collect { .. } => "collect",
            Self::Withdraw { .. } => "withdrawCredit",
        }
    }

    /// Wei of our credit that it uses.
    #[must_use]
    pub const fn credit_used(&self) -> U256 {
        match self {
            Self::Propose { stake, value, .. } => stake.saturating_sub(*value),
            _ => U256::ZERO,
        }
    }

    /// Wei that it locks.
    #[must_use]
    pub const fn stake(&self) -> U256 {
        match self {
            Self::Propose { stake, .. } => *stake,
            Self::OpenSpans(open) | Self::OpenSteps(open) => open.stake,
            _ => U256::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use gainsay_vm::root_from_siblings;

    use super::*;

    #[test]
    fn positions_lead_to_their_leaf_and_prove_the_one_before() {
        // A liar chooses nodes freely: also zeros.
        for first in [1, 0] {
            let leaves: Vec<B256> = (first..first + 16).map(B256::repeat_byte).collect();
            let tree = Commitment::new(4, &leaves).unwrap();
            for index in 0..16_u64 {
                let position = Position::of_leaf(B256::ZERO, &tree, index);
                assert_eq!(position.index, index);
                let mut lefts = position.lefts.iter();
                let (mut left, mut left_height) = (B256::ZERO, 0);
                for depth in 0..4 {
                    if index >> (3 - depth) & 1 == 1 {
                        (left, left_height) = (*lefts.next().unwrap(), 3 - depth);
                    }
                }
                assert_eq!(lefts.next(), None);
                assert_eq!(position.agreed_proof.len(), left_height);
                if let Some(before) = index.checked_sub(1) {
                    let last = (1 << left_height) - 1;
                    let agreed = tree.leaf(before);
                    assert_eq!(root_from_siblings(agreed, last, &position.agreed_proof), left);
                }
            }
        }
    }
}
