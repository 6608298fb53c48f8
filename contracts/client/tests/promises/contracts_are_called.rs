//! Promise: calls reach the contracts, and a refusal comes back as the contract's own error. Real
//! contracts on a real anvil.

use std::collections::BTreeMap;

use crate::chain::{CHAIN, CHALLENGE_PERIOD_SECS, Chain, GENESIS_OUTPUT_ROOT, catch_up};
use alloy::eips::eip4844::Blob;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use gainsay_derivation::{BatchIndex, Cursor, DepositIndex, claim};
use gainsay_l1::{
    Action, BatchPosition, ContractEventKind, ContractRevert, Genesis, L1Error, L1Fees, Proposal,
    RollupConfig,
    bindings::{
        IAssertionChain::{IAssertionChainErrors, IAssertionChainEvents},
        IInbox::IInboxErrors,
    },
};
use serde_json::json;

#[tokio::test]
async fn refusals_of_the_inbox_are_typed_and_cost_nothing() {
    let chain = Chain::deploy().await;
    chain.post(b"batch 0").await.unwrap();
    let next = chain.position().await;
    let stale = BatchPosition { index: BatchIndex(0), ..next };
    let data = Bytes::from_static(b"batch");
    let refused = |sender, at| chain.inbox.post_batch_calldata(sender, at, data.clone());

    let error = refused(&chain.sequencer, stale).await.unwrap_err();
    assert_eq!(error.action(), Action::Reconsider);
    let Some(ContractRevert::Inbox(IInboxErrors::InboxBatchIndexMismatch(found))) = error.revert()
    else {
        panic!("{error}")
    };
    assert_eq!((found.expected, found.next), (0, 1));
    assert!(matches!(error, L1Error::Reverted { hash: None, .. }), "only the dry run: {error}");

    let error = refused(&chain.user, next).await.unwrap_err();
    let not_ours =
        matches!(error.revert(), Some(ContractRevert::Inbox(IInboxErrors::InboxNotSequencer(_))));
    assert!(not_ours, "{error}");

    let reorged = BatchPosition { deposit_acc: B256::repeat_byte(1), ..next };
    let error = refused(&chain.sequencer, reorged).await.unwrap_err();
    let other_chain = matches!(
        error.revert(),
        Some(ContractRevert::Inbox(IInboxErrors::InboxDepositAccMismatch(_)))
    );
    assert!(other_chain, "{error}");

    let other_parent = BatchPosition { batch_acc: B256::repeat_byte(1), ..next };
    let error = refused(&chain.sequencer, other_parent).await.unwrap_err();
    let Some(ContractRevert::Inbox(IInboxErrors::InboxBatchAccMismatch(found))) = error.revert()
    else {
        panic!("{error}")
    };
    assert_eq!((found.expected, found.actual), (B256::repeat_byte(1), next.batch_acc));

    let huge = Bytes::from(vec![1; 117_965]);
    let error = chain.inbox.post_batch_calldata(&chain.sequencer, next, huge).await.unwrap_err();
    assert_eq!(error.action(), Action::Fatal);
    let error = chain.inbox.post_batch_blobs(&chain.sequencer, next, vec![]).await.unwrap_err();
    assert_eq!(error.action(), Action::Fatal);
    assert_eq!(chain.inbox.batch_count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_calldata_batch_fits_and_costs_are_estimated_well() {
    let chain = Chain::deploy().await;
    chain.post(b"the first batch pays more for its storage").await.unwrap();
    for data in [vec![7; 100], vec![0xff; 117_964]] {
        let at = chain.position().await;
        let receipt =
            chain.inbox.post_batch_calldata(&chain.sequencer, at, data.clone().into()).await;
        // The contract's own writes differ a little from batch to batch.
        let gas = |fees: &L1Fees| fees.calldata_cost(&data) / (fees.base_fee + fees.priority_fee);
        let estimated = gas(&chain.anvil.client.fees().await.unwrap());
        let used = u128::from(receipt.unwrap().gas_used);
        assert!(estimated.abs_diff(used) < 20_000, "estimated {estimated}, used {used}");
    }
    let at = chain.position().await;
    let blobs = vec![Blob::ZERO];
    let receipt = chain.inbox.post_batch_blobs(&chain.sequencer, at, blobs).await.unwrap();
    let no_blob_price = L1Fees { base_fee: 1, blob_base_fee: Some(0), priority_fee: 0 };
    let (estimated, used) = (no_blob_price.blob_cost(1).unwrap(), u128::from(receipt.gas_used));
    assert!(estimated.abs_diff(used) < 20_000, "estimated {estimated}, used {used}");
}

#[tokio::test]
async fn an_assertion_is_proposed_read_and_confirmed() {
    let chain = Chain::deploy().await;
    chain.post(b"batch 0").await.unwrap();
    let genesis = chain.assertion_chain.genesis_id().await.unwrap();
    assert_eq!(chain.assertion_chain.latest_confirmed().await.unwrap(), genesis);
    let found = chain.assertion_chain.assertion(genesis).await.unwrap();
    assert!(
        found.confirmed
            && found.output_root == GENESIS_OUTPUT_ROOT
            && found.batch_limit == BatchIndex(1)
    );

    // One block: every leaf of the tree is its claim.
    let output_root = B256::repeat_byte(0x11);
    let cursor = Cursor { batch: BatchIndex(1), block: 0, deposits_read: DepositIndex(0) };
    let mut root = claim(output_root, &cursor);
    let mut last_leaf_proof = Vec::new();
    for _ in 0..chain.params.assertions.blocks_height {
        last_leaf_proof.push(root);
        root = keccak256([root, root].concat());
    }
    let proposal = Proposal {
        parent: genesis,
        output_root,
        cursor,
        root,
        last_leaf_proof,
        expected_batch_acc: chain.inbox.batch_acc(1, Default::default()).await.unwrap(),
        stake: chain.params.assertions.stake_wei,
    };
    let poor = Proposal { stake: U256::from(1), ..proposal.clone() };
    let error = chain.assertion_chain.propose(&chain.user, poor).await.unwrap_err();
    let stake = matches!(
        error.revert(),
        Some(ContractRevert::AssertionChain(IAssertionChainErrors::AssertionStakeMissing(_)))
    );
    assert!(stake, "{error}");
    chain.assertion_chain.propose(&chain.user, proposal).await.unwrap();

    let mut reader = chain.reader().await;
    let seen = catch_up(&mut reader).await.unwrap();
    let ids: Vec<B256> = seen
        .events
        .iter()
        .filter_map(|event| match &event.event {
            ContractEventKind::Assertion(IAssertionChainEvents::AssertionProposed(it)) => {
                Some(it.id)
            }
            _ => None,
        })
        .collect();
    let [id] = ids[..] else { panic!("{:?}", seen.events) };
    let error = chain.assertion_chain.confirm(&chain.user, id).await.unwrap_err();
    assert_eq!(error.action(), Action::Reconsider, "not due: {error}");

    chain.anvil.control("evm_increaseTime", json!([CHALLENGE_PERIOD_SECS])).await;
    chain.anvil.mine(1).await;
    chain.assertion_chain.confirm(&chain.user, id).await.unwrap();
    assert_eq!(chain.assertion_chain.latest_confirmed().await.unwrap(), id);
    let stake = chain.params.assertions.stake_wei;
    assert_eq!(chain.assertion_chain.credit(chain.user.address()).await.unwrap(), stake);
    chain.assertion_chain.withdraw_credit(&chain.user).await.unwrap();
    assert_eq!(chain.assertion_chain.credit(chain.user.address()).await.unwrap(), U256::ZERO);
    let error = chain.assertion_chain.assertion(B256::ZERO).await.unwrap_err();
    assert!(matches!(error, L1Error::Missing { .. }), "{error}");
}

#[tokio::test]
async fn a_rollup_json_is_compared_with_the_contracts() {
    let chain = Chain::deploy().await;
    let config = RollupConfig {
        l1_chain_id: 31_337,
        l1_start: chain.deployment.l1_start,
        inbox: chain.deployment.inbox,
        assertion_chain: chain.deployment.assertion_chain,
        bridge: chain.deployment.bridge,
        sequencer: chain.params.inbox.sequencer,
        force_delay_secs: chain.params.inbox.force_delay_secs,
        max_batch_deposit_gas: chain.params.inbox.max_batch_deposit_gas,
        max_deposit_gas_per_block: chain.params.inbox.max_deposit_gas_per_block,
        chain: CHAIN,
        assertions: chain.params.assertions,
        genesis: Genesis { timestamp: 0, alloc: BTreeMap::new() },
        genesis_hash: B256::ZERO,
    };
    let client = &chain.anvil.client;
    let start = config.check_l1(client).await.unwrap();
    assert_eq!(start.hash, chain.deployment.l1_start.hash);

    let differs = |change: fn(&mut RollupConfig)| {
        let mut other = config.clone();
        change(&mut other);
        async move { other.check_l1(client).await.unwrap_err().to_string() }
    };
    let error = differs(|config| config.l1_chain_id = 1).await;
    assert!(error.contains("l1ChainId is 31337, expected 1"), "{error}");
    let error = differs(|config| config.force_delay_secs += 1).await;
    assert!(error.contains("forceDelaySecs is 100, expected 101"), "{error}");
    let error = differs(|config| config.chain.block_gas_limit += 1).await;
    assert!(error.contains("hash of chain is"), "{error}");
    let error = differs(|config| config.assertions.stake_wei += U256::ONE).await;
    assert!(error.contains("stakeWei is 1000, expected 1001"), "{error}");
    let error = differs(|config| config.l1_start.hash = B256::ZERO).await;
    assert!(error.contains("l1Start"), "{error}");
    let error = differs(|config| config.bridge.portal = config.inbox).await;
    assert!(error.contains("bridge.portal is"), "{error}");
    let error = differs(|config| config.bridge.confirmed_games = config.inbox).await;
    assert!(error.contains("bridge.confirmedGames is"), "{error}");
    let error = differs(|config| config.bridge.cross_domain_messenger = config.inbox).await;
    assert!(error.contains("messenger of the standard bridge is"), "{error}");
    let error = differs(|config| config.inbox = config.sequencer).await;
    assert!(error.contains("SEQUENCER"), "{error}");
}
