//! Reads the contracts' events from L1, in order, across reorgs.
//!
//! In: a position (a bounded window of L1 blocks already read) and the L1 node. Out: news about one
//! L1 chain: either its next stretch, or the block to rewind to. The events of all contracts are
//! read together, up to the same L1 block. The reader never skips an event, never reports an event
//! twice without a rewind between, and never mistakes a node that lags for a reorg.
//!
//! It believes only what L1 commits to. Every header is read, its hash is recomputed, and its
//! parent hash must be that of the header before. Where a header's bloom filter may hold an event
//! of the contracts, all receipts of the block are read and compared with the root in the header.
//! So no server can leave out or alter an event, unless it makes up a whole chain of headers. The
//! hash chains of deposits and batches are recomputed on top of that.

use std::{num::NonZeroUsize, ops::RangeInclusive};

use alloy::{eips::BlockNumberOrTag, rpc::json_rpc::RpcError, rpc::types::Log};
use alloy_primitives::{B256, BlockNumber};
use futures::{StreamExt, TryStreamExt, stream};
use tracing::{debug, info};

use crate::{
    ContractEvent, Contracts, L1BlockRef, L1Client, L1Error,
    endpoints::asks_to_slow_down,
    inbox_events::{EnqueuedDeposit, PostedBatch, check_events},
    l1_header::L1Header,
    reader_state::{Checkpoint, ReaderState},
};
use futures::future::BoxFuture;

/// Requests for receipts in flight at once.
const CONCURRENT_REQUESTS: usize = 8;
/// Most headers asked for in one batch of requests.
const HEADERS_PER_REQUEST: u64 = 64;
/// Most headers asked for at once, in batches. Halved while the node refuses or wants fewer.
const HEADERS_AT_ONCE: u64 = 512;
/// Blocks by which a node behind a load balancer may lag behind the head that another one named.
const LAG_MAX: u64 = 2;

/// Settings of an [`LogReader`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Whose events to read.
    pub contracts: Contracts,
    /// Checkpoints remembered; bounds the depth of reorgs that can be followed.
    pub window: NonZeroUsize,
    /// Most blocks near the head read in one poll; each is a stretch of its own.
    pub blocks_per_poll: u64,
    /// Blocks of one stretch below the finalized head.
    pub blocks_per_stretch: u64,
}

impl ReaderConfig {
    /// The default bounds: a window of 256 checkpoints, 32 blocks a poll, stretches of 64.
    #[must_use]
    pub const fn new(contracts: Contracts) -> Self {
        let window = NonZeroUsize::new(256).expect("256 is not zero");
        Self { contracts, window, blocks_per_poll: 32, blocks_per_stretch: 64 }
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
    headers_at_once: u64,
    /// The newest block that this poll has read, in `state` or not.
    newest_read: Option<L1BlockRef>,
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
        Ok(Self { client, config, state, headers_at_once: HEADERS_AT_ONCE, newest_read: None })
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
    pub fn poll_to<'a>(
        &'a mut self,
        head: &'a L1BlockRef,
    ) -> BoxFuture<'a, Result<Vec<L1News>, L1Error>> {
        Box::pin(async move {
            self.newest_read = None;
            let error = match self.look(head).await {
                Ok(news) => return Ok(news),
                Err(error) => error,
            };
            match &error {
                L1Error::FalseAnswer { .. } | L1Error::Missing { .. } => self.client.distrust(),
                L1Error::BadEvent { .. }
                | L1Error::AccumulatorMismatch { .. }
                | L1Error::DataMismatch { .. }
                | L1Error::ReorgTooDeep { .. } => {
                    // L1 breaks its rules, or somebody made up a chain: where there are other
                    // nodes, they are asked before it is believed.
                    let suspect = self.newest_read.unwrap_or(*head);
                    if let Err(disagreement) = self.client.require_agreement(&suspect).await {
                        self.client.distrust();
                        return Err(disagreement);
                    }
                }
                _ => {}
            }
            Err(error)
        })
    }

    async fn look(&mut self, head: &L1BlockRef) -> Result<Vec<L1News>, L1Error> {
        let tip = self.tip().block;
        if head.number <= tip.number {
            let at = self.state.checkpoints.iter().rev().find(|c| c.block.number == head.number);
            return match at {
                Some(known) if known.block.hash != head.hash => self.rewind(head.number).await,
                _ => Ok(Vec::new()),
            };
        }
        let first = tip.number.saturating_add(1);
        let mut last = head.number.min(tip.number.saturating_add(self.config.blocks_per_poll));
        let mut blocks_per_stretch = 1;
        if head.number > last
            && let Some(finalized) = self.client.finalized().await?
            && finalized.number > tip.number
        {
            blocks_per_stretch = self.config.blocks_per_stretch.max(1);
            last = head.number.min(finalized.number);
        }
        last = last.min(tip.number.saturating_add(self.headers_at_once)).max(first);
        self.read(first..=last, head.number, blocks_per_stretch).await
    }

    /// Reads blocks up to `head`, as news of so many each.
    async fn read(
        &mut self,
        numbers: RangeInclusive<BlockNumber>,
        head: BlockNumber,
        blocks_per_stretch: u64,
    ) -> Result<Vec<L1News>, L1Error> {
        let tip = self.tip().block;
        let headers = self.read_headers(numbers).await?;
        let Some(first) = headers.first().map(|header| header.block) else {
            if head <= tip.number.saturating_add(LAG_MAX) {
                return Ok(Vec::new());
            }
            let next = tip.number.saturating_add(1);
            return Err(L1Error::Missing { what: format!("block {next} below its head {head}") });
        };
        self.newest_read = headers.last().map(|header| header.block);
        if first.parent_hash != tip.hash {
            let news = self.rewind(head).await?;
            if news.is_empty() {
                // All remembered blocks are canonical, so this block is not.
                let (number, expected, found) = (first.number, tip.hash, first.parent_hash);
                return Err(L1Error::ChangedWhileReading { number, expected, found });
            }
            return Ok(news);
        }
        for (parent, child) in headers.iter().zip(headers.iter().skip(1)) {
            check_link(&parent.block, &child.block)?;
        }
        let (client, contracts) = (&self.client, &self.config.contracts);
        // Collected, so that the future is `Send`: a closure over references may not cross an
        // await.
        let reads: Vec<_> = headers
            .iter()
            .filter(|header| header.may_hold_event(contracts))
            .map(|header| client.logs_of(header, contracts))
            .collect();
        let logs: Vec<Vec<Log>> =
            stream::iter(reads).buffered(CONCURRENT_REQUESTS).try_collect().await?;

        let mut logs = logs.into_iter().flatten().peekable();
        let mut next = self.state.clone();
        let mut news = Vec::new();
        let stretch_len = usize::try_from(blocks_per_stretch).unwrap_or(usize::MAX);
        for stretch in headers.chunks(stretch_len) {
            let Some(last) = stretch.last().map(|header| header.block) else { break };
            let mut within = Vec::new();
            while let Some(log) = logs.next_if(|log| log.block_number <= Some(last.number)) {
                within.push(log);
            }
            news.push(self.advance(&mut next, last, &within)?);
        }
        self.state = next;
        Ok(news)
    }

    /// Consecutive headers, up to the first that the node does not have: one behind a load balancer
    /// may not have the newest ones yet.
    async fn read_headers(
        &mut self,
        numbers: RangeInclusive<BlockNumber>,
    ) -> Result<Vec<L1Header>, L1Error> {
        let (first, last) = (*numbers.start(), *numbers.end());
        loop {
            let at_once = self.headers_at_once;
            let per_request = at_once.min(HEADERS_PER_REQUEST);
            let in_flight = at_once.checked_div(per_request).unwrap_or(1);
            let client = &self.client;
            let reads: Vec<_> = (first..=last)
                .step_by(usize::try_from(per_request).unwrap_or(usize::MAX))
                .map(|from| {
                    let to = last.min(from.saturating_add(per_request.saturating_sub(1)));
                    client.headers(from..=to)
                })
                .collect();
            let read: Result<Vec<Vec<L1Header>>, L1Error> = stream::iter(reads)
                .buffered(usize::try_from(in_flight).unwrap_or(1))
                .try_collect()
                .await;
            let error = match read {
                Ok(headers) => {
                    self.headers_at_once = at_once.saturating_mul(2).min(HEADERS_AT_ONCE);
                    let in_order = headers.into_iter().flatten().zip(first..);
                    return Ok(in_order
                        .take_while(|(header, expected)| header.block.number == *expected)
                        .map(|(header, _)| header)
                        .collect());
                }
                Err(error) => error,
            };
            let Some(wish) = wish_of(&error).filter(|_| at_once > 1) else { return Err(error) };
            // Not more than what was asked for: a smaller request must be another one.
            let asked = last.saturating_sub(first).saturating_add(1).min(at_once);
            self.headers_at_once = (asked / 2).max(1);
            debug!(%error, at_once = self.headers_at_once, "L1 node wants fewer headers at once");
            if wish == Wish::SlowDown || asked == 1 {
                // The caller pauses before it asks again.
                return Err(error);
            }
        }
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

    /// Finds the newest checkpoint that is still canonical and goes back to it. `head` is a block
    /// that the node says it has.
    async fn rewind(&mut self, head: BlockNumber) -> Result<Vec<L1News>, L1Error> {
        // Canonical checkpoints come first: the first one that is not is found by bisection.
        let (mut low, mut high) = (0, self.state.checkpoints.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let known = self.state.checkpoints[middle].block;
            let found = self.client.header(BlockNumberOrTag::Number(known.number)).await?;
            if found.is_none() && known.number <= head {
                return Err(L1Error::Missing { what: format!("block {}", known.number) });
            }
            if found.is_some_and(|found| found.block.hash == known.hash) {
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
        Ok(self.go_back_to(low - 1))
    }

    /// Goes back to the oldest block that is remembered and has at least this number: a position
    /// behind events that were never read leads nowhere. `None` when it stands there already.
    pub fn go_back(&mut self, oldest: BlockNumber) -> Option<L1News> {
        let is_allowed = |it: &Checkpoint| it.block.number >= oldest;
        let checkpoint = self.state.checkpoints.iter().position(is_allowed)?;
        if checkpoint.saturating_add(1) >= self.state.checkpoints.len() {
            return None;
        }
        self.go_back_to(checkpoint).pop()
    }

    fn go_back_to(&mut self, checkpoint: usize) -> Vec<L1News> {
        let from = self.tip().block;
        self.state.checkpoints.truncate(checkpoint.saturating_add(1));
        let ancestor = self.tip().clone();
        self.state.deposit_accs.truncate(ancestor.deposit_count);
        let to = ancestor.block;
        info!(from = from.number, to = to.number, hash = %to.hash, "L1 reorg");
        vec![L1News::Reorged { to }]
    }
}

fn check_link(parent: &L1BlockRef, child: &L1BlockRef) -> Result<(), L1Error> {
    if child.parent_hash == parent.hash {
        return Ok(());
    }
    let (number, expected, found) = (child.number, parent.hash, child.parent_hash);
    Err(L1Error::ChangedWhileReading { number, expected, found })
}

/// What a node needs to serve a batch of requests that it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Smaller requests: it refused this one, answered it in part, or gave up.
    Less,
    /// Fewer requests in the same time.
    SlowDown,
}

fn wish_of(error: &L1Error) -> Option<Wish> {
    let L1Error::Transport { source, .. } = error else { return None };
    let is_slow_down = match source {
        RpcError::ErrorResp(payload) => asks_to_slow_down(payload),
        RpcError::Transport(kind) => kind.as_http_error().is_some_and(|error| error.status == 429),
        _ => false,
    };
    Some(if is_slow_down { Wish::SlowDown } else { Wish::Less })
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
