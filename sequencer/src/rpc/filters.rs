//! Filters that clients poll: new blocks, logs, pending transactions.
//!
//! In: `eth_newFilter` and its sisters. Out: what happened since the last poll. Their number is
//! bounded, and one that nobody polls is removed. When blocks are taken back, a filter tells the
//! blocks in their place.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, U128, map::HashMap};
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::{
    args::Args,
    error::RpcError,
    log_methods::{logs, logs_between},
    node::{Methods, RpcNode, Sink},
};

/// Hashes in one answer of a block filter.
const BLOCK_HASHES_MAX: u64 = 10_000;

pub(super) fn register(methods: &mut Methods) {
    methods.read("eth_newFilter", |node, args| {
        let filter: Filter = args.required()?;
        node.filters.install(Kind::Logs(Box::new(filter)), node)
    });
    methods.read("eth_newBlockFilter", |node, _| node.filters.install(Kind::Blocks, node));
    methods.read("eth_newPendingTransactionFilter", |node, _| match &node.sink {
        Sink::Pool(collector) => {
            node.filters.install(Kind::Pending(collector.pool.subscribe()), node)
        }
        _ => Err(RpcError::Call("pending transactions are known to the sequencer only".into())),
    });
    methods.read("eth_getFilterChanges", changes);
    methods.read("eth_getFilterLogs", filter_logs);
    methods.quick("eth_uninstallFilter", |node, args| {
        let id: U128 = args.required()?;
        Ok(node.filters.installed.lock().remove(&id).is_some())
    });
}

#[derive(Debug)]
enum Kind {
    Blocks,
    Logs(Box<Filter>),
    Pending(Receiver<B256>),
}

#[derive(Debug)]
struct Installed {
    kind: Kind,
    /// The blocks told last, newest last: enough of them to find where a rewind went to.
    told: Vec<(u64, B256)>,
    polled: Instant,
}

/// All filters of all clients.
#[derive(Debug)]
pub(super) struct Filters {
    installed: Mutex<HashMap<U128, Installed>>,
    count_max: usize,
    expiry: Duration,
}

/// Blocks of which a filter remembers that it told them.
const TOLD_MAX: usize = 64;

impl Filters {
    pub(super) fn new(count_max: usize, expiry_secs: u64) -> Self {
        let expiry = Duration::from_secs(expiry_secs);
        Self { installed: Mutex::default(), count_max, expiry }
    }

    fn install(&self, kind: Kind, node: &RpcNode) -> Result<U128, RpcError> {
        let head = node.store().head();
        let mut installed = self.installed.lock();
        let now = Instant::now();
        if installed.len() >= self.count_max {
            installed.retain(|_, filter| now.duration_since(filter.polled) < self.expiry);
        }
        if installed.len() >= self.count_max {
            let (found, allowed) = (installed.len() as u64, self.count_max as u64);
            return Err(RpcError::LimitExceeded { what: "installed filters", found, allowed });
        }
        let id = U128::from(rand::random::<u128>());
        let told = vec![(head.number, head.hash)];
        installed.insert(id, Installed { kind, told, polled: now });
        Ok(id)
    }

    /// Takes a filter out, to be put back after its poll; `None` when there is none (any more).
    fn take(&self, id: U128) -> Option<Installed> {
        let filter = self.installed.lock().remove(&id)?;
        (filter.polled.elapsed() < self.expiry).then_some(filter)
    }

    fn put_back(&self, id: U128, mut filter: Installed) {
        filter.polled = Instant::now();
        self.installed.lock().insert(id, filter);
    }
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
    if let Kind::Pending(arrivals) = &mut filter.kind {
        let mut hashes = Vec::new();
        loop {
            match arrivals.try_recv() {
                Ok(hash) => hashes.push(hash),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        return Ok(Changes::Hashes(hashes));
    }
    // Blocks told before that are no longer part of the chain are told anew.
    let mut told = filter.told.clone();
    while let Some((number, hash)) = told.last()
        && node.store().block_hash(*number)? != Some(*hash)
        && told.len() > 1
    {
        told.pop();
    }
    let from = told.last().map_or(0, |(number, _)| number.saturating_add(1));
    let head = node.store().head().number;
    let to = match filter.kind {
        Kind::Logs(_) => head.min(from.saturating_add(node.limits.log_blocks_max - 1)),
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
        (Kind::Logs(wanted), Some(last)) => Changes::Logs(match bounds(node, wanted) {
            Some((low, high)) if low.max(from) <= high.min(last) => {
                logs_between(node, wanted, low.max(from), high.min(last))?
            }
            _ => Vec::new(),
        }),
        (Kind::Logs(_), None) => Changes::Logs(Vec::new()),
        (Kind::Blocks | Kind::Pending(_), _) => Changes::Hashes(hashes.clone()),
    };
    let first_kept = hashes.len().saturating_sub(TOLD_MAX);
    told.extend((from..).zip(hashes).skip(first_kept));
    let surplus = told.len().saturating_sub(TOLD_MAX);
    told.drain(..surplus);
    filter.told = told;
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
        Kind::Logs(filter) => logs(node, filter),
        _ => Err(RpcError::Call(format!("filter {id:#x} is no log filter"))),
    };
    node.filters.put_back(id, installed);
    answer
}
