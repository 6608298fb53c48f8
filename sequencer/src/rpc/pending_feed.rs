//! New pending transactions for listeners: from the pool or, in a follower, from its sequencer's
//! pool.
//!
//! In: the pool, or polls of a filter at the sequencer, as long as somebody listens. Out: hashes
//! and whole transactions, each asked for once however many listen. When the sequencer is out of
//! reach for long, the receivers of all listeners end. It keeps no transaction.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use alloy_primitives::B256;
use futures::{StreamExt, stream};
use jsonrpsee::{core::JsonRawValue, rpc_params};
use tokio::sync::broadcast::Receiver;

use super::{
    answers::pending_transaction,
    error::RpcError,
    node::{RpcNode, Sink, to_json},
    pending_listeners::{Body, Senders},
    sequencer_client::{SequencerClient, refuse_forwarded},
};

/// Pause between polls at the sequencer.
const POLL: Duration = Duration::from_millis(250);
/// Polls that may fail one after the other before the receivers of the listeners end.
const FAILURES_MAX: usize = 20;
/// Whole transactions that are asked for at a time.
const FETCHES_MAX: usize = 16;

/// Listens to the hashes of new pending transactions.
pub(super) async fn arrivals(node: &Arc<RpcNode>) -> Result<Receiver<B256>, RpcError> {
    match &node.sink {
        Sink::Pool(collector) => Ok(collector.pool.subscribe()),
        Sink::Forward(client) => listen(node, client, Senders::hashes).await,
        Sink::ReadOnly => Err(no_pool()),
    }
}

/// New pending transactions, whole.
#[derive(Debug)]
pub(super) enum Whole {
    /// Hashes of those that are in the pool here.
    Here(Receiver<B256>),
    /// Those that the sequencer has.
    Upstream(Receiver<Body>),
}

/// Listens to new pending transactions, whole.
pub(super) async fn whole_arrivals(node: &Arc<RpcNode>) -> Result<Whole, RpcError> {
    match &node.sink {
        Sink::Pool(collector) => Ok(Whole::Here(collector.pool.subscribe())),
        Sink::Forward(client) => listen(node, client, Senders::bodies).await.map(Whole::Upstream),
        Sink::ReadOnly => Err(no_pool()),
    }
}

fn no_pool() -> RpcError {
    let why =
        "pending transactions are known to the sequencer only, and this node has no URL of it";
    RpcError::Call(why.into())
}

/// Joins the poll, or starts it.
async fn listen<T>(
    node: &Arc<RpcNode>,
    client: &SequencerClient,
    listen: impl Fn(&Senders) -> T,
) -> Result<T, RpcError> {
    if let Some(joined) = node.pending.join(&listen) {
        return Ok(joined);
    }
    refuse_forwarded()?;
    let _starting = node.pending.starting().await;
    if let Some(joined) = node.pending.join(&listen) {
        return Ok(joined);
    }
    let filter = install(client).await?;
    let senders = Senders::default();
    let listener = listen(&senders);
    node.pending.begin(senders.clone());
    tokio::spawn(poll(Arc::downgrade(node), filter, senders));
    Ok(listener)
}

/// The transaction with this hash, if it is in the pool here still.
pub(super) fn pending_here(node: &RpcNode, hash: B256) -> Option<Box<JsonRawValue>> {
    let Sink::Pool(collector) = &node.sink else { return None };
    let pooled = collector.pool.get(&hash)?;
    to_json(&pending_transaction(pooled.tx.clone())).ok()
}

/// Asks the sequencer for news until nobody listens, the node is gone or the sequencer is.
async fn poll(node: Weak<RpcNode>, mut filter: Box<JsonRawValue>, senders: Senders) {
    let mut failures = 0;
    while failures < FAILURES_MAX {
        tokio::time::sleep(POLL).await;
        let Some(node) = node.upgrade() else { return };
        // A filter that nobody polls any more listens, too.
        node.filters.expire();
        if node.pending.leave() {
            return;
        }
        let Sink::Forward(client) = &node.sink else { return };
        match changes(client, &filter).await {
            Ok(hashes) => {
                failures = 0;
                senders.tell(&hashes);
                if senders.somebody_wants_bodies() {
                    fetch(client, hashes, &senders).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no pending transactions from the sequencer");
                failures += 1;
                // A sequencer that was started again knows no filter of before.
                if let Ok(another) = install(client).await {
                    filter = another;
                }
            }
        }
    }
    if let Some(node) = node.upgrade() {
        node.pending.end();
    }
}

/// Gives all listeners the transactions with these hashes that are pending still, in order.
async fn fetch(client: &SequencerClient, hashes: Vec<B256>, senders: &Senders) {
    let asked = hashes.into_iter().map(|hash| async move {
        let found = client.ask("eth_getTransactionByHash", rpc_params![hash]).await.ok()?;
        (found.get() != "null").then_some(found)
    });
    let mut found = stream::iter(asked).buffered(FETCHES_MAX);
    while let Some(body) = found.next().await {
        if let Some(body) = body {
            senders.tell_body(body.into());
        }
    }
}

async fn install(client: &SequencerClient) -> Result<Box<JsonRawValue>, RpcError> {
    client.ask("eth_newPendingTransactionFilter", rpc_params![]).await
}

async fn changes(client: &SequencerClient, filter: &JsonRawValue) -> Result<Vec<B256>, RpcError> {
    let answer = client.ask("eth_getFilterChanges", rpc_params![filter]).await?;
    serde_json::from_str(answer.get()).map_err(|error| {
        RpcError::UpstreamUnreachable(format!("its answer holds no hashes: {error}"))
    })
}
