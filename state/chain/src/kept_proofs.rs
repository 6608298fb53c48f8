//! Keeps what proves withdrawals by the blocks that assertions end at, for longer than the states of
//! these blocks are kept: a challenge period and whatever time a user takes.
//!
//! In: the assertions on L1, the store. Out: in the store, for each block that an assertion ends at or
//! that its right child will end at, the proof of the message passer's account. The child's end is
//! known as soon as its parent is proposed, while the block is new. The storage trie itself is kept
//! by the store, for every block.

use alloy_primitives::keccak256;
use gainsay_derivation::{BatchIndex, BlockNumber};
use gainsay_store::StoreError;
use gainsay_transition::{
    MESSAGE_PASSER,
    trie::{Nibbles, TrieError, prove},
};

use crate::{AssertionTree, ChainError, SafeChain, l1_index};

/// Keeps the proofs that are not kept yet, of states that can still be read.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub fn keep_proofs(chain: &SafeChain, assertions: &AssertionTree) -> Result<(), ChainError> {
    let mut all = assertions.in_order();
    all.push(*assertions.genesis());
    for assertion in all {
        let own = l1_index::block_at_cursor(&chain.store, &assertion.cursor)?;
        let child = match own {
            Some(own) => end_of_child(chain, own, assertion.batch_limit)?,
            None => None,
        };
        for block in [own, child].into_iter().flatten() {
            keep_proof(chain, block)?;
        }
    }
    Ok(())
}

/// The last block of the right child of an assertion that ends at block `parent` and lets its children
/// read up to `limit`. None while it is not derived.
// PROTOCOL.md ASSERT-3
fn end_of_child(
    chain: &SafeChain,
    parent: BlockNumber,
    limit: BatchIndex,
) -> Result<Option<BlockNumber>, ChainError> {
    let Some(last_batch) = limit.previous() else { return Ok(None) };
    let derived = chain.store.batch(last_batch)?.and_then(|record| record.derived);
    let height = chain.rollup.assertions.blocks_height;
    let full = parent.plus(1_u64 << height.min(63));
    Ok(derived.map(|derived| derived.last_block.min(full)))
}

fn keep_proof(chain: &SafeChain, block: BlockNumber) -> Result<(), ChainError> {
    let (store, number) = (&chain.store, block.get());
    if number < store.oldest_state() {
        return Ok(());
    }
    let view = store.state_at(number)?;
    let state_root = view.state_root()?;
    // What was kept may be of another block of this number, which L1 took back.
    let kept = store.message_account(number)?;
    if kept.and_then(|kept| kept.first().map(keccak256)) == Some(state_root) {
        return Ok(());
    }
    let path = Nibbles::unpack(keccak256(MESSAGE_PASSER));
    let proof = prove(&view, None, state_root, &path).map_err(|error| match error {
        TrieError::Read(error) => ChainError::from(error),
        other => ChainError::incomplete(format!("state of block {number}: {other}")),
    });
    let proof = match proof {
        Err(ChainError::Store(
            StoreError::HistoryPruned { .. } | StoreError::ViewRewound { .. },
        )) => {
            return Ok(());
        }
        other => other?,
    };
    Ok(store.put_message_account(number, &proof)?)
}
