//! Events as the Inbox writes them, and every way to falsify them.

use alloy::sol_types::SolEvent;
use alloy_primitives::{Address, Bytes, U256, keccak256};

use gainsay_derivation::DepositKind;

use super::*;
use crate::{
    L1BlockRef,
    bindings::{
        IAssertionChain::AssertionConfirmed,
        IEdgeGame::EdgeProven,
        IInbox::BlobsPosted,
        IPortal::{TransactionDeposited, WithdrawalFinalized},
    },
    contract_events::ContractEventKind,
};

const CONTRACTS: Contracts = Contracts {
    inbox: Address::ZERO,
    assertion_chain: Address::repeat_byte(0xac),
    edge_game: Address::repeat_byte(0xed),
    portal: Address::repeat_byte(0x90),
    confirmed_games: Address::repeat_byte(0x9a),
};

/// Writes the logs that the Inbox emits.
#[derive(Default)]
struct Scribe {
    logs: Vec<Log>,
    deposit_accs: Vec<B256>,
    batch_acc: B256,
    batches: u64,
}

impl Scribe {
    fn emit(&mut self, event: &impl SolEvent) {
        self.emit_from(CONTRACTS.inbox, event);
    }

    fn emit_from(&mut self, address: Address, event: &impl SolEvent) {
        let data = event.encode_log_data();
        self.logs.push(Log {
            inner: alloy_primitives::Log { address, data },
            block_hash: Some(B256::repeat_byte(7)),
            block_number: Some(7),
            block_timestamp: Some(70),
            transaction_hash: Some(B256::repeat_byte(8)),
            log_index: Some(self.logs.len() as u64),
            ..Log::default()
        });
    }

    fn deposit(&mut self) {
        let deposit = Deposit {
            kind: DepositKind::Transaction,
            from: Address::repeat_byte(3),
            l1_block: 7,
            l1_time: 70,
            index: DepositIndex(self.deposit_accs.len() as u64),
            l1_base_fee: U256::from(1),
            l1_blob_base_fee: U256::from(2),
            payload: Bytes::from_static(b"payload"),
        };
        let previous = self.deposit_accs.last().copied().unwrap_or_default();
        let acc = extend_deposit_acc(previous, &deposit);
        self.deposit_accs.push(acc);
        self.emit(&DepositEnqueued {
            index: deposit.index.get(),
            kind: deposit.kind as u8,
            from: deposit.from,
            l1Block: deposit.l1_block,
            l1Time: deposit.l1_time,
            l1BaseFee: deposit.l1_base_fee,
            l1BlobBaseFee: deposit.l1_blob_base_fee,
            payload: deposit.payload,
            acc,
        });
    }

    fn batch(&mut self, kind: BatchKind, deposits_read: u64, data_hash: B256) {
        let header = BatchHeader {
            kind,
            index: BatchIndex(self.batches),
            deposits_read: DepositIndex(deposits_read),
            l1_block: 7,
            l1_time: 70,
            data_hash,
        };
        let deposit_acc = match deposits_read {
            0 => B256::ZERO,
            read => self.deposit_accs[usize::try_from(read).unwrap() - 1],
        };
        self.batch_acc = extend_batch_acc(self.batch_acc, &header, deposit_acc);
        self.batches += 1;
        self.emit(&BatchPosted {
            index: header.index.get(),
            kind: kind as u8,
            depositsRead: deposits_read,
            l1Block: 7,
            l1Time: 70,
            dataHash: data_hash,
            acc: self.batch_acc,
        });
    }
}

fn genesis() -> Checkpoint {
    Checkpoint {
        block: L1BlockRef { number: 6, hash: B256::ZERO, parent_hash: B256::ZERO, timestamp: 60 },
        deposit_count: 0,
        deposits_read: 0,
        batch_count: 0,
        batch_acc: B256::ZERO,
    }
}

fn check(logs: &[Log]) -> Result<(CheckedEvents, Checkpoint), L1Error> {
    check_events(&CONTRACTS, &genesis(), &DepositAccs::genesis(), logs)
}

fn story() -> Scribe {
    let mut scribe = Scribe::default();
    let hashes = vec![B256::repeat_byte(1), B256::repeat_byte(2)];
    scribe.deposit();
    scribe.batch(BatchKind::Calldata, 1, keccak256("data"));
    scribe.deposit();
    scribe.deposit();
    scribe.emit(&BlobsPosted { index: 1, versionedHashes: hashes.clone() });
    scribe.batch(BatchKind::Blobs, 2, data_hash_of_blobs(&hashes));
    scribe.batch(BatchKind::Forced, 3, B256::ZERO);
    scribe
}

#[test]
fn the_chains_are_followed() {
    let scribe = story();
    let (events, after) = check(&scribe.logs).unwrap();
    assert_eq!((events.deposits.len(), events.batches.len()), (3, 3));
    assert_eq!(events.batches[0].location, DataLocation::Calldata);
    assert!(matches!(&events.batches[1].location,
        DataLocation::Blobs { versioned_hashes } if versioned_hashes.len() == 2));
    assert_eq!(events.batches[2].location, DataLocation::Forced);
    assert_eq!((after.deposit_count, after.deposits_read, after.batch_count), (3, 3, 3));
    assert_eq!(after.batch_acc, scribe.batch_acc);
}

/// What is kept of an event is enough to have it again.
#[test]
fn events_of_the_other_contracts_are_passed_on_with_their_logs() {
    let mut scribe = story();
    let (root, mover) = (B256::repeat_byte(5), Address::repeat_byte(6));
    let proven = EdgeProven { mutualId: B256::repeat_byte(4), root, mover };
    scribe.emit_from(CONTRACTS.edge_game, &proven);
    let cursor = crate::bindings::IAssertionChain::Cursor { batch: 1, block: 2, depositsRead: 3 };
    let (id, output_root) = (B256::repeat_byte(6), B256::repeat_byte(7));
    let confirmed = AssertionConfirmed { id, outputRoot: output_root, cursor };
    scribe.emit_from(CONTRACTS.assertion_chain, &confirmed);
    let (events, _) = check(&scribe.logs).unwrap();
    let [first, second] = &events.others[..] else { panic!("{:?}", events.others) };
    assert!(matches!(first.event, ContractEventKind::Edge(_)));
    assert!(matches!(second.event, ContractEventKind::Assertion(_)));
    assert_eq!((first.l1_block, first.l1_time, first.log_index), (7, 70, 7));
    for event in [first, second] {
        let place = (event.l1_block, event.l1_time, event.log_index);
        assert_eq!(&ContractEvent::decode(&CONTRACTS, place, event.log.clone()).unwrap(), event);
    }
    // Of the bridge that alone is kept which no other event says.
    let withdrawal_hash = B256::repeat_byte(8);
    let finalized = WithdrawalFinalized { withdrawalHash: withdrawal_hash, success: true };
    scribe.emit_from(CONTRACTS.portal, &finalized);
    let deposited = TransactionDeposited {
        from: mover,
        to: mover,
        version: Default::default(),
        opaqueData: Default::default(),
    };
    scribe.emit_from(CONTRACTS.portal, &deposited);
    let (events, _) = check(&scribe.logs).unwrap();
    let [_, _, third] = &events.others[..] else { panic!("{:?}", events.others) };
    assert_eq!(third.event, ContractEventKind::Bridge);
    assert_eq!(third.log.topics()[1], withdrawal_hash);
    // From another address it is no event of ours.
    scribe.emit_from(Address::repeat_byte(9), &proven);
    let error = check(&scribe.logs).unwrap_err();
    assert!(matches!(error, L1Error::BadEvent { .. }), "{error}");
}

#[test]
fn a_stretch_may_be_cut_anywhere() {
    let scribe = story();
    let (_, whole) = check(&scribe.logs).unwrap();
    // Between a BlobsPosted and its BatchPosted lies no block boundary.
    for cut in (0..=scribe.logs.len()).filter(|cut| *cut != 5) {
        let (first, second) = scribe.logs.split_at(cut);
        let (events, middle) = check(first).unwrap();
        let mut accs = DepositAccs::genesis();
        accs.accs.extend(events.deposits.iter().map(|deposit| deposit.acc));
        accs.forget_below(middle.deposits_read);
        assert_eq!(check_events(&CONTRACTS, &middle, &accs, second).unwrap().1, whole);
    }
}

#[test]
fn every_changed_byte_of_an_event_is_noticed() {
    let scribe = story();
    let (whole, _) = check(&scribe.logs).unwrap();
    for index in 0..scribe.logs.len() {
        let data = &scribe.logs[index].inner.data.data;
        for byte in 0..data.len() {
            let mut logs = scribe.logs.clone();
            let mut changed = data.to_vec();
            changed[byte] ^= 1;
            logs[index].inner.data.data = changed.into();
            // Padding that the ABI ignores may change; what is read from it may not.
            match check(&logs) {
                Ok((events, _)) => assert_eq!(events, whole, "log {index} byte {byte}"),
                Err(error) => assert!(
                    matches!(
                        error,
                        L1Error::IndexGap { .. }
                            | L1Error::AccumulatorMismatch { .. }
                            | L1Error::BadEvent { .. }
                            | L1Error::DataMismatch { .. }
                    ),
                    "{error}"
                ),
            }
        }
    }
}

#[test]
fn a_missing_event_is_a_gap_and_a_false_accumulator_is_fatal() {
    let mut logs = story().logs;
    logs.remove(2);
    let error = check(&logs).unwrap_err();
    assert!(matches!(error, L1Error::IndexGap { what: "deposit", expected: 1, .. }), "{error}");

    let mut logs = story().logs;
    let data = &mut logs[0].inner.data.data;
    let mut changed = data.to_vec();
    // Words: l1Block, l1Time, l1BaseFee, l1BlobBaseFee, offset of payload, acc.
    changed[5 * 32 + 31] ^= 1;
    *data = changed.into();
    let error = check(&logs).unwrap_err();
    assert!(matches!(error, L1Error::AccumulatorMismatch { what: "deposit", .. }), "{error}");
}

#[test]
fn deposits_cannot_be_read_backwards_or_before_they_exist() {
    for deposits_read in [0, 2] {
        let mut scribe = Scribe::default();
        scribe.deposit();
        scribe.batch(BatchKind::Calldata, 1, B256::ZERO);
        scribe.deposit_accs.push(B256::ZERO);
        scribe.batch(BatchKind::Forced, deposits_read, B256::ZERO);
        let error = check(&scribe.logs).unwrap_err();
        assert!(matches!(error, L1Error::BadEvent { .. }), "{error}");
    }
}
