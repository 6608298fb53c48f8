//! Seals and commits executed blocks while the builder executes the next one.
//!
//! In: executed blocks in order, each with a cell for its hash. Out: sealed blocks in the store, in
//! the same order, and a call for each. The builder executes block n+1 while block n is here; the
//! queue between them holds one block, so that it never runs further ahead than that.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use alloy_primitives::B256;
use gainsay_store::Store;
use gainsay_transition::{ExecutedBlock, SealedBlock, seal};

use crate::error::NodeError;

/// The hash of a block, which may not be computed yet.
#[derive(Clone, Debug, Default)]
pub struct HashCell(Arc<(Mutex<CellState>, Condvar)>);

#[derive(Clone, Copy, Debug, Default)]
enum CellState {
    #[default]
    Pending,
    Ready(B256),
    /// The pipeline ended without it. A block built on it will never be committed.
    Abandoned,
}

impl HashCell {
    /// A cell of a block that is already sealed.
    #[must_use]
    pub fn ready(hash: B256) -> Self {
        Self(Arc::new((Mutex::new(CellState::Ready(hash)), Condvar::new())))
    }

    /// Waits for the hash; `None` when the pipeline failed before it was known.
    #[must_use]
    pub fn wait(&self) -> Option<B256> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *state {
                CellState::Ready(hash) => return Some(hash),
                CellState::Abandoned => return None,
                CellState::Pending => {
                    state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn set_if_pending(&self, new: CellState) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, CellState::Pending) {
            *state = new;
        }
        changed.notify_all();
    }
}

struct Job {
    executed: ExecutedBlock,
    cell: FillOrAbandon,
}

/// Marks the cell as abandoned when it is dropped unfilled.
struct FillOrAbandon(HashCell);

impl Drop for FillOrAbandon {
    fn drop(&mut self) {
        self.0.set_if_pending(CellState::Abandoned);
    }
}

/// Name of the thread.
const NAME: &str = "root_pipeline";

/// The sealing thread and the way to it.
#[derive(Debug)]
pub struct RootPipeline {
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<Result<(), NodeError>>>,
    last: HashCell,
}

impl RootPipeline {
    /// Starts the thread. `on_sealed` runs on it after each commit, and has ended for every block
    /// that a [`Self::flush`] waited for.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        store: Store,
        on_sealed: impl Fn(Arc<SealedBlock>) -> Result<(), NodeError> + Send + 'static,
    ) -> Result<Self, NodeError> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(1);
        let last = HashCell::ready(store.head().hash);
        let thread = std::thread::Builder::new().name(NAME.into()).spawn(move || {
            for Job { executed, cell } in queue {
                let sealed = seal_next(&store, executed)?;
                let hash = sealed.hash;
                store.commit_block(&sealed, false)?;
                // Before the cell is filled: after a flush the block may be taken back, and no
                // listener must hear of it later than of that.
                on_sealed(Arc::new(sealed))?;
                cell.0.set_if_pending(CellState::Ready(hash));
            }
            Ok(())
        });
        let thread = thread.map_err(|source| NodeError::System { what: NAME, source })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), last })
    }

    /// Hands over the next block; waits while one is in the queue. Returns the cell of its hash.
    ///
    /// # Errors
    /// Why the thread ended, if it did.
    pub fn push(&mut self, executed: ExecutedBlock) -> Result<HashCell, NodeError> {
        let cell = HashCell::default();
        let job = Job { executed, cell: FillOrAbandon(cell.clone()) };
        let Some(jobs) = &self.jobs else { return Err(NodeError::TaskEnded { name: NAME }) };
        if jobs.send(job).is_err() {
            return Err(self.failure());
        }
        self.last = cell.clone();
        Ok(cell)
    }

    /// Waits until everything handed over is committed.
    ///
    /// # Errors
    /// Why the thread ended, if it did.
    pub fn flush(&mut self) -> Result<(), NodeError> {
        match self.last.wait() {
            Some(_) => Ok(()),
            None => Err(self.failure()),
        }
    }

    /// Goes on from the store's head, which something else has moved. Nothing may be in the queue.
    pub fn reset(&mut self, store: &Store) {
        self.last = HashCell::ready(store.head().hash);
    }

    /// Why the thread ended.
    fn failure(&mut self) -> NodeError {
        self.jobs = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => NodeError::TaskFailed { name: NAME, source: Box::new(error) },
            Some(Err(_)) => NodeError::TaskPanicked { name: NAME },
            Some(Ok(Ok(()))) | None => NodeError::TaskEnded { name: NAME },
        }
    }
}

impl Drop for RootPipeline {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn seal_next(store: &Store, executed: ExecutedBlock) -> Result<SealedBlock, NodeError> {
    let parent = store.head_header()?;
    let (number, head) = (executed.context.number, parent.header.number);
    if number != head + 1 {
        return Err(NodeError::NotNextBlock { found: number, head });
    }
    Ok(seal(executed, parent.hash, &parent.header, &store.state())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::test_chain::TestChain;
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    #[test]
    fn a_flush_waits_until_every_listener_has_heard_of_the_block() {
        let chain = TestChain::new(1, &[]);
        let heard = Arc::new(AtomicU64::new(0));
        let listener = heard.clone();
        let mut pipeline = RootPipeline::start(chain.store.clone(), move |block| {
            std::thread::sleep(Duration::from_millis(50));
            listener.store(block.header.number, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        let (executed, _) = chain.execute([], 2_000);
        let cell = pipeline.push(executed).unwrap();
        pipeline.flush().unwrap();
        assert_eq!(heard.load(Ordering::SeqCst), 1);
        assert_eq!(cell.wait(), Some(chain.store.head().hash));
    }

    #[test]
    fn a_failure_reaches_who_waits_and_who_pushes() {
        let chain = TestChain::new(1, &[]);
        let mut pipeline =
            RootPipeline::start(chain.store.clone(), |_| Err(NodeError::TaskEnded { name: "rpc" }))
                .unwrap();
        let (executed, _) = chain.execute([], 2_000);
        let cell = pipeline.push(executed.clone()).unwrap();
        assert_eq!(cell.wait(), None);
        let error = pipeline.flush().unwrap_err().to_string();
        assert_eq!(error, "root_pipeline failed: rpc ended");
        assert!(pipeline.push(executed).is_err());
    }
}
