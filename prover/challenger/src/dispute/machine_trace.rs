//! What the honest challenger believes: claims by the chain derived from L1, machine states by
//! running the program.
//!
//! In: the replayed chain, the program. Out: [`Trace`] and [`Evidence`]. Claims are answered at
//! once. Machine states are computed on a thread of their own and kept in files. Until a state is
//! computed the answer is `None`. A file's name is a hash of what was run, so that a restarted
//! challenger finds it again. It never asks L1.
//!
//! | module | job |
//! |---|---|
//! | `disputed_run` | one run of the program |
//! | `trace_files` | what was computed, on disk |
//! | `trace_worker` | the thread that computes |

mod disputed_run;
mod trace_files;
mod trace_worker;

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes};
use gainsay_chain::{ProposedAssertion, right_child};
use gainsay_derivation::{BatchIndex, BlockNumber};
use gainsay_l1::bindings::IEdgeGame;
use gainsay_program::program_input;
use gainsay_vm::{Program, STATE_BYTES};
use tokio::sync::Notify;

use self::{
    disputed_run::DisputedRun,
    trace_files::TraceFiles,
    trace_worker::{Made, Product, TraceWorker},
};
use crate::{
    ArchivedChain, ChallengerError,
    dispute::{
        BelievedChild, Commitment, Evidence, SpansEvidence, Trace, TracePoint,
        game::{GameAssertion, Heights},
    },
};

/// Children that are remembered with their trees, for disputes; they are computed again when they
/// are needed again.
const CHILDREN_MAX: usize = 512;
/// Roots of right children that are remembered: 200 bytes each.
const ROOTS_MAX: usize = 65_536;

/// The folder of files below a challenger's data folder.
pub const TRACES_FOLDER: &str = "traces";

/// A right child, and what it was computed from.
#[derive(Clone, Debug)]
struct KnownChild {
    /// The end claim of the parent.
    agreed: B256,
    batch_limit: BatchIndex,
    first_block: BlockNumber,
    /// Blocks that the tree covers before its last leaf repeats.
    blocks: u64,
    believed: Arc<BelievedChild>,
}

/// The root of a right child's claims, and what it was computed from.
#[derive(Clone, Copy, Debug)]
struct KnownRoot {
    agreed: B256,
    batch_limit: BatchIndex,
    batch_limit_acc: B256,
    root: B256,
}

/// The honest challenger's knowledge.
#[derive(Debug)]
pub struct MachineTrace {
    chain: ArchivedChain,
    genesis: ProposedAssertion,
    heights: Heights,
    /// `None` if there is no program, so that nobody asks for machine states.
    worker: Option<TraceWorker>,
    /// The children used last, by parent.
    children: HashMap<B256, KnownChild>,
    /// The roots of many more children, by parent.
    roots: HashMap<B256, KnownRoot>,
}

/// What is being computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceWork {
    /// Text for people: which run, and what of it.
    pub what: String,
    /// Time since it began.
    pub elapsed: Duration,
    /// Number of things that wait to be computed after it.
    pub waiting: usize,
}

impl MachineTrace {
    /// A trace of `chain`, with files below `data`. Without a program it knows claims alone, and
    /// never answers what is asked about machine states.
    ///
    /// # Errors
    /// [`ChallengerError::WrongProgram`] when disputes of this chain run another program, and a
    /// folder that cannot be made.
    pub fn new(
        chain: ArchivedChain,
        genesis: ProposedAssertion,
        program: Option<Arc<Program>>,
        data: &Path,
    ) -> Result<Self, ChallengerError> {
        let params = &chain.rollup.assertions;
        let heights = Heights::of_chain(params);
        let worker = match program {
            None => None,
            Some(program) => {
                let (expected, found) = (params.program_hash, program.hash());
                if expected != found {
                    return Err(ChallengerError::WrongProgram { expected, found });
                }
                let files = TraceFiles::open(data.join(TRACES_FOLDER))?;
                Some(TraceWorker::start(chain.clone(), program, heights, files))
            }
        };
        Ok(Self {
            chain,
            genesis,
            heights,
            worker,
            children: HashMap::new(),
            roots: HashMap::new(),
        })
    }

    /// Heights of the three levels.
    #[must_use]
    pub const fn heights(&self) -> Heights {
        self.heights
    }

    /// The chain that it believes in.
    #[must_use]
    pub const fn chain(&self) -> &ArchivedChain {
        &self.chain
    }

    /// What is being computed now.
    #[must_use]
    pub fn work(&self) -> Option<TraceWork> {
        self.worker.as_ref().and_then(TraceWorker::work)
    }

    /// What could not be computed, and why. It is tried again while somebody asks for it.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.worker.as_ref().map(TraceWorker::failures).unwrap_or_default()
    }

    /// Notified whenever something that was answered by `None` has been computed. None without a
    /// program.
    #[must_use]
    pub fn computed(&self) -> Option<Arc<Notify>> {
        self.worker.as_ref().map(TraceWorker::computed)
    }

    /// The accumulator after so many batches; none while they are not all derived.
    fn acc_at(&self, batch_limit: BatchIndex) -> Result<Option<B256>, ChallengerError> {
        if self.chain.safe_cursor()?.batch < batch_limit {
            return Ok(None);
        }
        let last = batch_limit.previous().unwrap_or_default();
        Ok(Some(self.chain.batch(last)?.acc))
    }

    /// The batches that children of `parent` must read up to. The event of the genesis assertion
    /// does not say it.
    fn batch_limit(&self, id: B256, parent: &GameAssertion) -> Option<BatchIndex> {
        let genesis = (id == self.genesis.id).then_some(self.genesis.batch_limit);
        parent.batch_limit.or(genesis)
    }

    /// The right child of `parent`; none while its blocks are not all derived.
    fn known_child(
        &self,
        id: B256,
        parent: &GameAssertion,
        batch_limit: BatchIndex,
    ) -> Result<Option<KnownChild>, ChallengerError> {
        let agreed = parent.end_claim();
        let chain = &self.chain;
        let Some(acc) = self.acc_at(batch_limit)? else { return Ok(None) };
        let known = self.children.get(&id);
        if let Some(known) = known.filter(|it| it.agreed == agreed && it.batch_limit == batch_limit)
        {
            // The same start, blocks and accumulator: so the claims between are the same, too.
            if acc == known.believed.batch_limit_acc {
                return Ok(Some(known.clone()));
            }
        }
        let wrong = |expected| ChallengerError::WrongParent { id, found: agreed, expected };
        let Some(block) = chain.block_at(&parent.cursor)? else { return Err(wrong(None)) };
        let expected = chain.claimed(block)?.claim();
        if expected != agreed {
            return Err(wrong(Some(expected)));
        }
        let Some(found) = right_child(chain, &parent.cursor, batch_limit)? else { return Ok(None) };
        let claims = Commitment::new(self.heights.blocks, &found.claims)?;
        Ok(Some(KnownChild {
            agreed,
            batch_limit,
            first_block: found.first_block,
            blocks: found.claims.len() as u64,
            believed: Arc::new(BelievedChild {
                output_root: found.output_root,
                cursor: found.cursor,
                claims,
                batch_limit_acc: found.batch_acc,
            }),
        }))
    }

    /// The run on the block of `point`, and the claim that it starts from. None when the child was
    /// not asked for, or L1 changed since.
    fn run_of(
        &self,
        point: &TracePoint,
    ) -> Result<Option<(DisputedRun, IEdgeGame::Claim)>, ChallengerError> {
        let Some(child) = self.children.get(&point.parent) else { return Ok(None) };
        let (claims, block) = (&child.believed.claims, point.block);
        let is_idle = block >= child.blocks;
        let number = child.first_block.plus(block.min(child.blocks));
        let before = number.previous().unwrap_or_default();
        let chain = &self.chain;
        let Some(record) = chain.store.cursor(before)? else { return Ok(None) };
        let expected = block.checked_sub(1).map_or(child.agreed, |before| claims.leaf(before));
        let agreed = record.claim();
        if agreed != expected {
            return Ok(None);
        }
        let batch = record.cursor.batch;
        let batch_acc = match batch < child.batch_limit {
            true => chain.batch(batch)?.acc,
            false => B256::ZERO,
        };
        let run = DisputedRun {
            block: (!is_idle).then_some(number),
            agreed,
            batch_acc,
            input: program_input(agreed, batch_acc, &chain.rollup.chain),
            claim: claims.leaf(block),
        };
        let agreed = IEdgeGame::Claim {
            outputRoot: record.output_root,
            batch: batch.get(),
            block: record.cursor.block,
            depositsRead: record.cursor.deposits_read.get(),
        };
        Ok(Some((run, agreed)))
    }

    fn make(
        &self,
        point: &TracePoint,
        product: Product,
    ) -> Result<Option<(Made, IEdgeGame::Claim)>, ChallengerError> {
        let Some(worker) = &self.worker else { return Ok(None) };
        let Some((run, agreed)) = self.run_of(point)? else { return Ok(None) };
        Ok(worker.get(&run, product)?.map(|made| (made, agreed)))
    }
}

impl Trace for MachineTrace {
    fn child(
        &mut self,
        id: B256,
        parent: &GameAssertion,
    ) -> Result<Option<Arc<BelievedChild>>, ChallengerError> {
        let Some(batch_limit) = self.batch_limit(id, parent) else { return Ok(None) };
        let Some(child) = self.known_child(id, parent, batch_limit)? else { return Ok(None) };
        let believed = child.believed.clone();
        if self.children.len() >= CHILDREN_MAX {
            self.children.clear();
        }
        self.children.insert(id, child);
        Ok(Some(believed))
    }

    fn child_root(
        &mut self,
        id: B256,
        parent: &GameAssertion,
    ) -> Result<Option<B256>, ChallengerError> {
        let Some(batch_limit) = self.batch_limit(id, parent) else { return Ok(None) };
        let Some(batch_limit_acc) = self.acc_at(batch_limit)? else { return Ok(None) };
        let agreed = parent.end_claim();
        let is_same = |it: &&KnownRoot| {
            (it.agreed, it.batch_limit, it.batch_limit_acc)
                == (agreed, batch_limit, batch_limit_acc)
        };
        if let Some(known) = self.roots.get(&id).filter(is_same) {
            return Ok(Some(known.root));
        }
        let Some(child) = self.known_child(id, parent, batch_limit)? else { return Ok(None) };
        let root = child.believed.claims.root();
        if self.roots.len() >= ROOTS_MAX {
            self.roots.clear();
        }
        self.roots.insert(id, KnownRoot { agreed, batch_limit, batch_limit_acc, root });
        Ok(Some(root))
    }

    fn spans(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        let made = self.make(point, Product::Spans)?;
        Ok(made.and_then(|(made, _)| made.into_tree()))
    }

    fn steps(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        let made = self.make(point, Product::Steps { span: point.span })?;
        Ok(made.and_then(|(made, _)| made.into_tree()))
    }
}

impl Evidence for MachineTrace {
    fn final_state(
        &mut self,
        point: &TracePoint,
    ) -> Result<Option<SpansEvidence>, ChallengerError> {
        let made = self.make(point, Product::Spans)?;
        let (Some(worker), Some((Made::Tree(tree, final_state), agreed))) = (&self.worker, made)
        else {
            return Ok(None);
        };
        debug_assert_eq!(final_state.len(), STATE_BYTES, "spans are kept with their last state");
        debug_assert_eq!(alloy_primitives::keccak256(&final_state), tree.last_leaf());
        let program = worker.program();
        let program = IEdgeGame::Program {
            codeRoot: program.code().root(),
            memoryRoot: program.memory_root(),
            entry: program.entry(),
        };
        let claim = self.children.get(&point.parent).map(|it| it.believed.claims.leaf(point.block));
        let claim = claim.unwrap_or_default();
        Ok(Some(SpansEvidence { agreed, program, claim, final_state }))
    }

    fn witness(&mut self, point: &TracePoint) -> Result<Option<Bytes>, ChallengerError> {
        let step = (point.span << self.heights.steps).saturating_add(point.step);
        let made = self.make(point, Product::Witness { step })?;
        Ok(made.and_then(|(made, _)| made.into_witness()))
    }
}
