//! `eth_subscribe` over WebSocket: new heads, logs and pending transactions, as they come.
//!
//! In: news of heads and of the pool. Out: notifications. Logs of blocks that are taken back come
//! again, marked as removed. A client that is too slow to take them loses its subscription with an
//! error instead of losing news unnoticed.

use std::sync::Arc;

use alloy_primitives::B256;
use alloy_rpc_types_eth::{
    Filter,
    pubsub::{Params as SubscriptionParams, SubscriptionKind},
};
use gainsay_store::StoredHeader;
use gainsay_transition::SealedBlock;
use jsonrpsee::{core::JsonRawValue, types::ErrorObjectOwned};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    answers::rpc_header,
    args::Args,
    error::RpcError,
    log_methods::{logs_of_block, removed_logs},
    node::{RpcNode, to_json},
    outbox::{Outbox, Unsent},
    pending_feed::{Whole, arrivals, pending_here, whole_arrivals},
};
use crate::chain::HeadEvent;

/// What a subscription listens to.
#[derive(Debug)]
pub(super) enum News {
    Heads(Receiver<HeadEvent>),
    Logs(Receiver<HeadEvent>, Box<Filter>),
    /// Hashes of pending transactions.
    Pending(Receiver<B256>),
    /// Pending transactions, whole.
    Whole(Whole),
}

/// Finds what is asked for, and listens from here on.
pub(super) async fn listen(node: &Arc<RpcNode>, mut args: Args) -> Result<News, RpcError> {
    let kind: SubscriptionKind = args.required()?;
    let details: SubscriptionParams = args.optional()?.unwrap_or_default();
    let heads = || node.chain.new_heads.subscribe();
    match (kind, details) {
        (SubscriptionKind::NewHeads, _) => Ok(News::Heads(heads())),
        (SubscriptionKind::Logs, SubscriptionParams::Logs(filter)) => {
            Ok(News::Logs(heads(), filter))
        }
        (SubscriptionKind::Logs, SubscriptionParams::None) => {
            Ok(News::Logs(heads(), Box::default()))
        }
        (SubscriptionKind::NewPendingTransactions, SubscriptionParams::Bool(true)) => {
            Ok(News::Whole(whole_arrivals(node).await?))
        }
        (
            SubscriptionKind::NewPendingTransactions,
            SubscriptionParams::Bool(false) | SubscriptionParams::None,
        ) => Ok(News::Pending(arrivals(node).await?)),
        _ => Err(RpcError::params(
            "no such subscription here: expected newHeads, logs with a filter, or \
             newPendingTransactions with true or false",
        )),
    }
}

/// Sends news until the client is gone or misses some.
pub(super) async fn run(news: News, node: &Arc<RpcNode>, sink: &Sink) {
    let ended = match news {
        News::Heads(heads) => push_heads(heads, sink).await,
        News::Logs(heads, filter) => push_logs(heads, &filter, sink).await,
        News::Pending(arrivals) => push_pending(arrivals, sink).await,
        News::Whole(arrivals) => push_whole(arrivals, node, sink).await,
    };
    if let Err(End::Failed(error)) = ended {
        sink.fail(error).await;
    }
}

/// Why a subscription ends.
enum End {
    ClientGone,
    Failed(RpcError),
}

impl From<Unsent> for End {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Gone => Self::ClientGone,
            Unsent::NoRoom => {
                let why = "the subscriber is too slow: too many answers wait for their clients";
                Self::Failed(RpcError::Call(why.into()))
            }
        }
    }
}

impl From<RpcError> for End {
    fn from(error: RpcError) -> Self {
        Self::Failed(error)
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

/// Where a subscription's notifications go.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) id: String,
    pub(super) outbox: Outbox,
}

impl Sink {
    /// Sends one notification.
    pub(super) async fn send(&self, result: &JsonRawValue) -> Result<(), Unsent> {
        self.outbox.send(self.notification("result", result.get())).await
    }

    /// Says why nothing follows any more.
    pub(super) async fn fail(&self, error: RpcError) {
        let error = serde_json::to_string(&ErrorObjectOwned::from(error));
        let text = self.notification("error", &error.unwrap_or_default());
        let _client_gone = self.outbox.send_error(text).await;
    }

    fn notification(&self, field: &str, json: &str) -> String {
        let id = &self.id;
        format!(
            r#"{{"jsonrpc":"2.0","method":"eth_subscription","params":{{"subscription":"{id}","{field}":{json}}}}}"#
        )
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        self.outbox.closed().await;
    }
}

async fn push_heads(mut heads: Receiver<HeadEvent>, sink: &Sink) -> Result<(), End> {
    loop {
        // After a rewind the blocks in place of those taken back follow as any others.
        if let HeadEvent::Block(block) = next(&mut heads, sink).await? {
            send(sink, &new_head(&block)).await?;
        }
    }
}

async fn push_logs(
    mut heads: Receiver<HeadEvent>,
    filter: &Filter,
    sink: &Sink,
) -> Result<(), End> {
    loop {
        let (logs, is_cut) = match next(&mut heads, sink).await? {
            HeadEvent::Block(block) => (logs_of_block(&block, filter), false),
            HeadEvent::Rewound { removed, .. } => {
                let logs = removed.blocks.iter().flat_map(|block| removed_logs(block, filter));
                (logs.collect(), removed.is_cut)
            }
        };
        for log in logs {
            send(sink, &log).await?;
        }
        if is_cut {
            let why = "more logs were removed at once than this node can report: read them again";
            return Err(RpcError::Call(why.into()).into());
        }
    }
}

async fn push_pending(mut arrivals: Receiver<B256>, sink: &Sink) -> Result<(), End> {
    loop {
        send(sink, &next(&mut arrivals, sink).await?).await?;
    }
}

async fn push_whole(arrivals: Whole, node: &RpcNode, sink: &Sink) -> Result<(), End> {
    match arrivals {
        Whole::Here(mut hashes) => loop {
            let hash = next(&mut hashes, sink).await?;
            if let Some(pending) = pending_here(node, hash) {
                sink.send(&pending).await?;
            }
        },
        Whole::Upstream(mut bodies) => loop {
            sink.send(&next(&mut bodies, sink).await?).await?;
        },
    }
}

/// The next event.
async fn next<T: Clone>(events: &mut Receiver<T>, sink: &Sink) -> Result<T, End> {
    tokio::select! {
        () = sink.closed() => Err(End::ClientGone),
        event = events.recv() => match event {
            Ok(event) => Ok(event),
            Err(RecvError::Closed) => {
                let why = "the news has ended: the sequencer is out of reach, or this node stops";
                Err(RpcError::Call(why.into()).into())
            }
            Err(RecvError::Lagged(missed)) => {
                let why = format!("the subscriber is too slow: {missed} events were missed");
                Err(RpcError::Call(why).into())
            }
        },
    }
}

async fn send<T: Serialize>(sink: &Sink, message: &T) -> Result<(), End> {
    Ok(sink.send(&to_json(message)?).await?)
}
