//! `eth_newFilter` and the methods that belong to it: what happened since a client's last poll.
//!
//! In: the filters of [`Filters`](super::filters::Filters), the chain. Out: new blocks, logs,
//! pending transactions. When blocks are taken back, a filter gives the blocks in their place, and
//! before them the logs that it gave and that are void, marked as removed.

use alloy_primitives::{B256, U128};
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use serde::Serialize;
use tokio::sync::broadcast::error::TryRecvError;

use super::{
    args::Args,
    error::RpcError,
    filters::{FilterKind, Installed},
    log_methods::{Searched, logs, removed_logs, search_range},
    node::{Methods, RpcNode, to_json},
    pending_feed::arrivals,
};
use crate::removed_logs::RemovedBlock;

/// Hashes in one answer of a block filter.
const BLOCK_HASHES_MAX: u64 = 10_000;

pub(super) fn register(methods: &mut Methods) {
    methods.read("eth_newFilter", |node, args| {
        let filter: Filter = args.required()?;
        install(node, FilterKind::Logs(Box::new(filter)))
    });
    methods.read("eth_newBlockFilter", |node, _| install(node, FilterKind::Blocks));
    methods.asynchronous("eth_newPendingTransactionFilter", |node, _| async move {
        let arrivals = arrivals(&node).await?;
        to_json(&install(&node, FilterKind::Pending(arrivals))?)
    });
    methods.read("eth_getFilterChanges", changes);
    methods.read("eth_getFilterLogs", filter_logs);
    methods.quick("eth_uninstallFilter", |node, args| {
        let id: U128 = args.required()?;
        Ok(node.filters.remove(id))
    });
}

fn install(node: &RpcNode, kind: FilterKind) -> Result<U128, RpcError> {
    // In this order: a rewind in between is seen by the first poll.
    let rewinds_seen = node.chain.removed_logs.count();
    let next = node.store().head().number.saturating_add(1);
    node.filters.install(kind, next, rewinds_seen)
}

fn unknown(id: U128) -> RpcError {
    RpcError::Call(format!("filter not found: {id:#x} (unknown, expired or polled at this moment)"))
}

/// Answer of `eth_getFilterChanges`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Changes {
    Hashes(Vec<B256>),
    Logs(Vec<Log>),
}

fn changes(node: &RpcNode, args: &mut Args) -> Result<Changes, RpcError> {
    let id: U128 = args.required()?;
    let mut filter = node.filters.take(id).ok_or_else(|| unknown(id))?;
    let answer = poll(node, &mut filter);
    node.filters.put_back(id, filter);
    answer
}

fn poll(node: &RpcNode, filter: &mut Installed) -> Result<Changes, RpcError> {
    if let FilterKind::Pending(arrivals) = &mut filter.kind {
        let mut hashes = Vec::new();
        loop {
            match arrivals.try_recv() {
                Ok(hash) => hashes.push(hash),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Closed) if hashes.is_empty() => {
                    let why = "the news has ended: the sequencer is out of reach";
                    return Err(RpcError::Call(why.into()));
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        return Ok(Changes::Hashes(hashes));
    }
    let Some(Position { next: from, rewinds_seen, void }) = position(node, filter) else {
        filter.rewinds_seen = node.chain.removed_logs.count();
        filter.next = node.store().head().number.saturating_add(1);
        let why = "more logs were removed at once than this node can report: read them again";
        return Err(RpcError::Call(why.into()));
    };
    let head = node.store().head().number;
    let (answer, next) = match &filter.kind {
        FilterKind::Logs(wanted) => {
            let last = head.min(from.saturating_add(node.limits.log_blocks_max - 1));
            let Some((low, high)) = bounds(node, wanted) else {
                return Ok(Changes::Logs(Vec::new()));
            };
            let void = void.iter().filter(|block| (low..=high).contains(&block.number));
            let mut logs: Vec<Log> = void.flat_map(|block| removed_logs(block, wanted)).collect();
            let (first, mut to) = (low.max(from), high.min(last));
            if first <= to {
                let found;
                // A poll names no range that could be made smaller: the next one gives what is
                // beyond.
                Searched { found, last: to, .. } = search_range(node, wanted, first, to)?;
                logs.extend(found);
            }
            // What one answer has no room for comes with the next poll.
            let next = if to < high.min(last) { to } else { last };
            (Changes::Logs(logs), next.saturating_add(1))
        }
        FilterKind::Blocks | FilterKind::Pending(_) => {
            let last = head.min(from.saturating_add(BLOCK_HASHES_MAX - 1));
            let mut hashes = Vec::new();
            for number in from..=last {
                let Some(hash) = node.store().block_hash(number)? else { break };
                hashes.push(hash);
            }
            let next = from.saturating_add(hashes.len() as u64);
            (Changes::Hashes(hashes), next)
        }
    };
    // Only now, because a client repeats a poll that failed.
    (filter.next, filter.rewinds_seen) = (next.max(from), rewinds_seen);
    Ok(answer)
}

/// Where a filter goes on.
struct Position {
    /// The first block to give.
    next: u64,
    rewinds_seen: u64,
    /// Blocks that are void by now.
    void: Vec<RemovedBlock>,
}

/// Where a filter goes on after the rewinds since its last poll: what stands in the place of blocks
/// that were given is given next. `None` when more was taken back than is known.
fn position(node: &RpcNode, filter: &Installed) -> Option<Position> {
    let missed = node.chain.removed_logs.since(filter.rewinds_seen)?;
    let rewinds_seen = filter.rewinds_seen.saturating_add(missed.len() as u64);
    let mut position = Position { next: filter.next, rewinds_seen, void: Vec::new() };
    for removed in missed {
        if removed.is_cut && removed.to < position.next {
            return None;
        }
        let given = removed.blocks.iter().filter(|block| block.number < position.next);
        position.void.extend(given.cloned());
        position.next = position.next.min(removed.to.saturating_add(1));
    }
    Some(position)
}

/// The block numbers that a log filter is about; `None` if it is about one block by hash, which
/// has no changes.
fn bounds(node: &RpcNode, filter: &Filter) -> Option<(u64, u64)> {
    use alloy_eips::BlockNumberOrTag::{Latest, Pending};
    let FilterBlockOption::Range { from_block, to_block } = filter.block_option else {
        return None;
    };
    let low = match from_block {
        None | Some(Latest | Pending) => 0,
        Some(tag) => node.number_of(tag),
    };
    let high = match to_block {
        None | Some(Latest | Pending) => u64::MAX,
        Some(tag) => node.number_of(tag),
    };
    Some((low, high))
}

fn filter_logs(node: &RpcNode, args: &mut Args) -> Result<Vec<Log>, RpcError> {
    let id: U128 = args.required()?;
    let installed = node.filters.take(id).ok_or_else(|| unknown(id))?;
    let answer = match &installed.kind {
        FilterKind::Logs(filter) => logs(node, filter),
        _ => Err(RpcError::Call(format!("filter {id:#x} is no log filter"))),
    };
    node.filters.put_back(id, installed);
    answer
}
