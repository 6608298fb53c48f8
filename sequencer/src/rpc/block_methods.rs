//! Blocks, transactions and receipts.
//!
//! In: numbers, tags and hashes. Out: what the canonical chain holds of them, `null` when it holds
//! nothing; pending transactions come from the pool.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_eth::{Block, Index};
use gainsay_store::StoredHeader;
use jsonrpsee::{core::JsonRawValue, rpc_params};
use op_alloy_rpc_types::{OpTransactionReceipt, Transaction};

use super::{
    answers::{
        BlockPlace, block_with_hashes, block_with_transactions, included_transaction,
        pending_transaction, receipt, receipts,
    },
    args::Args,
    chain_reader::ATTEMPTS_MAX,
    error::RpcError,
    node::{Methods, RpcNode, Sink, to_json},
};

type Answer<T> = Result<Option<T>, RpcError>;

pub(super) fn register(methods: &mut Methods) {
    methods.quick("eth_blockNumber", |node, _| Ok(U64::from(node.store().head().number)));
    methods.read("eth_getBlockByNumber", |node, args| block(node, by_number(args)?, args));
    methods.read("eth_getBlockByHash", |node, args| block(node, by_hash(args)?, args));
    methods.read("eth_getHeaderByNumber", |node, args| header(node, by_number(args)?));
    methods.read("eth_getHeaderByHash", |node, args| header(node, by_hash(args)?));
    methods.read("eth_getBlockReceipts", block_receipts);
    methods.read("eth_getBlockTransactionCountByNumber", |node, args| {
        transaction_count(node, by_number(args)?)
    });
    methods.read("eth_getBlockTransactionCountByHash", |node, args| {
        transaction_count(node, by_hash(args)?)
    });
    methods
        .read("eth_getUncleCountByBlockNumber", |node, args| uncle_count(node, by_number(args)?));
    methods.read("eth_getUncleCountByBlockHash", |node, args| uncle_count(node, by_hash(args)?));
    methods.read("eth_getUncleByBlockNumberAndIndex", |_, args| no_uncle(by_number(args)?));
    methods.read("eth_getUncleByBlockHashAndIndex", |_, args| no_uncle(by_hash(args)?));
    methods.read("eth_getTransactionByBlockNumberAndIndex", |node, args| {
        transaction_by_index(node, by_number(args)?, args)
    });
    methods.read("eth_getTransactionByBlockHashAndIndex", |node, args| {
        transaction_by_index(node, by_hash(args)?, args)
    });
    methods.read("eth_getRawTransactionByHash", raw_transaction);
    methods.read("eth_getTransactionReceipt", |node, args| receipt_by_hash(node, args.required()?));
    methods.asynchronous("eth_getTransactionByHash", transaction_by_hash);
}

fn by_number(args: &mut Args) -> Result<BlockId, RpcError> {
    Ok(args.required::<BlockNumberOrTag>()?.into())
}

fn by_hash(args: &mut Args) -> Result<BlockId, RpcError> {
    Ok(args.required::<B256>()?.into())
}

fn block(node: &RpcNode, id: BlockId, args: &mut Args) -> Answer<Block<Transaction>> {
    let full = args.optional::<bool>()?.unwrap_or(false);
    for _ in 0..ATTEMPTS_MAX {
        let Some(header) = node.find_header(id)? else { return Ok(None) };
        if let Some(block) = block_of(node, &header, full)? {
            return Ok(Some(block));
        }
        // Taken back while it was read: `id` names another block now, or none.
    }
    Err(RpcError::Internal("the chain is being rewound".into()))
}

fn block_of(node: &RpcNode, header: &StoredHeader, full: bool) -> Answer<Block<Transaction>> {
    if !full {
        let raw = node.of_block(header, |store, number| store.raw_transactions(number))?;
        return Ok(raw.map(|raw| block_with_hashes(header, &raw)));
    }
    let found = node.of_block(header, |store, number| {
        let Some(transactions) = store.transactions(number)? else { return Ok(None) };
        let mut receipts = Vec::new();
        for (index, _) in (0_u32..).zip(transactions.iter().take_while(|tx| tx.is_deposit())) {
            receipts.extend(store.receipt(number, index)?.map(|it| it.receipt));
        }
        Ok(Some((transactions, receipts)))
    })?;
    Ok(found.map(|(transactions, deposit_receipts)| {
        block_with_transactions(header, transactions, &deposit_receipts)
    }))
}

fn header(node: &RpcNode, id: BlockId) -> Answer<alloy_rpc_types_eth::Header> {
    Ok(node.find_header(id)?.map(|header| super::answers::rpc_header(&header, None)))
}

fn block_receipts(node: &RpcNode, args: &mut Args) -> Answer<Vec<OpTransactionReceipt>> {
    let Some(header) = node.find_header(args.required()?)? else { return Ok(None) };
    let body = node.body(&header)?;
    Ok(body.map(|(transactions, block_receipts)| {
        receipts(&transactions, &block_receipts, &BlockPlace::from(&*header))
    }))
}

fn transaction_count(node: &RpcNode, id: BlockId) -> Answer<U64> {
    let Some(header) = node.find_header(id)? else { return Ok(None) };
    let raw = node.of_block(&header, |store, number| store.raw_transactions(number))?;
    Ok(raw.map(|raw| U64::from(raw.len())))
}

fn uncle_count(node: &RpcNode, id: BlockId) -> Answer<U64> {
    Ok(node.find_header(id)?.map(|_| U64::ZERO))
}

/// No block of this chain has uncles.
const fn no_uncle(_: BlockId) -> Answer<()> {
    Ok(None)
}

fn transaction_by_index(node: &RpcNode, id: BlockId, args: &mut Args) -> Answer<Transaction> {
    let index = usize::from(args.required::<Index>()?);
    let Some(header) = node.find_header(id)? else { return Ok(None) };
    match u32::try_from(index) {
        Ok(index) => included(node, &header, index),
        Err(_) => Ok(None),
    }
}

fn included(node: &RpcNode, header: &StoredHeader, index: u32) -> Answer<Transaction> {
    let found = node.of_block(header, |store, number| {
        let Some(tx) = store.transaction(number, index)? else { return Ok(None) };
        let receipt = if tx.is_deposit() { store.receipt(number, index)? } else { None };
        Ok(Some((tx, receipt)))
    })?;
    let place = BlockPlace::from(header);
    Ok(found.map(|(tx, receipt)| {
        included_transaction(tx, &place, index.into(), receipt.as_ref().map(|it| &it.receipt))
    }))
}

/// Where a transaction stands on the canonical chain. That of a deposit is also found by the hash
/// that OP's tools compute from its L1 block.
fn locate(node: &RpcNode, hash: B256) -> Answer<(Arc<StoredHeader>, u32)> {
    let store = node.store();
    let at = match store.transaction_location(hash)? {
        Some(at) => Some(at),
        None => match store.deposit_hash(hash)? {
            Some(own) => store.transaction_location(own)?,
            None => None,
        },
    };
    let Some(at) = at else { return Ok(None) };
    let header = node.find_header(BlockId::number(at.block))?;
    Ok(header.map(|header| (header, at.index)))
}

async fn transaction_by_hash(
    node: Arc<RpcNode>,
    mut args: Args,
) -> Result<Box<JsonRawValue>, RpcError> {
    let hash: B256 = args.required()?;
    let here = node.read(move |node| {
        let found = match locate(node, hash)? {
            Some((header, index)) => included(node, &header, index)?,
            None => None,
        };
        let found = found.or_else(|| match &node.sink {
            Sink::Pool(collector) => {
                let pooled = collector.pool.get(&hash)?;
                Some(pending_transaction(pooled.tx.clone()))
            }
            _ => None,
        });
        Ok((to_json(&found)?, found.is_some()))
    });
    match (here.await?, &node.sink) {
        ((nothing, false), Sink::Forward(client)) => {
            // Only its pool can know it. A sequencer that is down knows no more than this node.
            let answer = client.ask("eth_getTransactionByHash", rpc_params![hash]).await;
            Ok(answer.unwrap_or(nothing))
        }
        ((answer, _), _) => Ok(answer),
    }
}

fn raw_transaction(node: &RpcNode, args: &mut Args) -> Answer<Bytes> {
    let hash: B256 = args.required()?;
    if let Some((header, index)) = locate(node, hash)? {
        let tx = node.of_block(&header, |store, number| store.transaction(number, index))?;
        return Ok(tx.map(|tx| tx.raw));
    }
    match &node.sink {
        Sink::Pool(collector) => Ok(collector.pool.get(&hash).map(|pooled| pooled.tx.raw.clone())),
        _ => Ok(None),
    }
}

/// The receipt of a transaction on the canonical chain.
pub(super) fn receipt_by_hash(node: &RpcNode, hash: B256) -> Answer<OpTransactionReceipt> {
    let Some((header, index)) = locate(node, hash)? else { return Ok(None) };
    let found = node.of_block(&header, |store, number| {
        Ok(store.transaction(number, index)?.zip(store.receipt(number, index)?))
    })?;
    let place = BlockPlace::from(&*header);
    let own_hash = match &found {
        Some((tx, _)) if tx.is_deposit() => node.store().deposit_hash(hash)?.unwrap_or(hash),
        _ => hash,
    };
    Ok(found
        .filter(|(tx, _)| tx.hash == own_hash)
        .map(|(tx, it)| receipt(&tx, &it.receipt, &place, index.into(), it.first_log_index)))
}
