//! Calldata into tokens: the choices that [`calldata`](crate::calldata) leaves to the writer.
//!
//! Only compression depends on them. Whatever is chosen, the decoder gives the same bytes back.

#![expect(clippy::arithmetic_side_effects, reason = "offsets in data in memory")]

use crate::{
    calldata::{
        DECIMAL, NEW_ADDRESS, OLD_ADDRESS, PADDING, PADDING_LEN, SAME, SELECTOR, SELECTOR_LEN,
        TAIL, TEXT, TRAILING, WORD_LEN, column_of_head, column_of_number,
    },
    column::{Column, ColumnsMut, split_decimal},
};
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};
use std::collections::HashMap;

/// Leading zeros of a word that holds an address.
const ADDRESS_ZEROS: usize = 12;
/// A word with more leading zeros is taken for a number, unless it is a known address.
const NEW_ADDRESS_ZEROS_MAX: usize = 13;
/// Fewer significant bytes are not worth a look at the previous calldata.
const SAME_BYTES_MIN: usize = 3;
/// Fewer decimal zeros do not make a number round.
const ROUND_ZEROS_MIN: u8 = 3;

/// Indices of the addresses and selectors written so far.
#[derive(Debug, Default)]
pub(crate) struct Indices {
    addresses: HashMap<Address, u64>,
    selectors: HashMap<[u8; SELECTOR_LEN], u64>,
}

impl Indices {
    pub(crate) fn address(&self, address: &Address) -> Option<u64> {
        self.addresses.get(address).copied()
    }

    /// Writes a new address; gives its index.
    pub(crate) fn add_address(&mut self, address: Address, columns: &mut ColumnsMut) -> u64 {
        let index = self.addresses.len() as u64;
        self.addresses.insert(address, index);
        columns.bytes(Column::Addresses, address.as_slice());
        index
    }

    /// The code of a selector, with its index: 0 for a new one, which is written, else 1 + index.
    pub(crate) fn selector(
        &mut self,
        selector: [u8; SELECTOR_LEN],
        columns: &mut ColumnsMut,
    ) -> (u64, u64) {
        let next = self.selectors.len() as u64;
        let index = *self.selectors.entry(selector).or_insert(next);
        if index == next {
            columns.bytes(Column::NewSelectors, &selector);
            return (0, index);
        }
        (index + 1, index)
    }
}

/// Writes calldata from behind its selector on. `previous` is the group's previous calldata.
pub(crate) fn encode_words(
    columns: &mut ColumnsMut,
    indices: &mut Indices,
    previous: &[u8],
    input: &[u8],
) {
    let mut position = SELECTOR_LEN;
    // Ends of the inner calls around the position, the innermost last.
    let mut inner_ends: Vec<usize> = Vec::new();
    while position < input.len() {
        if inner_ends.last() == Some(&position) {
            inner_ends.pop();
            columns.byte(Column::Tokens, PADDING);
            position += PADDING_LEN;
            continue;
        }
        let end = inner_ends.last().copied().unwrap_or(input.len());
        let left = &input[position..end];
        let Some((word, behind)) = left.split_first_chunk::<WORD_LEN>() else {
            columns.byte(Column::Tokens, TAIL);
            columns.bytes(Column::Raw, left);
            position += left.len();
            continue;
        };
        let same = previous.get(position..).and_then(|p| p.first_chunk()) == Some(word);
        encode_word(columns, indices, word, same);
        position += WORD_LEN;
        if let Some((selector, len)) = inner_call(word, behind) {
            columns.byte(Column::Tokens, SELECTOR);
            let (code, _) = indices.selector(selector, columns);
            columns.number(Column::InnerSelectors, code);
            inner_ends.push(position + len);
            position += SELECTOR_LEN;
        }
    }
}

/// Whether a word is the length of an inner call, padded as the ABI wants it, that lies behind it.
fn inner_call(word: &[u8; WORD_LEN], behind: &[u8]) -> Option<([u8; SELECTOR_LEN], usize)> {
    let len: usize = U256::from_be_bytes(*word).try_into().ok()?;
    if len <= SELECTOR_LEN || len % WORD_LEN != SELECTOR_LEN {
        return None;
    }
    let padding = behind.get(len..)?.first_chunk::<PADDING_LEN>()?;
    let selector = *behind.first_chunk::<SELECTOR_LEN>()?;
    (*padding == [0; PADDING_LEN] && selector != [0; SELECTOR_LEN]).then_some((selector, len))
}

fn encode_word(columns: &mut ColumnsMut, indices: &mut Indices, word: &[u8; WORD_LEN], same: bool) {
    let leading = word.iter().take_while(|&&byte| byte == 0).count();
    let trailing = word.iter().rev().take_while(|&&byte| byte == 0).count();
    let token = |zeros: usize| u8::try_from(zeros).expect("a word has 32 bytes");
    if leading == WORD_LEN {
        return columns.byte(Column::Tokens, token(leading));
    }
    if same && WORD_LEN - leading - trailing >= SAME_BYTES_MIN {
        return columns.byte(Column::Tokens, SAME);
    }
    if leading >= ADDRESS_ZEROS {
        let address = Address::from_slice(&word[ADDRESS_ZEROS..]);
        if let Some(index) = indices.address(&address) {
            columns.byte(Column::Tokens, OLD_ADDRESS);
            return columns.number(Column::AddressIndices, index);
        }
        if leading <= NEW_ADDRESS_ZEROS_MAX {
            columns.byte(Column::Tokens, NEW_ADDRESS);
            indices.add_address(address, columns);
            return;
        }
        let number = U256::from_be_bytes(*word);
        let (exponent, mantissa) = split_decimal(number);
        let bytes = mantissa.bit_len().div_ceil(7).max(1) + 1;
        if exponent >= ROUND_ZEROS_MIN && bytes < WORD_LEN - leading {
            columns.byte(Column::Tokens, DECIMAL);
            return columns.decimal(Column::DecimalExponents, Column::DecimalMantissas, number);
        }
        columns.byte(Column::Tokens, token(leading));
        return columns.bytes(column_of_number(leading), &word[leading..]);
    }
    let head = &word[..WORD_LEN - trailing];
    if head.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        columns.byte(Column::Tokens, TEXT + token(trailing));
        columns.bytes(Column::Text, head);
    } else if trailing > leading {
        columns.byte(Column::Tokens, TRAILING + token(trailing));
        columns.bytes(column_of_head(trailing), head);
    } else {
        columns.byte(Column::Tokens, token(leading));
        columns.bytes(column_of_number(leading), &word[leading..]);
    }
}
