//! `eth_newFilter` and its sisters: what happened since a client's last poll.
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
    log_methods::{logs, logs_between, removed_logs},
    node::{Methods, RpcNode, to_json},
    pending_feed::arrivals,
};

/// Hashes in one answer of a block filter.
const BLOCK_HASHES_MAX: u64 = 10_000;
/// Blocks of which a filter remembers that it gave them.
const TOLD_MAX: usize = 64;

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
    let head = node.store().head();
    node.filters.install(kind, (head.number, head.hash))
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
    // What stands in the place of blocks that were given and then taken back is given next.
    let mut told = filter.told.clone();
    let mut void = Vec::new();
    while let Some((number, hash)) = told.last()
        && node.store().block_hash(*number)? != Some(*hash)
        && told.len() > 1
    {
        void.extend(told.pop());
    }
    let from = told.last().map_or(0, |(number, _)| number.saturating_add(1));
    let head = node.store().head().number;
    let to = match filter.kind {
        FilterKind::Logs(_) => head.min(from.saturating_add(node.limits.log_blocks_max - 1)),
        _ => head.min(from.saturating_add(BLOCK_HASHES_MAX - 1)),
    };
    let mut hashes = Vec::new();
    let mut last = None;
    for number in from..=to {
        let Some(hash) = node.store().block_hash(number)? else { break };
        hashes.push(hash);
        last = Some(number);
    }
    let answer = match (&filter.kind, last) {
        (FilterKind::Logs(wanted), last) => Changes::Logs(match bounds(node, wanted) {
            Some((low, high)) => {
                let void = void.iter().filter(|(number, _)| (low..=high).contains(number));
                let void = void.filter_map(|(_, hash)| node.chain.removed_logs.block(*hash));
                let mut logs: Vec<Log> =
                    void.flat_map(|block| removed_logs(&block, wanted)).collect();
                if let Some(last) = last.filter(|last| low.max(from) <= high.min(*last)) {
                    let (found, to) = as_many(node, wanted, low.max(from), high.min(last))?;
                    // What is beyond comes with the next poll.
                    if to < high.min(last) {
                        hashes.truncate(usize::try_from(to - from + 1).unwrap_or(usize::MAX));
                    }
                    logs.extend(found);
                }
                logs
            }
            None => Vec::new(),
        }),
        (FilterKind::Blocks | FilterKind::Pending(_), _) => Changes::Hashes(hashes.clone()),
    };
    let first_kept = hashes.len().saturating_sub(TOLD_MAX);
    told.extend((from..).zip(hashes).skip(first_kept));
    let surplus = told.len().saturating_sub(TOLD_MAX);
    told.drain(..surplus);
    filter.told = told;
    Ok(answer)
}

/// The logs of `from` to `to`, or of as many of these blocks as one answer has room for, and the
/// last block that was searched: a poll names no range that could be made smaller.
fn as_many(
    node: &RpcNode,
    wanted: &Filter,
    from: u64,
    mut to: u64,
) -> Result<(Vec<Log>, u64), RpcError> {
    loop {
        match logs_between(node, wanted, from, to) {
            Err(RpcError::LogLimit { to: smaller, .. }) if smaller < to => to = smaller,
            other => return other.map(|logs| (logs, to)),
        }
    }
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
