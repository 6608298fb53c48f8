//! The thread that runs the machine for a dispute.
//!
//! In: runs, and what is wanted of them. Out: trees and witnesses, kept in memory within a bound
//! and, if they are trees, on disk. One thing is computed at a time; a second request for the same
//! thing waits for the first. What cannot be computed stays unknown, is reported as a failure, and
//! is tried again after a pause: one broken block must not keep a challenger from playing
//! elsewhere.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, keccak256};
use gainsay_vm::{Machine, Program, SnapshotPolicy};
use tokio::sync::Notify;

use super::{TraceWork, disputed_run::DisputedRun, trace_files::TraceFiles};
use crate::{
    ArchivedChain, ChallengerError,
    dispute::{Commitment, game::Heights},
    machine::MachineHost,
};

/// Most requests that wait. A request beyond is dropped, and the next look makes it again.
const QUEUE: usize = 1_024;
/// Most bytes of trees and witnesses in memory, besides the newest.
const MEMORY_MAX: usize = 512 << 20;
/// Pause before something that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(20);
/// Most bytes of one run's snapshots.
const SNAPSHOT_BYTES_MAX: usize = 256 << 20;

/// What is wanted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// The tree over its spans, and its last state.
    Spans,
    /// The tree over one span's steps.
    Steps {
        /// Index of the span in the run.
        span: u64,
    },
    /// The witness of one step.
    Witness {
        /// Index of the step in the whole run.
        step: u64,
    },
}

/// The result of a request.
#[derive(Clone, Debug)]
pub(super) enum Made {
    /// A tree; of spans also the packed last state.
    Tree(Arc<Commitment>, Bytes),
    /// A packed witness.
    Witness(Bytes),
}

impl Made {
    pub(super) fn into_tree(self) -> Option<Arc<Commitment>> {
        match self {
            Self::Tree(tree, _) => Some(tree),
            Self::Witness(_) => None,
        }
    }

    pub(super) fn into_witness(self) -> Option<Bytes> {
        match self {
            Self::Tree(..) => None,
            Self::Witness(witness) => Some(witness),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Tree(tree, _) => tree.memory_bytes(),
            Self::Witness(witness) => witness.len(),
        }
    }
}

#[derive(Debug)]
struct Job {
    key: B256,
    run: DisputedRun,
    product: Product,
}

impl Job {
    fn describe(&self) -> String {
        let run = &self.run;
        match self.product {
            Product::Spans => format!("spans of {run}"),
            Product::Steps { span } => format!("steps of span {span} of {run}"),
            Product::Witness { step } => format!("witness of step {step} of {run}"),
        }
    }
}

/// State that both threads share.
#[derive(Debug, Default)]
struct Board {
    /// Results in memory, the least recently used first.
    kept: Vec<(B256, Made)>,
    /// Requests that failed: when, and why.
    failed: HashMap<B256, (Instant, String)>,
    /// Requests that are queued or being computed.
    waiting: HashSet<B256>,
    current: Option<(String, Instant)>,
    /// The handle is dropped: finish the current work and end.
    is_stopping: bool,
}

impl Board {
    fn get(&mut self, key: &B256) -> Option<Made> {
        let place = self.kept.iter().position(|(kept, _)| kept == key)?;
        let found = self.kept.remove(place);
        let made = found.1.clone();
        self.kept.push(found);
        Some(made)
    }

    fn keep(&mut self, key: B256, made: Made) {
        self.kept.retain(|(kept, _)| *kept != key);
        self.kept.push((key, made));
        let mut sum: usize = self.kept.iter().map(|(_, made)| made.memory_bytes()).sum();
        while sum > MEMORY_MAX && self.kept.len() > 1 {
            sum = sum.saturating_sub(self.kept.remove(0).1.memory_bytes());
        }
    }
}

/// A handle on the thread. Dropping it waits for the current work: a process that ends while a
/// thread of its own reads the store may crash.
#[derive(Debug)]
pub(super) struct TraceWorker {
    program: Arc<Program>,
    program_hash: B256,
    heights: Heights,
    files: TraceFiles,
    /// None while it is dropped.
    jobs: Option<SyncSender<Job>>,
    board: Arc<Mutex<Board>>,
    computed: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for TraceWorker {
    fn drop(&mut self) {
        lock(&self.board).is_stopping = true;
        self.jobs = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended {
            tracing::error!("the thread that computes machine states had panicked");
        }
    }
}

impl TraceWorker {
    /// Starts the thread.
    pub(super) fn start(
        chain: ArchivedChain,
        program: Arc<Program>,
        heights: Heights,
        files: TraceFiles,
    ) -> Self {
        let (jobs, receiver) = sync_channel(QUEUE);
        let (board, computed) = (Arc::<Mutex<Board>>::default(), Arc::<Notify>::default());
        let program_hash = program.hash();
        let worker = WorkerThread {
            chain,
            program: program.clone(),
            program_hash,
            heights,
            files: files.clone(),
            last: None,
        };
        let (its_board, its_notify) = (board.clone(), computed.clone());
        let work = move || worker.work(&receiver, &its_board, &its_notify);
        let started = thread::Builder::new().name("trace_worker".to_owned()).spawn(work);
        let thread = Some(started.expect("the system has a thread left"));
        Self { program, program_hash, heights, files, jobs: Some(jobs), board, computed, thread }
    }

    /// The program that it runs.
    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Notified after each thing that was computed.
    pub(super) fn computed(&self) -> Arc<Notify> {
        self.computed.clone()
    }

    /// What is being computed.
    pub(super) fn work(&self) -> Option<TraceWork> {
        let board = lock(&self.board);
        let (what, since) = board.current.as_ref()?;
        let waiting = board.waiting.len().saturating_sub(1);
        Some(TraceWork { what: what.clone(), elapsed: since.elapsed(), waiting })
    }

    /// What could not be computed, and why.
    pub(super) fn failures(&self) -> Vec<String> {
        lock(&self.board).failed.values().map(|(_, why)| why.clone()).collect()
    }

    /// What is wanted of a run; none while it is being computed.
    pub(super) fn get(
        &self,
        run: &DisputedRun,
        product: Product,
    ) -> Result<Option<Made>, ChallengerError> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(ChallengerError::TraceWorkerGone);
        }
        let key = self.key(run, product);
        {
            let mut board = lock(&self.board);
            if let Some(made) = board.get(&key) {
                return Ok(Some(made));
            }
            let is_pausing = |(at, _): &(Instant, _)| at.elapsed() < RETRY_PAUSE;
            if board.waiting.contains(&key) || board.failed.get(&key).is_some_and(is_pausing) {
                return Ok(None);
            }
        }
        if let Some((tree, final_state)) = self.load(key, product) {
            let made = Made::Tree(Arc::new(tree), final_state);
            lock(&self.board).keep(key, made.clone());
            return Ok(Some(made));
        }
        // Noted before the job is sent, because the worker removes it.
        lock(&self.board).waiting.insert(key);
        let Some(jobs) = &self.jobs else { return Err(ChallengerError::TraceWorkerGone) };
        match jobs.try_send(Job { key, run: run.clone(), product }) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(_)) => {
                lock(&self.board).waiting.remove(&key);
                Ok(None)
            }
            Err(TrySendError::Disconnected(_)) => Err(ChallengerError::TraceWorkerGone),
        }
    }

    fn load(&self, key: B256, product: Product) -> Option<(Commitment, Bytes)> {
        match product {
            Product::Spans => self.files.tree(key, self.heights.spans),
            Product::Steps { .. } => self.files.tree(key, self.heights.steps),
            Product::Witness { .. } => None,
        }
    }

    /// The name of a result: the hash of everything that it depends on.
    fn key(&self, run: &DisputedRun, product: Product) -> B256 {
        let (level, index) = match product {
            Product::Spans => (1, 0),
            Product::Steps { span } => (2, span),
            Product::Witness { step } => (3, step),
        };
        let mut packed = self.program_hash.to_vec();
        packed.extend_from_slice(run.input.as_slice());
        packed.extend_from_slice(&[level, self.heights.spans, self.heights.steps]);
        packed.extend_from_slice(&index.to_be_bytes());
        keccak256(packed)
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread owns.
struct WorkerThread {
    chain: ArchivedChain,
    program: Arc<Program>,
    program_hash: B256,
    heights: Heights,
    files: TraceFiles,
    /// The run of the last job, which the next one probably is about, too.
    last: Option<Run>,
}

struct Run {
    input: B256,
    machine: Machine,
    host: MachineHost,
}

impl WorkerThread {
    fn work(mut self, jobs: &Receiver<Job>, board: &Mutex<Board>, computed: &Notify) {
        for job in jobs {
            if lock(board).is_stopping {
                return;
            }
            let (what, started) = (job.describe(), Instant::now());
            tracing::info!("computing {what}");
            lock(board).current = Some((what.clone(), started));
            let made = self.make(&job);
            let seconds = format!("{:.2}", started.elapsed().as_secs_f64());
            let mut board = lock(board);
            board.current = None;
            board.waiting.remove(&job.key);
            board.failed.remove(&job.key);
            match made {
                Ok(Some(made)) => {
                    tracing::info!(seconds, "computed {what}");
                    board.keep(job.key, made);
                }
                Ok(None) => tracing::info!("{what} not computed: L1 has another chain now"),
                Err(error) => {
                    tracing::error!(%error, "cannot compute {what}");
                    self.last = None;
                    let why = format!("cannot compute {what}: {error}");
                    board.failed.insert(job.key, (Instant::now(), why));
                }
            }
            drop(board);
            computed.notify_one();
        }
    }

    fn make(&mut self, job: &Job) -> Result<Option<Made>, ChallengerError> {
        if !self.load(&job.run)? {
            return Ok(None);
        }
        let Some(Run { machine, host, .. }) = &mut self.last else { return Ok(None) };
        let Heights { spans, steps, .. } = self.heights;
        match job.product {
            Product::Spans => {
                machine.go_to(0, host)?;
                let count = usize::try_from(1_u64 << spans).unwrap_or(usize::MAX);
                let hashes = machine.state_hashes_every(1 << steps, count, host)?;
                check_claim(machine, &job.run)?;
                let instructions = machine.hart().step;
                tracing::info!(instructions, "ran {}", job.run);
                let (tree, last) = (Commitment::new(spans, &hashes)?, machine.state().pack());
                self.files.put_tree(job.key, &tree, &hashes, &last)?;
                Ok(Some(Made::Tree(Arc::new(tree), Bytes::copy_from_slice(&last))))
            }
            Product::Steps { span } => {
                let first = (span << steps).saturating_add(1);
                let count = usize::try_from(1_u64 << steps).unwrap_or(usize::MAX);
                let hashes = machine.state_hashes(first, count, host)?;
                let tree = Commitment::new(steps, &hashes)?;
                self.files.put_tree(job.key, &tree, &hashes, &[])?;
                Ok(Some(Made::Tree(Arc::new(tree), Bytes::new())))
            }
            Product::Witness { step } => {
                machine.go_to(step, host)?;
                let witness = machine.witness(step, host)?;
                Ok(Some(Made::Witness(witness.into())))
            }
        }
    }

    /// Brings the machine of a run into `last`. False when L1 has another chain now.
    fn load(&mut self, run: &DisputedRun) -> Result<bool, ChallengerError> {
        if self.last.as_ref().is_some_and(|last| last.input == run.input) {
            return Ok(true);
        }
        self.last = None;
        let known = self.files.run(run.input).filter(|it| it.program_hash == self.program_hash);
        let recorded = match known {
            Some(known) => known,
            None => {
                let Some(fresh) = run.record(&self.chain, self.program_hash)? else {
                    return Ok(false);
                };
                // Keep the run now: the state before the block may be pruned while the dispute goes
                // on.
                self.files.put_run(&fresh)?;
                fresh
            }
        };
        let policy = SnapshotPolicy { bytes_max: SNAPSHOT_BYTES_MAX, ..SnapshotPolicy::default() };
        let machine = Machine::new(self.program.clone(), run.input).with_snapshots(policy);
        let host = MachineHost::new(&recorded.witness);
        self.last = Some(Run { input: run.input, machine, host });
        Ok(true)
    }
}

/// Program and native transition must agree, or every dispute about this block is lost.
fn check_claim(machine: &Machine, run: &DisputedRun) -> Result<(), ChallengerError> {
    let hart = machine.hart();
    let is_valid = hart.is_halted() && hart.exit_code == 0;
    // PROTOCOL.md CLAIM-4
    let program = if is_valid { hart.output() } else { B256::ZERO };
    if program == run.claim {
        return Ok(());
    }
    let number = run.block.unwrap_or_default();
    Err(ChallengerError::ClaimsDiffer { number, native: run.claim, program })
}
