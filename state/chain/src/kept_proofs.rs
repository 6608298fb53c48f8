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

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};
    use gainsay_derivation::Cursor;
    use gainsay_transition::trie::verify_proof;

    use super::*;
    use crate::{
        ProposedAssertion,
        test_chain::TestChain,
        test_l1::{TestL1, batch_block, l1_time},
    };

    #[test]
    fn the_ends_of_an_assertion_and_of_its_right_child_are_kept_while_they_are_new() {
        let mut l1 = TestL1::default();
        let test = TestChain::new();
        for (index, blocks) in [3, 2, 1].into_iter().enumerate() {
            let blocks = vec![batch_block(l1_time(1), 0, &[]); blocks];
            test.deriver.on_batch(&l1.batch_of(2 + index as u64, 0, &blocks)).unwrap();
        }
        let genesis = ProposedAssertion {
            id: B256::repeat_byte(1),
            parent: B256::ZERO,
            proposer: Address::ZERO,
            root: B256::ZERO,
            output_root: B256::ZERO,
            cursor: Cursor::default(),
            batch_limit: BatchIndex(1),
            l1_block: 0,
            log_index: 0,
            confirmed_in: Some(0),
        };
        let (chain, store) = (&test.chain, &test.chain.store);
        let kept = || -> Vec<u64> {
            (0..=6).filter(|number| store.message_account(*number).unwrap().is_some()).collect()
        };
        keep_proofs(chain, &AssertionTree::new(genesis)).unwrap();
        assert_eq!(kept(), [0, 3]);
        let header = store.header(3).unwrap().unwrap().header;
        let path = Nibbles::unpack(keccak256(MESSAGE_PASSER));
        let proof = store.message_account(3).unwrap().unwrap();
        assert!(verify_proof(header.state_root, &path, &proof).unwrap().is_some());
        // As many blocks as a tree holds, which is four here.
        let later = ProposedAssertion { batch_limit: BatchIndex(3), ..genesis };
        keep_proofs(chain, &AssertionTree::new(later)).unwrap();
        assert_eq!(kept(), [0, 3, 4]);
        // Not derived yet: nothing to keep. A proof of another block at the number is replaced.
        store.put_message_account(0, &[]).unwrap();
        let unknown = ProposedAssertion { batch_limit: BatchIndex(9), ..genesis };
        keep_proofs(chain, &AssertionTree::new(unknown)).unwrap();
        assert_eq!(kept(), [0, 3, 4]);
        assert!(!store.message_account(0).unwrap().unwrap().is_empty());
        store.rewind(0).unwrap();
        assert_eq!(kept(), [0]);
    }
}
