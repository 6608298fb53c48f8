//! All disputes as L1 shows them now.
//!
//! In: L1. Out: the [`Game`], rebuilt from the first event on, at L1's head. It keeps nothing, so
//! no reorg can mislead it; it reads a devnet's history in one request.

use alloy::{
    providers::Provider,
    rpc::types::{Filter, Log},
};
use alloy_primitives::Address;
use gainsay_l1::{ContractEvent, Contracts, L1Client, L1Error};

use gainsay_challenger::{
    ChallengerError,
    dispute::game::{Game, GameEvent, Heights},
};

/// The state of all disputes after an L1 block.
#[derive(Clone, Debug)]
pub struct Disputes {
    /// The state.
    pub game: Game,
    /// Events so far.
    pub events: usize,
    /// Number of the L1 block.
    pub l1_block: u64,
    /// Its time, seconds.
    pub time: u64,
}

/// Rebuilds the disputes of the AssertionChain `chain`, which `game` decides, from the L1 block
/// `start` on.
///
/// # Errors
/// When L1 does not answer, or changes meanwhile.
pub async fn read_disputes(
    client: &L1Client,
    start: u64,
    chain: Address,
    game: Address,
    heights: Heights,
) -> Result<Disputes, ChallengerError> {
    let head = client.latest().await?;
    let filter = Filter::new().address(vec![chain, game]).from_block(start).to_block(head.number);
    let transport = |what| move |source| L1Error::Transport { what, source };
    let logs = client.provider().get_logs(&filter).await.map_err(transport("eth_getLogs"))?;
    let mut disputes = Disputes {
        game: Game::new(heights),
        events: logs.len(),
        l1_block: head.number,
        time: head.timestamp,
    };
    // Logs of the Inbox and of the bridge are not asked for.
    let contracts = Contracts {
        inbox: Address::ZERO,
        assertion_chain: chain,
        edge_game: game,
        portal: Address::ZERO,
        confirmed_games: Address::ZERO,
    };
    let mut known_time = (0, 0);
    for log in logs {
        let number = log.block_number.unwrap_or_default();
        if known_time.0 != number {
            known_time = (number, time_of(client, &log, number).await?);
        }
        let place = (number, known_time.1, log.log_index.unwrap_or_default());
        let transaction = log.transaction_hash.unwrap_or_default();
        let event = ContractEvent::decode(&contracts, place, log.inner)
            .map_err(|reason| L1Error::BadEvent { l1_block: number, transaction, reason })?;
        if let Some(said) = GameEvent::of(&event.event) {
            disputes.game.apply(&said, event.l1_time);
        }
    }
    Ok(disputes)
}

async fn time_of(client: &L1Client, log: &Log, number: u64) -> Result<u64, L1Error> {
    if let Some(time) = log.block_timestamp {
        return Ok(time);
    }
    let missing = || L1Error::Missing { what: format!("L1 block {number}") };
    Ok(client.block_by_number(number).await?.ok_or_else(missing)?.timestamp)
}
