//! Derives the chain from L1 alone, into this challenger's own store.
//!
//! In: L1, read by the reorg-safe reader. Out: blocks with their cursors, all of them safe; the data
//! of batches in the archive; the assertions. It goes on where it stopped: where it stands on L1 is
//! kept in the store after each step, and a step that was cut off is taken again. It judges nothing
//! and sends nothing.

use std::collections::VecDeque;

use gainsay_derivation::{Cursor, Derivation, blob_data, decode_batch};
use gainsay_l1::{
    Action, AssertionChain, BatchData, InboxReader, L1Advance, L1BlockRef, L1Client, L1Error,
    L1Update as L1News, PostedBatch, ReaderConfig, ReaderState, RollupConfig,
};
use gainsay_store::{BatchRecord, DepositRecord, DerivedBlocks, L1Update, Store};
use gainsay_transition::transition;
use serde::{Deserialize, Serialize};

use crate::{AssertionRecords, ChallengerError, ProposedAssertion, ReplayedChain};

/// The store's note that holds the position.
const POSITION_NOTE: &str = "challenger";
/// Most finalized L1 blocks of one step.
const L1_BLOCKS_PER_STEP: u64 = 64;

/// Where a replay stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    reader: ReaderState,
    genesis: ProposedAssertion,
    assertions: AssertionRecords,
}

/// How far a step got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more to read at once.
    Advanced,
    /// Everything that L1 has is read.
    CaughtUp,
}

/// A replay that goes on.
#[derive(Debug)]
pub struct Replay {
    chain: ReplayedChain,
    client: L1Client,
    reader: InboxReader,
    genesis: ProposedAssertion,
    assertions: AssertionRecords,
    /// What was read from L1 and is not taken in yet.
    news: VecDeque<L1News>,
}

/// The assertions on record in a store that no L1 is asked about: the genesis and the others.
///
/// # Errors
/// Those of the store.
pub fn recorded_assertions(
    chain: &ReplayedChain,
) -> Result<Option<(ProposedAssertion, AssertionRecords)>, ChallengerError> {
    Ok(load_position(&chain.store)?.map(|position| (position.genesis, position.assertions)))
}

impl Replay {
    /// A replay that goes on where the store stands.
    ///
    /// # Errors
    /// Those of L1, when it does not have the contracts that `rollup.json` names, and of the store.
    pub async fn open(chain: ReplayedChain, client: L1Client) -> Result<Self, ChallengerError> {
        let rollup = &chain.rollup;
        let start = rollup.check_l1(&client).await?;
        let position = match load_position(&chain.store)? {
            Some(position) => position,
            None => Position {
                reader: ReaderState::genesis(start),
                genesis: genesis_assertion(&client, &chain).await?,
                assertions: AssertionRecords::default(),
            },
        };
        let reader = InboxReader::new(client.clone(), reader_config(rollup), position.reader)?;
        let replay = Self {
            chain,
            client,
            reader,
            genesis: position.genesis,
            assertions: position.assertions,
            news: VecDeque::new(),
        };
        // A step that was cut off: L1 may have changed since.
        replay.forget_above(replay.reader.tip().block.number)?;
        replay.save()?;
        Ok(replay)
    }

    /// What is derived.
    #[must_use]
    pub const fn chain(&self) -> &ReplayedChain {
        &self.chain
    }

    /// The assertion of block 0.
    #[must_use]
    pub const fn genesis(&self) -> &ProposedAssertion {
        &self.genesis
    }

    /// The other assertions.
    #[must_use]
    pub const fn assertions(&self) -> &AssertionRecords {
        &self.assertions
    }

    /// The last L1 block that was taken in whole.
    #[must_use]
    pub fn l1_block(&self) -> L1BlockRef {
        self.reader.tip().block
    }

    /// Looks at L1 once, up to `head`, and takes in what is new.
    ///
    /// # Errors
    /// Those of L1 and of the store. After one, all that was taken in stays, and the step may be
    /// tried again: [`may_pass`] says when it is worth it.
    pub async fn step(&mut self, head: &L1BlockRef) -> Result<Progress, ChallengerError> {
        if self.news.is_empty() {
            self.news = self.reader.poll_to(head).await?.into();
            if self.news.is_empty() {
                return Ok(Progress::CaughtUp);
            }
        }
        while let Some(news) = self.news.pop_front() {
            let taken = match &news {
                L1News::Advanced(advance) => self.advance(advance).await,
                L1News::Reorged { to } => self.forget_above(to.number).map(|()| {
                    self.assertions.rewind(to.number);
                    tracing::warn!(l1_block = to.number, "L1 reorg");
                }),
            };
            if let Err(error) = taken {
                self.go_back()?;
                return Err(error);
            }
        }
        self.save()?;
        Ok(Progress::Advanced)
    }

    /// Reads on from the last position that was saved, as after a restart.
    fn go_back(&mut self) -> Result<(), ChallengerError> {
        self.news.clear();
        let missing = || ChallengerError::Incomplete { what: "position on L1".to_owned() };
        let position = load_position(&self.chain.store)?.ok_or_else(missing)?;
        let config = reader_config(&self.chain.rollup);
        self.reader = InboxReader::new(self.client.clone(), config, position.reader)?;
        self.assertions = position.assertions;
        self.forget_above(self.reader.tip().block.number)
    }

    async fn advance(&mut self, advance: &L1Advance) -> Result<(), ChallengerError> {
        self.add_deposits(&advance.deposits)?;
        for batch in &advance.batches {
            let data = self.client.fetch_batch_data(batch).await?;
            self.chain.archive.put(batch, &data)?;
            tokio::task::block_in_place(|| self.derive(batch, data))?;
        }
        for event in &advance.assertions {
            self.assertions.apply(event);
        }
        Ok(())
    }

    fn add_deposits(&self, deposits: &[gainsay_l1::DepositRecord]) -> Result<(), ChallengerError> {
        let known = self.chain.store.deposit_count();
        let fresh = deposits.iter().filter(|record| record.deposit.index >= known);
        let deposits: Vec<DepositRecord> = fresh
            .map(|record| DepositRecord { deposit: record.deposit.clone(), acc: record.acc })
            .collect();
        if deposits.is_empty() {
            return Ok(());
        }
        Ok(self.chain.store.apply(&L1Update { deposits, ..Default::default() }, false)?)
    }

    /// Executes the blocks of the next batch. One that is derived already is passed over.
    fn derive(&self, batch: &PostedBatch, data: BatchData) -> Result<(), ChallengerError> {
        let (store, config) = (&self.chain.store, &self.chain.rollup.chain);
        let header = &batch.header;
        let start = self.chain.safe_cursor()?;
        if header.index < start.batch {
            return Ok(());
        }
        if header.index != start.batch || start.block != 0 {
            return Err(ChallengerError::WrongBatch { index: header.index, cursor: start });
        }
        let data = match data {
            BatchData::Calldata(data) => data.to_vec(),
            BatchData::Blobs(blobs) => {
                blob_data(&blobs.iter().map(|blob| blob.as_slice()).collect::<Vec<_>>())
            }
            BatchData::Forced => Vec::new(),
        };
        let deposits = store.deposits(start.deposits_read, header.deposits_read)?;
        let deposits = deposits.into_iter().map(|record| record.deposit).collect();
        let decoded = decode_batch(header, &data, config);
        let mut derivation = Derivation::new(header, decoded, deposits, start)?;
        // Blocks of a run that was cut off.
        store.rewind(self.chain.safe_block())?;
        let mut cursors: Vec<(u64, Cursor)> = Vec::new();
        while let Some(input) = derivation.next_block() {
            let parent = store.head_header()?;
            let state = store.state();
            let step = transition(config, parent.hash, &parent.header, input, &state, &state)
                .map_err(Box::new)?;
            store.commit_block(&step.block, false)?;
            cursors.push((step.block.header.number, step.cursor));
            if step.dropped_rest {
                tracing::warn!(batch = header.index, "invalid transaction in a batch");
                derivation.drop_rest();
            }
        }
        let (Some((first, _)), Some((last, cursor_after))) = (cursors.first(), cursors.last())
        else {
            return Err(ChallengerError::WrongBatch { index: header.index, cursor: start });
        };
        let (first_block, last_block, cursor_after) = (*first, *last, *cursor_after);
        let record = BatchRecord {
            header: header.clone(),
            acc: batch.acc,
            l1_block_hash: batch.origin.block_hash,
            derived: Some(DerivedBlocks { first_block, last_block, cursor_after }),
        };
        tracing::debug!(batch = header.index, first_block, last_block, "derived a batch");
        let update = L1Update {
            batches: vec![record],
            cursors,
            safe: Some(last_block),
            ..Default::default()
        };
        Ok(store.apply(&update, false)?)
    }

    /// Forgets what L1 blocks above `l1_block` recorded, and takes their L2 blocks back.
    fn forget_above(&self, l1_block: u64) -> Result<(), ChallengerError> {
        let store = &self.chain.store;
        let deposits = first_above(store.deposit_count(), |index| {
            let record = store.deposit(index)?;
            Ok(record.is_none_or(|record| record.deposit.l1_block > l1_block))
        })?;
        let batches = self.batches_up_to(l1_block)?;
        let safe = self.last_block_of(batches)?;
        let update = L1Update {
            truncate_deposits: Some(deposits),
            truncate_batches: Some(batches),
            safe: Some(safe.min(self.chain.safe_block())),
            ..Default::default()
        };
        store.apply(&update, false)?;
        store.rewind(self.chain.safe_block())?;
        Ok(())
    }

    /// Marks as finalized what L1 cannot take back any more.
    ///
    /// # Errors
    /// Those of the store.
    pub fn finalize(&self, l1_block: u64) -> Result<(), ChallengerError> {
        let last_block = self.last_block_of(self.batches_up_to(l1_block)?)?;
        let last_block = last_block.min(self.chain.safe_block());
        if last_block > self.chain.store.heads().finalized.number {
            self.chain.store.set_finalized(last_block)?;
        }
        Ok(())
    }

    /// How many batches L1 held after this block.
    fn batches_up_to(&self, l1_block: u64) -> Result<u64, ChallengerError> {
        let store = &self.chain.store;
        first_above(store.batch_count(), |index| {
            Ok(store.batch(index)?.is_none_or(|record| record.header.l1_block > l1_block))
        })
    }

    /// The last block of the first `batches` batches.
    fn last_block_of(&self, batches: u64) -> Result<u64, ChallengerError> {
        let Some(last) = batches.checked_sub(1) else { return Ok(0) };
        let missing = || ChallengerError::Incomplete { what: format!("blocks of batch {last}") };
        Ok(self.chain.batch(last)?.derived.ok_or_else(missing)?.last_block)
    }

    fn save(&self) -> Result<(), ChallengerError> {
        let position = Position {
            reader: self.reader.state().clone(),
            genesis: self.genesis,
            assertions: self.assertions.clone(),
        };
        let note = serde_json::to_vec(&position).expect("a position is plain data");
        Ok(self.chain.store.put_note(POSITION_NOTE, &note)?)
    }
}

/// Whether trying again can help: L1 is out of reach, changed meanwhile, or lags behind itself.
#[must_use]
pub fn may_pass(error: &ChallengerError) -> bool {
    matches!(error, ChallengerError::L1(error)
        if matches!(error, L1Error::IndexGap { .. }) || error.action() == Action::Retry)
}

fn load_position(store: &Store) -> Result<Option<Position>, ChallengerError> {
    let Some(note) = store.note(POSITION_NOTE)? else { return Ok(None) };
    let unreadable = |error| ChallengerError::Incomplete { what: format!("position: {error}") };
    serde_json::from_slice(&note).map(Some).map_err(unreadable)
}

/// A step that is cut off is taken again, so that it should not be a long one.
const fn reader_config(rollup: &RollupConfig) -> ReaderConfig {
    let config = ReaderConfig::new(rollup.inbox, rollup.assertion_chain);
    ReaderConfig { blocks_per_page: L1_BLOCKS_PER_STEP, ..config }
}

async fn genesis_assertion(
    client: &L1Client,
    chain: &ReplayedChain,
) -> Result<ProposedAssertion, ChallengerError> {
    let contract = AssertionChain::new(client, chain.rollup.assertion_chain);
    let id = contract.genesis_id().await?;
    let genesis = contract.assertion(id).await?;
    Ok(ProposedAssertion {
        id,
        parent: genesis.parent,
        proposer: genesis.proposer,
        root: genesis.root,
        output_root: genesis.output_root,
        cursor: genesis.cursor,
        batch_limit: genesis.batch_limit,
        l1_block: chain.rollup.l1_start.number,
        confirmed_in: Some(chain.rollup.l1_start.number),
    })
}

/// The first index below `count` for which `is_above` holds, or `count`; the records are in the
/// order of their L1 blocks.
fn first_above(
    count: u64,
    is_above: impl Fn(u64) -> Result<bool, ChallengerError>,
) -> Result<u64, ChallengerError> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_above(middle)? { high = middle } else { low = middle + 1 }
    }
    Ok(low)
}
