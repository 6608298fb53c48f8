//! Who did what in a dispute, and what it cost: read from L1's blocks.

use alloy::{
    consensus::Transaction, eips::BlockId, network::TransactionResponse, providers::Provider,
};
use alloy_primitives::{Address, B256, U256};
use gainsay_l1::{L1Client, L1Error};

use crate::{
    ChallengerError,
    game::{AssertionStatus, EdgeId, Game},
};

/// What the honest side did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) transactions: u64,
    pub(super) gas: u64,
}

/// Counts the transactions to `targets` in L1 blocks `first..=last` of all but `adversaries`.
pub(super) async fn spent(
    client: &L1Client,
    targets: &[Address],
    adversaries: &[Address],
    (first, last): (u64, u64),
) -> Result<Spent, ChallengerError> {
    let provider = client.provider();
    let transport = |what| move |source| L1Error::Transport { what, source };
    let mut spent = Spent::default();
    for number in first..=last {
        let block = provider.get_block(BlockId::number(number)).full().await;
        let block = block.map_err(transport("eth_getBlockByNumber"))?;
        for transaction in block.iter().flat_map(|block| block.transactions.txns()) {
            let is_move = transaction.to().is_some_and(|to| targets.contains(&to));
            if !is_move || adversaries.contains(&transaction.from()) {
                continue;
            }
            let receipt = provider.get_transaction_receipt(transaction.tx_hash()).await;
            let receipt = receipt.map_err(transport("eth_getTransactionReceipt"))?;
            spent.transactions += 1;
            spent.gas += receipt.map_or(0, |receipt| receipt.gas_used);
        }
    }
    Ok(spent)
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
            if child.status == AssertionStatus::Pending {
                sums.honest_open += stake;
            }
        } else if child.status == AssertionStatus::Lost {
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
