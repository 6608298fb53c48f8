//! The L1 calls that pay withdrawals out: publish the confirmed state, prove, run.
//!
//! In: withdrawals with their proofs, as a node answers. Out: what became of each on L1. One L1
//! transaction pays as many as its gas allows. Every call is run dry first, so that a withdrawal whose
//! call fails costs nothing and does not stop the rest.

use std::collections::BTreeMap;

use alloy::sol_types::SolEvent;
use alloy_primitives::{B256, U256};
use anyhow::Context;
use gainsay_l1::{
    AssertionChain, ConfirmedGames, Portal, RollupConfig, TxSender,
    bindings::{
        IConfirmedGames::GamePublished,
        IPortal::{WithdrawalFinalized, proveAndFinalizeCall},
    },
};

use crate::withdrawal_status::{WithdrawalProof, WithdrawalStatus};

/// Withdrawals of one transaction at most.
const BATCH_MAX: usize = 24;
/// Gas for the calls of one transaction, of the 2^24 that it may have.
// PROTOCOL.md BRIDGE-6
const BATCH_GAS_MAX: u64 = 15_400_000;
/// Gas to prove one withdrawal and to record its outcome.
const PROVE_GAS: u64 = 350_000;
/// Gas that a withdrawal can insist on.
const CALL_GAS_MAX: u64 = 15_000_000;
/// Assertions that are confirmed on the way to one of them.
const ANCESTORS_MAX: usize = 64;

/// What a try to finalize came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finalized {
    /// It is paid out, by this L1 transaction.
    Paid(B256),
    /// Its call fails on L1; the withdrawal stays open.
    CallFails,
}

/// Pays withdrawals out with one key.
#[derive(Debug)]
pub(crate) struct Finalizer {
    portal: Portal,
    games: ConfirmedGames,
    assertions: AssertionChain,
    sender: TxSender,
}

impl Finalizer {
    /// A finalizer for the contracts of `rollup`.
    pub(crate) fn new(rollup: &RollupConfig, sender: TxSender) -> Self {
        let client = sender.client();
        Self {
            portal: Portal::new(client, rollup.bridge.portal),
            games: ConfirmedGames::new(rollup.bridge.confirmed_games),
            assertions: AssertionChain::new(client, rollup.assertion_chain),
            sender,
        }
    }

    /// Pays out all that have a proof, and says what became of each.
    ///
    /// # Errors
    /// What L1 refused, or that it did not answer. Those before it are paid.
    pub(crate) async fn finalize(
        &self,
        ready: &[WithdrawalStatus],
    ) -> anyhow::Result<BTreeMap<B256, Finalized>> {
        let mut outcomes = BTreeMap::new();
        for group in groups(ready) {
            let Some(proof) = group.first().and_then(|it| it.proof.as_ref()) else { continue };
            let game = match proof.game_index {
                Some(index) => index,
                None => self.publish(proof).await?,
            };
            for batch in batches(&group) {
                outcomes.extend(self.pay(game, batch).await?);
            }
        }
        Ok(outcomes)
    }

    async fn pay(
        &self,
        game: u64,
        batch: Vec<&WithdrawalStatus>,
    ) -> anyhow::Result<Vec<(B256, Finalized)>> {
        let dry_run = self.portal.would_pay(self.sender.address(), &call(game, &batch)).await?;
        let (good, bad): (Vec<_>, Vec<_>) =
            batch.into_iter().zip(dry_run).partition(|(_, pays)| *pays);
        let mut outcomes: Vec<_> =
            bad.iter().map(|(it, _)| (it.hash, Finalized::CallFails)).collect();
        let good: Vec<_> = good.into_iter().map(|(it, _)| it).collect();
        if good.is_empty() {
            return Ok(outcomes);
        }
        let receipt = self.portal.prove_and_finalize(&self.sender, &call(game, &good)).await?;
        let events = receipt.logs().iter().filter(|log| log.address() == self.portal.address());
        let ran: BTreeMap<B256, bool> = events
            .filter_map(|log| WithdrawalFinalized::decode_log(&log.inner).ok())
            .map(|event| (event.withdrawalHash, event.success))
            .collect();
        for it in good {
            // One without an event was paid out before.
            let outcome = match ran.get(&it.hash) {
                Some(false) => Finalized::CallFails,
                _ => Finalized::Paid(receipt.transaction_hash),
            };
            outcomes.push((it.hash, outcome));
        }
        Ok(outcomes)
    }

    /// Lists the state of an assertion, after confirming those that it stands on. The game's index.
    async fn publish(&self, proof: &WithdrawalProof) -> anyhow::Result<u64> {
        let id = proof.assertion.context("the node named neither a game nor an assertion")?;
        let mut open = Vec::new();
        let mut next = self.assertions.assertion(id).await?.parent;
        while open.len() < ANCESTORS_MAX {
            let assertion = self.assertions.assertion(next).await?;
            if assertion.confirmed {
                break;
            }
            open.push(next);
            next = assertion.parent;
        }
        for ancestor in open.into_iter().rev() {
            self.assertions.confirm(&self.sender, ancestor).await?;
        }
        let parts = &proof.output_root_proof;
        let roots = (id, parts.state_root, parts.message_passer_storage_root);
        let receipt = self.games.publish(&self.sender, roots, proof.header.clone()).await?;
        let events = receipt.logs().iter().filter(|log| log.address() == self.games.address());
        let event = events.filter_map(|log| GamePublished::decode_log(&log.inner).ok()).next();
        let event =
            event.with_context(|| format!("{} published nothing", receipt.transaction_hash))?;
        Ok(event.index.saturating_to())
    }
}

fn call(game: u64, batch: &[&WithdrawalStatus]) -> proveAndFinalizeCall {
    let proof = |it: &&WithdrawalStatus| it.proof.as_ref().map(|it| it.withdrawal_proof.clone());
    proveAndFinalizeCall {
        gameIndex: U256::from(game),
        withdrawals: batch.iter().map(|it| it.transaction()).collect(),
        withdrawalProofs: batch.iter().map(|it| proof(it).unwrap_or_default()).collect(),
    }
}

/// Those that one game proves belong together; games and assertions in the order of their blocks.
fn groups(ready: &[WithdrawalStatus]) -> Vec<Vec<&WithdrawalStatus>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for it in ready {
        if let Some(proof) = &it.proof {
            let place = (proof.block_number, proof.game_index, proof.assertion);
            groups.entry(place).or_default().push(it);
        }
    }
    groups.into_values().collect()
}

/// Splits so that each part fits into one L1 transaction.
fn batches<'a>(group: &[&'a WithdrawalStatus]) -> Vec<Vec<&'a WithdrawalStatus>> {
    let mut batches: Vec<Vec<&WithdrawalStatus>> = Vec::new();
    let mut gas = 0_u64;
    for it in group {
        let asked: u64 = it.gas_limit.saturating_to();
        let own = asked.min(CALL_GAS_MAX) / 63 * 64 + PROVE_GAS;
        gas = gas.saturating_add(own);
        match batches.last_mut().filter(|last| last.len() < BATCH_MAX && gas <= BATCH_GAS_MAX) {
            Some(last) => last.push(it),
            None => {
                batches.push(vec![it]);
                gas = own;
            }
        }
    }
    batches
}

#[cfg(test)]
pub(crate) mod tests {
    use alloy_primitives::{Address, Bytes};

    use super::*;
    use crate::{
        status::BlockStatus,
        withdrawal_status::{OutputRootParts, WithdrawalStage},
    };

    pub(crate) fn withdrawal(nonce: u64, gas_limit: u64) -> WithdrawalStatus {
        WithdrawalStatus {
            hash: B256::from(U256::from(nonce)),
            nonce: U256::from(nonce),
            sender: Address::repeat_byte(1),
            target: Address::repeat_byte(2),
            value: U256::from(1),
            gas_limit: U256::from(gas_limit),
            data: Bytes::new(),
            l2_block: BlockStatus::default(),
            transaction_hash: B256::ZERO,
            from: Address::repeat_byte(1),
            status: WithdrawalStage::Confirmed,
            assertion: None,
            seconds_left: Some(0),
            proven_by: None,
            call_failed: false,
            finalized_in: None,
            proof: None,
        }
    }

    fn proven(nonce: u64, game_index: Option<u64>, block_number: u64) -> WithdrawalStatus {
        let proof = WithdrawalProof {
            game_index,
            assertion: game_index.is_none().then_some(B256::repeat_byte(9)),
            block_number,
            output_root_proof: OutputRootParts {
                version: B256::ZERO,
                state_root: B256::ZERO,
                message_passer_storage_root: B256::ZERO,
                latest_blockhash: B256::ZERO,
            },
            header: Bytes::new(),
            withdrawal_proof: vec![Bytes::from_static(b"node")],
        };
        WithdrawalStatus { proof: Some(proof), ..withdrawal(nonce, 21_000) }
    }

    #[test]
    fn a_batch_fits_into_one_transaction_of_l1() {
        let sizes = |all: &[WithdrawalStatus]| -> Vec<usize> {
            batches(&all.iter().collect::<Vec<_>>()).iter().map(Vec::len).collect()
        };
        let small: Vec<_> = (0..50).map(|nonce| withdrawal(nonce, 100_000)).collect();
        assert_eq!(sizes(&small), [24, 24, 2]);
        let large: Vec<_> = (0..3).map(|nonce| withdrawal(nonce, 7_000_000)).collect();
        assert_eq!(sizes(&large), [2, 1]);
        // However much one asks for, it goes alone.
        assert_eq!(sizes(&[withdrawal(0, u64::MAX), withdrawal(1, 0)]), [1, 1]);
    }

    #[test]
    fn what_one_game_proves_goes_together() {
        let ready =
            [proven(1, Some(4), 80), proven(2, None, 90), proven(3, Some(4), 80), withdrawal(4, 0)];
        let nonces: Vec<Vec<u64>> = groups(&ready)
            .iter()
            .map(|group| group.iter().map(|it| it.nonce.to()).collect())
            .collect();
        assert_eq!(nonces, [vec![1, 3], vec![2]]);
    }
}
