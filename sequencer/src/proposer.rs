//! Proposes and confirms assertions about the safe chain.
//!
//! In: claims of the store, the assertions on L1. Out: `propose` and `confirm` calls. It proposes
//! only what this node derived itself, with the batch accumulator that it derived it from, so that
//! an L1 reorg makes the call revert instead of costing a stake.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use gainsay_derivation::{ClaimTree, Cursor};
use gainsay_l1::{Action, AssertionChain, L1Client, L1Error, Proposal, TxSender};

use crate::{
    assertion_log::{AssertionLog, LoggedAssertion},
    chain::Chain,
    l1_index,
};

/// How often to look for something to do.
const POLL: Duration = Duration::from_secs(2);
/// Time in which the L1 watcher should have seen an assertion that L1 holds.
const LOGGED_WITHIN: Duration = Duration::from_secs(60);
/// Time for which log and store may disagree: a reorg of L1 reaches one after the other.
const CONTRADICTED_MAX: Duration = Duration::from_secs(60);

/// The proposer.
#[derive(Debug)]
pub struct Proposer {
    chain: Chain,
    client: L1Client,
    contract: AssertionChain,
    sender: TxSender,
    log: AssertionLog,
    /// Pending assertions whose claims were compared with the chain's, each one.
    verified: BTreeSet<B256>,
    /// Since when the confirmed assertion is not what this node derived.
    contradicted_since: Option<Instant>,
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
        let verified = BTreeSet::new();
        Self { chain, client, contract, sender, log, verified, contradicted_since: None }
    }

    /// Runs for ever; ends only on errors that no retry can mend.
    pub async fn run(mut self) -> anyhow::Result<()> {
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
    async fn advance(&mut self) -> anyhow::Result<()> {
        let chain = tokio::task::block_in_place(|| self.honest_chain())?;
        let Some(tip) = chain.last() else { return Ok(()) };
        let now = self.client.latest().await?.timestamp;
        let period = self.chain.rollup.assertions.challenge_period_secs;
        for assertion in chain.iter().filter(|it| !it.confirmed) {
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
        self.propose(tip, now).await
    }

    /// The assertions that this node agrees with, from the newest confirmed one on. None while it
    /// has not derived the confirmed one's blocks.
    ///
    /// A confirmed assertion that this node contradicts would mean that safety is lost: fatal.
    fn honest_chain(&mut self) -> anyhow::Result<Vec<LoggedAssertion>> {
        let mut tip = self.log.latest_confirmed();
        let Some(claimed) = self.output_root_at(&tip.cursor)? else { return Ok(Vec::new()) };
        if claimed != tip.output_root {
            let since = *self.contradicted_since.get_or_insert_with(Instant::now);
            anyhow::ensure!(
                since.elapsed() < CONTRADICTED_MAX,
                "assertion {} is confirmed with output root {}, this node derived {claimed}",
                tip.id,
                tip.output_root
            );
            return Ok(Vec::new());
        }
        self.contradicted_since = None;
        let mut chain = vec![tip];
        loop {
            let mut next = None;
            for child in self.log.children(tip.id) {
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

    fn output_root_at(&self, cursor: &Cursor) -> anyhow::Result<Option<B256>> {
        let store = &self.chain.store;
        let Some(number) = l1_index::block_at_cursor(store, cursor)? else { return Ok(None) };
        Ok(store.cursor(number)?.map(|record| record.output_root))
    }

    /// Whether `child` is the one right child of `parent`: the same end and the same claims on the
    /// way. An end that is right too early, or with another tree, is a rival's.
    fn agrees(
        &mut self,
        parent: &LoggedAssertion,
        child: &LoggedAssertion,
    ) -> anyhow::Result<bool> {
        if self.output_root_at(&child.cursor)? != Some(child.output_root) {
            return Ok(false);
        }
        if self.verified.contains(&child.id) {
            return Ok(true);
        }
        let expected = next_claims(&self.chain, parent)?;
        let agrees =
            expected.is_some_and(|it| (it.cursor, it.tree.root) == (child.cursor, child.root));
        if agrees {
            self.verified.insert(child.id);
        }
        Ok(agrees)
    }

    async fn propose(&self, parent: &LoggedAssertion, now: u64) -> anyhow::Result<()> {
        let params = &self.chain.rollup.assertions;
        let on_l1 = self.contract.assertion(parent.id).await?;
        if now < on_l1.created_at.saturating_add(params.min_interval_secs) {
            return Ok(());
        }
        let claims = tokio::task::block_in_place(|| next_claims(&self.chain, parent))?;
        let Some(claims) = claims else { return Ok(()) };
        let NextClaims { last_block, cursor, output_root, tree, batch_acc } = claims;
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
        self.wait_until_logged(parent.id, tree.root).await;
        Ok(())
    }

    /// Waits until this node has seen its proposal, so that it does not pay for it again.
    async fn wait_until_logged(&self, parent: B256, root: B256) {
        let started = Instant::now();
        while !self.log.children(parent).iter().any(|child| child.root == root)
            && started.elapsed() < LOGGED_WITHIN
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What the one right child of an assertion says.
struct NextClaims {
    last_block: u64,
    cursor: Cursor,
    output_root: B256,
    tree: ClaimTree,
    /// The accumulator at the parent's batch limit.
    batch_acc: B256,
}

/// The claims that follow `parent`, up to its batch limit or as many as a tree holds. None while
/// they are not all derived, or when a reorg of L1 just took them back.
fn next_claims(chain: &Chain, parent: &LoggedAssertion) -> anyhow::Result<Option<NextClaims>> {
    let store = &chain.store;
    let limit = parent.batch_limit;
    if l1_index::safe_cursor(store)?.batch < limit {
        return Ok(None);
    }
    let Some(parent_block) = l1_index::block_at_cursor(store, &parent.cursor)? else {
        return Ok(None);
    };
    let Some(last_batch) = store.batch(limit.saturating_sub(1))? else { return Ok(None) };
    let height = u32::from(chain.rollup.assertions.blocks_height);
    let mut claims: Vec<B256> = Vec::new();
    for number in parent_block + 1..=store.heads().safe.number {
        let Some(record) = store.cursor(number)? else { return Ok(None) };
        claims.push(record.claim());
        if record.cursor.batch >= limit || claims.len() as u64 >= 1 << height {
            return Ok(Some(NextClaims {
                last_block: number,
                cursor: record.cursor,
                output_root: record.output_root,
                tree: ClaimTree::new(&claims, height)?,
                batch_acc: last_batch.acc,
            }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_l1::{TestL1, TestNode, batch_block, l1_time};

    fn assertion(cursor: Cursor, batch_limit: u64) -> LoggedAssertion {
        LoggedAssertion {
            id: B256::ZERO,
            parent: B256::ZERO,
            root: B256::ZERO,
            output_root: B256::ZERO,
            cursor,
            batch_limit,
            l1_block: 0,
            confirmed: true,
            confirmed_in: 0,
        }
    }

    /// Batches of three blocks, of two, and of one; a tree holds four claims.
    #[test]
    fn claims_end_at_the_batch_limit_or_when_the_tree_is_full() {
        let mut l1 = TestL1::default();
        let node = TestNode::new();
        for (index, blocks) in [3, 2, 1].into_iter().enumerate() {
            let blocks = vec![batch_block(l1_time(1), 0, &[]); blocks];
            node.deriver.on_batch(&l1.batch_of(2 + index as u64, 0, &blocks)).unwrap();
        }
        let store = &node.chain.store;
        let claim = |number: u64| store.cursor(number).unwrap().unwrap().claim();
        let next = |cursor, limit| next_claims(&node.chain, &assertion(cursor, limit)).unwrap();
        let at = |batch, block| Cursor { batch, block, deposits_read: 0 };

        let one = next(at(0, 0), 1).unwrap();
        assert_eq!((one.last_block, one.cursor), (3, at(1, 0)));
        let tree = ClaimTree::new(&[claim(1), claim(2), claim(3)], 2).unwrap();
        assert_eq!(one.tree.root, tree.root);
        assert_eq!(one.batch_acc, l1.batches[0].posted.acc);
        // Three batches have six blocks: four fit, and the next one starts within a batch.
        let full = next(at(0, 0), 3).unwrap();
        assert_eq!((full.last_block, full.cursor), (4, at(1, 1)));
        assert_eq!(full.batch_acc, l1.batches[2].posted.acc);
        let rest = next(full.cursor, 3).unwrap();
        assert_eq!((rest.last_block, rest.cursor), (6, at(3, 0)));
        assert_eq!(rest.output_root, store.header(6).unwrap().unwrap().output_root);
        assert_eq!(rest.tree.root, ClaimTree::new(&[claim(5), claim(6)], 2).unwrap().root);
        // Not derived yet, or no place in this chain.
        assert!(next(at(3, 0), 4).is_none());
        assert!(next(at(1, 7), 3).is_none());
        assert!(next(Cursor { deposits_read: 1, ..at(1, 0) }, 3).is_none());
    }
}
