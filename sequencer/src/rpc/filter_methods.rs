//! `eth_newFilter` and its sisters: what happened since a client's last poll.
//!
//! In: the filters of [`Filters`](super::filters::Filters), the chain. Out: new blocks, logs,
//! pending transactions. When blocks are taken back, a filter gives the blocks in their place, and
//! before them the logs of blocks that are void, marked as removed. What was taken back beyond what
//! this node remembers ends a filter with an error.

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

/// Hashes in one answer of a block filter.
const BLOCK_HASHES_MAX: u64 = 10_000;
/// Last blocks that a filter remembers. A rewind of more ends it with an error.
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
    // Before the blocks: what goes meanwhile counts as gone after them.
    let rewinds = node.chain.removed_logs.rewinds();
    let head = node.store().head().number;
    let mut told = Vec::new();
    for number in head.saturating_sub(TOLD_MAX as u64 - 1)..=head {
        told.extend(node.store().block_hash(number)?.map(|hash| (number, hash)));
    }
    node.filters.install(kind, told, rewinds)
}

/// A filter must not leave anything out in silence.
fn rewound_too_far(id: U128) -> RpcError {
    RpcError::Call(format!(
        "filter {id:#x}: more was taken back than this node remembers: read the logs again and \
         install the filter again"
    ))
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
    let answer = poll(node, id, &mut filter);
    node.filters.put_back(id, filter);
    answer
}

fn poll(node: &RpcNode, id: U128, filter: &mut Installed) -> Result<Changes, RpcError> {
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
    let rewinds = node.chain.removed_logs.rewinds();
    let mut told = filter.told.clone();
    let mut void = Vec::new();
    while let Some((number, hash)) = told.last()
        && node.store().block_hash(*number)? != Some(*hash)
    {
        void.extend(told.pop());
    }
    let Some((last_told, _)) = told.last() else { return Err(rewound_too_far(id)) };
    let from = last_told.saturating_add(1);
    let gives_logs = matches!(filter.kind, FilterKind::Logs(_));
    if gives_logs && !void.is_empty() && !node.chain.removed_logs.has_all_since(filter.rewinds) {
        return Err(rewound_too_far(id));
    }
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
                    // A poll names no range that could be made smaller: what is beyond one answer
                    // comes with the next.
                    let Searched { found, last: to, .. } =
                        search_range(node, wanted, low.max(from), high.min(last))?;
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
    filter.rewinds = rewinds;
    Ok(answer)
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
