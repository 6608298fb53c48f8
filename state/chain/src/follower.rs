//! Follows L1 and hands what it reads to the writer of the store, step by step.
//!
//! In: an L1 node, read by the one log reader, and the data of batches. Out: [`ChainStep`]s in
//! order; the data in the archive, if there is one; the assertions. It goes on where the store
//! stands: each stretch of L1 ends with a step that records the position, and a stretch that was
//! cut off is taken again. It judges nothing and sends nothing to L1.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::Address;
use gainsay_l1::{
    AssertionChain, Checkpoint, ContractEvent, Contracts, L1Advance, L1BlockRef, L1Client, L1Error,
    L1News, LogReader, ReaderConfig, ReaderState, ask_twice,
};
use gainsay_store::Store;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::{
    AssertionTree, BatchArchive, ChainError, ChainStep, ChainWriter, FetchedBatch,
    ProposedAssertion, SafeChain, l1_index, l1_position,
};

/// The store's note that holds the [`Origin`].
const ORIGIN_NOTE: &str = "origin";

/// The store's note that says from which L1 block on it has the bridge's events.
const BRIDGE_NOTE: &str = "bridge_from";

/// The genesis assertion and the address of the game: no event says them, and they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Origin {
    genesis: ProposedAssertion,
    edge_game: Address,
}

/// The assertions, written by the follower and read by everybody.
pub type SharedAssertions = Arc<RwLock<AssertionTree>>;

/// Whether a step has read all that L1 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more to read at once.
    Advanced,
    /// Everything that L1 has is read.
    CaughtUp,
}

/// Reads L1 for one writer.
#[derive(Debug)]
pub struct Follower<W> {
    chain: SafeChain,
    client: L1Client,
    config: ReaderConfig,
    reader: LogReader,
    writer: W,
    archive: Option<BatchArchive>,
    assertions: SharedAssertions,
    /// What was read from L1 and not handed over yet.
    news: VecDeque<L1News>,
    /// The last L1 block that was handed over in whole.
    reached: L1BlockRef,
    /// The newest L1 block whose events are in `assertions`.
    folded: u64,
    reorgs: u64,
    /// The L1 block at which missing events were found and read again, if that happened.
    gap: Option<u64>,
}

impl<W: ChainWriter + Send> Follower<W> {
    /// A follower that goes on where the store stands. Data of batches is kept in `archive`.
    ///
    /// # Errors
    /// Those of L1, when it does not have the contracts that `rollup.json` names, and of the store.
    pub async fn open(
        chain: SafeChain,
        client: L1Client,
        mut writer: W,
        archive: Option<BatchArchive>,
    ) -> Result<Self, ChainError> {
        let start = chain.rollup.check_l1(&client).await?;
        let origin = match origin_on_record(&chain.store)? {
            Some(origin) => origin,
            None => ask_for_origin(&client, &chain).await?,
        };
        let config = ReaderConfig::new(origin.contracts(&chain));
        let assertions = Arc::new(RwLock::new(AssertionTree::new(origin.genesis)));
        let state = match l1_position::load(&chain.store)? {
            Some(state) => state,
            None => {
                let (l1_block, events) = (start, Vec::new());
                let oldest = start.number;
                hand_over(&mut writer, ChainStep::Reached { l1_block, events, oldest })?;
                ReaderState::genesis(start)
            }
        };
        note_bridge(&chain.store, start.number, state.tip().block.number)?;
        let reader = LogReader::new(client.clone(), config.clone(), state)?;
        let reached = reader.tip().block;
        let mut follower = Self {
            chain,
            client,
            config,
            reader,
            writer,
            archive,
            assertions,
            news: VecDeque::new(),
            reached,
            folded: 0,
            reorgs: 0,
            gap: None,
        };
        follower.forget_cut_off()?;
        follower.fold_events()?;
        Ok(follower)
    }

    /// The derived chain.
    pub const fn chain(&self) -> &SafeChain {
        &self.chain
    }

    /// The assertions after the last step.
    pub const fn assertions(&self) -> &SharedAssertions {
        &self.assertions
    }

    /// The contracts whose events are followed.
    pub const fn contracts(&self) -> &Contracts {
        &self.config.contracts
    }

    /// The last L1 block that was handed over in whole.
    pub const fn l1_block(&self) -> L1BlockRef {
        self.reached
    }

    /// Where the Inbox stood after the last L1 block that was read.
    pub fn tip(&self) -> &Checkpoint {
        self.reader.tip()
    }

    /// Reorgs of L1 followed since the start: kept events that were read before one may be void.
    pub const fn reorgs(&self) -> u64 {
        self.reorgs
    }

    /// Marks the L2 blocks of batches up to L1's finalized block as final. Returns that L1 block;
    /// `None` while L1 has none, while it is not read yet, or if another block was read at its
    /// number. Without a block on record at its number, nothing is compared.
    ///
    /// # Errors
    /// Those of L1 and of the writer.
    pub async fn follow_finality(&mut self) -> Result<Option<L1BlockRef>, ChainError> {
        let Some(finalized) = self.client.finalized().await? else { return Ok(None) };
        let L1BlockRef { number, hash, .. } = finalized;
        if number > self.reached.number {
            return Ok(None);
        }
        let mut read = self.reader.state().checkpoints.iter().map(|it| it.block);
        if let Some(other) = read.find(|it| it.number == number && it.hash != hash) {
            // A reorg that is not followed yet, or a lie.
            tracing::warn!(number, found = %hash, read = %other.hash, "L1 calls another block final");
            self.client.distrust();
            return Ok(None);
        }
        hand_over(&mut self.writer, ChainStep::Finalized { l1_block: number })?;
        Ok(Some(finalized))
    }

    /// Looks at L1 once, up to `head`, and hands over what is new. Returns when the writer has
    /// taken it in.
    ///
    /// # Errors
    /// Those of L1, of the writer and of the store. After one whose
    /// [action](ChainError::action) is to retry, the same call goes on where this one ended.
    pub async fn step(&mut self, head: &L1BlockRef) -> Result<Progress, ChainError> {
        if self.news.is_empty() {
            self.news = self.read(head).await?;
            if self.news.is_empty() {
                return Ok(Progress::CaughtUp);
            }
        } else if self.is_void().await? {
            self.go_back()?;
            return Ok(Progress::Advanced);
        }
        while let Some(mut news) = self.news.pop_front() {
            let taken = match &mut news {
                L1News::Advanced(advance) => self.advance(advance).await,
                L1News::Reorged { to } => self.rewind(*to),
            };
            if let Err(error) = taken {
                self.news.push_front(news);
                return Err(error);
            }
        }
        self.settle()?;
        self.fold_events()?;
        Ok(Progress::Advanced)
    }

    /// What L1 has above the position. A position that lacks events, which an L1 node left out
    /// before logs were compared with headers, gives way once to the oldest one that takes back
    /// nothing finalized.
    async fn read(&mut self, head: &L1BlockRef) -> Result<VecDeque<L1News>, ChainError> {
        let error = match self.reader.poll_to(head).await {
            Ok(news) => return Ok(news.into()),
            Err(error) => error,
        };
        let L1Error::IndexGap { l1_block, .. } = error else { return Err(error.into()) };
        let is_known = self.gap.replace(l1_block) == Some(l1_block);
        let back = if is_known { None } else { self.reader.go_back(self.oldest_to_rewind_to()?) };
        let Some(back) = back else { return Err(error.into()) };
        tracing::warn!(%error, "events are missing below the position, reading them again");
        Ok(VecDeque::from([back]))
    }

    /// The oldest L1 block of the window above which nothing is finalized.
    fn oldest_to_rewind_to(&self) -> Result<u64, ChainError> {
        for checkpoint in &self.reader.state().checkpoints {
            if l1_index::may_rewind_to(&self.chain.store, checkpoint.block.number)? {
                return Ok(checkpoint.block.number);
            }
        }
        Ok(self.reached.number)
    }

    /// Hands one stretch over, a batch at a time. What was handed over is taken out of `advance`,
    /// so that a second call goes on after it.
    async fn advance(&mut self, advance: &mut L1Advance) -> Result<(), ChainError> {
        let deposits = std::mem::take(&mut advance.deposits);
        if !deposits.is_empty() {
            hand_over(&mut self.writer, ChainStep::Deposits(deposits))?;
        }
        while let Some(posted) = advance.batches.first() {
            let data = self.client.fetch_batch_data(posted).await?;
            if let Some(archive) = &self.archive {
                archive.put(posted, &data)?;
            }
            let posted = advance.batches.remove(0);
            let batch = FetchedBatch { posted, data: data.to_bytes() };
            hand_over(&mut self.writer, ChainStep::Batch(Box::new(batch)))?;
        }
        let events = std::mem::take(&mut advance.events);
        let (l1_block, oldest) = (advance.l1_block, self.oldest());
        hand_over(&mut self.writer, ChainStep::Reached { l1_block, events, oldest })?;
        self.reached = l1_block;
        Ok(())
    }

    fn rewind(&mut self, to: L1BlockRef) -> Result<(), ChainError> {
        self.reorgs = self.reorgs.saturating_add(1);
        hand_over(&mut self.writer, ChainStep::Reorged { to })?;
        self.assertions.write().rewind(to.number);
        self.folded = self.folded.min(to.number);
        self.reached = to;
        Ok(())
    }

    /// Whether L1 took back what is still to be handed over: then nobody serves its data any more.
    async fn is_void(&self) -> Result<bool, ChainError> {
        let Some(L1News::Advanced(next)) = self.news.front() else { return Ok(false) };
        let L1BlockRef { number, hash, .. } = next.l1_block;
        let found = self.client.block_by_number(number).await?;
        let found = found.ok_or_else(|| L1Error::Missing { what: format!("block {number}") })?;
        Ok(found.hash != hash)
    }

    /// Reads on from the position on record, as after a restart.
    fn go_back(&mut self) -> Result<(), ChainError> {
        self.settle()?;
        self.news.clear();
        let missing = || ChainError::incomplete("position on L1");
        let state = l1_position::load(&self.chain.store)?.ok_or_else(missing)?;
        self.reader = LogReader::new(self.client.clone(), self.config.clone(), state)?;
        self.reached = self.reader.tip().block;
        self.forget_cut_off()?;
        self.fold_events()
    }

    /// Takes back what the store has of a stretch that was cut off: L1 may have changed since.
    fn forget_cut_off(&mut self) -> Result<(), ChainError> {
        let to = self.reached;
        if l1_index::newest_l1_block(&self.chain.store)? > to.number {
            hand_over(&mut self.writer, ChainStep::Reorged { to })?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), ChainError> {
        tokio::task::block_in_place(|| self.writer.settle())
    }

    /// Brings the assertions up to the events on record.
    fn fold_events(&mut self) -> Result<(), ChainError> {
        let from = self.folded.saturating_add(1);
        let mut assertions = self.assertions.write();
        for event in kept_events(&self.chain.store, self.contracts(), from) {
            assertions.apply(&event?);
        }
        drop(assertions);
        self.folded = self.reached.number;
        Ok(())
    }

    /// The oldest L1 block to which a reorg can be followed.
    fn oldest(&self) -> u64 {
        self.reader.state().checkpoints.front().map_or(0, |it| it.block.number)
    }
}

/// Writing may block: the store, or a mailbox that is full.
fn hand_over(writer: &mut impl ChainWriter, step: ChainStep) -> Result<(), ChainError> {
    tokio::task::block_in_place(|| writer.take(step))
}

/// The events on record of L1 blocks from number `from` on, in the order of L1.
///
/// # Errors
/// Each item: [`ChainError::CorruptLog`], and those of the store.
pub fn kept_events(
    store: &Store,
    contracts: &Contracts,
    from: u64,
) -> impl Iterator<Item = Result<ContractEvent, ChainError>> {
    store.l1_logs(from).map(move |record| {
        let record = record?;
        let (l1_block, log_index) = (record.l1_block, record.log_index);
        ContractEvent::decode(contracts, (l1_block, record.l1_time, log_index), record.log)
            .map_err(|reason| ChainError::CorruptLog { l1_block, log_index, reason })
    })
}

/// The assertions on record in a folder that no L1 is asked about; none if it has followed no L1.
///
/// # Errors
/// [`ChainError::CorruptLog`], [`ChainError::CorruptNote`], and those of the store.
pub fn recorded_assertions(chain: &SafeChain) -> Result<Option<AssertionTree>, ChainError> {
    let Some(origin) = origin_on_record(&chain.store)? else { return Ok(None) };
    let mut tree = AssertionTree::new(origin.genesis);
    for event in kept_events(&chain.store, &origin.contracts(chain), 0) {
        tree.apply(&event?);
    }
    Ok(Some(tree))
}

impl Origin {
    fn contracts(&self, chain: &SafeChain) -> Contracts {
        Contracts {
            inbox: chain.rollup.inbox,
            assertion_chain: chain.rollup.assertion_chain,
            edge_game: self.edge_game,
            portal: chain.rollup.bridge.portal,
            confirmed_games: chain.rollup.bridge.confirmed_games,
        }
    }
}

fn origin_on_record(store: &Store) -> Result<Option<Origin>, ChainError> {
    let Some(note) = store.note(ORIGIN_NOTE)? else { return Ok(None) };
    serde_json::from_slice(&note)
        .map(Some)
        .map_err(|error| ChainError::CorruptNote { name: ORIGIN_NOTE, reason: error.to_string() })
}

/// Notes since when the folder has the bridge's events. One that an older version began lacks those
/// up to its position, which people must know.
fn note_bridge(store: &Store, start: u64, position: u64) -> Result<(), ChainError> {
    if store.note(BRIDGE_NOTE)?.is_none() {
        if position > start {
            tracing::warn!(
                l1_block = position,
                "this data folder is of an older version and knows nothing of the bridge up to this \
                 L1 block: a withdrawal that was finalized before shows as confirmed. A node with an \
                 empty --data knows all"
            );
        }
        store.put_note(BRIDGE_NOTE, &position.to_be_bytes())?;
    }
    Ok(())
}

/// Asks L1 and keeps the answer for ever.
async fn ask_for_origin(client: &L1Client, chain: &SafeChain) -> Result<Origin, ChainError> {
    let origin =
        ask_twice("genesis of assertions", async || read_origin(client, chain).await).await?;
    let note = serde_json::to_vec(&origin).expect("an origin is plain data");
    chain.store.put_note(ORIGIN_NOTE, &note)?;
    Ok(origin)
}

async fn read_origin(client: &L1Client, chain: &SafeChain) -> Result<Origin, L1Error> {
    let edge_game = chain.rollup.contracts(client).await?.edge_game;
    let contract = AssertionChain::new(client, chain.rollup.assertion_chain);
    let id = contract.genesis_id().await?;
    let found = contract.assertion(id).await?;
    let genesis = ProposedAssertion {
        id,
        parent: found.parent,
        proposer: found.proposer,
        root: found.root,
        output_root: found.output_root,
        cursor: found.cursor,
        batch_limit: found.batch_limit,
        l1_block: chain.rollup.l1_start.number,
        log_index: 0,
        confirmed_in: Some(chain.rollup.l1_start.number),
    };
    Ok(Origin { genesis, edge_game })
}
