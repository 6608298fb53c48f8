//! The one writer of a node: builds blocks (sequencer) and derives them (everybody), in turns.
//!
//! In: messages about L1, and the clock. Out: the chain in the store. It runs on a thread of its
//! own, so that nothing in it waits for the network; whatever ends it stops the node.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use gainsay_l1::{DepositRecord, L1BlockRef};
use gainsay_transition::SealedBlock;

use crate::{
    block_builder::BlockBuilder,
    deriver::{Derived, Deriver, FetchedBatch},
    displaced_journal,
    pool::Pool,
};

/// Messages that may wait for the engine.
pub const MESSAGES_MAX: usize = 64;

/// What the engine is told.
#[derive(Debug)]
pub enum EngineMessage {
    /// L1 went on to this block, with what the Inbox recorded on the way.
    Advanced {
        /// The L1 block up to which this reaches.
        l1_block: L1BlockRef,
        /// New deposits, in order.
        deposits: Vec<DepositRecord>,
        /// New batches, in order, each after the deposits that it reads.
        batches: Vec<FetchedBatch>,
    },
    /// L1 blocks above this one are no longer canonical.
    Reorged {
        /// The last L1 block that still stands.
        to: L1BlockRef,
    },
    /// L1's head is reached for the first time since the start: a sequencer builds from here on.
    /// Blocks that it built before could stand where batches on L1 already say otherwise.
    CaughtUp {
        /// The newest L1 block read.
        l1_block: L1BlockRef,
    },
    /// Answer when everything before this is done.
    Settle(mpsc::SyncSender<()>),
    /// A block that the sequencer showed.
    Unsafe(Arc<SealedBlock>),
    /// Blocks above the safe head differ from the sequencer's: take them back.
    DropUnsafe,
}

/// Building, for a sequencer.
#[derive(Debug)]
pub struct Building {
    /// Builds the blocks.
    pub builder: BlockBuilder,
    /// Reads accounts anew when blocks go.
    pub pool: Arc<Pool>,
    /// Time between blocks.
    pub block_time: Duration,
}

/// The engine and its mailbox.
#[derive(Debug)]
pub struct Engine {
    deriver: Deriver,
    building: Option<Building>,
    messages: mpsc::Receiver<EngineMessage>,
    caught_up: bool,
    /// Whether the journal may hold displaced transactions.
    journaled: bool,
}

impl Engine {
    /// An engine; `building` is absent in a follower.
    pub fn new(
        deriver: Deriver,
        building: Option<Building>,
        messages: mpsc::Receiver<EngineMessage>,
    ) -> Self {
        Self { deriver, building, messages, caught_up: false, journaled: false }
    }

    /// Runs until the mailbox closes (which is how a node stops) or something fails.
    pub fn run(mut self) -> anyhow::Result<()> {
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

    fn handle(&mut self, message: EngineMessage) -> anyhow::Result<()> {
        if let Some(building) = &mut self.building {
            building.builder.flush()?;
        }
        match message {
            EngineMessage::Advanced { l1_block, deposits, batches } => {
                self.deriver.on_deposits(&deposits)?;
                for batch in &batches {
                    let derived = self.deriver.on_batch(batch)?;
                    self.after(derived)?;
                }
                if let Some(building) = &mut self.building {
                    building.builder.set_l1_head(l1_block.number, l1_block.timestamp);
                }
                Ok(())
            }
            EngineMessage::Reorged { to } => {
                let derived = self.deriver.on_reorg(&to)?;
                if let Some(building) = &mut self.building {
                    building.builder.set_l1_head(to.number, to.timestamp);
                }
                self.after(derived)
            }
            EngineMessage::CaughtUp { l1_block } => {
                self.caught_up = true;
                if let Some(building) = &mut self.building {
                    building.builder.set_l1_head(l1_block.number, l1_block.timestamp);
                }
                Ok(())
            }
            EngineMessage::Settle(done) => {
                // Nobody waits any more when the node stops.
                let _waiting = done.send(());
                Ok(())
            }
            EngineMessage::Unsafe(block) => self.deriver.on_unsafe_block(block),
            EngineMessage::DropUnsafe => {
                let derived = self.deriver.drop_unsafe()?;
                self.after(derived)
            }
        }
    }

    /// Brings builder and pool in line with a head that moved under them.
    fn after(&mut self, derived: Derived) -> anyhow::Result<()> {
        let Some(building) = self.building.as_mut().filter(|_| derived.head_moved) else {
            return Ok(());
        };
        building.builder.reset()?;
        self.journaled |= !derived.displaced.is_empty();
        building.builder.restore(derived.displaced);
        Ok(building.pool.reset()?)
    }
}
