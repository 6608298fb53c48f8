//! What all methods share, and where their blocking work runs.
//!
//! In: an [`RpcContext`]. Out: [`RpcNode`], and ways to register a method by how much it costs.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::{BoxFuture, FutureExt, ready};
use jsonrpsee::core::JsonRawValue;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::{
    RpcContext, RpcLimits, TxSink, args::Args, error::RpcError, fee_cache::FeeCache,
    filters::Filters, pending_listeners::PendingListeners, sequencer_client::SequencerClient,
    tx_collector::TxCollector,
};
use crate::{chain::Chain, error::NodeError, status::StatusHandle};

/// Where transactions go, ready to be used.
#[derive(Debug)]
pub(super) enum Sink {
    Pool(TxCollector),
    Forward(SequencerClient),
    ReadOnly,
}

/// What all methods share.
#[derive(Debug)]
pub(super) struct RpcNode {
    pub(super) chain: Arc<Chain>,
    pub(super) status: StatusHandle,
    pub(super) limits: RpcLimits,
    pub(super) sink: Sink,
    pub(super) filters: Filters,
    pub(super) fees: FeeCache,
    pub(super) pending: PendingListeners,
    /// The head when the server started.
    pub(super) started_at: u64,
    reads: WorkQueue,
    calls: WorkQueue,
}

impl RpcNode {
    /// Prepares the parts. Must run within a tokio runtime.
    pub(super) fn new(context: RpcContext) -> Result<Self, NodeError> {
        let RpcContext { chain, sink, status, limits } = context;
        let sink = match sink {
            TxSink::Pool(pool) => {
                Sink::Pool(TxCollector::start(pool, limits.waiting_transactions_max))
            }
            TxSink::Forward { url } => Sink::Forward(SequencerClient::new(&url)?),
            TxSink::ReadOnly => Sink::ReadOnly,
        };
        Ok(Self {
            filters: Filters::new(limits.filters_max, limits.filter_expiry_secs),
            fees: FeeCache::new(limits.fee_history_blocks_max),
            pending: PendingListeners::default(),
            started_at: chain.store.head().number,
            reads: WorkQueue::new(limits.concurrent_reads_max, limits.waiting_max),
            calls: WorkQueue::new(limits.concurrent_calls_max, limits.waiting_max),
            chain,
            status,
            limits,
            sink,
        })
    }

    /// Runs a read of the store on a blocking thread.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let node = Arc::clone(self);
        self.reads.run(move || work(&node)).await
    }
}

/// Blocking work: so much at a time, so much waiting, and no more.
#[derive(Debug)]
struct WorkQueue {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl WorkQueue {
    fn new(running_max: usize, waiting_max: usize) -> Self {
        let running = Arc::new(Semaphore::new(running_max.max(1)));
        Self { running, waiting: AtomicUsize::new(0), waiting_max }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        // The permit moves into the thread: work goes on when its client has hung up, and must
        // still count.
        let permit = match Arc::clone(&self.running).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::enter(&self.waiting, self.waiting_max)?;
                Arc::clone(&self.running)
                    .acquire_owned()
                    .await
                    .map_err(|_| RpcError::Internal("work queue is closed".into()))?
            }
        };
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| RpcError::Internal(format!("a request's thread failed: {error}")))?
    }
}

/// Counts one that waits, for as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize, allowed: usize) -> Result<Self, RpcError> {
        let entered = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= allowed {
            return Err(RpcError::Busy { allowed });
        }
        Ok(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A method that runs to its end at once, or on a blocking thread.
type Method<R> = fn(&RpcNode, &mut Args) -> Result<R, RpcError>;
/// What a method comes to.
type Outcome = Result<Box<JsonRawValue>, RpcError>;
/// A method, ready to be called.
type Handler = Box<dyn Fn(Arc<RpcNode>, Args) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// The methods of a server, registered by what they cost.
#[derive(Default)]
pub(super) struct Methods(HashMap<&'static str, Handler>);

impl fmt::Debug for Methods {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

impl Methods {
    /// The method of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Handler> {
        self.0.get(name)
    }

    /// The names of all methods.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// Answers from memory, at once.
    pub(super) fn quick<R: Serialize + 'static>(&mut self, name: &'static str, run: Method<R>) {
        self.insert(name, move |node, mut args| {
            ready(run(&node, &mut args).and_then(|answer| to_json(&answer))).boxed()
        });
    }

    /// Reads the store.
    pub(super) fn read<R: Serialize + 'static>(&mut self, name: &'static str, run: Method<R>) {
        self.blocking(name, run, |node| &node.reads);
    }

    /// Runs the EVM.
    pub(super) fn call<R: Serialize + 'static>(&mut self, name: &'static str, run: Method<R>) {
        self.blocking(name, run, |node| &node.calls);
    }

    fn blocking<R: Serialize + 'static>(
        &mut self,
        name: &'static str,
        run: Method<R>,
        queue: fn(&RpcNode) -> &WorkQueue,
    ) {
        self.asynchronous(name, move |node, mut args| async move {
            let shared = Arc::clone(&node);
            // The answer is written on the blocking thread, too: it may be megabytes.
            queue(&node).run(move || to_json(&run(&shared, &mut args)?)).await
        });
    }

    /// Waits for something.
    pub(super) fn asynchronous<F, Fut>(&mut self, name: &'static str, run: F)
    where
        F: Fn(Arc<RpcNode>, Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.insert(name, move |node, args| run(node, args).boxed());
    }

    fn insert(
        &mut self,
        name: &'static str,
        handler: impl Fn(Arc<RpcNode>, Args) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) {
        let before = self.0.insert(name, Box::new(handler));
        assert!(before.is_none(), "{name} is registered twice");
    }
}

/// Writes an answer.
pub(super) fn to_json<T: Serialize + ?Sized>(answer: &T) -> Result<Box<JsonRawValue>, RpcError> {
    serde_json::value::to_raw_value(answer)
        .map_err(|error| RpcError::Internal(format!("an answer cannot be written: {error}")))
}
