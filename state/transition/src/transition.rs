//! One step of the chain: the next block of a batch, whatever the batch holds.
//!
//! In: the parent header and state, the derivation of a batch. Out: the sealed block and the cursor
//! after it. An invalid transaction, or a block too many, never fails the step: the block is
//! replaced by its fallback of deposits alone (PROTOCOL.md DERIVE-6). Only an unreadable state
//! does.

use alloc::{boxed::Box, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use gainsay_derivation::{BlockInput, ChainConfig, Cursor};

use crate::{
    block_executor::{BlockExecutor, ExecuteError, slot_of},
    precompiles::PrecompileReader,
    seal::{SealError, SealedBlock, seal},
    transaction::{DecodeTxError, RecoveredTx},
    trie::NodeReader,
};

/// Why a step could not be taken: the parent state could not be read. Retry or stop.
#[derive(Debug, thiserror::Error)]
pub enum TransitionError<
    S: core::error::Error + Send + Sync + 'static,
    N: core::error::Error + 'static,
> {
    /// A read failed while transactions ran.
    #[error(transparent)]
    Execute(ExecuteError<S>),
    /// A read failed while the roots were computed.
    #[error(transparent)]
    Seal(SealError<N>),
}

/// The result of one step of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The block.
    pub block: SealedBlock,
    /// Where the chain stands in the inbox after it.
    pub cursor: Cursor,
    /// Whether the fallback took the block's place; then the rest of its batch is dropped.
    pub dropped_rest: bool,
}

/// Executes and seals one derived block.
///
/// When one of its transactions is invalid, or the chain has no slot for it, the input's fallback
/// of deposits alone takes its place.
///
/// # Errors
/// When the parent state cannot be read; nothing else fails a step.
// PROTOCOL.md DERIVE-6, DERIVE-9
pub fn transition<S, N>(
    config: &ChainConfig,
    parent_hash: B256,
    parent: &Header,
    input: BlockInput,
    state: &S,
    nodes: &N,
) -> Result<Step, TransitionError<S::Error, N::Error>>
where
    S: PrecompileReader,
    N: NodeReader + Sync,
    N::Error: core::error::Error + Send + 'static,
{
    let start = |input: &BlockInput| {
        let hash = Box::new(move || parent_hash);
        let mut executor = BlockExecutor::new(config, parent, input.timestamp, state, hash);
        if input.slot_max.is_none() {
            executor = executor.without_slot(parent);
        }
        for deposit in &input.deposits {
            executor.execute_deposit(deposit)?;
        }
        Ok(executor)
    };
    let run = || {
        if input.is_over_budget(slot_of(parent)) {
            return Ok(None);
        }
        let mut executor = start(&input)?;
        if S::PROVES_PRECOMPILES {
            // One by one: a batch can hold many more than a block's gas can run, and each costs
            // memory and steps of the machine.
            for raw in &input.transactions {
                let decoded = RecoveredTx::decode_proven(raw.clone(), state);
                let Ok(tx) = decoded.map_err(ExecuteError::Read)? else { return Ok(None) };
                executor.execute(tx)?;
            }
        } else {
            let Ok(transactions) = recover_all(&input.transactions) else { return Ok(None) };
            for tx in transactions {
                executor.execute(tx)?;
            }
        }
        executor.finish().map(Some).map_err(ExecuteError::Read)
    };
    let attempt = match run() {
        Ok(attempt) => attempt,
        Err(ExecuteError::Invalid(_)) => None,
        Err(error) => return Err(TransitionError::Execute(error)),
    };
    let dropped_rest = attempt.is_none();
    let (executed, cursor) = match attempt {
        Some(executed) => (executed, input.cursor_after),
        None => {
            let input = input.into_fallback();
            let executed = start(&input)
                .and_then(|executor| executor.finish().map_err(ExecuteError::Read))
                .map_err(TransitionError::Execute)?;
            (executed, input.cursor_after)
        }
    };
    let block = seal(executed, parent_hash, parent, nodes).map_err(TransitionError::Seal)?;
    Ok(Step { block, cursor, dropped_rest })
}

/// Decodes transactions and recovers their senders, in parallel where there are threads.
///
/// # Errors
/// [`DecodeTxError`] of the first bytes that are no transaction, or that nobody signed.
pub fn recover_all(raw: &[Bytes]) -> Result<Vec<RecoveredTx>, DecodeTxError> {
    #[cfg(feature = "std")]
    {
        use rayon::prelude::*;
        raw.par_iter().with_min_len(8).map(|raw| RecoveredTx::decode_signed(raw.clone())).collect()
    }
    #[cfg(not(feature = "std"))]
    raw.iter().map(|raw| RecoveredTx::decode_signed(raw.clone())).collect()
}
