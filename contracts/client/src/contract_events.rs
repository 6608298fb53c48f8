//! Events of AssertionChain and EdgeGame, fresh from L1 or kept by a node.
//!
//! In: a log and the L1 block that holds it. Out: the event with its log, so that a node can keep
//! the log and have the same event again after a restart. What an event means is decided by who
//! follows assertions and disputes.

use alloy::sol_types::SolEventInterface;
use alloy_primitives::{Address, BlockNumber, Log};

use crate::bindings::{IAssertionChain::IAssertionChainEvents, IEdgeGame::IEdgeGameEvents};

/// The contracts of one chain whose events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracts {
    /// Deposits and batches.
    pub inbox: Address,
    /// Assertions.
    pub assertion_chain: Address,
    /// Disputes between assertions.
    pub edge_game: Address,
}

impl Contracts {
    /// Whether one of them has this address.
    pub(crate) fn contain(&self, address: Address) -> bool {
        [self.inbox, self.assertion_chain, self.edge_game].contains(&address)
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractEventKind {
    /// An event of the AssertionChain.
    Assertion(IAssertionChainEvents),
    /// An event of the EdgeGame.
    Edge(IEdgeGameEvents),
}

/// An event of AssertionChain or EdgeGame.
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
    /// Why the log is no event of AssertionChain or EdgeGame.
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
        } else {
            return Err(format!("no event of ours: a log of {}", log.address));
        };
        let event = event.map_err(|error| format!("an unknown event: {error}"))?;
        Ok(Self { l1_block, l1_time, log_index, event, log })
    }
}
