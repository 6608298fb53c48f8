//! `eth_subscribe` over WebSocket: new heads, logs and pending transactions, as they come.
//!
//! In: news of heads and of the pool. Out: notifications. A client that is too slow to take them
//! loses its subscription with an error instead of losing news unnoticed.

use std::sync::Arc;

use alloy_rpc_types_eth::{
    Filter,
    pubsub::{Params as SubscriptionParams, SubscriptionKind},
};
use gainsay_store::StoredHeader;
use gainsay_transition::SealedBlock;
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::{SubscriptionError, server::SubscriptionCloseResponse},
    types::Params,
};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    answers::{pending_transaction, rpc_header},
    args::Args,
    error::RpcError,
    log_methods::logs_of_block,
    node::{Methods, RpcNode, Sink, to_json},
};
use crate::chain::HeadEvent;

pub(super) fn register(methods: &mut Methods) {
    methods
        .0
        .register_subscription(
            "eth_subscribe",
            "eth_subscription",
            "eth_unsubscribe",
            |params, pending, node, _| subscribe(params, pending, node),
        )
        .expect("each method name is registered once");
}

/// What a subscription is about.
enum Topic {
    NewHeads,
    Logs(Box<Filter>),
    PendingHashes,
    PendingTransactions,
}

fn topic(params: &Params<'_>) -> Result<Topic, RpcError> {
    let mut args = Args::new(params)?;
    let kind: SubscriptionKind = args.required()?;
    let details: SubscriptionParams = args.optional()?.unwrap_or_default();
    match (kind, details) {
        (SubscriptionKind::NewHeads, _) => Ok(Topic::NewHeads),
        (SubscriptionKind::Logs, SubscriptionParams::Logs(filter)) => Ok(Topic::Logs(filter)),
        (SubscriptionKind::Logs, SubscriptionParams::None) => Ok(Topic::Logs(Box::default())),
        (SubscriptionKind::NewPendingTransactions, SubscriptionParams::Bool(true)) => {
            Ok(Topic::PendingTransactions)
        }
        (
            SubscriptionKind::NewPendingTransactions,
            SubscriptionParams::None | SubscriptionParams::Bool(false),
        ) => Ok(Topic::PendingHashes),
        (kind, details) => Err(RpcError::params(format!(
            "no subscription {kind:?} with {details:?} here: expected newHeads, logs or \
             newPendingTransactions"
        ))),
    }
}

async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    node: Arc<RpcNode>,
) -> SubscriptionCloseResponse {
    let topic = match topic(&params) {
        Ok(topic) => topic,
        Err(error) => {
            pending.reject(error).await;
            return SubscriptionCloseResponse::None;
        }
    };
    // Listens from before the client knows of it, so that nothing falls between.
    let heads = node.chain.new_heads.subscribe();
    let ended = match topic {
        Topic::NewHeads => follow_heads(pending, heads, |block| Ok(vec![new_head(block)])).await,
        Topic::Logs(filter) => {
            follow_heads(pending, heads, move |block| Ok(logs_of_block(block, &filter))).await
        }
        Topic::PendingHashes | Topic::PendingTransactions => {
            let full = matches!(topic, Topic::PendingTransactions);
            follow_pool(pending, &node, full).await
        }
    };
    match ended {
        Ok(()) => SubscriptionCloseResponse::None,
        Err(error) => SubscriptionCloseResponse::NotifErr(error),
    }
}

/// A header as `newHeads` shows it.
fn new_head(block: &SealedBlock) -> alloy_rpc_types_eth::Header {
    let stored = StoredHeader {
        header: block.header.clone(),
        hash: block.hash,
        output_root: block.output_root,
        l1_fee_params: block.l1_fee_params,
    };
    rpc_header(&stored, None)
}

async fn follow_heads<T: Serialize>(
    pending: PendingSubscriptionSink,
    mut heads: Receiver<HeadEvent>,
    news: impl Fn(&SealedBlock) -> Result<Vec<T>, RpcError>,
) -> Result<(), SubscriptionError> {
    let Ok(sink) = pending.accept().await else { return Ok(()) };
    while let Some(event) = next(&sink, &mut heads).await? {
        // After a rewind the blocks in place of those taken back follow as any others.
        let HeadEvent::Block(block) = event else { continue };
        for message in news(&block).map_err(|error| error.to_string())? {
            send(&sink, &message).await?;
        }
    }
    Ok(())
}

async fn follow_pool(
    pending: PendingSubscriptionSink,
    node: &RpcNode,
    full: bool,
) -> Result<(), SubscriptionError> {
    let Sink::Pool(collector) = &node.sink else {
        let reason = "pending transactions are known to the sequencer only";
        pending.reject(RpcError::Call(reason.into())).await;
        return Ok(());
    };
    let mut arrivals = collector.pool.subscribe();
    let Ok(sink) = pending.accept().await else { return Ok(()) };
    while let Some(hash) = next(&sink, &mut arrivals).await? {
        if !full {
            send(&sink, &hash).await?;
        } else if let Some(pooled) = collector.pool.get(&hash) {
            send(&sink, &pending_transaction(pooled.tx.clone())).await?;
        }
    }
    Ok(())
}

/// The next event; `None` when the client has gone.
async fn next<T: Clone>(
    sink: &SubscriptionSink,
    events: &mut Receiver<T>,
) -> Result<Option<T>, SubscriptionError> {
    tokio::select! {
        () = sink.closed() => Ok(None),
        event = events.recv() => match event {
            Ok(event) => Ok(Some(event)),
            Err(RecvError::Closed) => Ok(None),
            Err(RecvError::Lagged(missed)) => {
                Err(format!("the subscriber is too slow: {missed} events were missed").into())
            }
        },
    }
}

async fn send<T: Serialize>(sink: &SubscriptionSink, message: &T) -> Result<(), SubscriptionError> {
    let json = to_json(message).map_err(|error| error.to_string())?;
    // Fails only when the client has gone, which `next` notices.
    let _client_gone = sink.send(json).await;
    Ok(())
}
