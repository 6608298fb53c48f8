//! Events of AssertionChain, EdgeGame and the bridge, fresh from L1 or kept by a node.
//!
//! In: a log and the L1 block that holds it. Out: the event with its log, so that a node can keep
//! the log and have the same event again after a restart. What an event means is decided by who
//! follows assertions and disputes.

use alloy::sol_types::{SolEvent, SolEventInterface};
use alloy_primitives::{Address, B256, BlockNumber, Log};

use crate::bindings::{
    IAssertionChain::IAssertionChainEvents,
    IConfirmedGames::GamePublished,
    IEdgeGame::IEdgeGameEvents,
    IPortal::{WithdrawalFinalized, WithdrawalProven, WithdrawalProvenExtension1},
};

/// The contracts of one chain whose events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracts {
    /// Deposits and batches.
    pub inbox: Address,
    /// Assertions.
    pub assertion_chain: Address,
    /// Disputes between assertions.
    pub edge_game: Address,
    /// Withdrawals.
    pub portal: Address,
    /// Confirmed assertions as games.
    pub confirmed_games: Address,
}

impl Contracts {
    /// Whether one of them has this address.
    pub(crate) fn contain(&self, address: Address) -> bool {
        let Self { inbox, assertion_chain, edge_game, portal, confirmed_games } = *self;
        [inbox, assertion_chain, edge_game, portal, confirmed_games].contains(&address)
    }

    /// Whether a log of one of them says what another log says, too: deposits are the Inbox's to
    /// record, and OP's event for a game stands beside `GamePublished`.
    pub(crate) fn is_repetition(&self, log: &Log) -> bool {
        let is_of_bridge = [self.portal, self.confirmed_games].contains(&log.address);
        is_of_bridge && log.topics().first().is_none_or(|topic| !BRIDGE_EVENTS.contains(topic))
    }
}

/// Events of the Portal that are read.
pub(crate) const PORTAL_EVENTS: [[u8; 32]; 3] = [
    WithdrawalProven::SIGNATURE_HASH.0,
    WithdrawalProvenExtension1::SIGNATURE_HASH.0,
    WithdrawalFinalized::SIGNATURE_HASH.0,
];
/// Events of ConfirmedGames that are read.
pub(crate) const GAME_EVENTS: [[u8; 32]; 1] = [GamePublished::SIGNATURE_HASH.0];
const BRIDGE_EVENTS: [B256; 4] = [
    WithdrawalProven::SIGNATURE_HASH,
    WithdrawalProvenExtension1::SIGNATURE_HASH,
    WithdrawalFinalized::SIGNATURE_HASH,
    GamePublished::SIGNATURE_HASH,
];

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractEventKind {
    /// An event of the AssertionChain.
    Assertion(IAssertionChainEvents),
    /// An event of the EdgeGame.
    Edge(IEdgeGameEvents),
    /// An event of Portal or ConfirmedGames: what its log says, by topics.
    Bridge,
}

/// An event of AssertionChain, EdgeGame or the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractEvent {
    /// Number of the L1 block that holds it.
    pub l1_block: BlockNumber,
    /// Time of that block, seconds since the Unix epoch.
    pub l1_time: u64,
    /// Index of its log in the block.
    pub log_index: u64,
    /// What it says.
    pub event: ContractEventKind,
    /// The log that says so.
    pub log: Log,
}

impl ContractEvent {
    /// Reads the event of a log at this place on L1.
    ///
    /// # Errors
    /// Why the log is no event of AssertionChain, EdgeGame or the bridge.
    pub fn decode(
        contracts: &Contracts,
        (l1_block, l1_time, log_index): (BlockNumber, u64, u64),
        log: Log,
    ) -> Result<Self, String> {
        let event = if log.address == contracts.assertion_chain {
            IAssertionChainEvents::decode_log(&log)
                .map(|event| ContractEventKind::Assertion(event.data))
        } else if log.address == contracts.edge_game {
            IEdgeGameEvents::decode_log(&log).map(|event| ContractEventKind::Edge(event.data))
        } else if [contracts.portal, contracts.confirmed_games].contains(&log.address) {
            Ok(ContractEventKind::Bridge)
        } else {
            return Err(format!("no event of ours: a log of {}", log.address));
        };
        let event = event.map_err(|error| format!("an unknown event: {error}"))?;
        Ok(Self { l1_block, l1_time, log_index, event, log })
    }
}
