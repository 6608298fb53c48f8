//! The columns of a batch: what is alike lies together, so that it compresses well.
//!
//! The body of a batch is a table of column lengths (varints, in the order of [`Column`]),
//! followed by the columns. Numbers are unsigned LEB128 varints.

use crate::DecodeError;
#[cfg(feature = "std")]
use alloc::vec::Vec;
use alloy_primitives::U256;

/// The columns, in their order in the body. "Per transaction" is in the order that
/// `batch_decoder` describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
// PROTOCOL.md BATCH-4
pub(crate) enum Column {
    /// 20 bytes each: addresses in the order of their first use.
    Addresses,
    /// Literals of calldata words with less than 12 leading zeros.
    Words,
    /// Literals of words that end in 1 to 23 zeros.
    Heads,
    /// Literals of words that end in 24 to 31 zeros.
    ShortHeads,
    /// Data that is not split into words: deployments, remainders of calldata.
    Raw,
    /// Literals of words of printable ASCII, zeros at the end left out.
    Text,
    /// Per block: timestamp, the first absolute, each later one as the difference.
    Timestamps,
    /// Per block: number of transactions.
    TransactionCounts,
    /// Per block: number of deposits.
    DepositCounts,
    /// A byte per transaction: kind and flags.
    Kinds,
    /// Length of each transaction kept raw.
    RawLengths,
    /// Per signed transaction: 0 creation, 1 next new address, 2 + index.
    Targets,
    /// Per signed transaction: 0 none, 1 next new selector, 2 + index.
    Selectors,
    /// Per signed transaction.
    Nonces,
    /// Per signed transaction.
    GasLimits,
    /// Per signed transaction: 0 new fees, 1 + index.
    Fees,
    /// Of new fees: decimal exponents, a byte each.
    FeeExponents,
    /// Of new fees: mantissas.
    FeeMantissas,
    /// Per signed transaction: decimal exponent, a byte.
    ValueExponents,
    /// Per signed transaction: mantissa.
    ValueMantissas,
    /// Chain ids that are not ours.
    ChainIds,
    /// Length of access lists and authorization lists.
    ListLengths,
    /// RLP payloads of access lists and authorization lists.
    Lists,
    /// Per signed transaction: length of the calldata behind the selector.
    DataLengths,
    /// Calldata tokens, see `calldata`.
    Tokens,
    /// 4 bytes each: selectors in the order of their first use.
    NewSelectors,
    /// Selectors within calldata: 0 next new selector, 1 + index.
    InnerSelectors,
    /// Addresses within calldata that were used before.
    AddressIndices,
    /// Literals of words with 30 and 31 leading zeros.
    TinyNumbers,
    /// Literals of words with 24 to 29 leading zeros.
    SmallNumbers,
    /// Literals of words with 12 to 23 leading zeros.
    LargeNumbers,
    /// Decimal exponents of words that are round numbers.
    DecimalExponents,
    /// Mantissas of words that are round numbers.
    DecimalMantissas,
}

impl Column {
    pub(crate) const COUNT: usize = Self::DecimalMantissas as usize + 1;
}

/// Reads bytes and numbers; the end is an error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    // PROTOCOL.md NOTE-3
    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::NumberTooLarge)
    }

    pub(crate) fn length(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.number()?).map_err(|_| DecodeError::NumberTooLarge)
    }

    pub(crate) fn large_number(&mut self) -> Result<U256, DecodeError> {
        let mut number = U256::ZERO;
        for shift in (0..256).step_by(7) {
            let byte = self.byte()?;
            let bits = byte & 0x7f;
            if shift == 252 && bits > 0x0f {
                break;
            }
            number |= U256::from(bits).wrapping_shl(shift);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::NumberTooLarge)
    }

    /// `mantissa · 10^exponent`.
    // PROTOCOL.md BATCH-7
    pub(crate) fn decimal(mantissas: &mut Self, exponent: u8) -> Result<U256, DecodeError> {
        let mantissa = mantissas.large_number()?;
        if exponent == 0 || mantissa.is_zero() {
            return Ok(mantissa);
        }
        U256::from(10)
            .checked_pow(U256::from(exponent))
            .and_then(|power| mantissa.checked_mul(power))
            .ok_or(DecodeError::NumberTooLarge)
    }
}

/// All columns of one batch, read side by side.
#[derive(Debug)]
pub(crate) struct Columns<'a>([Reader<'a>; Column::COUNT]);

impl<'a> Columns<'a> {
    // PROTOCOL.md BATCH-3
    pub(crate) fn split(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut lengths = [0; Column::COUNT];
        for length in &mut lengths {
            *length = reader.length()?;
        }
        let mut columns = [Reader::default(); Column::COUNT];
        for (column, length) in columns.iter_mut().zip(lengths) {
            *column = Reader::new(reader.take(length)?);
        }
        match reader.rest().len() {
            0 => Ok(Self(columns)),
            count => Err(DecodeError::UnreadBytes { count }),
        }
    }

    pub(crate) const fn of(&mut self, column: Column) -> &mut Reader<'a> {
        &mut self.0[column as usize]
    }

    /// Two columns at once, e.g. exponents and mantissas.
    pub(crate) fn decimal(
        &mut self,
        exponents: Column,
        mantissas: Column,
    ) -> Result<U256, DecodeError> {
        let exponent = self.of(exponents).byte()?;
        Reader::decimal(self.of(mantissas), exponent)
    }

    /// Fails if a column was not read to its end.
    // PROTOCOL.md BATCH-3
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.0.iter().map(|column| column.rest().len()).find(|&len| len > 0) {
            None => Ok(()),
            Some(count) => Err(DecodeError::UnreadBytes { count }),
        }
    }
}

/// The columns of a batch that is being written.
#[cfg(feature = "std")]
#[derive(Debug)]
pub(crate) struct ColumnsMut([Vec<u8>; Column::COUNT]);

#[cfg(feature = "std")]
impl ColumnsMut {
    pub(crate) fn new() -> Self {
        Self(core::array::from_fn(|_| Vec::new()))
    }

    pub(crate) fn bytes(&mut self, column: Column, bytes: &[u8]) {
        self.0[column as usize].extend_from_slice(bytes);
    }

    pub(crate) fn byte(&mut self, column: Column, byte: u8) {
        self.0[column as usize].push(byte);
    }

    pub(crate) fn number(&mut self, column: Column, number: u64) {
        put_number(&mut self.0[column as usize], number);
    }

    pub(crate) fn decimal(&mut self, exponents: Column, mantissas: Column, number: U256) {
        let (exponent, mantissa) = split_decimal(number);
        self.byte(exponents, exponent);
        put_large_number(&mut self.0[mantissas as usize], mantissa);
    }

    pub(crate) fn join(self) -> Vec<u8> {
        let mut body = Vec::new();
        for column in &self.0 {
            put_number(&mut body, column.len() as u64);
        }
        for column in &self.0 {
            body.extend_from_slice(column);
        }
        body
    }
}

#[cfg(feature = "std")]
pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    put_large_number(out, U256::from(number));
}

#[cfg(feature = "std")]
fn put_large_number(out: &mut Vec<u8>, mut number: U256) {
    loop {
        let bits = number.byte(0) & 0x7f;
        number = number.wrapping_shr(7);
        if number.is_zero() {
            return out.push(bits);
        }
        out.push(bits | 0x80);
    }
}

/// Exponent and mantissa: as many decimal zeros off the end as there are.
#[cfg(feature = "std")]
pub(crate) fn split_decimal(mut number: U256) -> (u8, U256) {
    let mut exponent = 0_u8;
    while !number.is_zero() {
        let (quotient, digit) = number.div_rem(U256::from(10));
        if !digit.is_zero() {
            break;
        }
        number = quotient;
        exponent = exponent.saturating_add(1);
    }
    (exponent, number)
}
