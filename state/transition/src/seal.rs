//! From an executed block to a sealed one: roots, bloom, header, output root.
//!
//! In: the executed block, the parent header, a reader of the parent's trie nodes. Out: the sealed
//! block with the trie nodes that it wrote. It runs no transaction.

use alloc::vec::Vec;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::{Encodable2718, eip7685::EMPTY_REQUESTS_HASH};
use alloy_primitives::{B64, B256, Bloom, Bytes, U256};
use gainsay_derivation::output_root;

use crate::{
    block_executor::ExecutedBlock,
    evm::{BlockContext, L1FeeParams},
    ordered_root::ordered_root,
    predeploys::{MESSAGE_PASSER, SEQUENCER_FEE_VAULT},
    receipt::Receipt,
    state::StateDiff,
    transaction::RecoveredTx,
    trie::{NodeReader, NodeSet, TrieError, update_state},
};

/// Why a block could not be sealed: the trie of the parent state could not be read or is corrupt.
#[derive(Debug, thiserror::Error)]
#[error("state root of block {number}: {source}")]
pub struct SealError<E: core::error::Error + 'static> {
    /// The block that was to be sealed.
    pub number: u64,
    /// What the trie found.
    #[source]
    pub source: TrieError<E>,
}

/// A finished block with everything that a store keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// The header.
    pub header: Header,
    /// keccak of the header's RLP.
    pub hash: B256,
    /// Deposits first, then signed transactions.
    pub transactions: Vec<RecoveredTx>,
    /// One receipt for each transaction, in the same order.
    pub receipts: Vec<Receipt>,
    /// What the block changed in the flat state.
    pub diff: StateDiff,
    /// Trie nodes that the block wrote and deleted.
    pub nodes: NodeSet,
    /// OP's version-0 output root of the state after the block.
    pub output_root: B256,
    /// L1 prices by which its L1 data fees were charged.
    pub l1_fee_params: L1FeeParams,
}

/// Computes the roots of an executed block and seals it.
///
/// `parent_hash` and `parent` belong together; `nodes` reads the tries of the parent state.
///
/// # Errors
/// [`SealError`] when a node of the parent state cannot be read.
pub fn seal<R: NodeReader + Sync>(
    executed: ExecutedBlock,
    parent_hash: B256,
    parent: &Header,
    nodes: &R,
) -> Result<SealedBlock, SealError<R::Error>>
where
    R::Error: core::error::Error + Send + 'static,
{
    let number = executed.context.number;
    let (body, state) = join(
        || body_roots(&executed.transactions, &executed.receipts),
        || update_state(nodes, parent.state_root, &executed.diff.accounts),
    );
    let state = state.map_err(|source| SealError { number, source })?;
    // PROTOCOL.md STATE-3
    let message_passer_root = state
        .storage_roots
        .get(&MESSAGE_PASSER)
        .copied()
        .or(parent.withdrawals_root)
        .unwrap_or(alloy_trie::EMPTY_ROOT_HASH);
    let header = header(
        &executed.context,
        executed.slot,
        executed.gas_used,
        parent_hash,
        state.state_root,
        message_passer_root,
        body,
    );
    let hash = header.hash_slow();
    Ok(SealedBlock {
        output_root: output_root(header.state_root, message_passer_root, hash),
        header,
        hash,
        transactions: executed.transactions,
        receipts: executed.receipts,
        diff: executed.diff,
        nodes: state.nodes,
        l1_fee_params: executed.l1_fee_params,
    })
}

/// The parts of a header that come from the block's body.
pub(crate) struct BodyRoots {
    transactions: B256,
    receipts: B256,
    bloom: Bloom,
}

// PROTOCOL.md BLOCK-7
pub(crate) fn body_roots(transactions: &[RecoveredTx], receipts: &[Receipt]) -> BodyRoots {
    let mut bloom = Bloom::ZERO;
    for receipt in receipts {
        bloom.accrue_bloom(receipt.envelope.logs_bloom());
    }
    BodyRoots {
        transactions: ordered_root(transactions, |tx, out| tx.envelope.encode_2718(out)),
        receipts: ordered_root(receipts, |receipt, out| receipt.envelope.encode_2718(out)),
        bloom,
    }
}

// PROTOCOL.md BLOCK-5
pub(crate) fn header(
    context: &BlockContext,
    slot: u64,
    gas_used: u64,
    parent_hash: B256,
    state_root: B256,
    message_passer_root: B256,
    body: BodyRoots,
) -> Header {
    Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: SEQUENCER_FEE_VAULT,
        state_root,
        transactions_root: body.transactions,
        receipts_root: body.receipts,
        logs_bloom: body.bloom,
        difficulty: U256::ZERO,
        number: context.number,
        gas_limit: context.gas_limit,
        gas_used,
        timestamp: context.timestamp,
        extra_data: Bytes::copy_from_slice(&slot.to_be_bytes()),
        mix_hash: B256::ZERO,
        nonce: B64::ZERO,
        base_fee_per_gas: Some(context.base_fee),
        // As OP Isthmus: the output root can be computed from the header alone.
        withdrawals_root: Some(message_passer_root),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// Runs both closures, at the same time where there are threads.
fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    #[cfg(feature = "std")]
    return rayon::join(a, b);
    #[cfg(not(feature = "std"))]
    (a(), b())
}
