//! Follows L1 for a node: looks often, informs the writer, shows the status.
//!
//! In: the follower, whose steps the writer takes in. Out: the writer's messages, the status, and a
//! checkpoint of the store for each assertion that this node agrees with. It derives nothing and
//! sends nothing to L1.

use std::time::Duration;

use alloy_primitives::B256;
use gainsay_chain::{ChainError, Follower, Progress, ProposedAssertion, l1_index};
use gainsay_l1::{Action, AssertionChain, L1BlockRef, L1Client, Outage};

use crate::{
    error::NodeError,
    node_writer::{WriterMailbox, WriterMessage},
    status::{AssertionSummary, BlockStatus, StatusHandle},
};

/// Checkpoints of the store that are kept.
const CHECKPOINTS_KEPT: usize = 4;
/// Pause after a look that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The watcher.
#[derive(Debug)]
pub struct L1Watcher {
    client: L1Client,
    follower: Follower<WriterMailbox>,
    writer: WriterMailbox,
    /// For the times of assertions.
    contract: AssertionChain,
    status: StatusHandle,
    poll_interval: Duration,
    /// Whether L1's head was reached since the start.
    caught_up: bool,
    /// The assertion at which the last checkpoint was made.
    checkpointed: Option<B256>,
}

impl L1Watcher {
    /// A watcher that looks every `poll_interval`, and shows what it sees in `status`.
    #[must_use]
    pub fn new(
        client: L1Client,
        follower: Follower<WriterMailbox>,
        writer: WriterMailbox,
        status: StatusHandle,
        poll_interval: Duration,
    ) -> Self {
        let contract = AssertionChain::new(&client, follower.chain().rollup.assertion_chain);
        Self {
            client,
            follower,
            writer,
            contract,
            status,
            poll_interval,
            caught_up: false,
            checkpointed: None,
        }
    }

    /// Runs for ever; ends only on errors that no retry can mend.
    ///
    /// # Errors
    /// Those whose action is fatal.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let mut outage = Outage::new("L1 watcher");
        loop {
            let looked = self.look().await;
            match looked {
                Ok(progress) => {
                    outage.ended();
                    if progress == Progress::CaughtUp {
                        tokio::time::sleep(self.poll_interval).await;
                    }
                }
                // Also what L1 itself seems to refuse: the node in between may have made it up.
                Err(error) if error.action() != Action::Fatal => {
                    outage.failed(&error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One look at L1.
    async fn look(&mut self) -> Result<Progress, NodeError> {
        let head = self.client.latest().await?;
        self.status.update(|status| status.l1_seen = head.number);
        let progress = self.follower.step(&head).await?;
        match progress {
            Progress::Advanced => {
                let l1_block = self.follower.l1_block().number;
                self.follower.assertions().write().forget_settled(l1_block);
                self.checkpoint_at_assertion().await?;
                self.refresh_status().await?;
            }
            Progress::CaughtUp if !self.caught_up => {
                self.caught_up = true;
                let l1_block = self.follower.l1_block();
                tokio::task::block_in_place(|| {
                    self.writer.tell(WriterMessage::CaughtUp { l1_block })
                })?;
                self.refresh_status().await?;
                self.status.update(|status| status.is_caught_up = true);
            }
            Progress::CaughtUp => {}
        }
        Ok(progress)
    }

    /// Keeps a checkpoint of the store when an assertion that this node agrees with is new: what a
    /// dispute about its children starts from.
    async fn checkpoint_at_assertion(&mut self) -> Result<(), NodeError> {
        let pending = self.follower.assertions().read().latest_pending();
        let Some(pending) = pending.filter(|it| self.checkpointed != Some(it.id)) else {
            return Ok(());
        };
        if self.agreed_block(&pending)?.is_none() {
            return Ok(());
        }
        self.checkpointed = Some(pending.id);
        let store = &self.follower.chain().store;
        let path = tokio::task::block_in_place(|| {
            let path = store.checkpoint()?;
            store.prune_checkpoints(CHECKPOINTS_KEPT)?;
            Ok::<_, NodeError>(path)
        })?;
        tracing::debug!(assertion = %pending.id, path = %path.display(), "checkpoint");
        Ok(())
    }

    async fn refresh_status(&mut self) -> Result<(), NodeError> {
        let tip = self.follower.tip().clone();
        let finalized = self.follower.follow_finality().await?;
        let (confirmed, pending) = {
            let assertions = self.follower.assertions().read();
            (assertions.latest_confirmed(), assertions.latest_pending())
        };
        let proposed = match pending {
            Some(pending) => {
                let created = self.contract.assertion(pending.id).await?.created_at;
                let period = self.follower.chain().rollup.assertions.challenge_period_secs;
                let due = created.saturating_add(period);
                let seconds_left = due.saturating_sub(tip.block.timestamp);
                Some(self.summarize(&pending, Some(seconds_left))?)
            }
            None => None,
        };
        let confirmed = self.summarize(&confirmed, None)?;
        self.status.update(|status| {
            status.l1_head = block_status(&tip.block);
            if let Some(block) = finalized {
                status.l1_finalized = block_status(&block);
            }
            status.batches_posted = tip.batch_count;
            status.batches_derived = tip.batch_count;
            status.deposits_enqueued = tip.deposit_count;
            status.deposits_read = tip.deposits_read;
            status.proposed = proposed;
            status.confirmed = Some(confirmed);
        });
        Ok(())
    }

    fn summarize(
        &self,
        assertion: &ProposedAssertion,
        seconds_left: Option<u64>,
    ) -> Result<AssertionSummary, ChainError> {
        Ok(AssertionSummary {
            id: assertion.id,
            output_root: assertion.output_root,
            cursor: assertion.cursor,
            block_number: self.agreed_block(assertion)?,
            seconds_left,
        })
    }

    /// The last block of an assertion, if this node derived what it says of that block.
    fn agreed_block(&self, assertion: &ProposedAssertion) -> Result<Option<u64>, ChainError> {
        let store = &self.follower.chain().store;
        let Some(number) = l1_index::block_at_cursor(store, &assertion.cursor)? else {
            return Ok(None);
        };
        let record = store.cursor(number)?;
        Ok(record.filter(|it| it.output_root == assertion.output_root).map(|_| number.get()))
    }
}

const fn block_status(block: &L1BlockRef) -> BlockStatus {
    BlockStatus { number: block.number, hash: block.hash, timestamp: block.timestamp }
}
