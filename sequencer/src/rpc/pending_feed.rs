//! New pending transactions, for those who listen: out of the pool, or, in a follower, out of its
//! sequencer's.
//!
//! In: the pool, or polls of a filter at the sequencer, as long as somebody listens. Out: hashes, and
//! whole transactions by hash. When the sequencer is out of reach for long, its listeners' receivers
//! end. It keeps no transaction.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use alloy_primitives::B256;
use jsonrpsee::{core::JsonRawValue, rpc_params};
use parking_lot::Mutex;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::{
    answers::pending_transaction,
    error::RpcError,
    node::{RpcNode, Sink, to_json},
    sequencer_client::SequencerClient,
};

/// Pause between polls at the sequencer.
const POLL: Duration = Duration::from_millis(250);
/// Hashes kept for a slow listener.
const HASHES_MAX: usize = 4_096;
/// Polls that may fail one after the other before the listeners are let down.
const FAILURES_MAX: usize = 20;

/// The feed of a follower: one poll for all its listeners. Empty when nobody listens.
#[derive(Debug, Default)]
pub(super) struct PendingFeed(Mutex<Option<Sender<B256>>>);

impl PendingFeed {
    /// A listener of the poll that runs, if one does.
    fn join(&self) -> Option<Receiver<B256>> {
        self.0.lock().as_ref().map(Sender::subscribe)
    }

    /// Ends the poll if nobody listens; whether it has ended.
    fn leave(&self) -> bool {
        let mut feed = self.0.lock();
        // Under the lock: who joins later starts another poll.
        let is_idle = feed.as_ref().is_none_or(|feed| feed.receiver_count() == 0);
        if is_idle {
            *feed = None;
        }
        is_idle
    }
}

/// Listens to new pending transactions.
pub(super) async fn arrivals(node: &Arc<RpcNode>) -> Result<Receiver<B256>, RpcError> {
    let client = match &node.sink {
        Sink::Pool(collector) => return Ok(collector.pool.subscribe()),
        Sink::Forward(client) => client,
        Sink::ReadOnly => {
            let why = "pending transactions are known to the sequencer only, and this node has no URL of it";
            return Err(RpcError::Call(why.into()));
        }
    };
    if let Some(hashes) = node.pending.join() {
        return Ok(hashes);
    }
    let filter = install(client).await?;
    let mut feed = node.pending.0.lock();
    if let Some(feed) = &*feed {
        return Ok(feed.subscribe());
    }
    let (sender, hashes) = channel(HASHES_MAX);
    *feed = Some(sender.clone());
    tokio::spawn(poll(Arc::downgrade(node), filter, sender));
    Ok(hashes)
}

/// The transaction with this hash, if it is pending still.
pub(super) async fn pending_of(node: &RpcNode, hash: B256) -> Option<Box<JsonRawValue>> {
    match &node.sink {
        Sink::Pool(collector) => {
            let pooled = collector.pool.get(&hash)?;
            to_json(&pending_transaction(pooled.tx.clone())).ok()
        }
        Sink::Forward(client) => {
            let found = client.ask("eth_getTransactionByHash", rpc_params![hash]).await.ok()?;
            (found.get() != "null").then_some(found)
        }
        Sink::ReadOnly => None,
    }
}

/// Asks the sequencer for news until nobody listens, the node is gone or the sequencer is.
async fn poll(node: Weak<RpcNode>, mut filter: Box<JsonRawValue>, sender: Sender<B256>) {
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
                for hash in hashes {
                    let _listeners = sender.send(hash);
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
        *node.pending.0.lock() = None;
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
