//! The one writer of a node: derives blocks from L1 and, in a sequencer, builds blocks, in turns.
//!
//! In: messages about L1, and the clock. Out: the chain in the store. It runs on a thread of its
//! own, so that nothing in it waits for the network; whatever ends it stops the node.

use std::{
    error::Error,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use gainsay_chain::{ChainError, ChainStep, ChainWriter, Derived, Deriver, HeadObserver};
use gainsay_l1::L1BlockRef;
use gainsay_transition::SealedBlock;

use crate::{
    block_builder::BlockBuilder,
    chain::{Chain, HeadEvent},
    displaced_journal,
    error::NodeError,
    pool::Pool,
};

/// Messages that may wait for the writer.
pub const MESSAGES_MAX: usize = 64;

/// What the writer takes in, in order.
#[derive(Debug)]
pub enum WriterMessage {
    /// What L1 recorded, or took back.
    L1(ChainStep),
    /// L1's head is reached for the first time since the start: a sequencer builds from here on.
    /// Blocks that it built before could stand where batches on L1 already say otherwise.
    CaughtUp {
        /// The newest L1 block read.
        l1_block: L1BlockRef,
    },
    /// Answer when everything before this is done.
    Settle(mpsc::SyncSender<()>),
    /// A block that the sequencer showed.
    Unsafe(Box<SealedBlock>),
    /// Blocks above the safe head differ from the sequencer's: take them back.
    DropUnsafe,
}

/// The writer's mailbox, for the code that follows L1.
#[derive(Clone, Debug)]
pub struct WriterMailbox(mpsc::SyncSender<WriterMessage>);

impl WriterMailbox {
    /// The mailbox behind this sender.
    #[must_use]
    pub const fn new(sender: mpsc::SyncSender<WriterMessage>) -> Self {
        Self(sender)
    }

    /// Puts a message into the mailbox; waits while it is full.
    ///
    /// # Errors
    /// [`ChainError::WriterGone`].
    pub fn tell(&self, message: WriterMessage) -> Result<(), ChainError> {
        self.0.send(message).map_err(|_| ChainError::WriterGone)
    }
}

impl ChainWriter for WriterMailbox {
    fn take(&mut self, step: ChainStep) -> Result<(), ChainError> {
        self.tell(WriterMessage::L1(step))
    }

    fn settle(&mut self) -> Result<(), ChainError> {
        let (done, wait) = mpsc::sync_channel(1);
        self.tell(WriterMessage::Settle(done))?;
        wait.recv().map_err(|_| ChainError::WriterGone)
    }
}

/// Announces to the node how the deriver moves the head.
#[derive(Debug)]
pub struct Announcer {
    chain: Chain,
    /// Whether transactions of blocks that are taken back go into other blocks, as in a sequencer.
    keeps_displaced: bool,
}

impl Announcer {
    /// Announces to the listeners of `chain`. With `keeps_displaced`, the transactions of blocks
    /// that go are written to the [journal](displaced_journal) first.
    #[must_use]
    pub const fn new(chain: Chain, keeps_displaced: bool) -> Self {
        Self { chain, keeps_displaced }
    }
}

impl HeadObserver for Announcer {
    fn before_rewind(&self, to: u64) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.chain.removed_logs.keep_above(&self.chain.store, to)?;
        if self.keeps_displaced {
            displaced_journal::keep_above(&self.chain.store, to)?;
        }
        Ok(())
    }

    fn rewound(&self, to: u64) {
        let removed = self.chain.removed_logs.gone();
        self.chain.announce(HeadEvent::Rewound { to, removed });
    }

    fn extended(&self, block: SealedBlock) {
        self.chain.announce(HeadEvent::Block(Arc::new(block)));
    }
}

/// Building, for a sequencer.
#[derive(Debug)]
pub struct Building {
    /// Builds the blocks.
    pub builder: BlockBuilder,
    /// Reads accounts again when blocks are taken back.
    pub pool: Arc<Pool>,
    /// Time between blocks.
    pub block_time: Duration,
}

/// The writer and its mailbox.
#[derive(Debug)]
pub struct NodeWriter {
    deriver: Deriver,
    building: Option<Building>,
    messages: mpsc::Receiver<WriterMessage>,
    caught_up: bool,
    /// Whether the journal may hold displaced transactions.
    journaled: bool,
}

impl NodeWriter {
    /// A writer; `building` is absent in a follower.
    #[must_use]
    pub fn new(
        deriver: Deriver,
        building: Option<Building>,
        messages: mpsc::Receiver<WriterMessage>,
    ) -> Self {
        Self { deriver, building, messages, caught_up: false, journaled: false }
    }

    /// Runs until the mailbox closes (which is how a node stops) or something fails.
    ///
    /// # Errors
    /// Why the chain could not be built or derived; each of them stops the node.
    pub fn run(mut self) -> Result<(), NodeError> {
        if let Some(building) = &mut self.building {
            // From before a crash.
            building.builder.restore(displaced_journal::load(self.deriver.store())?);
            self.journaled = true;
        }
        let mut next_build = Instant::now();
        loop {
            let wait = match &self.building {
                Some(_) if self.caught_up => next_build.saturating_duration_since(Instant::now()),
                _ => Duration::from_secs(3600),
            };
            match self.messages.recv_timeout(wait) {
                Ok(message) => self.handle(message)?,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if let Some(building) = &mut self.building
                && self.caught_up
                && Instant::now() >= next_build
            {
                next_build = (next_build + building.block_time).max(Instant::now());
                building.builder.build()?;
                if self.journaled && !building.builder.has_displaced() {
                    building.builder.flush()?;
                    displaced_journal::clear(self.deriver.store())?;
                    self.journaled = false;
                }
            }
        }
        match &mut self.building {
            Some(building) => building.builder.build_displaced(),
            None => Ok(()),
        }
    }

    fn handle(&mut self, message: WriterMessage) -> Result<(), NodeError> {
        if let Some(building) = &mut self.building {
            building.builder.flush()?;
        }
        match message {
            WriterMessage::L1(step) => {
                let l1_head = match &step {
                    ChainStep::Reached { l1_block, .. } => Some(*l1_block),
                    ChainStep::Reorged { to } => Some(*to),
                    _ => None,
                };
                let batch = match &step {
                    ChainStep::Batch(batch) => {
                        Some((batch.posted.header.clone(), batch.data.len()))
                    }
                    _ => None,
                };
                let derived = self.deriver.on_step(step)?;
                if let (Some((header, bytes)), Some(blocks)) = (batch, derived.blocks) {
                    tracing::info!(
                        batch = %header.index,
                        kind = ?header.kind,
                        blocks = %format!("{}..={}", blocks.first_block, blocks.last_block),
                        bytes,
                        l1_block = header.l1_block,
                        "derived batch"
                    );
                }
                if let Some(l1_head) = l1_head {
                    self.set_l1_head(&l1_head);
                }
                self.after(derived)
            }
            WriterMessage::CaughtUp { l1_block } => {
                self.caught_up = true;
                self.set_l1_head(&l1_block);
                Ok(())
            }
            WriterMessage::Settle(done) => {
                // Nobody waits any more when the node stops.
                let _waiting = done.send(());
                Ok(())
            }
            WriterMessage::Unsafe(block) => Ok(self.deriver.on_unsafe_block(*block)?),
            WriterMessage::DropUnsafe => {
                let derived = self.deriver.drop_unsafe()?;
                self.after(derived)
            }
        }
    }

    fn set_l1_head(&mut self, l1_block: &L1BlockRef) {
        if let Some(building) = &mut self.building {
            building.builder.set_l1_head(l1_block.number, l1_block.timestamp);
        }
    }

    /// Updates builder and pool after the deriver moved the head.
    fn after(&mut self, derived: Derived) -> Result<(), NodeError> {
        let Some(building) = self.building.as_mut().filter(|_| derived.head_moved) else {
            return Ok(());
        };
        building.builder.reset()?;
        self.journaled |= !derived.displaced.is_empty();
        building.builder.restore(derived.displaced);
        Ok(building.pool.reset()?)
    }
}

#[cfg(test)]
#[path = "node_writer_tests.rs"]
mod tests;
