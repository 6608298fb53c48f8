//! From blocks to the data of a batch, as small as we can make it. For hosts: slow, and it
//! allocates as it likes. The format stands in [`batch_decoder`](crate::batch_decoder).

#![expect(clippy::arithmetic_side_effects, reason = "counts of what is in memory")]

use crate::{
    BATCH_BLOCKS_MAX, BATCH_TRANSACTIONS_MAX, BatchBlock, DecodeError,
    batch_decoder::{ACCESS_LIST, FOREIGN_CHAIN, RAW, SIGNATURE_LEN, VERSION, decode_blocks},
    calldata::SELECTOR_LEN,
    calldata_encoder::{Indices, encode_words},
    column::{Column, ColumnsMut, put_number},
    signed_transaction::{SignedKind, SignedTransaction},
};
use alloc::{vec, vec::Vec};
use alloy_primitives::U256;
use brotli::enc::{BrotliCompress, BrotliEncoderParams};
use std::collections::HashMap;

/// Brotli's best and slowest: L1 bytes cost more than our time.
const QUALITY: i32 = 11;
/// log2 of the window in bytes: the largest that a decoder accepts.
const WINDOW_BITS: i32 = 24;
/// Bytes of a signed transaction that no compression saves: r and s.
const TRANSACTION_LEN_MIN: usize = SIGNATURE_LEN;

/// Why blocks do not make a batch.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// No block, or more than [`BATCH_BLOCKS_MAX`].
    #[error("{found} blocks, expected 1 to {max}", max = BATCH_BLOCKS_MAX)]
    BlockCount {
        /// How many were given.
        found: usize,
    },
    /// A block is older than the one before it.
    #[error("block {index} has timestamp {timestamp}, before its parent's {parent}")]
    TimestampDecreases {
        /// Index among the blocks given.
        index: usize,
        /// Timestamp of the block, seconds.
        timestamp: u64,
        /// Timestamp of the block before it, seconds.
        parent: u64,
    },
    /// The decoder would refuse the batch: too many bytes or transactions. Take fewer blocks.
    #[error("the batch would be garbage")]
    Refused(#[from] DecodeError),
    /// The first block alone does not fit.
    #[error("the first block takes {len} bytes, at most {max} fit")]
    BlockTooLarge {
        /// Bytes of a batch of this block alone, or a lower bound.
        len: usize,
        /// Most bytes that the caller allows.
        max: usize,
    },
    /// The batch does not decode to the blocks: a bug of the encoder. Nothing must be posted.
    #[error("the batch does not decode to its blocks")]
    NotReversible,
    /// Brotli's writer failed.
    #[error("compression failed")]
    Compression(#[from] std::io::Error),
}

/// Encodes all blocks into one batch, and checks that it decodes to them.
///
/// Timestamps must not decrease. Transactions may be any bytes; those that are no canonical signed
/// transaction of type legacy, 1, 2 or 4 only take more bytes.
///
/// # Errors
/// [`EncodeError`] when the blocks break a bound or an order that batches have.
pub fn encode_batch(blocks: &[BatchBlock], chain_id: u64) -> Result<Vec<u8>, EncodeError> {
    if blocks.is_empty() || blocks.len() > BATCH_BLOCKS_MAX {
        return Err(EncodeError::BlockCount { found: blocks.len() });
    }
    let mut columns = ColumnsMut::new();
    encode_shapes(blocks, &mut columns)?;
    let mut signed = encode_kinds(blocks, chain_id, &mut columns);

    let mut data = vec![VERSION];
    put_number(&mut data, signed.len() as u64);
    for entry in &signed {
        data.extend_from_slice(&entry.transaction.r.to_be_bytes::<32>());
        data.extend_from_slice(&entry.transaction.s.to_be_bytes::<32>());
    }
    for octet in signed.chunks(8) {
        let bits =
            octet.iter().rev().fold(0, |bits, e| bits << 1 | u8::from(e.transaction.y_parity));
        data.push(bits);
    }

    let mut indices = Indices::default();
    encode_targets(&mut signed, &mut indices, &mut columns);
    encode_fields(&signed, chain_id, &mut indices, &mut columns);
    let body = columns.join();
    let params = BrotliEncoderParams {
        quality: QUALITY,
        lgwin: WINDOW_BITS,
        size_hint: body.len(),
        ..BrotliEncoderParams::default()
    };
    BrotliCompress(&mut body.as_slice(), &mut data, &params)?;
    if decode_blocks(&data, chain_id)? != blocks {
        return Err(EncodeError::NotReversible);
    }
    Ok(data)
}

/// Encodes as many of the first blocks as fit `max` bytes; gives their number and the batch.
///
/// The number is at least 1. It is close to the largest that fits, but not always the largest,
/// because each trial costs seconds.
///
/// # Errors
/// As [`encode_batch`], and when not even the first block fits.
pub fn encode_prefix(
    blocks: &[BatchBlock],
    chain_id: u64,
    max: usize,
) -> Result<(usize, Vec<u8>), EncodeError> {
    if blocks.is_empty() {
        return Err(EncodeError::BlockCount { found: 0 });
    }
    let mut count = count_by_bound(blocks, max);
    let mut best = (0, Vec::new());
    // The least count known not to fit.
    let mut above = count.saturating_add(1);
    let mut attempt = 0_u32;
    loop {
        let len = match encode_batch(&blocks[..count], chain_id) {
            Ok(data) if data.len() <= max => {
                let len = data.len();
                best = (count, data);
                len
            }
            Ok(data) => {
                above = count;
                data.len()
            }
            Err(EncodeError::Refused(_)) if count > 1 => {
                above = count;
                max.saturating_mul(2)
            }
            Err(error) => return Err(error),
        };
        let fits = best.0;
        if above == 1 {
            return Err(EncodeError::BlockTooLarge { len, max });
        }
        let is_nearly_full = fits == count && max - len < max / 32;
        if is_nearly_full || above - fits == 1 {
            return Ok(best);
        }
        // Blocks are often alike: aim a little below the bound, halve if that does not help.
        attempt += 1;
        let aim = if attempt < 4 {
            scale(count, max - max / 64, len.max(1))
        } else {
            fits.midpoint(above)
        };
        count = aim.clamp(fits + 1, above - 1);
    }
}

fn scale(count: usize, numerator: usize, denominator: usize) -> usize {
    let scaled = count as u128 * numerator as u128 / denominator as u128;
    usize::try_from(scaled).unwrap_or(usize::MAX)
}

/// How many blocks might fit, by the bytes that no compression saves. 0 only for no blocks.
fn count_by_bound(blocks: &[BatchBlock], max: usize) -> usize {
    let (mut transactions, mut count) = (0_usize, 0);
    for block in blocks.iter().take(BATCH_BLOCKS_MAX) {
        transactions = transactions.saturating_add(block.transactions.len());
        let len = transactions.saturating_mul(TRANSACTION_LEN_MIN);
        if count > 0 && (len > max || transactions > BATCH_TRANSACTIONS_MAX) {
            break;
        }
        count += 1;
    }
    count
}

fn encode_shapes(blocks: &[BatchBlock], columns: &mut ColumnsMut) -> Result<(), EncodeError> {
    let mut parent = 0;
    for (index, block) in blocks.iter().enumerate() {
        let timestamp = block.timestamp;
        let delta = timestamp.checked_sub(parent).ok_or(EncodeError::TimestampDecreases {
            index,
            timestamp,
            parent,
        })?;
        parent = timestamp;
        columns.number(Column::Timestamps, delta);
        columns.number(Column::DepositCounts, block.deposit_count);
        columns.number(Column::TransactionCounts, block.transactions.len() as u64);
    }
    Ok(())
}

/// A signed transaction and its place in the order of the columns.
struct Signed<'a> {
    transaction: SignedTransaction<'a>,
    /// 0 creation, 1 + index of the address.
    target: u64,
    /// 0 none, 1 + index of the selector.
    selector: u64,
}

impl Signed<'_> {
    fn call_selector(&self) -> Option<[u8; SELECTOR_LEN]> {
        let input = self.transaction.to.and(Some(self.transaction.input))?;
        input.first_chunk().copied()
    }
}

fn encode_kinds<'a>(
    blocks: &'a [BatchBlock],
    chain_id: u64,
    columns: &mut ColumnsMut,
) -> Vec<Signed<'a>> {
    let mut signed = Vec::new();
    for raw in blocks.iter().flat_map(|block| &block.transactions) {
        let Some(transaction) = SignedTransaction::parse(raw) else {
            columns.byte(Column::Kinds, RAW);
            columns.number(Column::RawLengths, raw.len() as u64);
            columns.bytes(Column::Raw, raw);
            continue;
        };
        let mut code = transaction.kind as u8;
        if transaction.kind.has_chain_id() && transaction.chain_id != chain_id {
            code |= FOREIGN_CHAIN;
        }
        if !transaction.access_list.is_empty() {
            code |= ACCESS_LIST;
        }
        columns.byte(Column::Kinds, code);
        signed.push(Signed { transaction, target: 0, selector: 0 });
    }
    signed
}

/// Writes targets and selectors, and brings the transactions into the order of the other columns.
fn encode_targets(signed: &mut [Signed<'_>], indices: &mut Indices, columns: &mut ColumnsMut) {
    for entry in &mut *signed {
        let Some(to) = entry.transaction.to else {
            columns.number(Column::Targets, 0);
            continue;
        };
        let index = if let Some(index) = indices.address(&to) {
            columns.number(Column::Targets, index + 2);
            index
        } else {
            columns.number(Column::Targets, 1);
            indices.add_address(to, columns)
        };
        entry.target = index + 1;
    }
    signed.sort_by_key(|entry| entry.target);
    for entry in &mut *signed {
        let Some(selector) = entry.call_selector() else {
            columns.number(Column::Selectors, 0);
            continue;
        };
        let (code, index) = indices.selector(selector, columns);
        columns.number(Column::Selectors, code + 1);
        entry.selector = index + 1;
    }
    signed.sort_by_key(|entry| (entry.target, entry.selector));
}

fn encode_fields(
    signed: &[Signed<'_>],
    chain_id: u64,
    indices: &mut Indices,
    columns: &mut ColumnsMut,
) {
    let mut fees = <[HashMap<(u128, u128), u64>; 2]>::default();
    let mut group = None;
    let mut previous: &[u8] = &[];
    for entry in signed {
        if group != Some((entry.target, entry.selector)) {
            group = Some((entry.target, entry.selector));
            previous = &[];
        }
        let transaction = &entry.transaction;
        if transaction.kind.has_chain_id() && transaction.chain_id != chain_id {
            columns.number(Column::ChainIds, transaction.chain_id);
        }
        columns.number(Column::Nonces, transaction.nonce);
        let fees = &mut fees[usize::from(transaction.kind.has_priority_fee())];
        encode_fees(transaction, fees, columns);
        columns.number(Column::GasLimits, transaction.gas_limit);
        columns.decimal(Column::ValueExponents, Column::ValueMantissas, transaction.value);
        let input = transaction.input;
        if entry.selector == 0 {
            columns.number(Column::DataLengths, input.len() as u64);
            columns.bytes(Column::Raw, input);
        } else {
            columns.number(Column::DataLengths, (input.len() - SELECTOR_LEN) as u64);
            encode_words(columns, indices, previous, input);
        }
        previous = input;
        if !transaction.access_list.is_empty() {
            encode_list(transaction.access_list, columns);
        }
        if transaction.kind == SignedKind::SetCode {
            encode_list(transaction.authorizations, columns);
        }
    }
}

fn encode_list(payload: &[u8], columns: &mut ColumnsMut) {
    columns.number(Column::ListLengths, payload.len() as u64);
    columns.bytes(Column::Lists, payload);
}

fn encode_fees(
    transaction: &SignedTransaction<'_>,
    known: &mut HashMap<(u128, u128), u64>,
    columns: &mut ColumnsMut,
) {
    let pair = (transaction.max_fee, transaction.priority_fee);
    let next = known.len() as u64;
    let index = *known.entry(pair).or_insert(next);
    if index != next {
        return columns.number(Column::Fees, index + 1);
    }
    columns.number(Column::Fees, 0);
    let mut fee = |fee| {
        columns.decimal(Column::FeeExponents, Column::FeeMantissas, U256::from(fee));
    };
    fee(transaction.max_fee);
    if transaction.kind.has_priority_fee() {
        fee(transaction.priority_fee);
    }
}
