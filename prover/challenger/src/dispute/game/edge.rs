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

/// The name of an edge: its place and its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId {
    /// The place that the edge shares with its rivals: a hash of everything that they agree on.
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

    /// The names of its halves, if `left` and `right` are the nodes below its root.
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
    /// log2 of the number of leaves.
    pub height: u8,
    /// L1 seconds.
    pub created_at: u64,
    /// Its halves, once it is bisected.
    pub children: Option<[EdgeId; 2]>,
    /// The edges opened below it, if its height is 0.
    pub opened: Vec<EdgeId>,
    /// Seconds that the contract has cached; infinite once it is proven.
    pub cached: u64,
    /// Whether it has won, which is final.
    pub confirmed: bool,
    /// Who bisected it or, at height 0, proved it.
    pub mover: Option<Address>,
    /// Whether the mover was paid, or the player who opened the winner below the edge.
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
    /// Roots of the edges, in the order in which they came.
    pub roots: Vec<B256>,
    /// L1 seconds at which the second edge came.
    pub rivaled_at: Option<u64>,
    /// The mutual id of the edge of which they are halves, or below which they were opened.
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

/// The status of an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionStatus {
    /// Neither confirmed nor lost.
    Pending,
    /// It has won, which is final.
    Confirmed,
    /// A rival of it or of an ancestor was confirmed, and the stake on it, if any, was taken.
    Lost,
    /// It has won and says that the program fails on a block: nothing follows, for ever.
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
    /// Status after the last event.
    pub status: AssertionStatus,
    /// The assertions that extend it, in the order in which they came.
    pub children: Vec<B256>,
}

impl GameAssertion {
    /// Whether a stake of its proposer lies on it. Only a pending leaf has one.
    #[must_use]
    pub fn holds_stake(&self) -> bool {
        self.status == AssertionStatus::Pending && self.children.is_empty()
    }

    /// The claim after its last block.
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
