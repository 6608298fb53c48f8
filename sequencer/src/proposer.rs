//! Proposes and confirms assertions about the safe chain.
//!
//! In: claims of the store, the assertions on L1. Out: `propose` and `confirm` calls. It proposes
//! only what this node derived itself, with the batch accumulator that it derived it from, so that
//! an L1 reorg makes the call revert instead of costing a stake. One stake carries its whole line:
//! it moves on with each proposal.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use gainsay_chain::{
    ProposedAssertion, RightChild, SafeChain, SharedAssertions, l1_index, right_child,
};
use gainsay_derivation::Cursor;
use gainsay_l1::{
    Action, AssertionChain, AssertionView, L1BlockRef, L1Client, Outage, Proposal, TxSender,
};
use gainsay_store::L1BlockRecord;

use crate::error::NodeError;

/// How often to look for something to do.
const POLL: Duration = Duration::from_secs(2);
/// Time in which the L1 watcher should have seen an assertion that L1 holds.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// Time for which assertions and store may disagree: a reorg of L1 reaches one after the other.
const CONTRADICTED_MAX: Duration = Duration::from_secs(60);

/// The proposer.
#[derive(Debug)]
pub struct Proposer {
    chain: SafeChain,
    client: L1Client,
    contract: AssertionChain,
    sender: TxSender,
    assertions: SharedAssertions,
    /// Pending assertions of which every claim was compared with the chain.
    verified: BTreeSet<B256>,
    /// Since when the confirmed assertion contradicts what this node derived.
    contradicted_since: Option<Instant>,
}

impl Proposer {
    /// A proposer that stakes with the sender's key.
    #[must_use]
    pub fn new(
        chain: SafeChain,
        client: L1Client,
        sender: TxSender,
        assertions: SharedAssertions,
    ) -> Self {
        let contract = AssertionChain::new(&client, chain.rollup.assertion_chain);
        let verified = BTreeSet::new();
        Self { chain, client, contract, sender, assertions, verified, contradicted_since: None }
    }

    /// Runs until an error that no retry can mend.
    ///
    /// # Errors
    /// Those whose action is fatal.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let mut outage = Outage::new("proposer");
        loop {
            tokio::time::sleep(POLL).await;
            match self.advance().await {
                Ok(()) => outage.ended(),
                Err(error) if error.action() == Action::Fatal => return Err(error),
                Err(error) => outage.failed(&error),
            }
        }
    }

    /// Confirms what is due, then proposes the next assertion when there is enough to say.
    async fn advance(&mut self) -> Result<(), NodeError> {
        let chain = tokio::task::block_in_place(|| self.honest_chain())?;
        let Some(tip) = chain.last() else { return Ok(()) };
        let now = self.client.latest().await?.timestamp;
        let period = self.chain.rollup.assertions.challenge_period_secs;
        for assertion in chain.iter().filter(|it| it.confirmed_in.is_none()) {
            let on_l1 = self.contract.assertion(assertion.id).await?;
            if on_l1.confirmed {
                continue;
            }
            let due = on_l1.created_at.saturating_add(period);
            if on_l1.created_at == 0 || on_l1.rivaled_at != 0 || due > now {
                break;
            }
            let receipt = self.contract.confirm(&self.sender, assertion.id).await?;
            tracing::info!(id = %assertion.id, l1_block = receipt.block_number, "confirmed assertion");
        }
        let on_l1 = self.contract.assertion(tip.id).await?;
        self.withdraw(&on_l1).await?;
        self.propose(tip, &on_l1, now).await
    }

    /// Takes the credit that no proposal needs: all while our stake lies on the tip, from where it
    /// moves on. Without one the credit pays the next stake.
    async fn withdraw(&self, tip: &AssertionView) -> Result<(), NodeError> {
        let account = self.sender.address();
        let has_moving_stake = tip.holds_stake && tip.proposer == account;
        let stake = self.chain.rollup.assertions.stake_wei;
        if has_moving_stake && self.contract.credit(account).await? >= stake {
            let receipt = self.contract.withdraw_credit(&self.sender).await?;
            tracing::info!(l1_block = receipt.block_number, "withdrew credit");
        }
        Ok(())
    }

    /// The assertions that this node agrees with, from the newest confirmed one on. None while it
    /// has not derived the confirmed one's blocks.
    ///
    /// A confirmed assertion that this node contradicts would mean that safety is lost: fatal.
    fn honest_chain(&mut self) -> Result<Vec<ProposedAssertion>, NodeError> {
        let mut tip = self.assertions.read().latest_confirmed();
        let Some(expected) = self.output_root_at(&tip.cursor)? else { return Ok(Vec::new()) };
        if expected != tip.output_root {
            let since = *self.contradicted_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= CONTRADICTED_MAX {
                let (id, found) = (tip.id, tip.output_root);
                return Err(NodeError::WrongConfirmed { id, found, expected });
            }
            return Ok(Vec::new());
        }
        self.contradicted_since = None;
        let mut chain = vec![tip];
        loop {
            let mut next = None;
            let children = self.assertions.read().children(tip.id);
            for child in children {
                if self.agrees(&tip, &child)? {
                    next = Some(child);
                }
            }
            let Some(child) = next else { break };
            chain.push(child);
            tip = child;
        }
        let ids: BTreeSet<B256> = chain.iter().map(|it| it.id).collect();
        self.verified.retain(|id| ids.contains(id));
        Ok(chain)
    }

    fn output_root_at(&self, cursor: &Cursor) -> Result<Option<B256>, NodeError> {
        let store = &self.chain.store;
        let Some(number) = l1_index::block_at_cursor(store, cursor)? else { return Ok(None) };
        Ok(store.cursor(number)?.map(|record| record.output_root))
    }

    /// Whether `child` is the one right child of `parent`: the same end and the same claims on the
    /// way. An end that is right too early, or with another tree, is a rival's.
    fn agrees(
        &mut self,
        parent: &ProposedAssertion,
        child: &ProposedAssertion,
    ) -> Result<bool, NodeError> {
        if self.output_root_at(&child.cursor)? != Some(child.output_root) {
            return Ok(false);
        }
        if self.verified.contains(&child.id) {
            return Ok(true);
        }
        let right = right_child(&self.chain, &parent.cursor, parent.batch_limit)?;
        let agrees = right.is_some_and(|right| right.difference(child).is_none());
        if agrees {
            self.verified.insert(child.id);
        }
        Ok(agrees)
    }

    async fn propose(
        &self,
        parent: &ProposedAssertion,
        on_l1: &AssertionView,
        now: u64,
    ) -> Result<(), NodeError> {
        // The chain has halted: L1 takes no stake any more.
        if self.assertions.read().halted_by().is_some() {
            return Ok(());
        }
        let params = &self.chain.rollup.assertions;
        if now < on_l1.created_at.saturating_add(params.min_interval_secs) {
            return Ok(());
        }
        let right = tokio::task::block_in_place(|| {
            right_child(&self.chain, &parent.cursor, parent.batch_limit)
        })?;
        let Some(right) = right else { return Ok(()) };
        let last_block = right.last_block();
        let RightChild { cursor, output_root, tree, batch_acc, .. } = right;
        let account = self.sender.address();
        let stake = self.contract.missing_stake(account, on_l1, params.stake_wei).await?;
        let proposal = Proposal {
            parent: parent.id,
            output_root,
            cursor,
            root: tree.root(),
            last_leaf_proof: tree.last_leaf_proof(),
            expected_batch_acc: batch_acc,
            stake,
        };
        self.require_agreement().await?;
        let receipt = self.contract.propose(&self.sender, proposal).await?;
        tracing::info!(
            parent = %parent.id,
            %last_block,
            batches = %cursor.batch,
            %output_root,
            l1_block = receipt.block_number,
            "proposed assertion"
        );
        self.wait_until_seen(parent.id, tree.root()).await;
        Ok(())
    }

    /// Nothing is staked on an L1 that only one of the L1 nodes knows.
    async fn require_agreement(&self) -> Result<(), NodeError> {
        let Some(L1BlockRecord { number, hash, parent_hash, timestamp }) =
            self.chain.store.l1_head()?
        else {
            return Ok(());
        };
        let read_up_to = L1BlockRef { number, hash, parent_hash, timestamp };
        Ok(self.client.require_agreement(&read_up_to).await?)
    }

    /// Waits until this node has seen its proposal, so that it does not pay for it again.
    async fn wait_until_seen(&self, parent: B256, root: B256) {
        let started = Instant::now();
        let is_seen = || {
            let children = self.assertions.read().children(parent);
            children.iter().any(|child| child.root == root)
        };
        while !is_seen() && started.elapsed() < SEEN_WITHIN {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
