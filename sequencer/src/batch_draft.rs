//! What goes into the next batch: the blocks that wait, encoded, with the deposits that are due.
//!
//! In: the store, and the clock of L1. Out: a draft that takes the next place of the inbox, or
//! nothing, when its blocks were taken back meanwhile. It sends nothing and does not decide when to
//! post.

use alloy_consensus::Transaction;
use alloy_eips::Decodable2718;
use alloy_primitives::B256;
use gainsay_chain::l1_index;
use gainsay_derivation::{
    BATCH_BLOCKS_MAX, BatchBlock, BlockNumber, Cursor, DepositIndex, EncodeError, MAX_BLOBS,
    MAX_CALLDATA_BYTES, blob_capacity, encode_prefix,
};
use gainsay_l1::BatchPosition;
use gainsay_store::{DepositRecord, RawTransaction};
use op_alloy_consensus::OpTxEnvelope;

use crate::{chain::Chain, error::NodeError};

/// Raw bytes of transactions that one batch may hold, however well they compress.
const RAW_BYTES_MAX: usize = 4 << 20;

/// A batch ready to be posted.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) position: BatchPosition,
    pub(crate) last_block: BlockNumber,
    pub(crate) transactions: usize,
    pub(crate) data: Vec<u8>,
}

/// Blocks that one batch could take, before they are encoded.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Where the chain stands in the inbox before the first of the blocks.
    pub(crate) cursor: Cursor,
    first_block: BlockNumber,
    blocks: Vec<BatchBlock>,
    /// Hash of the last of the blocks, which commits to all of them.
    last_hash: B256,
    raw_bytes: usize,
    pub(crate) transactions: usize,
    /// More blocks wait than one batch may take.
    pub(crate) full: bool,
}

/// Makes a batch of blocks that wait, at an L1 clock of `l1_time` seconds.
pub(crate) fn draft_batch(
    chain: &Chain,
    waiting: Waiting,
    l1_time: u64,
    calldata_only: bool,
) -> Result<Option<Draft>, NodeError> {
    let store = &chain.store;
    let Waiting { cursor, first_block, blocks, last_hash, .. } = waiting;
    let last_collected = last_of(first_block, &blocks);
    let encode = |blocks: &[BatchBlock]| encode(blocks, chain.rollup.chain.chain_id, calldata_only);
    let (mut blocks, mut data) = encode_prefix_of(blocks, encode)?;
    let mut deposits_read = cursor.deposits_read.plus(deposit_count(&blocks));
    let due = deposits_due(chain, cursor.deposits_read, deposits_read, l1_time)?;
    if due > deposits_read {
        tracing::warn!(%deposits_read, %due, "overdue deposits: the batch gets a block for them");
        (blocks, data) = append_deposits(blocks, due.since(cursor.deposits_read), l1_time, encode)?;
        deposits_read = due;
    }
    let acc = match deposits_read.previous() {
        None => Some(B256::ZERO),
        Some(last) => store.deposit(last)?.map(|record| record.acc),
    };
    let parent = match cursor.batch.previous() {
        None => Some(B256::ZERO),
        Some(last) => store.batch(last)?.map(|record| record.acc),
    };
    // A reorg of L1 first takes back batches and deposits, then the blocks that follow from them,
    // and then brings new ones. So the accumulators belong to the blocks, if the blocks still stand
    // after both were read.
    let stands = l1_index::safe_block(store).next() == first_block
        && store.block_hash(last_collected.get())? == Some(last_hash);
    let (Some(batch_acc), Some(deposit_acc), true) = (parent, acc, stands) else {
        return Ok(None);
    };
    Ok(Some(Draft {
        position: BatchPosition { index: cursor.batch, batch_acc, deposits_read, deposit_acc },
        last_block: last_of(first_block, &blocks),
        transactions: blocks.iter().map(|block| block.transactions.len()).sum(),
        data,
    }))
}

/// The longest run of blocks, from the first, that one batch can hold, by its length and data.
fn encode(
    blocks: &[BatchBlock],
    chain_id: u64,
    calldata_only: bool,
) -> Result<(usize, Vec<u8>), EncodeError> {
    let by_blobs = || encode_prefix(blocks, chain_id, blob_capacity(MAX_BLOBS));
    match calldata_only {
        // A block that was built for blobs may be too large for calldata: then it goes by blobs.
        true => encode_prefix(blocks, chain_id, MAX_CALLDATA_BYTES).or_else(|_| by_blobs()),
        false => by_blobs(),
    }
}

fn encode_prefix_of(
    mut blocks: Vec<BatchBlock>,
    encode: impl Fn(&[BatchBlock]) -> Result<(usize, Vec<u8>), EncodeError>,
) -> Result<(Vec<BatchBlock>, Vec<u8>), NodeError> {
    let (count, data) = encode(&blocks)?;
    blocks.truncate(count);
    Ok((blocks, data))
}

/// Adds a block of deposits alone, so that the batch reads `deposits` of them. Blocks at the end
/// give way when there is no room for it.
fn append_deposits(
    mut blocks: Vec<BatchBlock>,
    deposits: u64,
    l1_time: u64,
    encode: impl Fn(&[BatchBlock]) -> Result<(usize, Vec<u8>), EncodeError>,
) -> Result<(Vec<BatchBlock>, Vec<u8>), NodeError> {
    blocks.truncate(BATCH_BLOCKS_MAX - 1);
    loop {
        let mut longer = blocks.clone();
        longer.push(BatchBlock {
            timestamp: blocks.last().map_or(l1_time, |block| block.timestamp),
            deposit_count: deposits.saturating_sub(deposit_count(&blocks)),
            transactions: Vec::new(),
        });
        let (count, data) = encode(&longer)?;
        if count == longer.len() {
            return Ok((longer, data));
        }
        blocks.truncate(count - 1);
    }
}

/// The last of blocks that begin with `first`; there is one at the least.
fn last_of(first: BlockNumber, blocks: &[BatchBlock]) -> BlockNumber {
    first.plus((blocks.len() as u64).saturating_sub(1))
}

fn deposit_count(blocks: &[BatchBlock]) -> u64 {
    blocks.iter().map(|block| block.deposit_count).sum()
}

/// How many deposits a batch must have read at its end. It starts after `from` deposits, and its
/// blocks read up to `read`.
///
/// The Inbox refuses a batch that leaves out an overdue deposit for which it has gas. After L1 was
/// away for long, that deposit may be in a block too late for the batch, or in none: a sequencer
/// that did not take it early would be stuck until somebody forces it.
fn deposits_due(
    chain: &Chain,
    from: DepositIndex,
    mut read: DepositIndex,
    l1_time: u64,
) -> Result<DepositIndex, NodeError> {
    let gas_of = |record: &DepositRecord| record.deposit.to_transaction().gas_limit;
    let store = &chain.store;
    let mut gas: u64 = store.deposits(from, read)?.iter().map(gas_of).sum();
    while let Some(record) = store.deposit(read)? {
        gas = gas.saturating_add(gas_of(&record));
        let due_time = record.deposit.l1_time.saturating_add(chain.rollup.force_delay_secs);
        if l1_time <= due_time || gas > chain.rollup.max_batch_deposit_gas {
            break;
        }
        read = read.next();
    }
    Ok(read)
}

/// Collects blocks above the safe head, up to what one batch may hold. The writer may change the
/// chain meanwhile: only blocks that follow one another are taken.
pub(crate) fn collect(chain: &Chain, full_bytes: usize) -> Result<Option<Waiting>, NodeError> {
    let heads = chain.store.heads();
    let Some(safe) = chain.store.cursor(BlockNumber(heads.safe.number))? else { return Ok(None) };
    let mut waiting = Waiting {
        cursor: safe.cursor,
        first_block: BlockNumber(heads.safe.number).next(),
        blocks: Vec::new(),
        last_hash: heads.safe.hash,
        raw_bytes: 0,
        transactions: 0,
        full: false,
    };
    let mut deposit_gas_left = chain.rollup.max_batch_deposit_gas;
    for number in heads.safe.number + 1..=heads.latest.number {
        let Some(header) = chain.store.header(number)? else { break };
        let Some(transactions) = chain.store.raw_transactions(number)? else { break };
        if header.header.parent_hash != waiting.last_hash {
            break;
        }
        let (deposits, signed): (Vec<_>, Vec<_>) =
            transactions.into_iter().partition(RawTransaction::is_deposit);
        let mut deposit_gas = 0;
        for raw in &deposits {
            let deposit = OpTxEnvelope::decode_2718_exact(&raw.raw)
                .map_err(|source| NodeError::StoredDeposit { number, source })?;
            deposit_gas += deposit.gas_limit();
        }
        let raw_bytes: usize = signed.iter().map(|tx| tx.raw.len()).sum();
        let first = waiting.blocks.is_empty();
        let fits = deposit_gas <= deposit_gas_left
            && waiting.raw_bytes + raw_bytes <= RAW_BYTES_MAX
            && waiting.blocks.len() < BATCH_BLOCKS_MAX;
        if !first && !fits {
            waiting.full = true;
            break;
        }
        deposit_gas_left = deposit_gas_left.saturating_sub(deposit_gas);
        let deposit_count = deposits.len() as u64;
        waiting.transactions += signed.len();
        waiting.raw_bytes += raw_bytes;
        waiting.last_hash = header.hash;
        waiting.blocks.push(BatchBlock {
            timestamp: header.header.timestamp,
            deposit_count,
            transactions: signed.into_iter().map(|tx| tx.raw).collect(),
        });
    }
    waiting.full |= waiting.raw_bytes >= full_bytes;
    Ok((!waiting.blocks.is_empty()).then_some(waiting))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{pool::test_chain::CHAIN_ID, test_node::TestNode};
    use alloy_primitives::Address;
    use gainsay_chain::test_l1::{TestL1, batch_block, l1_time};
    use gainsay_derivation::{BatchIndex, decode_blocks};

    /// What would be posted now: deposits read, and the data.
    pub(crate) fn post(chain: &Chain, l1_time: u64, calldata_only: bool) -> (u64, Vec<u8>) {
        let waiting = collect(chain, 0).unwrap().unwrap();
        let draft = draft_batch(chain, waiting, l1_time, calldata_only).unwrap().unwrap();
        (draft.position.deposits_read.get(), draft.data)
    }

    #[test]
    fn overdue_deposits_go_with_the_batch_though_no_block_has_them() {
        let mut l1 = TestL1::default();
        let node = TestNode::new();
        let mut builder = node.builder();
        builder.set_l1_head(10, l1_time(10));
        for _ in 0..3 {
            builder.build().unwrap();
        }
        builder.flush().unwrap();
        // Deposits of 100,000 gas; a batch may read 1,000,000.
        for block in 11..=14 {
            for _ in 0..4 {
                l1.deposit(block, Address::ZERO, 1);
            }
        }
        node.deriver.on_deposits(&l1.deposits).unwrap();
        let due = l1_time(12) + node.chain.rollup.force_delay_secs;
        assert_eq!(post(&node.chain, l1_time(14), true).0, 0);
        assert_eq!(post(&node.chain, due, true).0, 4);
        assert_eq!(post(&node.chain, due + 1, true).0, 8);
        // All are overdue, ten fit.
        let (read, data) = post(&node.chain, due + 300, true);
        assert_eq!(read, 10);
        let blocks = decode_blocks(&data, CHAIN_ID).unwrap();
        assert_eq!(blocks.len(), 4);
        assert_eq!((blocks[3].deposit_count, blocks[3].transactions.len()), (10, 0));
        // The blocks themselves stay as they were promised.
        let batch = l1.batch(100, read, &data);
        let hashes: Vec<_> = (1..=3).map(|number| node.hash(number)).collect();
        let derived = node.deriver.on_batch(&batch).unwrap();
        assert!(derived.displaced.is_empty());
        assert_eq!((1..=3).map(|number| node.hash(number)).collect::<Vec<_>>(), hashes);
        assert_eq!(
            node.safe(),
            (4, Cursor { batch: BatchIndex(1), block: 0, deposits_read: DepositIndex(10) })
        );
    }

    #[test]
    fn a_full_batch_makes_room_for_overdue_deposits() {
        let blocks = vec![batch_block(5, 1, &[]); BATCH_BLOCKS_MAX];
        let fit = |blocks: &[BatchBlock]| encode(blocks, CHAIN_ID, true);
        let (blocks, _) = append_deposits(blocks, 5_000, 9, fit).unwrap();
        assert_eq!((blocks.len(), deposit_count(&blocks)), (BATCH_BLOCKS_MAX, 5_000));
        // Room for two blocks alone: the first of the real ones, and the deposits.
        let fit = |blocks: &[BatchBlock]| Ok((blocks.len().min(2), Vec::new()));
        let (blocks, _) = append_deposits(vec![batch_block(5, 3, &[]); 7], 30, 9, fit).unwrap();
        assert_eq!(blocks, [batch_block(5, 3, &[]), batch_block(5, 27, &[])]);
        let fit = |_: &[BatchBlock]| Ok((1, Vec::new()));
        let (blocks, _) = append_deposits(vec![batch_block(5, 3, &[]); 7], 30, 9, fit).unwrap();
        assert_eq!(blocks, [batch_block(9, 30, &[])]);
    }

    #[test]
    fn blocks_that_were_taken_back_are_not_posted() {
        let node = TestNode::new();
        let mut builder = node.builder();
        builder.set_l1_head(10, l1_time(10));
        for _ in 0..3 {
            builder.build().unwrap();
        }
        builder.flush().unwrap();
        let waiting = collect(&node.chain, 0).unwrap().unwrap();
        assert_eq!((waiting.first_block, waiting.blocks.len()), (BlockNumber(1), 3));
        node.chain.store.rewind(2).unwrap();
        assert!(draft_batch(&node.chain, waiting, l1_time(11), true).unwrap().is_none());
        // Derived in between: the same blocks must not go into a second batch.
        let waiting = collect(&node.chain, 0).unwrap().unwrap();
        let (read, data) = post(&node.chain, l1_time(11), true);
        node.deriver.on_batch(&TestL1::default().batch(11, read, &data)).unwrap();
        assert!(draft_batch(&node.chain, waiting, l1_time(11), true).unwrap().is_none());
        assert!(collect(&node.chain, 0).unwrap().is_none());
    }
}
