//! Reads the contracts' events from L1, in order, across reorgs.
//!
//! In: a position (a bounded window of L1 blocks already read) and the L1 node. Out: news that all
//! speak of one L1 chain: either the next stretch of it, or the block to rewind to. The events of
//! all contracts are read together, so that what is known of them is of one and the same L1 block.
//! It never skips an event, never reports an event twice without a rewind between, and never takes a node
//! that lags for a reorg.
//!
//! Near the head every block is read by hash and linked to its parent, so that a stretch cannot mix
//! two chains. Below the finalized head, ranges of blocks are read at once; the range's ends and
//! every block with an event are compared with the canonical chain afterwards. In both cases the
//! hash chains of deposits and batches are recomputed, which shows any missing or altered event.

use std::{collections::BTreeMap, num::NonZeroUsize};

use alloy::{
    eips::BlockNumberOrTag,
    providers::Provider,
    rpc::types::{Filter, Log},
};
use alloy_primitives::{B256, BlockNumber};
use futures::{StreamExt, TryStreamExt, stream};
use tracing::{debug, info, warn};

use crate::{
    ContractEvent, Contracts, L1BlockRef, L1Client, L1Error,
    error::error_payload,
    inbox_events::{EnqueuedDeposit, PostedBatch, check_events},
    reader_state::{Checkpoint, ReaderState},
};

/// Requests in flight at once.
const CONCURRENT_REQUESTS: usize = 8;

/// Settings of an [`LogReader`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Whose events to read.
    pub contracts: Contracts,
    /// Checkpoints remembered; bounds the depth of reorgs that can be followed.
    pub window: NonZeroUsize,
    /// Most blocks read one by one in one poll.
    pub blocks_per_poll: u64,
    /// Most finalized blocks read in one request; halved while the node refuses.
    pub blocks_per_page: u64,
}

impl ReaderConfig {
    /// The default bounds: a window of 256 blocks, 32 blocks a poll, pages of 1,000.
    #[must_use]
    pub const fn new(contracts: Contracts) -> Self {
        let window = NonZeroUsize::new(256).expect("256 is not zero");
        Self { contracts, window, blocks_per_poll: 32, blocks_per_page: 1_000 }
    }
}

/// The next stretch of L1: everything after the previous update up to and with `l1_block`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Advance {
    /// The last block of the stretch.
    pub l1_block: L1BlockRef,
    /// Deposits enqueued in it, in order.
    pub deposits: Vec<EnqueuedDeposit>,
    /// Batches posted in it, in order.
    pub batches: Vec<PostedBatch>,
    /// Events of AssertionChain and EdgeGame in it, in order.
    pub events: Vec<ContractEvent>,
}

/// What happened on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1News {
    /// L1 went on.
    Advanced(L1Advance),
    /// Everything reported after block `to` is void; the next updates go on from there.
    Reorged {
        /// The last block reported that is still canonical.
        to: L1BlockRef,
    },
}

/// The reader. Poll it; its state follows what it returned.
#[derive(Debug)]
pub struct LogReader {
    client: L1Client,
    config: ReaderConfig,
    state: ReaderState,
    page: u64,
}

impl LogReader {
    /// A reader that goes on from `state`.
    ///
    /// # Errors
    /// [`L1Error::Invalid`] when the state contradicts itself.
    pub fn new(
        client: L1Client,
        config: ReaderConfig,
        state: ReaderState,
    ) -> Result<Self, L1Error> {
        if !state.is_consistent() {
            return Err(L1Error::Invalid {
                what: "reader state",
                reason: "checkpoints or accumulators are out of order or missing".to_owned(),
            });
        }
        let page = config.blocks_per_page.max(1);
        Ok(Self { client, config, state, page })
    }

    /// What to store to go on from here.
    #[must_use]
    pub const fn state(&self) -> &ReaderState {
        &self.state
    }

    /// The last L1 block reported.
    #[must_use]
    pub fn tip(&self) -> &Checkpoint {
        self.state.tip()
    }

    /// Looks at L1 once and returns what is new: nothing, one rewind, or one or more advances.
    /// Call again at once while it returns something.
    ///
    /// # Errors
    /// On any error the state is unchanged. [`L1Error::action`] says what to do:
    /// [`L1Error::ReorgTooDeep`] and [`L1Error::IndexGap`] ask for an older state.
    pub async fn poll(&mut self) -> Result<Vec<L1News>, L1Error> {
        let head = self.client.latest().await?;
        self.poll_to(&head).await
    }

    /// As [`Self::poll`], but reads no further than `head`, a block of L1's chain.
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub async fn poll_to(&mut self, head: &L1BlockRef) -> Result<Vec<L1News>, L1Error> {
        let tip = self.tip().block;
        if head.number <= tip.number {
            let at = self.state.checkpoints.iter().rev().find(|c| c.block.number == head.number);
            return match at {
                Some(known) if known.block.hash != head.hash => self.rewind().await,
                _ => Ok(Vec::new()),
            };
        }
        if head.number - tip.number > self.config.blocks_per_poll
            && let Some(finalized) = self.client.heads().await?.finalized
            && finalized.number > tip.number
        {
            return self.read_page(finalized.number.min(head.number)).await;
        }
        self.read_blocks(head.number).await
    }

    /// Reads the blocks after the tip one by one.
    async fn read_blocks(&mut self, head: BlockNumber) -> Result<Vec<L1News>, L1Error> {
        let tip = self.tip().block;
        let last = head.min(tip.number.saturating_add(self.config.blocks_per_poll.max(1)));
        let client = &self.client;
        // Collected, so that the future is `Send`: a closure over references may not cross an await.
        let reads: Vec<_> =
            (tip.number + 1..=last).map(|number| client.block_by_number(number)).collect();
        let blocks: Vec<Option<L1BlockRef>> =
            stream::iter(reads).buffered(CONCURRENT_REQUESTS).try_collect().await?;
        // A node behind a load balancer may not have the newest ones yet.
        let blocks: Vec<L1BlockRef> = blocks.into_iter().map_while(|block| block).collect();
        let (Some(first), Some(last)) = (blocks.first(), blocks.last().copied()) else {
            return Ok(Vec::new());
        };
        if first.parent_hash != tip.hash {
            return self.rewind().await;
        }
        for (parent, child) in blocks.iter().zip(blocks.iter().skip(1)) {
            check_canonical(child.number, parent.hash, child.parent_hash)?;
        }
        let this = &*self;
        let reads: Vec<_> = blocks.iter().map(|block| this.logs_of_block(block)).collect();
        let logs: Vec<Vec<Log>> =
            stream::iter(reads).buffered(CONCURRENT_REQUESTS).try_collect().await?;
        self.require_canonical(last.number, last.hash).await?;

        let mut next = self.state.clone();
        let mut updates = Vec::with_capacity(blocks.len());
        for (block, logs) in blocks.into_iter().zip(logs) {
            updates.push(self.advance(&mut next, block, &logs)?);
        }
        self.state = next;
        Ok(updates)
    }

    /// Reads a range of finalized blocks at once.
    async fn read_page(&mut self, finalized: BlockNumber) -> Result<Vec<L1News>, L1Error> {
        let tip = self.tip().block;
        let canonical = self.client.block_by_number(tip.number).await?;
        if canonical.is_some_and(|block| block.hash != tip.hash) {
            return self.rewind().await;
        }
        let (last, mut logs) = loop {
            let last = finalized.min(tip.number.saturating_add(self.page));
            let filter = self.filter().from_block(tip.number + 1).to_block(last);
            match self.client.provider().get_logs(&filter).await {
                Ok(logs) => break (last, logs),
                // The node found the range or its answer too large.
                Err(error) if error_payload(&error).is_some() && self.page > 1 => {
                    self.page /= 2;
                    debug!(%error, page = self.page, "L1 node refused a log range, halving it");
                }
                Err(source) => return Err(L1Error::Transport { what: "eth_getLogs", source }),
            }
        };
        self.page = self.page.saturating_mul(2).min(self.config.blocks_per_page.max(1));
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        let end = self.client.block_by_number(last).await?.ok_or_else(|| L1Error::Missing {
            what: format!("block {last}, which it called finalized"),
        })?;
        let times = self.check_log_blocks(&logs, tip.number + 1..=last).await?;
        for log in &mut logs {
            log.block_timestamp = log.block_number.and_then(|number| times.get(&number).copied());
        }
        self.require_canonical(tip.number, tip.hash).await?;
        self.require_canonical(end.number, end.hash).await?;

        let mut next = self.state.clone();
        let update = self.advance(&mut next, end, &logs)?;
        self.state = next;
        Ok(vec![update])
    }

    /// Checks the events of one stretch and moves `state` past it.
    fn advance(
        &self,
        state: &mut ReaderState,
        block: L1BlockRef,
        logs: &[Log],
    ) -> Result<L1News, L1Error> {
        let (events, after) =
            check_events(&self.config.contracts, state.tip(), &state.deposit_accs, logs)?;
        state.deposit_accs.accs.extend(events.deposits.iter().map(|deposit| deposit.acc));
        state.checkpoints.push_back(Checkpoint { block, ..after });
        while state.checkpoints.len() > self.config.window.get() {
            state.checkpoints.pop_front();
        }
        if let Some(oldest) = state.checkpoints.front() {
            state.deposit_accs.forget_below(oldest.deposits_read);
        }
        Ok(L1News::Advanced(L1Advance {
            l1_block: block,
            deposits: events.deposits,
            batches: events.batches,
            events: events.others,
        }))
    }

    /// Finds the newest checkpoint that is still canonical and goes back to it.
    async fn rewind(&mut self) -> Result<Vec<L1News>, L1Error> {
        // Canonical checkpoints come first: the first one that is not is found by bisection.
        let (mut low, mut high) = (0, self.state.checkpoints.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let known = self.state.checkpoints[middle].block;
            let canonical = self.client.block_by_number(known.number).await?;
            if canonical.is_some_and(|block| block.hash == known.hash) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if low == self.state.checkpoints.len() {
            return Ok(Vec::new());
        }
        if low == 0 {
            let oldest = self.state.checkpoints[0].block.number;
            return Err(L1Error::ReorgTooDeep { oldest });
        }
        let from = self.tip().block;
        self.state.checkpoints.truncate(low);
        let ancestor = self.tip().clone();
        self.state.deposit_accs.truncate(ancestor.deposit_count);
        let to = ancestor.block;
        info!(from = from.number, to = to.number, hash = %to.hash, "L1 reorg");
        Ok(vec![L1News::Reorged { to }])
    }

    fn filter(&self) -> Filter {
        let Contracts { inbox, assertion_chain, edge_game } = self.config.contracts;
        Filter::new().address(vec![inbox, assertion_chain, edge_game])
    }

    /// The contracts' logs of exactly this block.
    async fn logs_of_block(&self, block: &L1BlockRef) -> Result<Vec<Log>, L1Error> {
        let filter = self.filter().at_block_hash(block.hash);
        let logs = self.client.provider().get_logs(&filter).await;
        let mut logs = logs.map_err(L1Error::transport("eth_getLogs"))?;
        for log in &mut logs {
            check_canonical(block.number, block.hash, log.block_hash.unwrap_or_default())?;
            log.block_timestamp = Some(block.timestamp);
        }
        logs.sort_by_key(|log| log.log_index);
        Ok(logs)
    }

    /// Compares every block that a log names with the canonical chain. Returns their times.
    async fn check_log_blocks(
        &self,
        logs: &[Log],
        range: std::ops::RangeInclusive<BlockNumber>,
    ) -> Result<BTreeMap<BlockNumber, u64>, L1Error> {
        let mut blocks: Vec<(BlockNumber, B256)> = logs
            .iter()
            .map(|log| (log.block_number.unwrap_or_default(), log.block_hash.unwrap_or_default()))
            .collect();
        blocks.dedup();
        if let Some((number, _)) = blocks.iter().find(|(number, _)| !range.contains(number)) {
            warn!(number, "L1 node served a log outside the range asked for");
            return Err(L1Error::Missing { what: format!("the log range {range:?}") });
        }
        let checks: Vec<_> =
            blocks.into_iter().map(|(number, hash)| self.require_canonical(number, hash)).collect();
        stream::iter(checks).buffer_unordered(CONCURRENT_REQUESTS).try_collect().await
    }

    /// Returns the number and the time of the block, if it is the canonical one.
    async fn require_canonical(
        &self,
        number: BlockNumber,
        hash: B256,
    ) -> Result<(BlockNumber, u64), L1Error> {
        let found = self.client.block_by_number(number).await?;
        check_canonical(number, hash, found.map_or(B256::ZERO, |block| block.hash))?;
        Ok((number, found.map_or(0, |block| block.timestamp)))
    }
}

fn check_canonical(number: BlockNumber, expected: B256, found: B256) -> Result<(), L1Error> {
    if expected == found {
        return Ok(());
    }
    Err(L1Error::ChangedWhileReading { number, expected, found })
}

impl L1Client {
    /// The block where reading starts, checked against the hash in `rollup.json`.
    ///
    /// # Errors
    /// [`L1Error::ConfigMismatch`] when L1 has another block at this number.
    pub async fn start_block(
        &self,
        number: BlockNumber,
        hash: B256,
    ) -> Result<L1BlockRef, L1Error> {
        let block = self.block_by_number(number).await?.ok_or_else(|| L1Error::Missing {
            what: format!("start block {number} ({})", BlockNumberOrTag::Number(number)),
        })?;
        if block.hash != hash {
            return Err(L1Error::ConfigMismatch {
                what: "l1Start hash",
                expected: hash.to_string(),
                found: block.hash.to_string(),
            });
        }
        Ok(block)
    }
}
