//! Moves and costs of both sides of a dispute, read from L1's blocks.

use std::collections::HashSet;

use alloy::{eips::BlockId, providers::Provider, rpc::types::TransactionReceipt};
use alloy_primitives::{Address, B256, U256};
use gainsay_l1::{L1Client, L1Error};

use gainsay_challenger::{
    ChallengerError,
    dispute::game::{AssertionStatus, EdgeId, Game},
};

/// What one side did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) transactions: u64,
    pub(super) gas: u64,
}

/// A dispute as L1's transactions show it.
pub(super) struct Arena<'a> {
    pub(super) assertion_chain: Address,
    pub(super) game: Address,
    /// The assertions that contradict each other.
    pub(super) children: Vec<B256>,
    pub(super) adversaries: &'a [Address],
}

/// What the honest side and the adversaries did about a dispute in L1 blocks `first..=last`: all
/// calls of the game, and of the AssertionChain those by its players and those about the disputed
/// assertions. A proposer's work on other assertions is not counted.
pub(super) async fn spent(
    client: &L1Client,
    arena: &Arena<'_>,
    (first, last): (u64, u64),
) -> Result<[Spent; 2], ChallengerError> {
    let provider = client.provider();
    let transport = |what| move |source| L1Error::Transport { what, source };
    let mut receipts = Vec::new();
    for number in first..=last {
        let found = provider.get_block_receipts(BlockId::number(number)).await;
        receipts.extend(found.map_err(transport("eth_getBlockReceipts"))?.unwrap_or_default());
    }
    let is_played = |it: &&TransactionReceipt| it.to == Some(arena.game);
    let players: HashSet<Address> = receipts.iter().filter(is_played).map(|it| it.from).collect();
    let mut sides = [Spent::default(); 2];
    for receipt in &receipts {
        let is_move = receipt.to == Some(arena.game)
            || receipt.to == Some(arena.assertion_chain)
                && (players.contains(&receipt.from) || is_about(receipt, &arena.children));
        if is_move {
            let side = &mut sides[usize::from(arena.adversaries.contains(&receipt.from))];
            side.transactions += 1;
            side.gas += receipt.gas_used;
        }
    }
    Ok(sides)
}

/// Whether an event is of one of these assertions, whose id is the first that it names.
fn is_about(receipt: &TransactionReceipt, assertions: &[B256]) -> bool {
    let mut named = receipt.logs().iter().filter_map(|log| log.topics().get(1));
    named.any(|id| assertions.contains(id))
}

/// Wei of a dispute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stakes {
    /// What all but adversaries staked.
    pub(super) honest: U256,
    /// Of that, what is still locked.
    pub(super) honest_open: U256,
    /// What adversaries lost.
    pub(super) slashed: U256,
}

/// The stakes of the dispute about the children of `parent`.
pub(super) fn stakes(game: &Game, parent: &B256, adversaries: &[Address], stake: U256) -> Stakes {
    let mut sums = Stakes::default();
    let children = game.assertion(parent).map_or(&[][..], |it| &it.children);
    for child in children.iter().filter_map(|id| game.assertion(id)) {
        if !adversaries.contains(&child.proposer) {
            sums.honest += stake;
            if child.holds_stake() {
                sums.honest_open += stake;
            }
        // Nobody can build on what is lost: a stake lay on it if nobody had built on it before.
        } else if child.status == AssertionStatus::Lost && child.children.is_empty() {
            sums.slashed += stake;
        }
    }
    let is_here = |id: &EdgeId| game.edge(id).is_some_and(|edge| edge.dispute == *parent);
    for (id, opening) in game.openings().filter(|(id, _)| is_here(id)) {
        let has_won = game.edge(id).is_some_and(|edge| edge.confirmed);
        if !adversaries.contains(&opening.staker) {
            sums.honest += opening.stake;
            if opening.is_open {
                sums.honest_open += opening.stake;
            }
        } else if !opening.is_open && !has_won {
            sums.slashed += opening.stake;
        }
    }
    sums
}
