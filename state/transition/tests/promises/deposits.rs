//! Deposits, L1 data fees and invalid transactions: the rules that plain revm does not have.

use alloy_consensus::{SignableTransaction, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, address};
use gainsay_derivation::{
    Batch, BatchBlock, BatchHeader, BatchIndex, BatchKind, BlockInput, Cursor, Deposit,
    DepositIndex, DepositKind, Derivation,
};
use gainsay_transition::{
    BASE_FEE_VAULT, ExecuteError, InvalidTx, L1_FEE_VAULT, RecoveredTx, SEQUENCER_FEE_VAULT,
    slot_of, transition,
};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope};

use super::chain::{ALICE, CHAIN_ID, Chain, contract, funded, predeploys};

const BOB: Address = address!("0000000000000000000000000000000000000b0b");
const REVERTER: Address = address!("00000000000000000000000000000000000dead1");
const ETHER: u64 = 1_000_000_000_000_000_000;

fn chain() -> Chain {
    // L1: 10 gwei, scalar 1.
    let mut alloc = predeploys(10_000_000_000, 1_000_000);
    alloc.insert(ALICE, funded(U256::from(ETHER)));
    alloc.insert(REVERTER, contract(&[0x5f, 0x5f, 0xfd]));
    Chain::new(&alloc)
}

fn deposit(index: u64, to: Address, mint: u64, value: u64, gas_limit: u64) -> Deposit {
    let payload = [
        to.as_slice(),
        &U256::from(mint).to_be_bytes::<32>(),
        &U256::from(value).to_be_bytes::<32>(),
        &gas_limit.to_be_bytes(),
        &[0],
    ]
    .concat();
    Deposit {
        kind: DepositKind::Transaction,
        from: BOB,
        l1_block: 1,
        l1_time: 1_700_000_000,
        index: DepositIndex(index),
        l1_base_fee: U256::from(7),
        l1_blob_base_fee: U256::from(1),
        payload: payload.into(),
    }
}

/// A transfer from Alice; nobody checks her signature here, the sender is given.
fn transfer(nonce: u64, value: u64) -> RecoveredTx {
    let tx = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: 2_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(BOB),
        value: U256::from(value),
        input: Bytes::new(),
    };
    let envelope = OpTxEnvelope::from(tx.into_signed(Signature::test_signature()));
    RecoveredTx::with_sender(envelope.encoded_2718().into(), ALICE).unwrap()
}

#[test]
fn a_deposit_mints_even_when_it_fails() {
    let mut chain = chain();
    let mut executor = chain.executor(0);
    let sent = executor.execute_deposit(&deposit(0, ALICE, 500, 200, 50_000)).unwrap();
    let reverted = executor.execute_deposit(&deposit(1, REVERTER, 30, 0, 50_000)).unwrap();
    let no_gas = executor.execute_deposit(&deposit(2, ALICE, 7, 7, 1_000)).unwrap();
    let no_funds = executor.execute_deposit(&deposit(3, ALICE, 1, ETHER, 50_000)).unwrap();
    assert_eq!(
        [sent.success, reverted.success, no_gas.success, no_funds.success],
        [true, false, false, false]
    );
    assert_eq!(sent.gas_used, 21_000);
    assert_eq!(no_gas.gas_used, 1_000, "a deposit that cannot start uses its whole gas limit");
    let sealed = chain.seal(executor);
    for (index, receipt) in sealed.receipts.iter().enumerate() {
        let OpReceiptEnvelope::Deposit(envelope) = &receipt.envelope else { panic!("{receipt:?}") };
        assert_eq!(envelope.receipt.deposit_nonce, Some(index as u64));
        assert_eq!(envelope.receipt.deposit_receipt_version, Some(1));
        assert_eq!(receipt.l1_fee, U256::ZERO);
    }
    chain.apply(&sealed);
    assert_eq!(chain.balance(BOB), U256::from(500 - 200 + 30 + 7 + 1));
    assert_eq!(chain.balance(ALICE), U256::from(ETHER + 200));
    assert_eq!(chain.accounts[&BOB].nonce, 4);
    assert_eq!(chain.balance(SEQUENCER_FEE_VAULT), U256::ZERO, "deposits pay on L1");
}

#[test]
fn fees_go_to_the_vaults_and_the_l1_fee_follows_fjord() {
    let mut chain = chain();
    let mut executor = chain.executor(0);
    let base_fee = executor.context().base_fee;
    let tx = transfer(0, 5);
    executor.execute(tx).unwrap();
    let sealed = chain.seal(executor);
    chain.apply(&sealed);
    let receipt = &sealed.receipts[0];
    // Fjord: a small transaction counts as 100 bytes; 100 * 16 gas * 10 gwei * scalar 1.
    assert_eq!(receipt.l1_fee, U256::from(100_u64 * 16 * 10_000_000_000));
    assert_eq!(chain.balance(L1_FEE_VAULT), receipt.l1_fee);
    assert_eq!(chain.balance(BASE_FEE_VAULT), U256::from(21_000 * base_fee));
    assert_eq!(chain.balance(SEQUENCER_FEE_VAULT), U256::from(21_000 * (2_000_000 - base_fee)));
    let spent = U256::from(ETHER) - chain.balance(ALICE);
    assert_eq!(spent, U256::from(5 + 21_000 * 2_000_000_u64) + receipt.l1_fee);
}

#[test]
fn an_invalid_transaction_leaves_no_trace() {
    let chain = chain();
    let run = |with_invalid: bool| {
        let mut executor = chain.executor(0);
        executor.execute(transfer(0, 1)).unwrap();
        if with_invalid {
            let funds = executor.execute(transfer(1, ETHER)).unwrap_err();
            assert!(matches!(funds, ExecuteError::Invalid(InvalidTx::Rejected { .. })), "{funds}");
            let low = executor.execute(transfer(0, 1)).unwrap_err();
            let expected = InvalidTx::NonceTooLow { tx: 0, state: 1 };
            assert!(matches!(low, ExecuteError::Invalid(it) if it == expected));
            let high = executor.execute(transfer(5, 1)).unwrap_err();
            let expected = InvalidTx::NonceTooHigh { tx: 5, state: 1 };
            assert!(matches!(high, ExecuteError::Invalid(it) if it == expected));
            let late = RecoveredTx::from_deposit(deposit(0, BOB, 0, 0, 50_000).to_transaction());
            let late = executor.execute_deposit_tx(late).unwrap_err();
            assert!(matches!(late, ExecuteError::Invalid(InvalidTx::DepositOutOfPlace)));
        }
        executor.execute(transfer(1, 2)).unwrap();
        chain.seal(executor)
    };
    assert_eq!(run(true), run(false));
}

/// A batch of three blocks, two deposits each; the second block holds the transactions `second`.
fn run_batch(second: Vec<Bytes>, slot_max: u64) -> (Chain, Vec<(Cursor, bool, usize)>) {
    let mut chain = chain();
    let header = BatchHeader {
        kind: BatchKind::Calldata,
        index: BatchIndex(0),
        deposits_read: DepositIndex(6),
        l1_block: 9,
        l1_time: 1_700_000_010,
        data_hash: Default::default(),
    };
    let block = |transactions: Vec<Bytes>| BatchBlock {
        timestamp: 1_700_000_005,
        deposit_count: 2,
        transactions,
    };
    let blocks = vec![block(vec![]), block(second), block(vec![])];
    let batch = Batch { blocks, slot_max: Some(slot_max) };
    let deposits = (0..6).map(|index| deposit(index, ALICE, 10, 1, 50_000)).collect();
    let mut derivation = Derivation::new(&header, batch, deposits, Cursor::default()).unwrap();
    let mut steps = Vec::new();
    while let Some(input) = derivation.next_block() {
        let step = transition(&chain.config, chain.hash, &chain.head, input, &chain, &chain.nodes)
            .unwrap();
        if step.dropped_rest {
            derivation.drop_rest();
        }
        steps.push((step.cursor, step.dropped_rest, step.block.transactions.len()));
        chain.apply(&step.block);
    }
    (chain, steps)
}

#[test]
fn a_block_with_an_invalid_transaction_is_replaced_by_all_deposits_of_its_batch() {
    let mut deposit_bytes = vec![0x7e];
    deposit_bytes.extend_from_slice(&[0xc0]);
    let wrong_chain = {
        let tx = TxLegacy { chain_id: Some(1), gas_limit: 21_000, ..Default::default() };
        OpTxEnvelope::from(tx.into_signed(Signature::test_signature())).encoded_2718()
    };
    for broken in [vec![], vec![0xff; 100], deposit_bytes, vec![0x03, 0xc0], wrong_chain] {
        let (chain, steps) = run_batch(vec![broken.clone().into()], u64::MAX);
        let end = Cursor { batch: BatchIndex(1), block: 0, deposits_read: DepositIndex(6) };
        let first = Cursor { batch: BatchIndex(0), block: 1, deposits_read: DepositIndex(2) };
        assert_eq!(
            steps,
            [(first, false, 2), (end, true, 4)],
            "0x{}",
            alloy_primitives::hex::encode(broken)
        );
        assert_eq!(chain.balance(BOB), U256::from(6 * 9), "no deposit is lost");
    }
}

// PROTOCOL.md DERIVE-8, DERIVE-9
#[test]
fn a_block_without_a_slot_is_replaced_by_all_deposits_of_its_batch() {
    let first_slot = 1_700_000_005 * chain().config.max_blocks_per_sec;
    let slots = |last: u64| {
        let (chain, steps) = run_batch(vec![], first_slot + last);
        assert_eq!(chain.balance(BOB), U256::from(6 * 9), "no deposit is lost");
        assert_eq!(steps.last().unwrap().0.batch, BatchIndex(1));
        let dropped: Vec<_> = steps.iter().map(|(_, dropped_rest, _)| *dropped_rest).collect();
        (dropped, slot_of(&chain.head) - first_slot)
    };
    // Three blocks take slots 0, 1 and 2. A fallback takes none.
    assert_eq!(slots(2), (vec![false, false, false], 2));
    assert_eq!(slots(1), (vec![false, false, true], 1));
    assert_eq!(slots(0), (vec![false, true], 0));
}

// PROTOCOL.md DERIVE-8
#[test]
fn a_block_that_the_sequencer_did_not_write_takes_no_slot() {
    let mut chain = chain();
    let before = slot_of(&chain.head);
    let input = BlockInput {
        timestamp: 1_700_000_005,
        deposits: vec![deposit(0, ALICE, 10, 1, 50_000)],
        transactions: vec![],
        cursor_after: Cursor::default(),
        later_deposits: vec![],
        slot_max: None,
    };
    let step =
        transition(&chain.config, chain.hash, &chain.head, input, &chain, &chain.nodes).unwrap();
    chain.apply(&step.block);
    assert_eq!((step.dropped_rest, slot_of(&chain.head)), (false, before));
}
