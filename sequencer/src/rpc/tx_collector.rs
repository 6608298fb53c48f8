//! Gathers transactions of concurrent requests, so that the pool recovers signatures in parallel.
//!
//! In: raw transactions, one a request. Out: the pool's verdict on each. The first one that comes
//! is taken at once; while the pool works on it, others gather and go in together.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use tokio::sync::{mpsc, oneshot};

use super::error::RpcError;
use crate::pool::{Pool, PoolError};

/// Transactions handed over at once.
const BATCH_LEN_MAX: usize = 2_048;

#[derive(Debug)]
struct Job {
    raw: Bytes,
    verdict: oneshot::Sender<Result<B256, PoolError>>,
}

/// The way into the pool.
#[derive(Debug)]
pub(super) struct TxCollector {
    pub(super) pool: Arc<Pool>,
    jobs: mpsc::Sender<Job>,
    waiting_max: usize,
}

impl TxCollector {
    /// Starts the task; it ends with the collector.
    pub(super) fn start(pool: Arc<Pool>, waiting_max: usize) -> Self {
        let (jobs, queue) = mpsc::channel(waiting_max.max(1));
        tokio::spawn(collect(Arc::clone(&pool), queue));
        Self { pool, jobs, waiting_max }
    }

    /// Hands a transaction to the pool and waits for the verdict.
    pub(super) async fn submit(&self, raw: Bytes) -> Result<B256, RpcError> {
        let (verdict, answer) = oneshot::channel();
        self.jobs.try_send(Job { raw, verdict }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RpcError::Busy { allowed: self.waiting_max },
            mpsc::error::TrySendError::Closed(_) => ended(),
        })?;
        answer.await.map_err(|_| ended())?.map_err(RpcError::from)
    }
}

fn ended() -> RpcError {
    RpcError::Internal("the transaction collector has ended".into())
}

async fn collect(pool: Arc<Pool>, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, BATCH_LEN_MAX).await > 0 {
        let (raw, verdicts): (Vec<_>, Vec<_>) =
            jobs.drain(..).map(|job| (job.raw, job.verdict)).unzip();
        let pool = Arc::clone(&pool);
        let Ok(results) = tokio::task::spawn_blocking(move || pool.add_raw(raw)).await else {
            // The pool's panic was reported; the clients learn it from their closed channels.
            continue;
        };
        for (verdict, result) in verdicts.into_iter().zip(results) {
            let _client_gone = verdict.send(result);
        }
    }
}
