//! The position on L1 and the kept logs, across restarts, reorgs and damage.

use alloy_primitives::{Address, Log};
use gainsay_derivation::BatchIndex;
use gainsay_l1::{
    ContractEventKind, Contracts,
    bindings::IAssertionChain::{AssertionLost, IAssertionChainEvents},
};
use gainsay_store::{L1LogRecord, L1Update};

use super::*;
use crate::{
    ChainStep, kept_events,
    test_chain::TestChain,
    test_l1::{TestL1, l1_block},
};

const CONTRACTS: Contracts = Contracts {
    inbox: Address::repeat_byte(1),
    assertion_chain: Address::repeat_byte(2),
    edge_game: Address::repeat_byte(3),
    portal: Address::repeat_byte(4),
    confirmed_games: Address::repeat_byte(5),
};

fn event(l1_block: u64, log_index: u64) -> ContractEvent {
    let (id, winner) = (B256::from(alloy_primitives::U256::from(l1_block)), B256::ZERO);
    let lost = AssertionLost { id, winner, reward: Default::default(), burnt: Default::default() };
    let data = alloy::sol_types::SolEvent::encode_log_data(&lost);
    let log = Log { address: CONTRACTS.assertion_chain, data };
    let event = ContractEvent::decode(&CONTRACTS, (l1_block, 7, log_index), log).unwrap();
    assert!(matches!(
        event.event,
        ContractEventKind::Assertion(IAssertionChainEvents::AssertionLost(_))
    ));
    event
}

fn reach(test: &TestChain, number: u64, events: &[ContractEvent], oldest: u64) {
    let (l1_block, events) = (l1_block(number, 0), events.to_vec());
    test.deriver.on_step(ChainStep::Reached { l1_block, events, oldest }).unwrap();
}

fn events(test: &TestChain, from: u64) -> Vec<(u64, u64)> {
    kept_events(&test.chain.store, &CONTRACTS, from)
        .map(|event| event.map(|it| (it.l1_block, it.log_index)).unwrap())
        .collect()
}

/// Deposits in L1 blocks 1, 3 and 4; batches in 2, which reads one, and 5, which reads three.
fn followed() -> (TestL1, TestChain) {
    let mut l1 = TestL1::default();
    let test = TestChain::new();
    let take = |step| test.deriver.on_step(step).unwrap();
    assert!(load(&test.chain.store).unwrap().is_none());
    reach(&test, 0, &[], 0);
    for number in 1..=5 {
        if [1, 3, 4].contains(&number) {
            take(ChainStep::Deposits(vec![l1.deposit(number, Address::ZERO, 1)]));
        }
        if [2, 5].contains(&number) {
            let deposits_read = l1.deposits.len() as u64;
            take(ChainStep::Batch(Box::new(l1.batch(number, deposits_read, &[]))));
        }
        reach(&test, number, &[event(number, 1), event(number, 2)], 0);
    }
    (l1, test)
}

#[test]
fn a_restart_finds_the_position_and_reads_no_log_twice() {
    let (l1, test) = followed();
    let state = load(&test.chain.store).unwrap().unwrap();
    assert_eq!(state.checkpoints.len(), 6);
    let tip = state.tip();
    assert_eq!((tip.block, tip.batch_acc), (l1_block(5, 0), l1.batches[1].posted.acc));
    assert_eq!((tip.deposit_count, tip.deposits_read, tip.batch_count), (3, 3, 2));
    let middle = &state.checkpoints[3];
    assert_eq!((middle.deposit_count, middle.deposits_read, middle.batch_count), (2, 1, 1));
    let accs: Vec<_> = (0..=3).map(|index| state.deposit_accs.get(index).unwrap()).collect();
    assert_eq!(accs[0], B256::ZERO);
    assert!(accs[1..].iter().zip(&l1.deposits).all(|(acc, record)| *acc == record.acc));

    let test = test.reopen();
    assert_eq!(load(&test.chain.store).unwrap().unwrap(), state);
    let all: Vec<_> = (1..=5).flat_map(|number| [(number, 1), (number, 2)]).collect();
    assert_eq!(events(&test, 0), all);
    assert_eq!(events(&test, 5), all[8..]);
    // Old blocks leave the window; what hangs on them stays, and accumulators are as few as needed.
    reach(&test, 6, &[], 3);
    let state = load(&test.chain.store).unwrap().unwrap();
    assert_eq!((state.checkpoints.len(), state.deposit_accs.first), (4, 1));
    assert_eq!((state.deposit_accs.get(0), state.deposit_accs.accs.len()), (None, 3));
    assert_eq!(state.deposit_accs.get(1), Some(l1.deposits[0].acc));
    assert_eq!(events(&test, 0), all);
}

#[test]
fn a_reorg_cuts_position_logs_and_records_together() {
    let (l1, test) = followed();
    test.deriver.on_step(ChainStep::Reorged { to: l1_block(3, 0) }).unwrap();
    let test = test.reopen();
    let state = load(&test.chain.store).unwrap().unwrap();
    assert_eq!(state.tip().block, l1_block(3, 0));
    assert_eq!((state.tip().deposit_count, state.tip().batch_count), (2, 1));
    assert_eq!(events(&test, 3), [(3, 1), (3, 2)]);
    assert_eq!(
        (test.chain.store.deposit_count().get(), test.chain.store.batch_count().get()),
        (2, 1)
    );
    assert_eq!(state.tip().batch_acc, l1.batches[0].posted.acc);
}

#[test]
fn a_stretch_that_was_cut_off_does_not_count() {
    let (mut l1, test) = followed();
    // Killed after deposit and batch, before the L1 block that holds them was reached.
    let deposits = vec![l1.deposit(6, Address::ZERO, 1)];
    test.deriver.on_step(ChainStep::Deposits(deposits)).unwrap();
    let batch = Box::new(l1.batch(6, 4, &[]));
    test.deriver.on_step(ChainStep::Batch(batch.clone())).unwrap();
    let before = test.safe();
    let test = test.reopen();
    let state = load(&test.chain.store).unwrap().unwrap();
    assert_eq!((state.tip().deposit_count, state.tip().batch_count), (3, 2));
    assert_eq!(state.deposit_accs.get(4), None);
    // It goes, and is taken again: L1 may say otherwise by then.
    assert_eq!(l1_index::newest_l1_block(&test.chain.store).unwrap(), 6);
    test.deriver.on_step(ChainStep::Reorged { to: state.tip().block }).unwrap();
    assert_eq!(test.chain.store.batch_count(), BatchIndex(2));
    test.deriver.on_step(ChainStep::Deposits(l1.deposits[3..].to_vec())).unwrap();
    test.deriver.on_step(ChainStep::Batch(batch)).unwrap();
    assert_eq!(test.safe(), before);
}

#[test]
fn a_damaged_log_is_an_error_that_names_the_row() {
    let (_, test) = followed();
    let log = Log::new_unchecked(CONTRACTS.edge_game, vec![B256::ZERO], Default::default());
    let log = L1LogRecord { l1_block: 4, log_index: 9, l1_time: 7, log };
    let update = L1Update { l1_logs: vec![log], ..Default::default() };
    test.chain.store.apply(&update, false).unwrap();
    let error = kept_events(&test.chain.store, &CONTRACTS, 0).find_map(Result::err).unwrap();
    assert!(matches!(error, ChainError::CorruptLog { l1_block: 4, log_index: 9, .. }), "{error}");
    assert!(error.to_string().contains("log 9 of L1 block 4"), "{error}");
    assert_eq!(error.action(), gainsay_l1::Action::Fatal);
}
