//! `eth_getLogs`: logs of a block or of a range, by address and topics.
//!
//! In: a filter. Out: the logs of the canonical chain that match, or an error that says which bound
//! the query exceeds. Blocks whose header bloom excludes a match are skipped.

use std::time::{Duration, Instant};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::Bloom;
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use gainsay_store::StoredHeader;
use gainsay_transition::{Receipt, SealedBlock};
use op_alloy_consensus::OpReceiptEnvelope;

use super::{
    answers::{BlockPlace, rpc_log},
    error::RpcError,
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
    let mut query = Query::new(node, filter);
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let header = node.header(Some(hash.into()))?;
            query.search(&header)?;
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let (from, to) = range(node, from_block, to_block)?;
            for number in from..=to {
                query.search_number(number)?;
            }
        }
    }
    Ok(query.found)
}

/// The logs of blocks `from` to `to`, both included, as a polled filter asks for them.
pub(super) fn logs_between(
    node: &RpcNode,
    filter: &Filter,
    from: u64,
    to: u64,
) -> Result<Vec<Log>, RpcError> {
    check_len(node, from, to)?;
    let mut query = Query::new(node, filter);
    for number in from..=to {
        query.search_number(number)?;
    }
    Ok(query.found)
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

/// The range's numbers: by default it ends at the head and starts where it ends.
fn range(
    node: &RpcNode,
    from: Option<BlockNumberOrTag>,
    to: Option<BlockNumberOrTag>,
) -> Result<(u64, u64), RpcError> {
    let head = node.store().head().number;
    let to = to.map_or(head, |tag| node.number_of(tag));
    let from = from.map_or(to.min(head), |tag| node.number_of(tag));
    if from > to {
        return Err(RpcError::params(format!(
            "invalid block range params: fromBlock {from} is above toBlock {to}"
        )));
    }
    if to > head {
        return Err(RpcError::params(format!(
            "block range extends beyond current head block: toBlock {to}, head {head}"
        )));
    }
    check_len(node, from, to)?;
    Ok((from, to))
}

fn check_len(node: &RpcNode, from: u64, to: u64) -> Result<(), RpcError> {
    let (found, allowed) = (to.saturating_sub(from).saturating_add(1), node.limits.log_blocks_max);
    if found > allowed {
        return Err(RpcError::LimitExceeded { what: "blocks of one log query", found, allowed });
    }
    Ok(())
}

/// A query on its way through blocks.
struct Query<'a> {
    node: &'a RpcNode,
    filter: &'a Filter,
    until: Instant,
    found: Vec<Log>,
}

impl<'a> Query<'a> {
    fn new(node: &'a RpcNode, filter: &'a Filter) -> Self {
        let until = Instant::now() + Duration::from_millis(node.limits.request_time_ms_max);
        Self { node, filter, until, found: Vec::new() }
    }

    fn search_number(&mut self, number: u64) -> Result<(), RpcError> {
        // A block that a rewind has taken back meanwhile has no logs.
        match self.node.store().header(number)? {
            Some(header) => self.search(&header),
            None => Ok(()),
        }
    }

    fn search(&mut self, header: &StoredHeader) -> Result<(), RpcError> {
        if Instant::now() > self.until {
            let allowed_ms = self.node.limits.request_time_ms_max;
            return Err(RpcError::TooSlow { what: "the log query", allowed_ms });
        }
        if header.header.logs_bloom == Bloom::ZERO
            || !self.filter.matches_bloom(header.header.logs_bloom)
        {
            return Ok(());
        }
        let body = self.node.of_block(header, |store, number| {
            Ok(store.raw_transactions(number)?.zip(store.receipts(number)?))
        })?;
        let Some((transactions, receipts)) = body else { return Ok(()) };
        let hashes = transactions.iter().map(|tx| tx.hash);
        let place = BlockPlace::from(header);
        append_matching(&mut self.found, self.filter, &place, hashes.zip(&receipts));
        let (found, allowed) = (self.found.len() as u64, self.node.limits.logs_max as u64);
        if found > allowed {
            return Err(RpcError::LimitExceeded { what: "logs of one answer", found, allowed });
        }
        Ok(())
    }
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
