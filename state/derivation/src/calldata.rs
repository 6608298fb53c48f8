//! Calldata as tokens: one byte says what the next ABI word is, its significant bytes go to a
//! column of similar words, and each address and selector is written once.
//!
//! | token | stands for |
//! |---|---|
//! | 0..=32 | word with that many leading zeros; column by their number |
//! | 33..=63 | word with 1..=31 trailing zeros; column Heads or ShortHeads |
//! | 64..=95 | word of printable ASCII with 0..=31 trailing zeros; column Text |
//! | 96 | the word at this offset of the group's previous calldata |
//! | 97 | address used before, column AddressIndices |
//! | 98 | new address, column Addresses |
//! | 99 | mantissa · 10^exponent |
//! | 100 | a selector of 4 bytes, which shifts the words behind it |
//! | 101 | 28 zeros, which end such a shift |
//! | 102 | up to 32 bytes, as far as the calldata goes; column Raw |

use crate::{
    DecodeError,
    column::{Column, Columns},
};
use alloc::vec::Vec;
use alloy_primitives::Address;

pub(crate) const TRAILING: u8 = 32;
pub(crate) const TEXT: u8 = 64;
pub(crate) const SAME: u8 = 96;
pub(crate) const OLD_ADDRESS: u8 = 97;
pub(crate) const NEW_ADDRESS: u8 = 98;
pub(crate) const DECIMAL: u8 = 99;
pub(crate) const SELECTOR: u8 = 100;
pub(crate) const PADDING: u8 = 101;
pub(crate) const TAIL: u8 = 102;

/// Bytes of a word.
pub(crate) const WORD_LEN: usize = 32;
/// Bytes of a selector.
pub(crate) const SELECTOR_LEN: usize = 4;
/// Zeros behind an inner call's words: its length is 4 modulo 32.
pub(crate) const PADDING_LEN: usize = WORD_LEN - SELECTOR_LEN;

/// Where the literals of a word with so many leading zeros lie.
pub(crate) const fn column_of_number(leading_zeros: usize) -> Column {
    match leading_zeros {
        0..12 => Column::Words,
        12..24 => Column::LargeNumbers,
        24..30 => Column::SmallNumbers,
        _ => Column::TinyNumbers,
    }
}

/// Where the literals of a word with so many trailing zeros lie.
pub(crate) const fn column_of_head(trailing_zeros: usize) -> Column {
    if trailing_zeros < 24 { Column::Heads } else { Column::ShortHeads }
}

/// The addresses and selectors seen so far, by index.
#[derive(Debug, Default)]
// PROTOCOL.md BATCH-11
pub(crate) struct Dictionaries {
    addresses: Vec<Address>,
    selectors: Vec<[u8; SELECTOR_LEN]>,
}

impl Dictionaries {
    /// Reads a new address; gives its index.
    pub(crate) fn new_address(&mut self, columns: &mut Columns<'_>) -> Result<usize, DecodeError> {
        let address = columns.of(Column::Addresses).array()?;
        self.addresses.push(Address::new(address));
        Ok(self.addresses.len().saturating_sub(1))
    }

    pub(crate) fn address(&self, index: u64) -> Result<Address, DecodeError> {
        find(&self.addresses, index)
    }

    /// The selector of `code`, with its index: code 0 reads a new one, code 1 + i is the i-th.
    pub(crate) fn selector(
        &mut self,
        code: u64,
        columns: &mut Columns<'_>,
    ) -> Result<([u8; SELECTOR_LEN], u64), DecodeError> {
        let Some(index) = code.checked_sub(1) else {
            let selector = columns.of(Column::NewSelectors).array()?;
            let index = self.selectors.len() as u64;
            self.selectors.push(selector);
            return Ok((selector, index));
        };
        find(&self.selectors, index).map(|selector| (selector, index))
    }

    /// The selector with an index that [`Self::selector`] gave.
    pub(crate) fn selector_at(&self, index: u64) -> Result<[u8; SELECTOR_LEN], DecodeError> {
        find(&self.selectors, index)
    }
}

fn find<T: Copy>(entries: &[T], index: u64) -> Result<T, DecodeError> {
    usize::try_from(index)
        .ok()
        .and_then(|i| entries.get(i))
        .copied()
        .ok_or(DecodeError::UnknownIndex { index, len: entries.len() })
}

/// Appends tokens' bytes to `input`, which holds the selector, until it has `len` bytes.
// PROTOCOL.md BATCH-10
pub(crate) fn decode_words(
    columns: &mut Columns<'_>,
    dictionaries: &mut Dictionaries,
    previous: &[u8],
    len: usize,
    input: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    const ZEROS: [u8; WORD_LEN] = [0; WORD_LEN];
    loop {
        let left = len.saturating_sub(input.len());
        if left == 0 {
            return Ok(());
        }
        let token = columns.of(Column::Tokens).byte()?;
        let needed = match token {
            SELECTOR => SELECTOR_LEN,
            PADDING => PADDING_LEN,
            TAIL => 1,
            _ => WORD_LEN,
        };
        if needed > left {
            return Err(DecodeError::Truncated);
        }
        match token {
            0..=32 => {
                let (zeros, literal) = ZEROS.split_at(usize::from(token));
                let literal = columns.of(column_of_number(zeros.len())).take(literal.len())?;
                input.extend_from_slice(zeros);
                input.extend_from_slice(literal);
            }
            33..=63 => {
                let (zeros, literal) = ZEROS.split_at(usize::from(token.saturating_sub(TRAILING)));
                let literal = columns.of(column_of_head(zeros.len())).take(literal.len())?;
                input.extend_from_slice(literal);
                input.extend_from_slice(zeros);
            }
            64..=95 => {
                let (zeros, literal) = ZEROS.split_at(usize::from(token.saturating_sub(TEXT)));
                input.extend_from_slice(columns.of(Column::Text).take(literal.len())?);
                input.extend_from_slice(zeros);
            }
            SAME => {
                let word = previous.get(input.len()..).and_then(|p| p.first_chunk::<WORD_LEN>());
                input.extend_from_slice(word.ok_or(DecodeError::Truncated)?);
            }
            OLD_ADDRESS => {
                let index = columns.of(Column::AddressIndices).number()?;
                input.extend_from_slice(&dictionaries.address(index)?.into_word()[..]);
            }
            NEW_ADDRESS => {
                let index = dictionaries.new_address(columns)?;
                input.extend_from_slice(&dictionaries.address(index as u64)?.into_word()[..]);
            }
            DECIMAL => {
                let word = columns.decimal(Column::DecimalExponents, Column::DecimalMantissas)?;
                input.extend_from_slice(&word.to_be_bytes::<WORD_LEN>());
            }
            SELECTOR => {
                let code = columns.of(Column::InnerSelectors).number()?;
                let (selector, _) = dictionaries.selector(code, columns)?;
                input.extend_from_slice(&selector);
            }
            PADDING => input.extend_from_slice(&ZEROS[..PADDING_LEN]),
            TAIL => input.extend_from_slice(columns.of(Column::Raw).take(left.min(WORD_LEN))?),
            code => return Err(DecodeError::UnknownCode { code }),
        }
    }
}
