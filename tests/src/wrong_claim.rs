//! A liar on L1: stakes on a state that never was.

use alloy::primitives::B256;
use gainsay_derivation::{DepositIndex, claim};
use gainsay_keccak::Commitment;
use gainsay_l1::{AssertionChain, Proposal};

use crate::{Devnet, Role};

/// The chain's contract of assertions, asked without a relay.
pub fn assertion_chain(devnet: &Devnet) -> AssertionChain {
    AssertionChain::new(&devnet.l1.client(), devnet.rollup.assertion_chain)
}

/// Claims this output root after the genesis. The id of the claim.
pub async fn claim_wrongly(devnet: &Devnet, role: Role, output_root: B256) -> B256 {
    let contract = assertion_chain(devnet);
    let parent_id = contract.genesis_id().await.unwrap();
    let parent = contract.assertion(parent_id).await.unwrap();
    let mut cursor = parent.cursor;
    cursor.batch = parent.batch_limit;
    let deposits_read = devnet.l1.inbox(&devnet.rollup).deposits_read().await.unwrap();
    cursor.deposits_read = DepositIndex(deposits_read);
    let height = devnet.rollup.assertions.blocks_height;
    let tree = Commitment::new(height, &[claim(output_root, &cursor)]).unwrap();
    let proposal = Proposal {
        parent: parent_id,
        output_root,
        cursor,
        root: tree.root(),
        last_leaf_proof: tree.last_leaf_proof(),
        expected_batch_acc: parent.batch_limit_acc,
        stake: devnet.rollup.assertions.stake_wei,
    };
    let sender = devnet.l1.sender(role).await;
    let receipt = contract.propose(&sender, proposal).await.unwrap();
    let log = receipt.inner.logs().iter().find(|log| log.address() == contract.address());
    log.expect("a proposal is an event").topics()[1]
}
