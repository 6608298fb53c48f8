//! What a wallet sees of the pool, with signed transactions on a real chain.

use alloy::signers::SignerSync;
use alloy_consensus::{SignableTransaction, Transaction as _, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use gainsay_transition::{GenesisAccount, RecoveredTx};
use op_alloy_consensus::{OpTxEnvelope, TxDeposit};

use super::{
    Pool, PoolError, PoolLimits, WaitsFor,
    test_chain::{BASE_FEE, CHAIN_ID, FUNDS, GWEI, TestChain, TxPlan, finish, wallet},
};

fn add(pool: &Pool, tx: &RecoveredTx) -> Result<(), PoolError> {
    let added = pool.add_raw(vec![tx.raw.clone()]).pop().unwrap();
    pool.content.read().assert_consistent();
    added.map(|hash| assert_eq!(hash, tx.hash))
}

fn refusal(pool: &Pool, tx: &RecoveredTx) -> String {
    let before = pool.status();
    let error = add(pool, tx).unwrap_err();
    assert_eq!(pool.status(), before);
    error.to_string()
}

fn best_hashes(pool: &Pool) -> Vec<alloy_primitives::B256> {
    pool.best(BASE_FEE).map(|tx| tx.hash).collect()
}

#[test]
fn refuses_in_words_that_wallets_know() {
    let chain = TestChain::new(1, &[]);
    let pool = chain.pool(PoolLimits::default());
    let key = wallet(0);
    let plan = TxPlan::default();
    let refused = |plan: TxPlan| refusal(&pool, &plan.sign(&key));

    assert_eq!(
        refused(TxPlan { chain_id: 1, ..plan.clone() }),
        "invalid chain id for signer: have 1 want 42069"
    );
    assert_eq!(
        refused(TxPlan { gas: 20_999, ..plan.clone() }),
        "intrinsic gas too low: have 20999, want 21000"
    );
    assert_eq!(
        refused(TxPlan { data: vec![1; 1000], gas: 40_000, ..plan.clone() }),
        "insufficient gas for floor data gas cost: have 40000, want 61000"
    );
    assert_eq!(
        refused(TxPlan { gas: (1 << 24) + 1, ..plan.clone() }),
        "transaction gas limit too high (cap: 16777216, tx: 16777217)"
    );
    assert_eq!(
        refused(TxPlan { gas: 30_000_001, ..plan.clone() }),
        "exceeds block gas limit: have 30000001, limit 30000000"
    );
    assert_eq!(
        refused(TxPlan { tip: 11 * GWEI, ..plan.clone() }),
        "max priority fee per gas higher than max fee per gas: \
         maxPriorityFeePerGas: 11000000000, maxFeePerGas: 10000000000"
    );
    assert_eq!(
        refused(TxPlan { fee_cap: 999_999, tip: 0, ..plan.clone() }),
        "transaction underpriced: gas fee cap 999999, minimum needed 1000000"
    );
    assert_eq!(
        refused(TxPlan { nonce: u64::MAX, ..plan.clone() }),
        format!("nonce has max value: address {}, nonce: {}", key.address(), u64::MAX)
    );
    assert_eq!(
        refused(TxPlan { data: vec![0; 131_072], gas: 10_000_000, ..plan.clone() }),
        "oversized data: transaction size 131190, limit 131072"
    );
    let create = TxPlan { to: TxKind::Create, gas: 10_000_000, ..plan.clone() };
    assert_eq!(
        refused(TxPlan { data: vec![0; 49_153], ..create }),
        "max initcode size exceeded: code size 49153, limit 49152"
    );
    let error = refused(TxPlan { value: FUNDS, ..plan.clone() });
    assert!(error.starts_with("insufficient funds for gas * price + value: have "), "{error}");

    assert_eq!(
        refusal(&pool, &plan.sign_legacy(&key, false)),
        "only replay-protected (EIP-155) transactions allowed over RPC"
    );
    assert!(pool.add_raw(vec![Bytes::from_static(&[0x03, 0xc0])])[0].is_err());
    let deposit = RecoveredTx::from_deposit(TxDeposit::default());
    assert!(matches!(pool.add(deposit), Err(PoolError::Deposit)));

    let tx = plan.sign(&key);
    add(&pool, &tx).unwrap();
    assert_eq!(refusal(&pool, &tx), "already known");
    let other = TxPlan { value: 2, ..plan };
    assert_eq!(refusal(&pool, &other.sign(&key)), "replacement transaction underpriced");
}

#[test]
fn a_presigned_deployment_needs_the_flag() {
    let chain = TestChain::new(1, &[]);
    let tx = TxPlan::default().sign_legacy(&wallet(0), false);
    let pool = chain.pool(PoolLimits { allow_unprotected: true, ..PoolLimits::default() });
    add(&pool, &tx).unwrap();
    assert_eq!(best_hashes(&pool), [tx.hash]);
}

#[test]
fn the_balance_pays_for_the_l1_fee_and_for_all_that_is_pending() {
    let chain = TestChain::new(1, &[]);
    let pool = chain.pool(PoolLimits::default());
    let plan = TxPlan { fee_cap: GWEI, ..TxPlan::default() };
    let gas_cost = 21_000 * GWEI;

    // All but the L1 data fee: one wei short of what is needed, or more.
    let most = TxPlan { value: FUNDS - gas_cost, ..plan.clone() };
    let Err(PoolError::InsufficientFunds { balance, cost, l1_fee: named }) =
        add(&pool, &most.sign(&wallet(0)))
    else {
        panic!("the L1 data fee was not asked for");
    };
    let l1_fee = (cost - balance).to::<u128>();
    assert!(l1_fee > 0);
    assert_eq!(named, U256::from(l1_fee), "only the L1 data fee is missing, and it is named");
    // A signature may be a byte shorter or longer; leave room for it.
    let half = TxPlan { value: FUNDS / 2 - gas_cost - 2 * l1_fee, ..plan };
    add(&pool, &half.sign(&wallet(0))).unwrap();
    add(&pool, &TxPlan { nonce: 1, ..half.clone() }.sign(&wallet(0))).unwrap();
    let third = TxPlan { nonce: 2, ..half }.sign(&wallet(0));
    assert!(matches!(add(&pool, &third), Err(PoolError::InsufficientFunds { .. })));
    assert_eq!(pool.status().executable, 2);
    // What the pool lets in, a block can take.
    let (block, invalid) = chain.execute(pool.best(BASE_FEE), 1_001);
    assert_eq!((block.transactions.len(), invalid.len()), (2, 0));
}

#[test]
fn replacement_raises_both_fees_by_a_tenth() {
    let chain = TestChain::new(1, &[]);
    let pool = chain.pool(PoolLimits::default());
    let key = wallet(0);
    let plan = TxPlan { fee_cap: 1_000 * GWEI, tip: 100 * GWEI, ..TxPlan::default() };
    let old = plan.sign(&key);
    add(&pool, &old).unwrap();
    for (fee_cap, tip) in [(1_100, 109), (1_099, 110), (1_000, 200), (2_000, 100)] {
        let plan = TxPlan { fee_cap: fee_cap * GWEI, tip: tip * GWEI, ..plan.clone() };
        assert_eq!(refusal(&pool, &plan.sign(&key)), "replacement transaction underpriced");
    }
    let new = TxPlan { fee_cap: 1_100 * GWEI, tip: 110 * GWEI, ..plan }.sign(&key);
    add(&pool, &new).unwrap();
    assert!(pool.get(&old.hash).is_none());
    assert_eq!(best_hashes(&pool), [new.hash]);
}

#[test]
fn a_gap_holds_later_nonces_until_it_is_filled() {
    let chain = TestChain::new(1, &[]);
    let limits = PoolLimits { per_sender_max: 4, ..PoolLimits::default() };
    let pool = chain.pool(limits);
    let key = wallet(0);
    let tx = |nonce| TxPlan { nonce, ..TxPlan::default() }.sign(&key);
    assert_eq!(pool.next_nonce(key.address()), None);
    for nonce in [2, 4, 5, 7] {
        add(&pool, &tx(nonce)).unwrap();
    }
    assert_eq!(
        refusal(&pool, &tx(8)),
        format!(
            "account limit exceeded: {} has 4 transactions in the pool, \
             and this transaction would be queued behind nonce 0",
            key.address()
        )
    );
    // A nearer nonce is worth more than the furthest one.
    add(&pool, &tx(1)).unwrap();
    assert!(pool.get(&tx(7).hash).is_none());
    assert_eq!((pool.status().executable, pool.status().queued), (0, 4));
    assert_eq!(pool.next_nonce(key.address()), Some(0));
    assert_eq!(pool.waits_for(&tx(5).hash), Some(WaitsFor::Nonce(0)));
    add(&pool, &tx(0)).unwrap();
    assert_eq!((pool.status().executable, pool.status().queued), (3, 1));
    assert_eq!(pool.waits_for(&tx(4).hash), Some(WaitsFor::Nonce(3)));
    assert_eq!(pool.waits_for(&tx(2).hash), None);
    assert_eq!(pool.next_nonce(key.address()), Some(3));
    assert_eq!(best_hashes(&pool), [tx(0).hash, tx(1).hash, tx(2).hash]);
    let pool = chain.pool(PoolLimits::default());
    // A batch in reverse order leaves no gap.
    add(&pool, &tx(4)).unwrap();
    let batch = (0..100).rev().map(|nonce| tx(nonce).raw).collect();
    let answers = pool.add_raw(batch);
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 99, "{answers:?}");
    assert!(matches!(answers[95], Err(PoolError::AlreadyKnown)));
    assert_eq!(pool.next_nonce(key.address()), Some(100));
    pool.remove_invalid(&tx(50).hash).unwrap();
    assert_eq!((pool.status().executable, pool.status().queued), (50, 49));
    pool.content.read().assert_consistent();
}

#[test]
fn a_sender_may_send_its_nonces_in_any_order() {
    let chain = TestChain::new(1, &[]);
    let pool = chain.pool(PoolLimits::default());
    let key = wallet(0);
    let plan = TxPlan { fee_cap: GWEI, ..TxPlan::default() };
    // One at a time, as clients that do not wait send them: the first nonce comes last.
    for nonce in (0..4_000).rev() {
        let tx = TxPlan { nonce, ..plan.clone() }.sign(&key);
        pool.add_raw(vec![tx.raw]).pop().unwrap().unwrap();
    }
    assert_eq!((pool.status().executable, pool.status().queued), (4_000, 0));
    pool.content.read().assert_consistent();
}

#[test]
fn what_can_never_run_gives_way_to_what_can() {
    let chain = TestChain::new(4, &[]);
    let limits = PoolLimits { count_max: 40, ..PoolLimits::default() };
    let pool = chain.pool(limits);
    let tx = |by: u64, nonce: u64, fee_cap: u128| {
        let plan = TxPlan { nonce, fee_cap, tip: fee_cap / 10, ..TxPlan::default() };
        plan.sign(&wallet(by))
    };
    // An attacker promises high fees behind a nonce that it never sends.
    for nonce in 1..=40 {
        add(&pool, &tx(0, nonce, 90 * GWEI)).unwrap();
    }
    assert_eq!(
        refusal(&pool, &tx(0, 41, 90 * GWEI)),
        "txpool is full, and this transaction would be queued behind nonce 0"
    );
    // Others get room, in whatever order they send: theirs is nearer to run.
    for nonce in (0..10).rev() {
        add(&pool, &tx(1, nonce, GWEI)).unwrap();
    }
    assert_eq!((pool.status().executable, pool.status().queued), (10, 30));
    // So does the attacker itself, when it sends what was missing.
    add(&pool, &tx(0, 0, 90 * GWEI)).unwrap();
    assert_eq!((pool.status().executable, pool.status().queued), (40, 0));
}

#[test]
fn a_sender_with_more_than_its_share_gives_way_first() {
    let chain = TestChain::new(3, &[]);
    let limits = PoolLimits {
        memory_bytes_max: 600_000,
        queued_share_bytes: 50_000,
        ..PoolLimits::default()
    };
    let pool = chain.pool(limits);
    let large = |nonce| {
        let plan = TxPlan { nonce, data: vec![0; 20_000], gas: 500_000, ..TxPlan::default() };
        TxPlan { fee_cap: GWEI, ..plan }.sign(&wallet(0))
    };
    // Seven large ones fill the memory, all close to the missing nonce.
    let filled = (1..20).filter(|nonce| add(&pool, &large(*nonce)).is_ok()).count();
    assert_eq!(filled, 7);
    // Thirty small ones of another sender are further from theirs, and within its share.
    for nonce in (1..=30).rev() {
        let tx = TxPlan { nonce, fee_cap: GWEI, ..TxPlan::default() }.sign(&wallet(1));
        add(&pool, &tx).unwrap();
    }
    assert_eq!(pool.status().queued, 30 + 6);
}

#[test]
fn what_its_sender_cannot_pay_for_any_more_goes_first() {
    let chain = TestChain::new(3, &[]);
    let pool = chain.pool(PoolLimits { count_max: 11, ..PoolLimits::default() });
    let send = |by: u64, nonce: u64, value: u128| {
        TxPlan { nonce, value, fee_cap: GWEI, ..TxPlan::default() }.sign(&wallet(by))
    };
    for nonce in 1..=5 {
        add(&pool, &send(0, nonce, FUNDS / 10)).unwrap();
    }
    for nonce in 1..=6 {
        add(&pool, &send(1, nonce, 1)).unwrap();
    }
    // Sender 0 moves its funds away with the missing nonce, and can pay for one of the five.
    let (block, _) = chain.execute([send(0, 0, FUNDS / 10 * 8)], 1_001);
    pool.on_block(&block).unwrap();
    assert_eq!((pool.status().executable, pool.status().queued), (1, 10));
    assert_eq!(pool.waits_for(&send(0, 2, FUNDS / 10).hash), Some(WaitsFor::Funds(2)));
    for nonce in (1..=4).rev() {
        add(&pool, &send(2, nonce, 1)).unwrap();
    }
    assert_eq!(pool.queues(Some(wallet(0).address()))[0].queued.len(), 0);
    assert_eq!(pool.queues(Some(wallet(1).address()))[0].queued.len(), 6);
}

#[test]
fn best_is_by_tip_then_arrival_and_by_nonce_within_a_sender() {
    let chain = TestChain::new(4, &[]);
    let pool = chain.pool(PoolLimits::default());
    let base_fee = 5 * GWEI;
    let tx = |wallet_index: u64, nonce, fee_cap: u128, tip: u128| {
        let plan = TxPlan { nonce, fee_cap: fee_cap * GWEI, tip: tip * GWEI, ..TxPlan::default() };
        plan.sign(&wallet(wallet_index))
    };
    let a0 = tx(0, 0, 20, 2);
    let a1 = tx(0, 1, 20, 9);
    let b0 = tx(1, 0, 8, 8); // 3 above the base fee
    let b1 = tx(1, 1, 4, 4); // below it, and so is all behind it
    let b2 = tx(1, 2, 90, 90);
    let c0 = tx(2, 0, 20, 2); // as a0, later
    for tx in [&a0, &a1, &b0, &b1, &b2, &c0] {
        add(&pool, tx).unwrap();
    }
    let hashes = |best: super::BestTransactions| best.map(|tx| tx.hash).collect::<Vec<_>>();
    let base_fee = u64::try_from(base_fee).unwrap();
    assert_eq!(hashes(pool.best(base_fee)), [b0.hash, a0.hash, a1.hash, c0.hash]);

    // New arrivals after a refresh, nothing twice, skipped senders stay away.
    let mut best = pool.best(base_fee);
    assert_eq!(best.next().unwrap().hash, b0.hash);
    assert_eq!(best.next().unwrap().hash, a0.hash);
    best.skip_sender(wallet(0).address());
    let d0 = tx(3, 0, 50, 30);
    let c1 = tx(2, 1, 50, 40);
    add(&pool, &d0).unwrap();
    add(&pool, &c1).unwrap();
    best.refresh();
    assert_eq!(hashes(best), [d0.hash, c0.hash, c1.hash]);
}

#[test]
fn long_runs_of_one_sender_come_in_order_while_the_pool_changes() {
    let chain = TestChain::new(1, &[]);
    let pool = chain.pool(PoolLimits::default());
    let key = wallet(0);
    let plan = TxPlan { fee_cap: GWEI, ..TxPlan::default() };
    let txs: Vec<_> = (0..200).map(|nonce| TxPlan { nonce, ..plan.clone() }.sign(&key)).collect();
    assert!(pool.add_raw(txs.iter().map(|tx| tx.raw.clone()).collect()).iter().all(Result::is_ok));
    let mut best = pool.best(BASE_FEE);
    let first: Vec<_> = best.by_ref().take(100).map(|tx| tx.envelope.nonce()).collect();
    assert_eq!(first, (0..100).collect::<Vec<_>>());
    // The head moves beyond where the iterator stands: it ends, it does not leave a gap.
    let (block, _) = chain.execute(txs[..150].iter().cloned(), 1_001);
    pool.on_block(&block).unwrap();
    let rest: Vec<_> = best.map(|tx| tx.envelope.nonce()).collect();
    assert!(rest.iter().copied().eq(100..100 + rest.len() as u64), "{rest:?}");
    assert_eq!(pool.next_nonce(key.address()), Some(200));
    assert_eq!(pool.len(), 50);
}

#[test]
fn blocks_drop_what_they_include_and_recheck_who_they_touch() {
    let chain = TestChain::new(3, &[]);
    let pool = chain.pool(PoolLimits::default());
    let tx = |index: u64, nonce, value| {
        TxPlan { nonce, value, ..TxPlan::default() }.sign(&wallet(index))
    };
    let included = [tx(0, 0, 1), tx(0, 1, FUNDS / 2)];
    for tx in included.iter().chain([&tx(0, 2, 1), &tx(1, 0, 1)]) {
        add(&pool, tx).unwrap();
    }
    // Sender 0 also had another transaction with nonce 2 included: the pool's own is stale.
    let elsewhere = tx(0, 2, FUNDS / 4);
    let (block, invalid) = chain.execute(included.iter().cloned().chain([elsewhere]), 1_001);
    assert!(invalid.is_empty());
    pool.on_block(&block).unwrap();
    assert_eq!(best_hashes(&pool), [tx(1, 0, 1).hash]);
    // The store does not have the block yet, the pool knows it all the same.
    assert_eq!(pool.next_nonce(wallet(0).address()), Some(3));
    assert_eq!(refusal(&pool, &tx(0, 2, 3)), "nonce too low: next nonce 3, tx nonce 2");
    assert!(matches!(add(&pool, &tx(0, 3, FUNDS / 4)), Err(PoolError::InsufficientFunds { .. })));
    add(&pool, &tx(0, 3, FUNDS / 8)).unwrap();
    let sealed = chain.commit(block);
    pool.on_block(&sealed).unwrap();
    assert_eq!(pool.status().executable, 2);
    let (next, _) = chain.execute([], 1_002);
    pool.on_block(&next).unwrap();
    chain.commit(next);
    assert_eq!(pool.status().executable, 2);

    // Sender 0's funds go away: what it cannot pay for waits.
    let drain = TxPlan { nonce: 3, value: FUNDS / 5, fee_cap: 11 * GWEI, ..TxPlan::default() };
    let (block, invalid) = chain.execute([drain.sign(&wallet(0))], 1_003);
    assert!(invalid.is_empty());
    pool.on_block(&block).unwrap();
    assert_eq!(best_hashes(&pool), [tx(1, 0, 1).hash]);
    pool.content.read().assert_consistent();
}

#[test]
fn after_a_rewind_the_pool_follows_the_store() {
    let chain = TestChain::new(2, &[]);
    let pool = chain.pool(PoolLimits::default());
    let tx = |index: u64, nonce| TxPlan { nonce, ..TxPlan::default() }.sign(&wallet(index));
    add(&pool, &tx(0, 0)).unwrap();
    add(&pool, &tx(0, 1)).unwrap();
    let (block, _) = chain.execute([tx(0, 0), tx(1, 0)], 1_001);
    pool.on_block(&block).unwrap();
    let sealed = chain.commit(block);
    assert_eq!(best_hashes(&pool), [tx(0, 1).hash]);
    chain.store.rewind(0).unwrap();
    pool.reset().unwrap();
    // Nonce 0 is missing again until what was taken back is put in.
    assert!(best_hashes(&pool).is_empty());
    for tx in sealed.transactions {
        pool.add(tx).unwrap();
    }
    assert_eq!(best_hashes(&pool), [tx(0, 0).hash, tx(0, 1).hash, tx(1, 0).hash]);
    pool.content.read().assert_consistent();
}

#[test]
fn what_waits_too_long_goes() {
    let chain = TestChain::new(2, &[]);
    let limits = PoolLimits { queued_expiry_secs: 160, ..PoolLimits::default() };
    let pool = chain.pool(limits);
    let tx = |index: u64, nonce| TxPlan { nonce, ..TxPlan::default() }.sign(&wallet(index));
    add(&pool, &tx(0, 5)).unwrap();
    add(&pool, &tx(1, 0)).unwrap();
    for (timestamp, left) in [(1_100, 2), (1_159, 2), (1_175, 1)] {
        let (block, _) = chain.execute([], timestamp);
        pool.on_block(&block).unwrap();
        chain.commit(block);
        assert_eq!(pool.len(), left, "at {timestamp}");
    }
    assert_eq!(best_hashes(&pool), [tx(1, 0).hash]);
}

#[test]
fn contracts_cannot_send_but_delegated_accounts_can() {
    let with_code = |code: Vec<u8>| GenesisAccount {
        balance: U256::from(FUNDS),
        code: code.into(),
        ..Default::default()
    };
    let delegation = [&[0xef, 0x01, 0x00][..], &[7; 20]].concat();
    let chain = TestChain::new(
        1,
        &[
            (wallet(10).address(), with_code(vec![0x60])),
            (wallet(11).address(), with_code(delegation)),
        ],
    );
    let pool = chain.pool(PoolLimits::default());
    let error = refusal(&pool, &TxPlan::default().sign(&wallet(10)));
    assert!(error.starts_with("sender not an eoa: address"), "{error}");
    add(&pool, &TxPlan { gas: 100_000, ..TxPlan::default() }.sign(&wallet(11))).unwrap();

    // A 7702 transaction: 25,000 gas for each authorization, at least one of them.
    let key = wallet(0);
    let authorization =
        Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(9), nonce: 0 };
    let signed = wallet(12).sign_hash_sync(&authorization.signature_hash()).unwrap();
    let authorization = authorization.into_signed(signed);
    let set_code = |gas_limit, authorization_list| {
        let tx = TxEip7702 {
            chain_id: CHAIN_ID,
            gas_limit,
            max_fee_per_gas: 10 * GWEI,
            max_priority_fee_per_gas: GWEI,
            authorization_list,
            ..Default::default()
        };
        let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
        finish(OpTxEnvelope::Eip7702(tx.into_signed(signature)), key.address())
    };
    assert_eq!(
        refusal(&pool, &set_code(45_999, vec![authorization.clone()])),
        "intrinsic gas too low: have 45999, want 46000"
    );
    assert_eq!(
        refusal(&pool, &set_code(100_000, vec![])),
        "EIP-7702 transaction with empty auth list"
    );
    add(&pool, &set_code(46_000, vec![authorization])).unwrap();
}

#[tokio::test]
async fn arrivals_are_told_and_wake_the_builder() {
    let chain = TestChain::new(1, &[]);
    let pool = chain.pool(PoolLimits::default());
    let mut arrivals = pool.subscribe();
    let tx = TxPlan::default().sign(&wallet(0));
    add(&pool, &tx).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), pool.wait_for_work()).await.unwrap();
    assert_eq!(arrivals.recv().await.unwrap(), tx.hash);
}
