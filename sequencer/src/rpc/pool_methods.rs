//! `txpool_*`: what waits for a block, and for what, in geth's shapes.
//!
//! In: the pool; a follower passes the question on to its sequencer. Out: counts, transactions by
//! sender and nonce, or one line about each, which says of a queued one what it waits for.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U64};
use jsonrpsee::{
    core::{JsonRawValue, params::ArrayParams},
    rpc_params,
};
use op_alloy_rpc_types::Transaction;
use serde::Serialize;
use serde_json::json;

use super::{
    answers::pending_transaction,
    args::Args,
    error::RpcError,
    node::{Methods, RpcNode, Sink, to_json},
};
use crate::pool::{Pool, PooledTx, SenderTransactions, WaitsFor};

/// Transactions that one answer shows.
const SHOWN_MAX: usize = 20_000;

pub(super) fn register(methods: &mut Methods) {
    methods.asynchronous("txpool_status", |node, _| {
        ask_pool(node, "txpool_status", rpc_params![], |pool| {
            let status = pool.status();
            let (pending, queued) = (U64::from(status.executable), U64::from(status.queued));
            to_json(&json!({ "pending": pending, "queued": queued }))
        })
    });
    methods.asynchronous("txpool_content", |node, _| {
        ask_pool(node, "txpool_content", rpc_params![], |pool| {
            by_sender(pool, |tx, _| pending_transaction(tx.tx.clone()))
        })
    });
    methods.asynchronous("txpool_inspect", |node, _| {
        ask_pool(node, "txpool_inspect", rpc_params![], |pool| by_sender(pool, line))
    });
    methods.asynchronous("txpool_contentFrom", content_from);
}

/// Answers from the pool, or by the sequencer. A node without either has nothing pending.
async fn ask_pool(
    node: Arc<RpcNode>,
    method: &'static str,
    params: ArrayParams,
    answer: impl FnOnce(&Pool) -> Result<Box<JsonRawValue>, RpcError> + Send + 'static,
) -> Result<Box<JsonRawValue>, RpcError> {
    match &node.sink {
        Sink::Pool(collector) => {
            let pool = Arc::clone(&collector.pool);
            node.read(move |_| answer(&pool)).await
        }
        Sink::Forward(client) => client.ask_about_pool(method, params).await,
        Sink::ReadOnly => Err(RpcError::ReadOnly),
    }
}

async fn content_from(node: Arc<RpcNode>, mut args: Args) -> Result<Box<JsonRawValue>, RpcError> {
    let sender: Address = args.required()?;
    ask_pool(node, "txpool_contentFrom", rpc_params![sender], move |pool| {
        let of_sender = pool.queues(Some(sender)).pop();
        let shown = of_sender.map(|it| Shown::new(&it, |tx, _| pending_transaction(tx.tx.clone())));
        to_json(&shown.unwrap_or_else(Shown::<Transaction>::empty))
    })
    .await
}

/// A sender's transactions, by nonce.
#[derive(Serialize)]
struct Shown<T> {
    pending: BTreeMap<u64, T>,
    queued: BTreeMap<u64, T>,
}

impl<T> Shown<T> {
    const fn empty() -> Self {
        Self { pending: BTreeMap::new(), queued: BTreeMap::new() }
    }

    fn new(of: &SenderTransactions, show: impl Fn(&PooledTx, Option<WaitsFor>) -> T) -> Self {
        let executable = of.executable.iter().map(|tx| (tx.nonce(), show(tx, None)));
        let queued = of.queued.iter().map(|tx| (tx.nonce(), show(tx, Some(of.waits_for))));
        Self { pending: executable.collect(), queued: queued.collect() }
    }
}

/// All transactions, by sender and nonce.
fn by_sender<T: Serialize>(
    pool: &Pool,
    show: impl Fn(&PooledTx, Option<WaitsFor>) -> T,
) -> Result<Box<JsonRawValue>, RpcError> {
    let (found, allowed) = (pool.len(), SHOWN_MAX);
    if found > allowed {
        return Err(RpcError::LimitExceeded {
            what: "transactions of one answer (ask txpool_contentFrom)",
            found: found as u64,
            allowed: allowed as u64,
        });
    }
    let (mut pending, mut queued) = (BTreeMap::new(), BTreeMap::new());
    for of_sender in pool.queues(None) {
        let shown = Shown::new(&of_sender, &show);
        for (all, own) in [(&mut pending, shown.pending), (&mut queued, shown.queued)] {
            if !own.is_empty() {
                all.insert(of_sender.sender, own);
            }
        }
    }
    to_json(&json!({ "pending": pending, "queued": queued }))
}

/// geth's line about a transaction; of a queued one, also what it waits for.
fn line(tx: &PooledTx, waits_for: Option<WaitsFor>) -> String {
    let envelope = &tx.tx.envelope;
    let to = match envelope.to() {
        Some(to) => to.to_string(),
        None => "contract creation".into(),
    };
    let (value, gas, price) = (envelope.value(), envelope.gas_limit(), tx.fee_cap);
    let line = format!("{to}: {value} wei + {gas} gas × {price} wei");
    match waits_for {
        Some(waits_for) => format!("{line} ({waits_for})"),
        None => line,
    }
}
