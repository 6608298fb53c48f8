//! From the data of a batch, as posted, to its blocks.
//!
//! Version 1 of the format:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version |
//! | varint | number n of signed transactions |
//! | 64 n | r and s of each, in the order of the batch |
//! | n / 8, rounded up | y parity of each, lowest bit first |
//! | to the end | Brotli stream of the columns (see `column`) |
//!
//! A byte in the kinds column is a `SignedKind`, plus 8 if the chain id is not ours, plus 16 if
//! there is an access list; or 5 for a transaction that is kept raw because nothing else gives
//! its bytes back. Kinds, raw lengths and targets are in the order of the batch; selectors in the
//! order of targets (stable), and all other columns in the order of targets and selectors
//! (stable): calls of one function of one contract lie together.

use crate::{
    BATCH_BLOCKS_MAX, BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, Batch, BatchBlock, BatchHeader,
    BatchKind, ChainConfig, DecodeError,
    calldata::{Dictionaries, SELECTOR_LEN, decode_words},
    column::{Column, Columns, Reader},
    decompress::decompress,
    signed_transaction::{SignedKind, SignedTransaction},
};
use alloc::{vec, vec::Vec};
use alloy_primitives::{Address, Bytes, U256};

/// The version that this crate writes and reads.
pub(crate) const VERSION: u8 = 1;
/// Kind of a transaction that is kept raw.
pub(crate) const RAW: u8 = 5;
/// Flag of a kind: the chain id is in its column.
pub(crate) const FOREIGN_CHAIN: u8 = 8;
/// Flag of a kind: there is an access list.
pub(crate) const ACCESS_LIST: u8 = 16;
/// Bytes of a signature's r and s.
pub(crate) const SIGNATURE_LEN: usize = 64;

/// The blocks of a batch, whatever its data is.
///
/// `data` is the calldata that hashes to the header's data hash, what
/// [`blob_data`](crate::blob_data) made of its blobs, or empty for a forced batch. Garbage, and a
/// forced batch, give one block without transactions at the header's L1 time. Timestamps are
/// within the header's bounds.
// PROTOCOL.md DERIVE-2
#[must_use]
pub fn decode_batch(header: &BatchHeader, data: &[u8], config: &ChainConfig) -> Batch {
    let decoded = match header.kind {
        BatchKind::Forced => None,
        BatchKind::Calldata | BatchKind::Blobs => decode_blocks(data, config.chain_id).ok(),
    };
    // A block that the sequencer did not write takes no slot: each costs its own batch on L1.
    // PROTOCOL.md DERIVE-8
    let slot_max = decoded.is_some().then(|| config.slot_max(header.l1_time));
    let mut blocks = decoded.unwrap_or_else(|| {
        let timestamp = header.l1_time;
        vec![BatchBlock { timestamp, deposit_count: 0, transactions: Vec::new() }]
    });
    for block in &mut blocks {
        block.timestamp = header.clamp_timestamp(block.timestamp, config);
    }
    Batch { blocks, slot_max }
}

/// The blocks as they were [encoded](crate::encode_batch), or why there are none.
///
/// # Errors
/// [`DecodeError`]: the data is garbage, which makes a batch without transactions.
// PROTOCOL.md BATCH-1
pub fn decode_blocks(data: &[u8], chain_id: u64) -> Result<Vec<BatchBlock>, DecodeError> {
    let Some((&VERSION, rest)) = data.split_first() else {
        return Err(DecodeError::UnknownVersion { found: data.first().copied() });
    };
    let mut outer = Reader::new(rest);
    let signatures = Signatures::read(&mut outer)?;
    let body = decompress(outer.rest(), BATCH_BYTES_MAX)?;
    let mut columns = Columns::split(&body)?;

    let shapes = read_shapes(&mut columns)?;
    let count = shapes.iter().map(|shape| shape.transactions).sum();
    let mut transactions = Vec::new();
    let mut budget = BATCH_BYTES_MAX;
    let mut signed = read_kinds(&mut columns, count, &mut transactions, &mut budget)?;
    if signed.len() != signatures.count() {
        let (found, expected) = (signed.len(), signatures.count());
        return Err(DecodeError::TransactionCount { found, expected });
    }
    let mut dictionaries = Dictionaries::default();
    read_targets(&mut columns, &mut dictionaries, &mut signed)?;

    let mut decoder = Decoder { columns, dictionaries, chain_id, fees: <[Vec<_>; 2]>::default() };
    let mut group = None;
    let mut previous = Vec::new();
    for shape in &signed {
        if group != Some((shape.target, shape.selector)) {
            group = Some((shape.target, shape.selector));
            previous.clear();
        }
        let (raw, input) = decoder.transaction(shape, &signatures, &previous, budget)?;
        budget = charge(budget, raw.len())?;
        previous = input;
        if let Some(slot) = transactions.get_mut(shape.position) {
            *slot = raw.into();
        }
    }
    decoder.columns.finish()?;

    let mut transactions = transactions.into_iter();
    Ok(shapes
        .into_iter()
        .map(|shape| BatchBlock {
            timestamp: shape.timestamp,
            deposit_count: shape.deposit_count,
            transactions: transactions.by_ref().take(shape.transactions).collect(),
        })
        .collect())
}

// PROTOCOL.md BATCH-2
fn charge(budget: usize, len: usize) -> Result<usize, DecodeError> {
    budget.checked_sub(len).ok_or(DecodeError::TooLarge { max: BATCH_BYTES_MAX })
}

/// The part of a batch outside Brotli, since it would not shrink.
struct Signatures<'a> {
    pairs: &'a [[u8; SIGNATURE_LEN]],
    parities: &'a [u8],
}

impl<'a> Signatures<'a> {
    // PROTOCOL.md BATCH-1
    fn read(outer: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = outer.length()?;
        if count > BATCH_TRANSACTIONS_MAX {
            let expected = BATCH_TRANSACTIONS_MAX;
            return Err(DecodeError::TransactionCount { found: count, expected });
        }
        let (pairs, _) = outer.take(count.saturating_mul(SIGNATURE_LEN))?.as_chunks();
        Ok(Self { pairs, parities: outer.take(count.div_ceil(8))? })
    }

    const fn count(&self) -> usize {
        self.pairs.len()
    }

    fn get(&self, index: usize) -> Result<(bool, U256, U256), DecodeError> {
        let pair = self.pairs.get(index).ok_or(DecodeError::Truncated)?;
        let bits = self.parities.get(index / 8).ok_or(DecodeError::Truncated)?;
        let (r, s) = pair.split_at(SIGNATURE_LEN / 2);
        Ok((bits >> (index % 8) & 1 == 1, U256::from_be_slice(r), U256::from_be_slice(s)))
    }
}

/// A block before its transactions are decoded.
struct BlockShape {
    timestamp: u64,
    deposit_count: u64,
    transactions: usize,
}

// PROTOCOL.md BATCH-4
fn read_shapes(columns: &mut Columns<'_>) -> Result<Vec<BlockShape>, DecodeError> {
    // Each block has a transaction count, a varint whose last byte alone is below 0x80.
    let counts = columns.of(Column::TransactionCounts).rest();
    let blocks = counts.iter().filter(|&&byte| byte < 0x80).count();
    if blocks == 0 || blocks > BATCH_BLOCKS_MAX {
        return Err(DecodeError::BlockCount { found: blocks as u64, max: BATCH_BLOCKS_MAX });
    }
    let mut shapes = Vec::with_capacity(blocks);
    let (mut timestamp, mut total) = (0_u64, 0_usize);
    for _ in 0..blocks {
        let delta = columns.of(Column::Timestamps).number()?;
        timestamp = timestamp.checked_add(delta).ok_or(DecodeError::NumberTooLarge)?;
        let deposit_count = columns.of(Column::DepositCounts).number()?;
        let transactions = columns.of(Column::TransactionCounts).length()?;
        total = total.saturating_add(transactions);
        if total > BATCH_TRANSACTIONS_MAX {
            let expected = BATCH_TRANSACTIONS_MAX;
            return Err(DecodeError::TransactionCount { found: total, expected });
        }
        shapes.push(BlockShape { timestamp, deposit_count, transactions });
    }
    Ok(shapes)
}

/// A signed transaction before its fields are decoded.
struct SignedShape {
    /// Index among all transactions of the batch.
    position: usize,
    /// Index among the signed transactions of the batch.
    signature: usize,
    kind: SignedKind,
    flags: u8,
    /// 0 creation, 1 + index of the address.
    target: u64,
    /// 0 none, 1 + index of the selector.
    selector: u64,
}

/// Fills `transactions` with the raw ones and with an empty place for each signed one. Returns the
/// kinds of the signed ones.
// PROTOCOL.md BATCH-5, BATCH-6
fn read_kinds(
    columns: &mut Columns<'_>,
    count: usize,
    transactions: &mut Vec<Bytes>,
    budget: &mut usize,
) -> Result<Vec<SignedShape>, DecodeError> {
    let kinds = columns.of(Column::Kinds).take(count)?;
    let mut signed = Vec::new();
    transactions.reserve_exact(count);
    for (position, &code) in kinds.iter().enumerate() {
        if code == RAW {
            let len = columns.of(Column::RawLengths).length()?;
            *budget = charge(*budget, len)?;
            transactions.push(Bytes::copy_from_slice(columns.of(Column::Raw).take(len)?));
            continue;
        }
        let flags = code & (FOREIGN_CHAIN | ACCESS_LIST);
        let kind = SignedKind::from_code(code ^ flags)?;
        let known = flags & FOREIGN_CHAIN == 0 || kind.has_chain_id();
        if !known || flags & ACCESS_LIST != 0 && !kind.has_access_list() {
            return Err(DecodeError::UnknownCode { code });
        }
        transactions.push(Bytes::new());
        let signature = signed.len();
        signed.push(SignedShape { position, signature, kind, flags, target: 0, selector: 0 });
    }
    Ok(signed)
}

/// Reads targets and selectors, and brings the transactions into the order of the other columns.
// PROTOCOL.md BATCH-9
fn read_targets(
    columns: &mut Columns<'_>,
    dictionaries: &mut Dictionaries,
    signed: &mut [SignedShape],
) -> Result<(), DecodeError> {
    for shape in &mut *signed {
        shape.target = match columns.of(Column::Targets).number()? {
            0 => 0,
            1 => (dictionaries.new_address(columns)? as u64).saturating_add(1),
            code => {
                let index = code.saturating_sub(2);
                dictionaries.address(index)?;
                index.saturating_add(1)
            }
        };
    }
    signed.sort_by_key(|shape| shape.target);
    for shape in &mut *signed {
        shape.selector = match columns.of(Column::Selectors).number()? {
            0 => 0,
            code => dictionaries.selector(code.saturating_sub(1), columns)?.1.saturating_add(1),
        };
    }
    signed.sort_by_key(|shape| (shape.target, shape.selector));
    Ok(())
}

/// Reads the fields of one transaction after another.
struct Decoder<'a> {
    columns: Columns<'a>,
    dictionaries: Dictionaries,
    chain_id: u64,
    /// Gas prices, and pairs of maximum and priority fee.
    fees: [Vec<(u128, u128)>; 2],
}

impl Decoder<'_> {
    /// The EIP-2718 bytes, of about `budget` at most, and the calldata.
    fn transaction(
        &mut self,
        shape: &SignedShape,
        signatures: &Signatures<'_>,
        previous: &[u8],
        budget: usize,
    ) -> Result<(Vec<u8>, Vec<u8>), DecodeError> {
        let kind = shape.kind;
        let chain_id = match (kind.has_chain_id(), shape.flags & FOREIGN_CHAIN != 0) {
            (false, _) => 0,
            (true, false) => self.chain_id,
            (true, true) => self.columns.of(Column::ChainIds).number()?,
        };
        let nonce = self.columns.of(Column::Nonces).number()?;
        let (max_fee, priority_fee) = self.fees(kind)?;
        let gas_limit = self.columns.of(Column::GasLimits).number()?;
        let to: Option<Address> = match shape.target.checked_sub(1) {
            None => None,
            Some(index) => Some(self.dictionaries.address(index)?),
        };
        let value = self.columns.decimal(Column::ValueExponents, Column::ValueMantissas)?;
        let input = self.input(shape.selector, previous, budget)?;
        let access_list = if shape.flags & ACCESS_LIST == 0 { &[][..] } else { self.list()? };
        let authorizations = if kind == SignedKind::SetCode { self.list()? } else { &[][..] };
        let (y_parity, r, s) = signatures.get(shape.signature)?;
        let raw = SignedTransaction {
            kind,
            chain_id,
            nonce,
            max_fee,
            priority_fee,
            gas_limit,
            to,
            value,
            input: &input,
            access_list,
            authorizations,
            y_parity,
            r,
            s,
        }
        .encode();
        Ok((raw, input))
    }

    // PROTOCOL.md BATCH-8
    fn fees(&mut self, kind: SignedKind) -> Result<(u128, u128), DecodeError> {
        let code = self.columns.of(Column::Fees).number()?;
        let known = &self.fees[usize::from(kind.has_priority_fee())];
        if let Some(index) = code.checked_sub(1) {
            let found = usize::try_from(index).ok().and_then(|i| known.get(i)).copied();
            return found.ok_or(DecodeError::UnknownIndex { index, len: known.len() });
        }
        let mut fee = || {
            let fee = self.columns.decimal(Column::FeeExponents, Column::FeeMantissas)?;
            u128::try_from(fee).map_err(|_| DecodeError::NumberTooLarge)
        };
        let fees = (fee()?, if kind.has_priority_fee() { fee()? } else { 0 });
        self.fees[usize::from(kind.has_priority_fee())].push(fees);
        Ok(fees)
    }

    // PROTOCOL.md BATCH-10
    fn input(
        &mut self,
        selector: u64,
        previous: &[u8],
        budget: usize,
    ) -> Result<Vec<u8>, DecodeError> {
        let len = self.columns.of(Column::DataLengths).length()?;
        let Some(index) = selector.checked_sub(1) else {
            return Ok(self.columns.of(Column::Raw).take(len)?.to_vec());
        };
        let len = len.saturating_add(SELECTOR_LEN);
        charge(budget, len)?;
        let mut input = Vec::with_capacity(len);
        input.extend_from_slice(&self.dictionaries.selector_at(index)?);
        decode_words(&mut self.columns, &mut self.dictionaries, previous, len, &mut input)?;
        Ok(input)
    }
}

impl<'a> Decoder<'a> {
    fn list(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.columns.of(Column::ListLengths).length()?;
        self.columns.of(Column::Lists).take(len)
    }
}
