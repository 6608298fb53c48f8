//! Blocks as RLP, for followers and explorers, which recompute them.
//!
//! In: a block's number, tag or hash. Out: its encoding as geth's `debug` namespace gives it, or
//! `null` when there is no such block.

use alloy_consensus::{Block, BlockBody};
use alloy_eips::BlockId;
use alloy_primitives::Bytes;
use alloy_rlp::Encodable;

use super::{
    args::Args,
    error::RpcError,
    node::{Methods, RpcNode},
};

pub(super) fn register(methods: &mut Methods) {
    methods.read("debug_getRawHeader", raw_header);
    methods.read("debug_getRawBlock", raw_block);
}

fn raw_header(node: &RpcNode, args: &mut Args) -> Result<Option<Bytes>, RpcError> {
    let id: BlockId = args.required()?;
    Ok(node.find_header(id)?.map(|it| alloy_rlp::encode(&it.header).into()))
}

fn raw_block(node: &RpcNode, args: &mut Args) -> Result<Option<Bytes>, RpcError> {
    let id: BlockId = args.required()?;
    let Some(stored) = node.find_header(id)? else { return Ok(None) };
    let Some(transactions) = node.of_block(&stored, |store, number| store.transactions(number))?
    else {
        return Ok(None);
    };
    let body = BlockBody {
        transactions: transactions.into_iter().map(|tx| tx.envelope).collect(),
        ommers: Vec::new(),
        withdrawals: Some(Default::default()),
    };
    let block = Block { header: stored.header.clone(), body };
    let mut raw = Vec::with_capacity(block.length());
    block.encode(&mut raw);
    Ok(Some(raw.into()))
}
