//! Posts the unsafe blocks to the Inbox, as calldata or blobs, whichever is cheaper.
//!
//! In: blocks of the store above the safe head. Out: batches on L1. It keeps no state of its own:
//! L1 alone says what is posted, so that a crash, a reorg or a second poster can cost gas but never
//! a block. One batch is in flight at a time.

use std::time::Duration;

use alloy_primitives::Bytes;
use gainsay_chain::l1_index;
use gainsay_derivation::{BatchIndex, MAX_BLOBS, MAX_CALLDATA_BYTES, blob_capacity, to_blobs};
use gainsay_l1::{Action, Inbox, L1Client, L1Fees, Outage, TxSender, in_background};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, timeout},
};

use crate::{
    batch_draft::{Draft, Waiting, collect, draft_batch},
    chain::{Chain, HeadEvent},
    error::NodeError,
    foreign_batches::ForeignBatches,
};

/// Where batches go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DataAvailability {
    /// Always blobs.
    Blob,
    /// Always calldata.
    Calldata,
    /// Whatever costs less at the moment.
    Auto,
}

impl DataAvailability {
    /// Bytes of signed transactions that a block may have, so that its batch fits even if nothing
    /// of it can be compressed.
    #[must_use]
    pub const fn block_bytes_max(self) -> usize {
        let capacity = match self {
            Self::Calldata => MAX_CALLDATA_BYTES,
            Self::Blob | Self::Auto => blob_capacity(MAX_BLOBS),
        };
        capacity / 16 * 15
    }
}

/// When and how batches are posted.
#[derive(Clone, Copy, Debug)]
pub struct PosterConfig {
    /// Blobs, calldata or the cheaper.
    pub da: DataAvailability,
    /// How long a block with user transactions waits at most.
    pub max_age: Duration,
    /// How long blocks without user transactions wait at most.
    pub max_idle_age: Duration,
    /// Raw transaction bytes that fill a batch: at that size it is posted at once.
    pub full_bytes: usize,
}

/// How often to look when no block comes.
const IDLE_POLL: Duration = Duration::from_millis(500);
/// The waiting blocks are read no more often than this.
const LOOK_INTERVAL: Duration = Duration::from_millis(400);
/// Pause after L1 refused or was out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// The poster.
#[derive(Debug)]
pub struct BatchPoster {
    chain: Chain,
    client: L1Client,
    inbox: Inbox,
    sender: TxSender,
    config: PosterConfig,
    foreign: ForeignBatches,
    /// Since when blocks have been waiting.
    waiting_since: Option<Instant>,
    /// When the waiting blocks were last read.
    looked_at: Instant,
}

impl BatchPoster {
    /// A poster that signs with the sender's key, which the Inbox must know as its sequencer.
    #[must_use]
    pub fn new(
        chain: Chain,
        client: L1Client,
        inbox: Inbox,
        sender: TxSender,
        config: PosterConfig,
    ) -> Self {
        let looked_at = Instant::now();
        let foreign = ForeignBatches::default();
        Self { chain, client, inbox, sender, config, foreign, waiting_since: None, looked_at }
    }

    /// Runs until an error that no retry can mend.
    ///
    /// # Errors
    /// Those whose action is fatal.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let mut heads = self.chain.new_heads.subscribe();
        let mut outage = Outage::new("batch poster");
        loop {
            match timeout(IDLE_POLL, heads.recv()).await {
                Ok(Ok(HeadEvent::Block(_) | HeadEvent::Rewound { .. })) | Err(_) => {}
                Ok(Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) => return Ok(()),
            }
            match self.post_if_due().await {
                Ok(()) => outage.ended(),
                Err(error) if error.action() == Action::Fatal => return Err(error),
                Err(error) => {
                    outage.failed(&error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn post_if_due(&mut self) -> Result<(), NodeError> {
        self.report_foreign()?;
        let heads = self.chain.store.heads();
        if heads.latest.number == heads.safe.number {
            self.waiting_since = None;
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        if self.looked_at.elapsed() < LOOK_INTERVAL {
            return Ok(());
        }
        self.looked_at = Instant::now();
        let chain = self.chain.clone();
        let full_bytes = self.config.full_bytes;
        let waiting = tokio::task::spawn_blocking(move || collect(&chain, full_bytes))
            .await
            .map_err(|_| NodeError::TaskPanicked { name: "batch_collector" })??;
        let Some(waiting) = waiting else { return Ok(()) };
        let patience = match waiting.transactions {
            0 => self.config.max_idle_age,
            _ => self.config.max_age,
        };
        if !waiting.full && since.elapsed() < patience {
            return Ok(());
        }
        if self.inbox.batch_count().await? != waiting.cursor.batch.get() {
            // L1 holds a batch that was not derived when the blocks were read; it may be our own.
            return Ok(());
        }
        self.foreign.start(waiting.cursor.batch);
        match self.draft(waiting).await? {
            Some(draft) => self.post(draft).await,
            None => Ok(()),
        }
    }

    /// Raises an alarm for batches that another sequencer posted with the same key.
    fn report_foreign(&mut self) -> Result<(), NodeError> {
        let store = &self.chain.store;
        let derived = l1_index::safe_cursor(store)?.batch;
        for batch in self.foreign.look(store, derived)? {
            tracing::error!(
                %batch,
                "another sequencer posts with this key, and takes back what this one promised: \
                 stop one of them"
            );
        }
        Ok(())
    }

    /// Encodes as many of the waiting blocks as fit; nothing if they were taken back meanwhile.
    async fn draft(&self, waiting: Waiting) -> Result<Option<Draft>, NodeError> {
        let l1_time = self.client.latest().await?.timestamp;
        let calldata_only = self.config.da == DataAvailability::Calldata;
        let chain = self.chain.clone();
        let draft = move || draft_batch(&chain, waiting, l1_time, calldata_only);
        in_background("batch_encoder", draft).await
    }

    async fn post(&mut self, draft: Draft) -> Result<(), NodeError> {
        let Draft { position, last_block, transactions, data } = draft;
        let bytes = data.len();
        self.foreign.note(position.index, last_block, position.deposits_read);
        let by_blobs = match self.config.da {
            DataAvailability::Blob => true,
            DataAvailability::Calldata => bytes > MAX_CALLDATA_BYTES,
            DataAvailability::Auto => {
                cheaper_by_blobs(&self.client.fees_with_blobs().await?, &data)
            }
        };
        let receipt = if by_blobs {
            let blobs = in_background("batch_encoder", move || to_blobs(&data)).await;
            let blobs =
                blobs.into_iter().map(|blob| alloy::eips::eip4844::Blob::new(*blob)).collect();
            self.inbox.post_batch_blobs(&self.sender, position, blobs).await?
        } else {
            self.inbox.post_batch_calldata(&self.sender, position, Bytes::from(data)).await?
        };
        self.waiting_since = None;
        tracing::info!(
            batch = %position.index,
            %last_block,
            transactions,
            bytes,
            da = if by_blobs { "blobs" } else { "calldata" },
            l1_block = receipt.block_number,
            gas = receipt.gas_used,
            "posted batch"
        );
        self.wait_until_derived(position.index).await
    }

    /// Waits until this node has seen the batch, so that it is not posted again.
    async fn wait_until_derived(&self, index: BatchIndex) -> Result<(), NodeError> {
        let started = Instant::now();
        while l1_index::safe_cursor(&self.chain.store)?.batch <= index {
            if started.elapsed() > Duration::from_secs(60) {
                // An L1 reorg may have dropped it: the next round asks L1 again.
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Whether blobs cost less than calldata. Without a price of blobs calldata is used, if it fits.
fn cheaper_by_blobs(fees: &L1Fees, data: &[u8]) -> bool {
    let by_blobs = fees.blob_cost(data.len().div_ceil(blob_capacity(1)).max(1));
    data.len() > MAX_CALLDATA_BYTES || by_blobs.is_some_and(|it| it < fees.calldata_cost(data))
}
