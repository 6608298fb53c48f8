//! Reads L1 and tells the engine, in order.
//!
//! In: the reorg-safe event reader and the data of batches. Out: messages to the engine, the
//! assertion log, the status. Where it stands is kept in the store after the engine has taken each
//! step; a crash in between repeats a step. What the store has of that step goes first, because L1
//! may have changed before the start.

use std::{sync::mpsc, time::Duration};

use alloy_primitives::B256;
use anyhow::Context;
use gainsay_derivation::blob_data;
use gainsay_l1::{
    Action, AssertionChain, BatchData, InboxReader, L1Advance, L1Client, L1Error, L1Update,
    PostedBatch, ReaderConfig, ReaderState,
};
use gainsay_store::Store;
use serde::{Deserialize, Serialize};

use crate::{
    assertion_log::{AssertionLog, LoggedAssertion},
    deriver::FetchedBatch,
    engine::EngineMessage,
    l1_index,
    status::{AssertionStatus, BlockRef, StatusHandle},
};

/// The store's note that holds the watcher's position.
const POSITION_NOTE: &str = "l1_watcher";
/// Checkpoints of the store that are kept.
const CHECKPOINTS_KEPT: usize = 4;
/// Pause when L1 is out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Where a watcher stands, as the store keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct WatcherPosition {
    /// The event reader's window.
    pub reader: ReaderState,
    /// The assertions known by then.
    pub assertions: Vec<LoggedAssertion>,
}

impl WatcherPosition {
    /// The position kept in the store, if there is one.
    pub fn load(store: &Store) -> anyhow::Result<Option<Self>> {
        let Some(note) = store.note(POSITION_NOTE)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&note).context("the L1 position in the store")?))
    }

    fn save(&self, store: &Store) -> anyhow::Result<()> {
        Ok(store.put_note(POSITION_NOTE, &serde_json::to_vec(self)?)?)
    }
}

/// The watcher.
#[derive(Debug)]
pub struct L1Watcher {
    /// The connection to L1.
    pub client: L1Client,
    /// Reads events.
    pub reader: InboxReader,
    /// The reader's settings.
    pub reader_config: ReaderConfig,
    /// Whether L1's head was reached since the start.
    pub caught_up: bool,
    /// Where messages go.
    pub engine: mpsc::SyncSender<EngineMessage>,
    /// Where the position is kept.
    pub store: Store,
    /// Assertions seen.
    pub assertions: AssertionLog,
    /// For the times of assertions.
    pub contract: AssertionChain,
    /// What the node shows.
    pub status: StatusHandle,
    /// Pause between looks at L1.
    pub poll_interval: Duration,
    /// Challenge period of the chain's assertions, seconds.
    pub challenge_period_secs: u64,
    /// The assertion at which the last checkpoint was made.
    pub checkpointed: Option<B256>,
}

impl L1Watcher {
    /// Runs for ever; ends only on errors that no retry can mend.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let tip = self.reader.tip().block;
        if l1_index::newest_l1_block(&self.store)? > tip.number {
            self.tell(EngineMessage::Reorged { to: tip })?;
        }
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(self.poll_interval).await,
                Err(error) => {
                    if !error.downcast_ref::<L1Error>().is_some_and(may_pass) {
                        return Err(error.context("following L1"));
                    }
                    tracing::warn!(error = %format!("{error:#}"), "L1 is out of reach, trying again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// One look at L1; whether there was anything new.
    async fn step(&mut self) -> anyhow::Result<bool> {
        let before = self.reader.state().clone();
        let updates = self.reader.poll().await?;
        let any = !updates.is_empty();
        if !any && !self.caught_up {
            self.caught_up = true;
            self.tell(EngineMessage::CaughtUp { l1_block: before.tip().block })?;
            self.refresh_status().await?;
        }
        for update in updates {
            match update {
                L1Update::Advanced(advance) => {
                    if !self.advance(advance).await? {
                        self.go_back(before)?;
                        return Ok(false);
                    }
                }
                L1Update::Reorged { to } => {
                    self.assertions.rewind(to.number);
                    self.tell(EngineMessage::Reorged { to })?;
                }
            }
        }
        if any {
            let position = WatcherPosition {
                reader: self.reader.state().clone(),
                assertions: self.assertions.snapshot(),
            };
            self.settle()?;
            position.save(&self.store)?;
            self.checkpoint_at_assertion().await?;
            self.refresh_status().await?;
        }
        Ok(any)
    }

    /// Tells the engine of one stretch of L1, a batch at a time, which bounds what the mailbox holds.
    /// False when L1 took the stretch back meanwhile.
    async fn advance(&mut self, advance: L1Advance) -> anyhow::Result<bool> {
        let L1Advance { l1_block, mut deposits, batches, assertions } = advance;
        for posted in batches {
            let Some(batch) = self.fetch(posted).await? else { return Ok(false) };
            let deposits = std::mem::take(&mut deposits);
            self.tell(EngineMessage::Advanced { l1_block, deposits, batches: vec![batch] })?;
        }
        self.tell(EngineMessage::Advanced { l1_block, deposits, batches: Vec::new() })?;
        for event in &assertions {
            self.assertions.apply(event);
        }
        Ok(true)
    }

    /// Reads on from an earlier state; the engine forgets what it was told since.
    fn go_back(&mut self, state: ReaderState) -> anyhow::Result<()> {
        let to = state.tip().block;
        self.reader = InboxReader::new(self.client.clone(), self.reader_config.clone(), state)?;
        self.assertions.rewind(to.number);
        self.tell(EngineMessage::Reorged { to })
    }

    /// Fetches a batch's data; insists for ever, since the chain cannot go on without it, unless
    /// L1 took the batch back: then nobody serves its data any more.
    async fn fetch(&self, posted: PostedBatch) -> anyhow::Result<Option<FetchedBatch>> {
        loop {
            match self.client.fetch_batch_data(&posted).await {
                Ok(BatchData::Calldata(data)) => {
                    return Ok(Some(FetchedBatch { posted, data: data.to_vec() }));
                }
                Ok(BatchData::Blobs(blobs)) => {
                    let blobs: Vec<&[u8]> = blobs.iter().map(|blob| blob.as_slice()).collect();
                    return Ok(Some(FetchedBatch { posted, data: blob_data(&blobs) }));
                }
                Ok(BatchData::Forced) => {
                    return Ok(Some(FetchedBatch { posted, data: Vec::new() }));
                }
                Err(error) if error.action() == Action::Retry => {
                    tracing::warn!(batch = posted.header.index, %error, "no batch data yet");
                    tokio::time::sleep(RETRY_PAUSE).await;
                    let origin = &posted.origin;
                    let canonical = self.client.block_by_number(origin.block_number).await;
                    if matches!(canonical, Ok(Some(block)) if block.hash != origin.block_hash) {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn tell(&self, message: EngineMessage) -> anyhow::Result<()> {
        let told = tokio::task::block_in_place(|| self.engine.send(message).is_ok());
        anyhow::ensure!(told, "the engine has ended");
        Ok(())
    }

    /// Waits until the engine has taken in everything that it was told.
    fn settle(&self) -> anyhow::Result<()> {
        let (done, wait) = mpsc::sync_channel(1);
        self.tell(EngineMessage::Settle(done))?;
        tokio::task::block_in_place(|| wait.recv()).context("the engine has ended")
    }

    /// Keeps a checkpoint of the store when an assertion that this node agrees with is new: what a
    /// dispute about its children starts from.
    async fn checkpoint_at_assertion(&mut self) -> anyhow::Result<()> {
        let Some(pending) = self.assertions.latest_pending() else { return Ok(()) };
        if self.checkpointed == Some(pending.id)
            || self.describe(&pending, None)?.block_number.is_none()
        {
            return Ok(());
        }
        self.checkpointed = Some(pending.id);
        let store = self.store.clone();
        let path = tokio::task::spawn_blocking(move || {
            let path = store.checkpoint()?;
            store.prune_checkpoints(CHECKPOINTS_KEPT)?;
            anyhow::Ok(path)
        })
        .await??;
        tracing::debug!(assertion = %pending.id, path = %path.display(), "checkpoint");
        Ok(())
    }

    async fn refresh_status(&self) -> anyhow::Result<()> {
        let tip = self.reader.tip();
        let finalized = self.client.heads().await?.finalized;
        let confirmed = self.assertions.latest_confirmed();
        let pending = self.assertions.latest_pending();
        let seconds_left = match pending {
            Some(pending) => {
                let created = self.contract.assertion(pending.id).await?.created_at;
                let due = created.saturating_add(self.challenge_period_secs);
                Some(due.saturating_sub(tip.block.timestamp))
            }
            None => None,
        };
        let proposed = match pending {
            Some(pending) => Some(self.describe(&pending, seconds_left)?),
            None => None,
        };
        let confirmed = self.describe(&confirmed, None)?;
        if let Some(finalized) = finalized {
            l1_index::finalize(&self.store, finalized.number)?;
        }
        self.status.update(|status| {
            status.l1_head = BlockRef {
                number: tip.block.number,
                hash: tip.block.hash,
                timestamp: tip.block.timestamp,
            };
            if let Some(block) = finalized {
                status.l1_finalized =
                    BlockRef { number: block.number, hash: block.hash, timestamp: block.timestamp };
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

    fn describe(
        &self,
        assertion: &LoggedAssertion,
        seconds_left: Option<u64>,
    ) -> anyhow::Result<AssertionStatus> {
        let block = l1_index::block_at_cursor(&self.store, &assertion.cursor)?;
        let agreed = match block {
            Some(number) => self
                .store
                .cursor(number)?
                .filter(|record| record.output_root == assertion.output_root)
                .map(|_| number),
            None => None,
        };
        Ok(AssertionStatus {
            id: assertion.id,
            output_root: assertion.output_root,
            cursor: assertion.cursor,
            block_number: agreed,
            seconds_left,
        })
    }
}

/// Whether asking again can help. A gap too: a node that lags behind its own head serves incomplete
/// logs, and the reader stays where it was.
const fn may_pass(error: &L1Error) -> bool {
    matches!(error, L1Error::IndexGap { .. }) || matches!(error.action(), Action::Retry)
}
