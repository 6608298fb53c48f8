//! Proposes and confirms assertions about the safe chain.
//!
//! In: claims of the store, the assertions on L1. Out: `propose` and `confirm` calls. It proposes
//! only what this node derived itself, with the batch accumulator that it derived it from, so that
//! an L1 reorg makes the call revert instead of costing a stake.

use std::time::Duration;

use alloy_primitives::B256;
use anyhow::Context;
use gainsay_derivation::{ClaimTree, Cursor};
use gainsay_l1::{Action, AssertionChain, L1Client, L1Error, Proposal, TxSender};

use crate::{
    assertion_log::{AssertionLog, LoggedAssertion},
    chain::Chain,
    l1_index,
};

/// How often to look for something to do.
const POLL: Duration = Duration::from_secs(2);

/// The proposer.
#[derive(Debug)]
pub struct Proposer {
    chain: Chain,
    client: L1Client,
    contract: AssertionChain,
    sender: TxSender,
    log: AssertionLog,
}

impl Proposer {
    /// A proposer that stakes with the sender's key.
    pub const fn new(
        chain: Chain,
        client: L1Client,
        contract: AssertionChain,
        sender: TxSender,
        log: AssertionLog,
    ) -> Self {
        Self { chain, client, contract, sender, log }
    }

    /// Runs for ever; ends only on errors that no retry can mend.
    pub async fn run(self) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(POLL).await;
            if let Err(error) = self.advance().await {
                let action = error.downcast_ref::<L1Error>().map(L1Error::action);
                if matches!(action, None | Some(Action::Fatal)) {
                    return Err(error);
                }
                tracing::warn!(error = %format!("{error:#}"), "assertions: trying again");
            }
        }
    }

    /// Confirms what is due, then proposes the next assertion when there is enough to say.
    async fn advance(&self) -> anyhow::Result<()> {
        let chain = self.honest_chain()?;
        let now = self.client.latest().await?.timestamp;
        let period = self.chain.rollup.assertions.challenge_period_secs;
        for assertion in chain.iter().filter(|it| !it.confirmed) {
            let on_l1 = self.contract.assertion(assertion.id).await?;
            if on_l1.rivaled_at != 0 || on_l1.created_at + period > now {
                break;
            }
            let receipt = self.contract.confirm(&self.sender, assertion.id).await?;
            tracing::info!(id = %assertion.id, l1_block = receipt.block_number, "confirmed assertion");
        }
        if self.contract.credit(self.sender.address()).await?
            >= self.chain.rollup.assertions.stake_wei
            && !self.chain.rollup.assertions.stake_wei.is_zero()
        {
            let receipt = self.contract.withdraw_credit(&self.sender).await?;
            tracing::info!(
                l1_block = receipt.block_number,
                "withdrew stakes of confirmed assertions"
            );
        }
        let tip = chain.last().context("the genesis assertion is always there")?;
        self.propose(tip, now).await
    }

    /// The assertions that this node agrees with, from the newest confirmed one on.
    ///
    /// A confirmed assertion that this node contradicts would mean that safety is lost: fatal.
    fn honest_chain(&self) -> anyhow::Result<Vec<LoggedAssertion>> {
        let mut tip = self.log.latest_confirmed();
        let mut chain = vec![tip];
        loop {
            let mut next = None;
            for child in self.log.children(tip.id) {
                if self.agrees(&child)? {
                    next = Some(child);
                }
            }
            match next {
                Some(child) => {
                    chain.push(child);
                    tip = child;
                }
                None => return Ok(chain),
            }
        }
    }

    /// Whether this node derived the same end claim.
    fn agrees(&self, assertion: &LoggedAssertion) -> anyhow::Result<bool> {
        let block = l1_index::block_at_cursor(&self.chain.store, &assertion.cursor)?;
        let Some(number) = block else { return Ok(false) };
        let record = self.chain.store.cursor(number)?;
        Ok(record.is_some_and(|record| record.output_root == assertion.output_root))
    }

    async fn propose(&self, parent: &LoggedAssertion, now: u64) -> anyhow::Result<()> {
        let store = &self.chain.store;
        let limit = parent.batch_limit;
        let safe = l1_index::safe_cursor(store)?;
        if safe.batch < limit {
            return Ok(());
        }
        let on_l1 = self.contract.assertion(parent.id).await?;
        let params = &self.chain.rollup.assertions;
        if now < on_l1.created_at + params.min_interval_secs {
            return Ok(());
        }
        let height = u32::from(params.blocks_height);
        let first = match l1_index::block_at_cursor(store, &parent.cursor)? {
            Some(number) => number + 1,
            None => anyhow::bail!("no block stands at the parent's cursor {:?}", parent.cursor),
        };
        let mut claims: Vec<B256> = Vec::new();
        let mut end: Option<(u64, Cursor, B256)> = None;
        for number in first..=store.heads().safe.number {
            let record = store.cursor(number)?.with_context(|| format!("no cursor of {number}"))?;
            claims.push(record.claim());
            end = Some((number, record.cursor, record.output_root));
            if record.cursor.batch >= limit || claims.len() as u64 >= 1 << height {
                break;
            }
        }
        let Some((last_block, cursor, output_root)) = end else { return Ok(()) };
        let tree = ClaimTree::new(&claims, height)?;
        let batch_acc =
            store.batch(limit - 1)?.with_context(|| format!("batch {} is missing", limit - 1))?.acc;
        let proposal = Proposal {
            parent: parent.id,
            output_root,
            cursor,
            root: tree.root,
            last_leaf_proof: tree.last_leaf_proof,
            expected_batch_acc: batch_acc,
            stake: params.stake_wei,
        };
        let receipt = self.contract.propose(&self.sender, proposal).await?;
        tracing::info!(
            parent = %parent.id,
            last_block,
            batches = cursor.batch,
            %output_root,
            l1_block = receipt.block_number,
            "proposed assertion"
        );
        Ok(())
    }
}
