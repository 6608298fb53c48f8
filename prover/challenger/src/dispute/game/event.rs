//! What the logs of AssertionChain and EdgeGame say, as far as a dispute needs it.

use alloy_primitives::{Address, B256, U256};
use gainsay_derivation::{BatchIndex, Cursor};
use gainsay_l1::{
    ContractEventKind,
    bindings::{
        IAssertionChain::IAssertionChainEvents,
        IEdgeGame::{self, IEdgeGameEvents},
    },
};

use super::{AssertionStatus, EdgeId, GameAssertion, Level, Opening};

/// One event of one of the two contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contracts' events say what their fields are")]
pub enum GameEvent {
    /// `AssertionProposed`; its time is that of the L1 block.
    Proposed { id: B256, assertion: GameAssertion },
    /// `AssertionRivaled`.
    Rivaled { first: B256, rival: B256 },
    /// `AssertionConfirmed`.
    Confirmed { id: B256, output_root: B256, cursor: Cursor },
    /// `AssertionHalted`.
    Halted { id: B256 },
    /// `AssertionLost`.
    Lost { id: B256 },
    /// `CreditAdded`.
    CreditAdded { account: Address, amount: U256 },
    /// `CreditStaked`.
    CreditStaked { account: Address, amount: U256 },
    /// `CreditWithdrawn`.
    CreditWithdrawn { account: Address, amount: U256 },
    /// `RootAdded`.
    RootAdded { edge: EdgeId, parent_assertion: B256, created_at: u64 },
    /// `EdgeBisected`.
    Bisected { edge: EdgeId, left: B256, right: B256, mover: Address },
    /// `EdgeOpened`.
    Opened { opened: EdgeId, opening: Opening },
    /// `EdgeProven`.
    Proven { edge: EdgeId, mover: Address },
    /// `TimerUpdated`.
    TimerUpdated { edge: EdgeId, timer: u64 },
    /// `EdgeConfirmed`.
    EdgeConfirmed { edge: EdgeId },
    /// `StakeReturned` or `StakeTaken`.
    StakeClosed { edge: EdgeId },
    /// `PotFilled`.
    PotFilled { place: B256, amount: U256 },
    /// `LinePaid`.
    LinePaid { place: B256, end: EdgeId, opened: B256, amount: U256 },
}

impl GameEvent {
    /// What an event says of disputes; none if it is of the bridge.
    #[must_use]
    pub fn of(event: &ContractEventKind) -> Option<Self> {
        match event {
            ContractEventKind::Assertion(event) => Some(Self::from(event)),
            ContractEventKind::Edge(event) => Some(Self::from(event)),
            ContractEventKind::Bridge => None,
        }
    }
}

impl From<&IAssertionChainEvents> for GameEvent {
    fn from(event: &IAssertionChainEvents) -> Self {
        match event {
            IAssertionChainEvents::AssertionProposed(it) => Self::Proposed {
                id: it.id,
                assertion: GameAssertion {
                    parent: it.parent,
                    root: it.root,
                    output_root: it.outputRoot,
                    cursor: it.cursor.clone().into(),
                    proposer: it.proposer,
                    batch_limit: Some(BatchIndex(it.batchLimit)),
                    created_at: 0,
                    rivaled_at: None,
                    status: AssertionStatus::Pending,
                    children: Vec::new(),
                },
            },
            IAssertionChainEvents::AssertionRivaled(it) => {
                Self::Rivaled { first: it.first, rival: it.rival }
            }
            IAssertionChainEvents::AssertionConfirmed(it) => Self::Confirmed {
                id: it.id,
                output_root: it.outputRoot,
                cursor: it.cursor.clone().into(),
            },
            IAssertionChainEvents::AssertionHalted(it) => Self::Halted { id: it.id },
            IAssertionChainEvents::AssertionLost(it) => Self::Lost { id: it.id },
            IAssertionChainEvents::CreditAdded(it) => {
                Self::CreditAdded { account: it.account, amount: it.amount }
            }
            IAssertionChainEvents::CreditStaked(it) => {
                Self::CreditStaked { account: it.account, amount: it.amount }
            }
            IAssertionChainEvents::CreditWithdrawn(it) => {
                Self::CreditWithdrawn { account: it.account, amount: it.amount }
            }
        }
    }
}

impl From<&IEdgeGameEvents> for GameEvent {
    fn from(event: &IEdgeGameEvents) -> Self {
        match event {
            IEdgeGameEvents::RootAdded(it) => Self::RootAdded {
                edge: EdgeId::new(it.mutualId, it.root),
                parent_assertion: it.parentAssertion,
                created_at: it.createdAt,
            },
            IEdgeGameEvents::EdgeBisected(it) => Self::Bisected {
                edge: EdgeId::new(it.mutualId, it.root),
                left: it.left,
                right: it.right,
                mover: it.mover,
            },
            IEdgeGameEvents::EdgeOpened(it) => Self::Opened {
                opened: EdgeId::new(it.openedId, it.openedRoot),
                opening: Opening {
                    parent: EdgeId::new(it.mutualId, it.root),
                    level: level(it.level),
                    agreed: it.agreed,
                    staker: it.staker,
                    stake: it.stake,
                    is_open: true,
                },
            },
            IEdgeGameEvents::EdgeProven(it) => {
                Self::Proven { edge: EdgeId::new(it.mutualId, it.root), mover: it.mover }
            }
            IEdgeGameEvents::TimerUpdated(it) => {
                Self::TimerUpdated { edge: EdgeId::new(it.mutualId, it.root), timer: it.timer }
            }
            IEdgeGameEvents::EdgeConfirmed(it) => {
                Self::EdgeConfirmed { edge: EdgeId::new(it.mutualId, it.root) }
            }
            IEdgeGameEvents::StakeReturned(it) => {
                Self::StakeClosed { edge: EdgeId::new(it.mutualId, it.root) }
            }
            IEdgeGameEvents::StakeTaken(it) => {
                Self::StakeClosed { edge: EdgeId::new(it.mutualId, it.loser) }
            }
            IEdgeGameEvents::PotFilled(it) => {
                Self::PotFilled { place: it.mutualId, amount: it.amount }
            }
            IEdgeGameEvents::LinePaid(it) => Self::LinePaid {
                place: it.mutualId,
                end: EdgeId::new(it.endId, it.node),
                opened: it.opened,
                amount: it.amount,
            },
        }
    }
}

/// The level of an event. The decoder refuses every number but those of the three levels.
const fn level(it: IEdgeGame::Level) -> Level {
    match it {
        IEdgeGame::Level::Spans => Level::Spans,
        IEdgeGame::Level::Steps => Level::Steps,
        _ => Level::Blocks,
    }
}
