//! What is known of an assertion, an edge, the place that rivals share, and a stake.

use alloy_primitives::{Address, B256, U256};
use gainsay_derivation::{BatchIndex, Cursor};
use gainsay_vm::node;

use super::mutual_id;

/// What the leaves of a tree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// PROTOCOL.md GAME-1
pub enum Level {
    /// Claims after each block.
    Blocks,
    /// Machine states of one block, one every 2^steps instructions.
    Spans,
    /// Machine states of one span, one an instruction.
    Steps,
}

/// What names an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId {
    /// What it and its rivals agree on.
    pub mutual_id: B256,
    /// The root of its tree; at height 0 the leaf.
    pub root: B256,
}

impl EdgeId {
    /// The edge with this root at this place.
    #[must_use]
    pub const fn new(mutual_id: B256, root: B256) -> Self {
        Self { mutual_id, root }
    }

    /// Its halves, when `left` and `right` are the nodes below its root.
    #[must_use]
    pub fn children(&self, left: B256, right: B256) -> [Self; 2] {
        debug_assert_eq!(node(&left, &right), self.root, "a tree's halves make its root");
        [
            Self::new(mutual_id::of_left(self.mutual_id), left),
            Self::new(mutual_id::of_right(self.mutual_id, left), right),
        ]
    }
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The assertion whose children are disputed.
    pub dispute: B256,
    /// What its leaves are.
    pub level: Level,
    /// It commits to 2^height of them.
    pub height: u8,
    /// L1 seconds.
    pub created_at: u64,
    /// Its halves, once it is bisected.
    pub children: Option<[EdgeId; 2]>,
    /// The edges opened below it, if its height is 0.
    pub opened: Vec<EdgeId>,
    /// Seconds that the contract has cached; infinite once it is proven.
    pub cached: u64,
    /// Whether it has won for ever.
    pub confirmed: bool,
    /// Who bisected it or, at height 0, proved it.
    pub mover: Option<Address>,
    /// Whether the mover was paid, or who opened the winner below it.
    pub is_paid: bool,
}

impl Edge {
    pub(super) const fn new(dispute: B256, level: Level, height: u8, created_at: u64) -> Self {
        Self {
            dispute,
            level,
            height,
            created_at,
            children: None,
            opened: Vec::new(),
            cached: 0,
            confirmed: false,
            mover: None,
            is_paid: false,
        }
    }

    /// The mutual id of the edges opened below it, which is at this place.
    #[must_use]
    pub fn opened_id(&self, mutual_id: B256) -> B256 {
        match self.level {
            Level::Blocks => mutual_id::of_spans(mutual_id),
            Level::Spans | Level::Steps => mutual_id::of_steps(mutual_id),
        }
    }
}

/// Edges that contradict each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Their roots, in the order in which they came.
    pub roots: Vec<B256>,
    /// L1 seconds at which the second one came.
    pub rivaled_at: Option<u64>,
    /// The mutual id of what they are halves of, or were opened below.
    pub above: Option<B256>,
}

/// A stake on a root edge of "spans" or "steps".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The height-0 edge below which it was opened.
    pub parent: EdgeId,
    /// Level of the root edge.
    pub level: Level,
    /// The state before its first leaf.
    pub agreed: B256,
    /// Who pays, and is paid.
    pub staker: Address,
    /// Wei.
    pub stake: U256,
    /// Whether it is locked.
    pub is_open: bool,
}

/// Where an assertion is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionStatus {
    /// Neither confirmed nor lost.
    Pending,
    /// Final.
    Confirmed,
    /// A rival of it or of an ancestor was confirmed, and the stake on it, if any, was taken.
    Lost,
    /// Final: the program fails on one of its blocks, and nothing follows.
    Halted,
}

/// One assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameAssertion {
    /// The assertion that it extends.
    pub parent: B256,
    /// Root of the tree over its claims.
    pub root: B256,
    /// Output root after its last block.
    pub output_root: B256,
    /// Position in the Inbox after its last block.
    pub cursor: Cursor,
    /// Who proposed it, and is paid for it.
    pub proposer: Address,
    /// Batches that its children must read up to. Unknown for the genesis assertion, whose event
    /// does not say it.
    pub batch_limit: Option<BatchIndex>,
    /// L1 seconds.
    pub created_at: u64,
    /// L1 seconds at which it got its first rival.
    pub rivaled_at: Option<u64>,
    /// Where it is in its life.
    pub status: AssertionStatus,
    /// The assertions that extend it, in the order in which they came.
    pub children: Vec<B256>,
}

impl GameAssertion {
    /// Whether a stake of its proposer lies on it: on pending leaves alone.
    #[must_use]
    pub fn holds_stake(&self) -> bool {
        self.status == AssertionStatus::Pending && self.children.is_empty()
    }

    /// Its end claim.
    #[must_use]
    pub fn end_claim(&self) -> B256 {
        gainsay_chain::end_claim(self.output_root, &self.cursor)
    }

    pub(super) const fn genesis(output_root: B256, cursor: Cursor, time: u64) -> Self {
        Self {
            parent: B256::ZERO,
            root: B256::ZERO,
            output_root,
            cursor,
            proposer: Address::ZERO,
            batch_limit: None,
            created_at: time,
            rivaled_at: None,
            status: AssertionStatus::Confirmed,
            children: Vec::new(),
        }
    }
}
