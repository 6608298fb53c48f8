//! `eth_getLogs`: logs of a block or of a range, by address and topics.
//!
//! In: a filter. Out: the logs of the canonical chain that match, or an error that says which bound
//! the query exceeds, and a smaller range that works, in the words that indexers look for (see
//! [`LogLimit`]). One block is always answered. Blocks whose header bloom excludes a match are
//! skipped.

use std::time::{Duration, Instant};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::Bloom;
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use gainsay_store::StoredHeader;
use gainsay_transition::{Receipt, SealedBlock};
use op_alloy_consensus::OpReceiptEnvelope;

use super::{
    answers::{BlockPlace, rpc_log},
    error::{LogLimit, RpcError},
    node::{Methods, RpcNode},
};
use crate::removed_logs::RemovedBlock;

pub(super) fn register(methods: &mut Methods) {
    methods.read("eth_getLogs", |node, args| {
        let filter: Filter = args.required()?;
        logs(node, &filter)
    });
}

/// The logs that match.
pub(super) fn logs(node: &RpcNode, filter: &Filter) -> Result<Vec<Log>, RpcError> {
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let header = node.header(Some(hash.into()))?;
            let mut found = Vec::new();
            search(node, filter, &header, &mut found)?;
            Ok(found)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            match range(node, from_block, to_block)? {
                Some((from, to)) => logs_between(node, filter, from, to),
                None => Ok(Vec::new()),
            }
        }
    }
}

/// The logs of blocks `from` to `to`, both included.
pub(super) fn logs_between(
    node: &RpcNode,
    filter: &Filter,
    from: u64,
    to: u64,
) -> Result<Vec<Log>, RpcError> {
    let limits = &node.limits;
    let last_allowed = from.saturating_add(limits.log_blocks_max.saturating_sub(1));
    if to > last_allowed {
        let limit = LogLimit::Blocks(limits.log_blocks_max);
        return Err(RpcError::LogLimit { limit, from, to: last_allowed });
    }
    match search_range(node, filter, from, to)? {
        Searched { limit: Some(limit), last, .. } => {
            Err(RpcError::LogLimit { limit, from, to: last })
        }
        Searched { found, .. } => Ok(found),
    }
}

/// What a search found before a bound ended it.
pub(super) struct Searched {
    /// The logs of all blocks up to the last one.
    pub(super) found: Vec<Log>,
    /// The last block whose logs are among them.
    pub(super) last: u64,
    /// The bound that ended the search.
    limit: Option<LogLimit>,
}

/// The logs of blocks `from` to `to`, or of as many of them as one answer has room and time for; of
/// one block at least.
pub(super) fn search_range(
    node: &RpcNode,
    filter: &Filter,
    from: u64,
    to: u64,
) -> Result<Searched, RpcError> {
    let limits = &node.limits;
    let until = Instant::now() + Duration::from_millis(limits.request_time_ms_max);
    let mut found = Vec::new();
    for number in from..=to {
        let found_before = found.len();
        // A block that a rewind has taken back meanwhile has no logs.
        if let Some(header) = node.store().header(number)? {
            search(node, filter, &header, &mut found)?;
        }
        // What one block holds is bounded by its gas; else no query could ever get past it.
        let limit = match () {
            () if found.len() > limits.logs_max => LogLimit::Results(limits.logs_max),
            () if Instant::now() > until => LogLimit::Time(limits.request_time_ms_max),
            () => continue,
        };
        if number > from {
            found.truncate(found_before);
            return Ok(Searched { found, last: number - 1, limit: Some(limit) });
        }
        if number < to {
            return Ok(Searched { found, last: from, limit: Some(limit) });
        }
    }
    Ok(Searched { found, last: to, limit: None })
}

/// The logs of a block that was just sealed.
pub(super) fn logs_of_block(block: &SealedBlock, filter: &Filter) -> Vec<Log> {
    let mut found = Vec::new();
    if filter.matches_bloom(block.header.logs_bloom) {
        let hashes = block.transactions.iter().map(|tx| tx.hash);
        let place = BlockPlace::from(block);
        append_matching(&mut found, filter, &place, hashes.zip(&block.receipts));
    }
    found
}

/// The logs that match of a block that was taken back, marked as removed.
pub(super) fn removed_logs(block: &RemovedBlock, filter: &Filter) -> Vec<Log> {
    let may_match = filter.matches_bloom(block.logs_bloom);
    let logs = block.logs.iter().filter(|log| may_match && filter.matches(&log.inner));
    logs.cloned().collect()
}

/// The range's numbers, `None` for a range that has no block yet. By default it ends at the head
/// and starts where it ends.
fn range(
    node: &RpcNode,
    from: Option<BlockNumberOrTag>,
    to: Option<BlockNumberOrTag>,
) -> Result<Option<(u64, u64)>, RpcError> {
    let head = node.store().head().number;
    let ends_at_tag = to.is_none_or(|tag| !tag.is_number());
    let to = to.map_or(head, |tag| node.number_of(tag));
    let from = from.map_or(to.min(head), |tag| node.number_of(tag));
    if from > to && ends_at_tag {
        // An indexer that goes on after the head asks for a block that does not exist yet.
        return Ok(None);
    }
    if from > to {
        return Err(RpcError::params(format!(
            "invalid block range params: fromBlock {from} is above toBlock {to}"
        )));
    }
    if to > head && !ends_at_tag {
        return Err(RpcError::params(format!(
            "block range extends beyond current head block: toBlock {to}, head {head}"
        )));
    }
    Ok(Some((from, to)))
}

/// Adds the logs of one block that match.
fn search(
    node: &RpcNode,
    filter: &Filter,
    header: &StoredHeader,
    found: &mut Vec<Log>,
) -> Result<(), RpcError> {
    let bloom = header.header.logs_bloom;
    if bloom == Bloom::ZERO || !filter.matches_bloom(bloom) {
        return Ok(());
    }
    let body = node.of_block(header, |store, number| {
        Ok(store.raw_transactions(number)?.zip(store.receipts(number)?))
    })?;
    let Some((transactions, receipts)) = body else { return Ok(()) };
    let hashes = transactions.iter().map(|tx| tx.hash);
    append_matching(found, filter, &BlockPlace::from(header), hashes.zip(&receipts));
    Ok(())
}

fn append_matching<'a>(
    found: &mut Vec<Log>,
    filter: &Filter,
    place: &BlockPlace,
    receipts: impl Iterator<Item = (alloy_primitives::B256, &'a Receipt)>,
) {
    let mut log_index = 0_u64;
    for (index, (hash, receipt)) in (0_u64..).zip(receipts) {
        let envelope: &OpReceiptEnvelope = &receipt.envelope;
        for log in envelope.logs() {
            if filter.matches(log) {
                found.push(rpc_log(log.clone(), place, hash, index, log_index));
            }
            log_index = log_index.saturating_add(1);
        }
    }
}
