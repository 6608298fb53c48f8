//! Follows the logs of AssertionChain and EdgeGame, across reorgs of L1.
//!
//! In: an L1 block to read up to. Out: the [`Game`] after that block. Near it, blocks are read by
//! their hashes and linked to their parents; further back by ranges, whose blocks are compared with
//! the canonical chain afterwards. So all that it knows is from one L1 chain, or it says that it is
//! not. It decides nothing and keeps nothing on disk: logs are few.

use alloy::{
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEventInterface,
};
use alloy_primitives::{Address, B256};
use gainsay_l1::{
    AssertionChain, L1BlockRef, L1Client, L1Error, RollupConfig,
    bindings::{IAssertionChain::IAssertionChainEvents, IEdgeGame::IEdgeGameEvents},
};

use crate::{
    ChallengerError,
    dispute::game::{Game, GameEvent, Heights},
};

/// Newest blocks that are read one by one.
const NEAR_BLOCKS: u64 = 16;
/// Most blocks of one range, at first; halved while the node refuses.
const PAGE_BLOCKS: u64 = 10_000;
/// Places to which a reorg can lead without reading anew from the start.
const CHECKPOINTS_MAX: usize = 1_024;

/// One event where it happened.
#[derive(Clone, Debug)]
struct Happened {
    l1_block: u64,
    time: u64,
    event: GameEvent,
}

/// The reader.
#[derive(Debug)]
pub struct DisputeReader {
    client: L1Client,
    assertion_chain: Address,
    edge_game: Address,
    heights: Heights,
    /// Blocks read up to, oldest first; the first one is that before the contracts.
    checkpoints: Vec<L1BlockRef>,
    events: Vec<Happened>,
    game: Game,
    page: u64,
}

impl DisputeReader {
    /// A reader that has read nothing yet.
    ///
    /// # Errors
    /// When L1 does not answer, or is another one than `rollup.json` names.
    pub async fn open(client: L1Client, rollup: &RollupConfig) -> Result<Self, ChallengerError> {
        let start = client.start_block(rollup.l1_start.number, rollup.l1_start.hash).await?;
        let edge_game = AssertionChain::new(&client, rollup.assertion_chain).game().await?;
        let rules = &rollup.assertions;
        let heights = Heights {
            blocks: rules.blocks_height,
            spans: rules.spans_height,
            steps: rules.steps_height,
        };
        Ok(Self {
            client,
            assertion_chain: rollup.assertion_chain,
            edge_game,
            heights,
            checkpoints: vec![start],
            events: Vec::new(),
            game: Game::new(heights),
            page: PAGE_BLOCKS,
        })
    }

    /// All disputes after the block that was read up to.
    #[must_use]
    pub const fn game(&self) -> &Game {
        &self.game
    }

    /// The EdgeGame.
    #[must_use]
    pub const fn edge_game(&self) -> Address {
        self.edge_game
    }

    /// The block that was read up to.
    #[must_use]
    pub fn tip(&self) -> L1BlockRef {
        *self.checkpoints.last().expect("the block before the contracts is never forgotten")
    }

    /// Reads up to `head`, which is on L1's chain. Whether anything happened, or was undone.
    ///
    /// # Errors
    /// When L1 does not answer, or changes meanwhile: what was read up to then stays, and it can be
    /// tried again.
    pub async fn read_to(&mut self, head: &L1BlockRef) -> Result<bool, ChallengerError> {
        let mut is_changed = self.rewind(head).await?;
        while head.number.saturating_sub(self.tip().number) > NEAR_BLOCKS {
            let to = head.number.saturating_sub(NEAR_BLOCKS);
            is_changed |= self.read_page(to).await?;
        }
        let first = self.tip().number.saturating_add(1);
        for number in first..=head.number {
            let missing = || L1Error::Missing { what: format!("block {number}") };
            let block = self.client.block_by_number(number).await?.ok_or_else(missing)?;
            let tip = self.tip();
            check_canonical(tip.number, tip.hash, block.parent_hash)?;
            if number == head.number {
                check_canonical(number, head.hash, block.hash)?;
            }
            let filter = self.filter().at_block_hash(block.hash);
            let logs = self.client.provider().get_logs(&filter).await;
            let logs = logs.map_err(|source| L1Error::Transport { what: "eth_getLogs", source })?;
            let happened: Result<Vec<_>, _> =
                logs.iter().map(|log| self.decode(log, &block)).collect();
            is_changed |= self.advance(happened?, block);
        }
        Ok(is_changed)
    }

    /// Goes back to the newest block read that is on the chain of `head`.
    async fn rewind(&mut self, head: &L1BlockRef) -> Result<bool, ChallengerError> {
        let from = self.tip();
        while self.checkpoints.len() > 1 {
            let tip = self.tip();
            let is_canonical = match tip.number.cmp(&head.number) {
                std::cmp::Ordering::Greater => false,
                std::cmp::Ordering::Equal => tip.hash == head.hash,
                std::cmp::Ordering::Less => {
                    let found = self.client.block_by_number(tip.number).await?;
                    found.is_some_and(|block| block.hash == tip.hash)
                }
            };
            if is_canonical {
                break;
            }
            self.checkpoints.pop();
        }
        let to = self.tip();
        if to == from {
            return Ok(false);
        }
        let before = self.events.len();
        self.events.retain(|it| it.l1_block <= to.number);
        let is_changed = self.events.len() < before;
        if is_changed {
            tracing::warn!(l1_block = to.number, undone = before - self.events.len(), "L1 reorg");
            self.game = Game::new(self.heights);
            for it in &self.events {
                self.game.apply(&it.event, it.time);
            }
        }
        Ok(is_changed)
    }

    /// Reads a range of blocks that begins after the tip and ends at `to` at the latest.
    async fn read_page(&mut self, to: u64) -> Result<bool, ChallengerError> {
        let tip = self.tip();
        let first = tip.number.saturating_add(1);
        let (last, logs) = loop {
            let last = to.min(tip.number.saturating_add(self.page));
            let filter = self.filter().from_block(first).to_block(last);
            match self.client.provider().get_logs(&filter).await {
                Ok(logs) => break (last, logs),
                // The node found the range or its answer too large.
                Err(error) if error.is_error_resp() && self.page > 1 => self.page /= 2,
                Err(source) => {
                    return Err(L1Error::Transport { what: "eth_getLogs", source }.into());
                }
            }
        };
        let end = self.block(last).await?;
        let mut happened = Vec::new();
        let mut block = end;
        for log in &logs {
            let number = log.block_number.unwrap_or_default();
            if !(first..=last).contains(&number) {
                return Err(L1Error::Missing { what: format!("blocks {first} to {last}") }.into());
            }
            if block.number != number {
                block = self.block(number).await?;
            }
            happened.push(self.decode(log, &block)?);
        }
        for known in [&tip, &end] {
            let found = self.block(known.number).await?;
            check_canonical(known.number, known.hash, found.hash)?;
        }
        self.page = self.page.saturating_mul(2).min(PAGE_BLOCKS);
        Ok(self.advance(happened, end))
    }

    async fn block(&self, number: u64) -> Result<L1BlockRef, L1Error> {
        let missing = || L1Error::Missing { what: format!("block {number}") };
        self.client.block_by_number(number).await?.ok_or_else(missing)
    }

    /// Takes in a stretch that ends with `block`.
    fn advance(&mut self, happened: Vec<Happened>, block: L1BlockRef) -> bool {
        let is_changed = !happened.is_empty();
        for it in &happened {
            self.game.apply(&it.event, it.time);
        }
        self.events.extend(happened);
        self.checkpoints.push(block);
        if self.checkpoints.len() > CHECKPOINTS_MAX {
            self.checkpoints.remove(1);
        }
        is_changed
    }

    fn filter(&self) -> Filter {
        Filter::new().address(vec![self.assertion_chain, self.edge_game])
    }

    /// Reads an event of a block.
    fn decode(&self, log: &Log, block: &L1BlockRef) -> Result<Happened, L1Error> {
        check_canonical(block.number, block.hash, log.block_hash.unwrap_or_default())?;
        let event = match log.address() == self.edge_game {
            true => IEdgeGameEvents::decode_log(&log.inner).map(|it| GameEvent::from(&it.data)),
            false => {
                IAssertionChainEvents::decode_log(&log.inner).map(|it| GameEvent::from(&it.data))
            }
        };
        let event = event.map_err(|error| L1Error::BadEvent {
            l1_block: block.number,
            transaction: log.transaction_hash.unwrap_or_default(),
            reason: error.to_string(),
        })?;
        Ok(Happened { l1_block: block.number, time: block.timestamp, event })
    }
}

fn check_canonical(number: u64, expected: B256, found: B256) -> Result<(), L1Error> {
    if expected == found {
        return Ok(());
    }
    Err(L1Error::ChangedWhileReading { number, expected, found })
}
