//! From any sequence of deposits and batches to block inputs: derivation is total, reads each
//! deposit once and in order, and moves the cursor on to the end of every batch.
//!
//! Input: steps of an Inbox. A step enqueues deposits and posts a batch that reads some of them, of
//! given blocks or of any bytes; one of its blocks may turn out to be invalid.
#![no_main]

use alloy_primitives::{Address, B256, Bytes, U256};
use arbitrary::Arbitrary;
use gainsay_derivation::{
    Batch, BatchBlock, BatchHeader, BatchIndex, BatchKind, BlockInput, ChainConfig, Cursor,
    Deposit, DepositIndex, DepositKind, Derivation, decode_batch, extend_batch_acc,
    extend_deposit_acc,
};
use libfuzzer_sys::fuzz_target;

/// Steps of one input.
const STEPS_MAX: usize = 8;

#[derive(Debug, Arbitrary)]
struct Step {
    deposits: Vec<DepositFields>,
    /// How many deposits the batch leaves for later ones.
    unread: u8,
    data: Data,
    l1_time: u64,
    /// The block that holds an invalid transaction.
    invalid: Option<u8>,
    /// Derivation starts again in the middle, as after a restart.
    resume: Option<u8>,
}

#[derive(Debug, Arbitrary)]
struct DepositFields {
    is_fee_report: bool,
    from: [u8; 20],
    l1_base_fee: [u8; 32],
    l1_blob_base_fee: [u8; 32],
    payload: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
enum Data {
    Calldata(Vec<u8>),
    Blobs(Vec<u8>),
    Forced,
    /// (timestamp, deposits, whether there is a transaction) of each block: what a decoder gives.
    Decoded(Vec<(u64, u64, bool)>),
}

fuzz_target!(|steps: Vec<Step>| {
    let config = config();
    let mut cursor = Cursor::default();
    let mut deposits = Vec::new();
    let (mut deposit_acc, mut batch_acc) = (B256::ZERO, B256::ZERO);
    for (index, step) in (0_u64..).zip(steps.into_iter().take(STEPS_MAX)) {
        for fields in &step.deposits {
            let deposit = fields.deposit(deposits.len() as u64, step.l1_time);
            deposit_acc = extend_deposit_acc(deposit_acc, &deposit);
            deposits.push(deposit);
        }
        let total = deposits.len() as u64;
        let deposits_read = DepositIndex(total.saturating_sub(step.unread.into()));
        let deposits_read = deposits_read.max(cursor.deposits_read);
        let header = BatchHeader {
            kind: step.data.kind(),
            index: BatchIndex(index),
            deposits_read,
            l1_block: index,
            l1_time: step.l1_time,
            data_hash: B256::ZERO,
        };
        let before = batch_acc;
        batch_acc = extend_batch_acc(batch_acc, &header, deposit_acc);
        assert_ne!(batch_acc, before);
        let batch = step.data.batch(&header, &config);
        assert!(!batch.blocks.is_empty());
        cursor = derive(&header, &batch, &deposits, cursor, &step);
        assert_eq!(cursor, Cursor { batch: BatchIndex(index + 1), block: 0, deposits_read });
    }
});

/// Derives one batch; where the cursor is then.
fn derive(
    header: &BatchHeader,
    batch: &Batch,
    deposits: &[Deposit],
    start: Cursor,
    step: &Step,
) -> Cursor {
    let unread = |from: DepositIndex| {
        let [from, to] =
            [from, header.deposits_read].map(|it| usize::try_from(it.get()).expect("few"));
        deposits[from..to].to_vec()
    };
    let new = |cursor: Cursor| {
        Derivation::new(header, batch.clone(), unread(cursor.deposits_read), cursor)
            .expect("the data belongs together")
    };
    let mut derivation = new(start);
    let mut read = start.deposits_read;
    let mut count = 0_u64;
    while let Some(mut input) = derivation.next_block() {
        if step.invalid.map(u64::from) == Some(count) {
            derivation.drop_rest();
            input = input.into_fallback();
            assert!(input.transactions.is_empty());
        }
        check_block(&input, header, deposits, &mut read);
        assert_eq!(input.cursor_after, derivation.cursor());
        count += 1;
        if step.resume.map(u64::from) == Some(count) && derivation.cursor().batch == header.index {
            derivation = new(derivation.cursor());
        }
    }
    assert!((1..=batch.blocks.len() as u64).contains(&count));
    assert_eq!(read, header.deposits_read, "not every deposit was read");
    assert!(derivation.next_block().is_none());
    derivation.cursor()
}

/// The block takes the next deposits, and knows those that come after it.
fn check_block(
    input: &BlockInput,
    header: &BatchHeader,
    deposits: &[Deposit],
    read: &mut DepositIndex,
) {
    for deposit in &input.deposits {
        assert_eq!(deposit.index, *read, "deposits are read in order");
        assert_eq!(deposit, &deposits[usize::try_from(read.get()).expect("few")]);
        let tx = deposit.to_transaction();
        assert_eq!(tx.source_hash, deposit.source_hash());
        *read = read.next();
    }
    assert_eq!(input.cursor_after.deposits_read, *read);
    let later = input.later_deposits.len() as u64;
    let expected = if input.slot_max.is_some() { header.deposits_read.since(*read) } else { 0 };
    assert_eq!(later, expected);
}

impl DepositFields {
    fn deposit(&self, index: u64, l1_time: u64) -> Deposit {
        Deposit {
            kind: if self.is_fee_report {
                DepositKind::FeeReport
            } else {
                DepositKind::Transaction
            },
            from: Address::from(self.from),
            l1_block: index,
            l1_time,
            index: DepositIndex(index),
            l1_base_fee: U256::from_be_bytes(self.l1_base_fee),
            l1_blob_base_fee: U256::from_be_bytes(self.l1_blob_base_fee),
            payload: Bytes::copy_from_slice(&self.payload),
        }
    }
}

impl Data {
    const fn kind(&self) -> BatchKind {
        match self {
            Self::Calldata(_) | Self::Decoded(_) => BatchKind::Calldata,
            Self::Blobs(_) => BatchKind::Blobs,
            Self::Forced => BatchKind::Forced,
        }
    }

    fn batch(&self, header: &BatchHeader, config: &ChainConfig) -> Batch {
        let batch = match self {
            Self::Calldata(data) | Self::Blobs(data) => decode_batch(header, data, config),
            Self::Forced => decode_batch(header, &[], config),
            Self::Decoded(shapes) => {
                let mut blocks: Vec<_> = shapes.iter().map(decoded_block).collect();
                blocks.resize(blocks.len().max(1), BatchBlock::default());
                // Timestamps are those of the decoder's caller.
                return Batch { blocks, slot_max: Some(config.slot_max(header.l1_time)) };
            }
        };
        let bounds = header.timestamp_min(config)..=header.timestamp_max(config);
        assert!(batch.blocks.iter().all(|block| bounds.contains(&block.timestamp)));
        batch
    }
}

fn decoded_block(shape: &(u64, u64, bool)) -> BatchBlock {
    let (timestamp, deposit_count, has_transaction) = *shape;
    let transactions = if has_transaction { vec![Bytes::from_static(&[0])] } else { Vec::new() };
    BatchBlock { timestamp, deposit_count, transactions }
}

const fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 901,
        block_gas_limit: 30_000_000,
        base_fee_change_denominator: 250,
        elasticity: 6,
        min_base_fee_wei: 1,
        initial_base_fee_wei: 1_000_000_000,
        sequencer_window_secs: 100,
        sequencer_drift_secs: 10,
        max_blocks_per_sec: 3,
    }
}
