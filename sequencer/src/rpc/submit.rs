//! Transactions in: `eth_sendRawTransaction` and `eth_sendRawTransactionSync`, which waits for a
//! block.
//!
//! In: signed EIP-2718 bytes. Out: the hash, or the receipt once a block holds the transaction. The
//! pool, here or at the sequencer, decides; nothing is checked twice.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes, U64};
use jsonrpsee::{
    core::{JsonRawValue, params::ArrayParams},
    rpc_params,
};
use tokio::sync::broadcast::error::RecvError;

use super::{
    answers::receipt_of_block,
    args::{Args, Count},
    error::RpcError,
    node::{Methods, RpcNode, Sink, to_json},
};
use crate::chain::HeadEvent;

/// Wait of `eth_sendRawTransactionSync` when the client names none (EIP-7966).
const SYNC_WAIT_MS: u64 = 2_000;

pub(super) fn register(methods: &mut Methods) {
    methods.asynchronous("eth_sendRawTransaction", send_raw);
    methods.asynchronous("eth_sendRawTransactionSync", send_raw_sync);
}

async fn send_raw(node: Arc<RpcNode>, mut args: Args) -> Result<Box<JsonRawValue>, RpcError> {
    let raw: Bytes = args.required()?;
    match &node.sink {
        Sink::Pool(collector) => to_json(&collector.submit(raw).await?),
        Sink::Forward(client) => client.ask("eth_sendRawTransaction", rpc_params![raw]).await,
        Sink::ReadOnly => Err(RpcError::ReadOnly),
    }
}

/// [EIP-7966](https://eips.ethereum.org/EIPS/eip-7966): sends, and waits for the receipt.
async fn send_raw_sync(node: Arc<RpcNode>, mut args: Args) -> Result<Box<JsonRawValue>, RpcError> {
    let raw: Bytes = args.required()?;
    let wait_ms = args.optional()?.map_or(SYNC_WAIT_MS, |Count(wait_ms)| wait_ms);
    let wait_ms = wait_ms.min(node.limits.sync_wait_ms_max);
    let collector = match &node.sink {
        Sink::Pool(collector) => collector,
        Sink::Forward(client) => {
            let params: ArrayParams = rpc_params![raw, U64::from(wait_ms)];
            return client.ask("eth_sendRawTransactionSync", params).await;
        }
        Sink::ReadOnly => return Err(RpcError::ReadOnly),
    };
    // Before it is sent: the block that takes it may come at once.
    let mut heads = node.chain.new_heads.subscribe();
    let hash = collector.submit(raw).await?;
    let found = async {
        loop {
            match heads.recv().await {
                Ok(HeadEvent::Block(block)) => {
                    if let Some(receipt) = receipt_of_block(&block, hash) {
                        return to_json(&receipt);
                    }
                }
                Ok(HeadEvent::Rewound { .. }) => {}
                Err(RecvError::Lagged(_)) => {
                    if let Some(receipt) = stored_receipt(&node, hash).await? {
                        return Ok(receipt);
                    }
                }
                Err(RecvError::Closed) => {
                    return Err(RpcError::Internal("the news of heads has ended".into()));
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_millis(wait_ms), found).await.unwrap_or_else(|_| {
        let waits_for = collector.pool.waits_for(&hash);
        Err(RpcError::NotIncludedYet { hash, waited_ms: wait_ms, waits_for })
    })
}

async fn stored_receipt(
    node: &Arc<RpcNode>,
    hash: B256,
) -> Result<Option<Box<JsonRawValue>>, RpcError> {
    node.read(move |node| {
        super::block_methods::receipt_by_hash(node, hash)?.as_ref().map(to_json).transpose()
    })
    .await
}
