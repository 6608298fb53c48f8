//! How a batch and its deposits become block inputs: who takes which deposits, what replaces a
//! block with an invalid transaction, where timestamps are clamped, what garbage gives.

use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_derivation::{
    Batch, BatchBlock, BatchHeader, BatchIndex, BatchKind, ChainConfig, Cursor, Deposit,
    DepositIndex, DepositKind, Derivation, DerivationError, decode_batch, encode_batch,
};
use proptest::prelude::*;

fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 901,
        block_gas_limit: 30_000_000,
        base_fee_change_denominator: 250,
        elasticity: 6,
        min_base_fee_wei: 1,
        initial_base_fee_wei: 1_000_000_000,
        sequencer_window_secs: 100,
        sequencer_drift_secs: 10,
        max_blocks_per_sec: 10,
    }
}

fn header(kind: BatchKind, deposits_read: u64) -> BatchHeader {
    BatchHeader {
        kind,
        index: BatchIndex(5),
        deposits_read: DepositIndex(deposits_read),
        l1_block: 9,
        l1_time: 1_000,
        data_hash: B256::ZERO,
    }
}

fn deposits(indices: core::ops::Range<u64>) -> Vec<Deposit> {
    let deposit = |index| Deposit {
        kind: DepositKind::FeeReport,
        from: Address::ZERO,
        l1_block: 1,
        l1_time: 1,
        index,
        l1_base_fee: U256::ZERO,
        l1_blob_base_fee: U256::ZERO,
        payload: Bytes::new(),
    };
    indices.map(DepositIndex).map(deposit).collect()
}

fn block(deposit_count: u64) -> BatchBlock {
    let transactions = vec![Bytes::from_static(b"not checked here")];
    BatchBlock { timestamp: 1_000, deposit_count, transactions }
}

fn derive(counts: &[u64], cursor: Cursor, deposits_read: u64) -> Derivation {
    let batch =
        Batch { blocks: counts.iter().copied().map(block).collect(), slot_max: Some(10_109) };
    let header = header(BatchKind::Calldata, deposits_read);
    Derivation::new(&header, batch, deposits(cursor.deposits_read.get()..deposits_read), cursor)
        .unwrap()
}

const START: Cursor = Cursor { batch: BatchIndex(5), block: 0, deposits_read: DepositIndex(20) };
const END: Cursor = Cursor { batch: BatchIndex(6), block: 0, deposits_read: DepositIndex(30) };

#[test]
fn counts_are_clamped_and_the_last_block_takes_the_rest() {
    let taken = |counts: &[u64]| -> Vec<usize> {
        let mut derivation = derive(counts, START, 30);
        let blocks: Vec<_> = core::iter::from_fn(|| derivation.next_block()).collect();
        assert_eq!(blocks.last().unwrap().cursor_after, END);
        assert_eq!(derivation.cursor(), END);
        blocks.iter().map(|block| block.deposits.len()).collect()
    };
    assert_eq!(taken(&[3, 2, 0]), [3, 2, 5]);
    assert_eq!(taken(&[3, 2, 1]), [3, 2, 5]);
    assert_eq!(taken(&[3, u64::MAX, 4, 0]), [3, 7, 0, 0]);
    assert_eq!(taken(&[0]), [10]);
}

proptest! {
    #[test]
    fn a_start_in_the_middle_gives_the_same_blocks(
        counts in prop::collection::vec(0..6_u64, 1..8), start in 0..8_usize,
    ) {
        let mut whole = derive(&counts, START, 30);
        let start = start % counts.len();
        let mut read = 0;
        for _ in 0..start {
            read += whole.next_block().unwrap().deposits.len() as u64;
        }
        let mut rest = derive(&counts, whole.cursor(), 30);
        prop_assert_eq!(whole.cursor().deposits_read.get(), 20 + read);
        loop {
            let (a, b) = (whole.next_block(), rest.next_block());
            prop_assert_eq!(&a, &b);
            if a.is_none() {
                break;
            }
        }
    }

    #[test]
    fn every_deposit_is_read_once_even_by_a_fallback(
        counts in prop::collection::vec(0..6_u64, 1..8), invalid in 0..8_usize,
    ) {
        let mut derivation = derive(&counts, START, 30);
        let (mut indices, mut position) = (Vec::new(), 0);
        while let Some(mut input) = derivation.next_block() {
            if position == invalid {
                derivation.drop_rest();
                input = input.into_fallback();
                prop_assert!(input.transactions.is_empty() && input.later_deposits.is_empty());
                prop_assert_eq!(input.slot_max, None);
                prop_assert_eq!(input.cursor_after, END);
            }
            indices.extend(input.deposits.iter().map(|deposit| deposit.index));
            position += 1;
        }
        prop_assert_eq!(derivation.cursor(), END);
        // PROTOCOL.md DERIVE-7
        prop_assert_eq!(indices, (20..30).map(DepositIndex).collect::<Vec<_>>());
    }

    #[test]
    fn garbage_is_one_block_of_deposits(data in prop::collection::vec(any::<u8>(), 0..300)) {
        let batch = decode_batch(&header(BatchKind::Blobs, 30), &data, &config());
        prop_assert_eq!(batch.blocks.len(), 1);
        prop_assert_eq!(batch.blocks[0].timestamp, 1_000);
        prop_assert!(batch.blocks[0].transactions.is_empty());
        let mut derivation =
            Derivation::new(&header(BatchKind::Blobs, 30), batch, deposits(20..30), START).unwrap();
        prop_assert_eq!(derivation.next_block().unwrap().deposits.len(), 10);
        prop_assert!(derivation.next_block().is_none());
    }
}

#[test]
fn timestamps_stay_within_the_header() {
    let timestamps = [0, 899, 900, 950, 1_010, 1_011, u64::MAX];
    let block = |timestamp| BatchBlock { timestamp, ..BatchBlock::default() };
    let blocks: Vec<_> = timestamps.into_iter().map(block).collect();
    let data = encode_batch(&blocks, config().chain_id).unwrap();
    let clamped = |header: &BatchHeader| -> Vec<u64> {
        let batch = decode_batch(header, &data, &config());
        batch.blocks.iter().map(|block| block.timestamp).collect()
    };
    let mut header = header(BatchKind::Calldata, 0);
    assert_eq!(clamped(&header), [900, 900, 900, 950, 1_010, 1_010, 1_010]);
    header.l1_time = 50;
    assert_eq!(clamped(&header), [0, 60, 60, 60, 60, 60, 60]);
    header.l1_time = u64::MAX;
    assert_eq!(clamped(&header)[6], u64::MAX);
}

#[test]
fn a_forced_batch_reads_no_data() {
    let data = encode_batch(&[block(0), block(0)], config().chain_id).unwrap();
    assert_eq!(decode_batch(&header(BatchKind::Calldata, 30), &data, &config()).blocks.len(), 2);
    let forced = decode_batch(&header(BatchKind::Forced, 30), &data, &config());
    let deposits_only = BatchBlock { timestamp: 1_000, ..BatchBlock::default() };
    assert_eq!(forced.blocks, [deposits_only]);
}

// PROTOCOL.md DERIVE-8, DERIVE-9
#[test]
fn a_batch_has_slots_up_to_the_last_second_that_it_may_name() {
    let config = config();
    let data = encode_batch(&[block(0), block(0)], config.chain_id).unwrap();
    let slot_max = |kind, data: &[u8]| decode_batch(&header(kind, 30), data, &config).slot_max;
    // The last of 10 slots of second 1,010: 10 seconds of drift after L1's 1,000.
    assert_eq!(slot_max(BatchKind::Calldata, &data), Some(10_109));
    assert_eq!(slot_max(BatchKind::Calldata, b"garbage"), None);
    assert_eq!(slot_max(BatchKind::Forced, &[]), None);
    let input = derive(&[1, 2], START, 30).next_block().unwrap();
    assert!(!input.is_over_budget(10_108) && input.is_over_budget(10_109));
    assert!(!input.into_fallback().is_over_budget(u64::MAX));
    assert_eq!(
        [1_009, 1_010, 1_011].map(|time| config.next_slot(10_100, time)),
        [10_101, 10_101, 10_110]
    );
    let last = ChainConfig { max_blocks_per_sec: u64::MAX, ..config };
    assert_eq!((last.slot_max(u64::MAX), last.next_slot(u64::MAX, 2)), (u64::MAX - 1, u64::MAX));
    assert_eq!(ChainConfig { max_blocks_per_sec: 0, ..last }.slot_max(1_000), 0);
}

#[test]
fn a_cursor_of_another_batch_is_refused() {
    let header = header(BatchKind::Calldata, 30);
    let batch = || Batch { blocks: vec![block(1), block(2)], slot_max: None };
    let new = |cursor: Cursor, deposits| Derivation::new(&header, batch(), deposits, cursor).err();
    assert_eq!(new(START, deposits(20..30)), None);
    for cursor in [Cursor { batch: BatchIndex(4), ..START }, Cursor { block: 2, ..START }] {
        let found = new(cursor, deposits(20..30));
        assert!(matches!(found, Some(DerivationError::CursorOutsideBatch { .. })), "{found:?}");
    }
    for wrong in [deposits(20..29), deposits(21..31), deposits(20..31), deposits(0..0)] {
        let found = new(START, wrong);
        assert!(matches!(found, Some(DerivationError::WrongDeposits { .. })), "{found:?}");
    }
    let past = Cursor { deposits_read: DepositIndex(31), ..START };
    assert!(new(past, deposits(0..0)).is_some());
}

#[test]
fn the_config_is_camel_case_in_rollup_json() {
    let json = serde_json::to_value(config()).unwrap();
    assert_eq!(json["blockGasLimit"], 30_000_000);
    assert_eq!(serde_json::from_value::<ChainConfig>(json).unwrap(), config());
}
