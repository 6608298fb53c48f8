//! Undo records: what a block overwrote.
//!
//! In: the sorted previous values of all flat entries and trie nodes that a block changed. Out: an
//! index and parts of some 16 KiB, in which a value is found by reading one part and a binary
//! search in it, and which can be walked to take the block back.
//!
//! For nearly every key that a block did *not* touch, the index says so. A read of a state many
//! blocks back therefore goes through the small indexes of the blocks in between, and opens one
//! part of the block that touched the key.
//!
//! Table `undo`: key `number:u64 ‖ piece:u32`; piece 0 is the index, pieces 1.. the parts.
//!
//! | offset in the index | content |
//! |---|---|
//! | 0 | format version, 1 |
//! | 1 | block number, u64 |
//! | 9 | number of parts n, u32 |
//! | 13 | n times `key length:u8 ‖ key`: the first key of each part |
//! | then | Bloom filter over all keys, see [`bits_of`] |
//!
//! | offset in a part | content |
//! |---|---|
//! | 0 | format version, 1 |
//! | 1 | block number, u64 |
//! | 9 | number of entries n, u32 |
//! | 13 | n end offsets of entries, u32 each, relative to the first entry |
//! | 13 + 4n | n entries, ascending by key |
//!
//! An entry is `key length:u8 ‖ key ‖ 0x00` when there was nothing under the key before the block,
//! or `key length:u8 ‖ key ‖ 0x01 ‖ value`. Keys carry the tag of their table (`tables.rs`).

use std::sync::Arc;

use alloy_primitives::Bytes;

use crate::{
    error::StoreError,
    tables::{StateKey, Table},
};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 13;
/// Nothing under the key before the block.
const ABSENT: u8 = 0;
/// A value follows.
const PRESENT: u8 = 1;
/// A part is closed once it has this many bytes of entries.
const PART_BYTES: usize = 16 << 10;
/// Bits of the filter for each key: with 8 probes about one in 1,700 foreign keys passes.
const FILTER_BITS_PER_KEY: usize = 16;
const FILTER_PROBES: u64 = 8;

/// A value before a block: `None` when there was nothing.
pub(crate) type Previous = Option<Bytes>;

/// One entry: key with its tag, and the value before the block.
type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// The key of a piece in the table.
pub(crate) fn piece_key(number: u64, piece: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&piece.to_be_bytes());
    key
}

/// Reads the block number of a piece's key.
pub(crate) fn number_of_piece(key: &[u8]) -> Result<(u64, u32), StoreError> {
    let parse = || {
        let (number, piece) = key.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*number), u32::from_be_bytes(piece.try_into().ok()?)))
    };
    parse().ok_or_else(|| StoreError::corrupt(Table::Undo.name(), key, "the key is not 12 bytes"))
}

/// The whole undo record of a block that is being committed.
#[derive(Debug)]
pub(crate) struct BlockUndo {
    pub(crate) index: Arc<UndoIndex>,
    pub(crate) parts: Vec<Arc<UndoPart>>,
}

impl BlockUndo {
    /// Makes the record of block `number`. `keys` must ascend.
    pub(crate) fn encode<'a>(
        number: u64,
        entries: impl ExactSizeIterator<Item = (&'a StateKey, Option<&'a [u8]>)>,
    ) -> Self {
        let mut filter = vec![0; entries.len().saturating_mul(FILTER_BITS_PER_KEY).div_ceil(8)];
        let mut parts = Vec::new();
        let mut first_keys: Vec<u8> = Vec::new();
        let mut open = OpenPart::default();
        for (key, value) in entries {
            let key = key.as_bytes();
            for bit in bits_of(key, filter.len()) {
                filter[bit / 8] |= 1 << (bit % 8);
            }
            if open.ends.is_empty() {
                push_key(&mut first_keys, key);
            }
            open.push(key, value);
            if open.entries.len() >= PART_BYTES {
                parts.push(Arc::new(std::mem::take(&mut open).close(number, parts.len())));
            }
        }
        if !open.ends.is_empty() {
            parts.push(Arc::new(open.close(number, parts.len())));
        }
        let mut blob = Vec::with_capacity(
            HEADER_BYTES.saturating_add(first_keys.len()).saturating_add(filter.len()),
        );
        push_header(&mut blob, number, parts.len());
        blob.extend_from_slice(&first_keys);
        let filter_start = blob.len();
        blob.extend_from_slice(&filter);
        let index = UndoIndex { number, parts: parts.len(), blob: blob.into(), filter_start };
        Self { index: Arc::new(index), parts }
    }

    /// All pieces with their keys.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = ([u8; 12], &Bytes)> {
        let index = (piece_key(self.index.number, 0), &self.index.blob);
        let parts = self.parts.iter().map(|it| (piece_key(it.number, it.piece), &it.blob));
        std::iter::once(index).chain(parts)
    }

    /// As [`UndoPart::lookup`], over all parts.
    pub(crate) fn lookup(&self, key: &StateKey) -> Result<Option<Previous>, StoreError> {
        match self.index.piece_with(key)? {
            Some(piece) => match self.parts.get((piece as usize).wrapping_sub(1)) {
                Some(part) => part.lookup(key),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// Bytes of all pieces.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces().map(|(_, blob)| blob.len()).sum()
    }
}

/// A part that entries are added to.
#[derive(Default)]
struct OpenPart {
    ends: Vec<u8>,
    entries: Vec<u8>,
}

impl OpenPart {
    fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        push_key(&mut self.entries, key);
        self.entries.push(if value.is_some() { PRESENT } else { ABSENT });
        self.entries.extend_from_slice(value.unwrap_or_default());
        self.ends.extend_from_slice(&count_u32(self.entries.len()).to_be_bytes());
    }

    fn close(self, number: u64, parts_before: usize) -> UndoPart {
        let count = self.ends.len() / 4;
        let mut blob = Vec::with_capacity(
            HEADER_BYTES.saturating_add(self.ends.len()).saturating_add(self.entries.len()),
        );
        push_header(&mut blob, number, count);
        blob.extend_from_slice(&self.ends);
        blob.extend_from_slice(&self.entries);
        UndoPart {
            number,
            piece: count_u32(parts_before.saturating_add(1)),
            count,
            blob: blob.into(),
        }
    }
}

fn push_header(blob: &mut Vec<u8>, number: u64, count: usize) {
    blob.push(VERSION);
    blob.extend_from_slice(&number.to_be_bytes());
    blob.extend_from_slice(&count_u32(count).to_be_bytes());
}

fn push_key(blob: &mut Vec<u8>, key: &[u8]) {
    blob.push(u8::try_from(key.len()).expect("a state key has at most 66 bytes"));
    blob.extend_from_slice(key);
}

/// A part ends soon after 16 KiB, and a block's gas bounds the number of its parts.
fn count_u32(value: usize) -> u32 {
    u32::try_from(value).expect("far below 2^32")
}

/// Checks the header of a piece; returns its count.
fn check_header(number: u64, piece: u32, blob: &[u8]) -> Result<usize, StoreError> {
    let header = blob.first_chunk::<HEADER_BYTES>().ok_or(corrupt(
        number,
        piece,
        "shorter than 13 bytes",
    ))?;
    if header[0] != VERSION {
        return Err(corrupt(number, piece, "unknown format version, expected 1"));
    }
    if header[1..9] != number.to_be_bytes() {
        return Err(corrupt(number, piece, "it is of another block"));
    }
    Ok(u32::from_be_bytes([header[9], header[10], header[11], header[12]]) as usize)
}

fn corrupt(number: u64, piece: u32, reason: &str) -> StoreError {
    StoreError::corrupt(Table::Undo.name(), piece_key(number, piece), reason)
}

/// The bits of a filter of `filter_bytes` bytes that stand for a key.
///
/// Double hashing: bit i is `(h + i * g) mod bits`, where h takes the key in words of 8 bytes,
/// little endian, zero padded: `h = (h ^ word) * 0x9E3779B97F4A7C15; h ^= h >> 29`, and g = (h >>
/// 32) | 1.
fn bits_of(key: &[u8], filter_bytes: usize) -> impl Iterator<Item = usize> {
    let mut hash = key.len() as u64;
    for word in key.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    let (step, bits) = ((hash >> 32) | 1, (filter_bytes as u64).saturating_mul(8).max(1));
    (0..FILTER_PROBES).map(move |probe| {
        let bit = hash.wrapping_add(probe.wrapping_mul(step)).checked_rem(bits).unwrap_or(0);
        usize::try_from(bit).expect("below the number of bits in memory")
    })
}

/// Says which part of a block's undo record may hold a key, if any.
#[derive(Debug)]
pub(crate) struct UndoIndex {
    pub(crate) number: u64,
    pub(crate) parts: usize,
    blob: Bytes,
    filter_start: usize,
}

impl UndoIndex {
    /// Reads the index that is stored for block `number`.
    pub(crate) fn decode(number: u64, blob: Bytes) -> Result<Self, StoreError> {
        let parts = check_header(number, 0, &blob)?;
        let mut index = Self { number, parts, blob, filter_start: HEADER_BYTES };
        for _ in 0..parts {
            let (_, next) = index.first_key(index.filter_start)?;
            index.filter_start = next;
        }
        if (index.filter_start < index.blob.len()) != (parts > 0) {
            return Err(corrupt(number, 0, "parts and filter contradict each other"));
        }
        Ok(index)
    }

    /// The piece that holds `key`, if any does.
    pub(crate) fn piece_with(&self, key: &StateKey) -> Result<Option<u32>, StoreError> {
        let filter = self.blob.get(self.filter_start..).unwrap_or_default();
        let is_set = |bit: usize| filter.get(bit / 8).is_some_and(|it| it >> (bit % 8) & 1 == 1);
        if !bits_of(key.as_bytes(), filter.len()).all(is_set) {
            return Ok(None);
        }
        let (mut piece, mut at) = (None, HEADER_BYTES);
        for part in 0..self.parts {
            let (first, next) = self.first_key(at)?;
            if first > key.as_bytes() {
                break;
            }
            (piece, at) = (Some(count_u32(part.saturating_add(1))), next);
        }
        Ok(piece)
    }

    pub(crate) const fn blob(&self) -> &Bytes {
        &self.blob
    }

    /// The key at an offset, and the offset behind it.
    fn first_key(&self, at: usize) -> Result<(&[u8], usize), StoreError> {
        let parse = || {
            let (&len, rest) = self.blob.get(at..)?.split_first()?;
            Some((
                rest.get(..usize::from(len))?,
                at.saturating_add(usize::from(len)).saturating_add(1),
            ))
        };
        parse().ok_or_else(|| corrupt(self.number, 0, "it ends before its last key"))
    }
}

/// A part of the undo record of one block.
#[derive(Debug)]
pub(crate) struct UndoPart {
    pub(crate) number: u64,
    pub(crate) piece: u32,
    count: usize,
    blob: Bytes,
}

/// Where the end of an entry is noted in a part; behind the last one the entries begin.
const fn end_offset(index: usize) -> usize {
    HEADER_BYTES.saturating_add(index.saturating_mul(4))
}

impl UndoPart {
    /// Reads the part that is stored as `piece` of block `number`.
    pub(crate) fn decode(number: u64, piece: u32, blob: Bytes) -> Result<Self, StoreError> {
        let count = check_header(number, piece, &blob)?;
        let part = Self { number, piece, count, blob };
        let expected = match count.checked_sub(1) {
            None => Some(0),
            Some(last) => part.end(last),
        };
        let entries = part.blob.len().checked_sub(end_offset(count));
        if entries.is_none() || entries != expected {
            return Err(corrupt(number, piece, "its length contradicts its offsets"));
        }
        Ok(part)
    }

    pub(crate) const fn blob(&self) -> &Bytes {
        &self.blob
    }

    /// What was under `key` before the block: `None` when this part does not say, `Some(None)` when
    /// there was nothing.
    pub(crate) fn lookup(&self, key: &StateKey) -> Result<Option<Previous>, StoreError> {
        let (mut low, mut high) = (0_usize, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let (found, value) = self.entry(middle)?;
            match found.cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle,
                // A copy, so that a cached value does not keep its part in memory.
                std::cmp::Ordering::Equal => {
                    return Ok(Some(value.map(Bytes::copy_from_slice)));
                }
            }
        }
        Ok(None)
    }

    /// All entries in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry<'_>, StoreError>> {
        (0..self.count).map(|index| self.entry(index))
    }

    /// Where an entry ends, counted from the first one.
    fn end(&self, index: usize) -> Option<usize> {
        let at = end_offset(index);
        let bytes = self.blob.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    }

    fn entry(&self, index: usize) -> Result<Entry<'_>, StoreError> {
        let parse = || {
            let start = index.checked_sub(1).map_or(Some(0), |before| self.end(before))?;
            let entries = self.blob.get(end_offset(self.count)..)?;
            let entry = entries.get(start..self.end(index)?)?;
            let (&key_len, rest) = entry.split_first()?;
            let (key, rest) = rest.split_at_checked(usize::from(key_len))?;
            let (&presence, value) = rest.split_first()?;
            match presence {
                ABSENT if value.is_empty() => Some((key, None)),
                PRESENT => Some((key, Some(value))),
                _ => None,
            }
        };
        parse()
            .ok_or_else(|| corrupt(self.number, self.piece, &format!("entry {index} is malformed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, U256};

    /// Keys with odd numbers, every second of them with a value.
    fn undo(count: u64, value_bytes: usize) -> BlockUndo {
        let keys: Vec<_> = (0..count).map(|it| key(2 * it + 1)).collect();
        let value = vec![7; value_bytes];
        let entries = keys.iter().enumerate();
        BlockUndo::encode(
            5,
            entries.map(|(it, key)| (key, it.is_multiple_of(2).then_some(&value[..]))),
        )
    }

    fn key(number: u64) -> StateKey {
        StateKey::storage(Address::ZERO, U256::from(number))
    }

    /// The record as it would be read from disk.
    fn reread(undo: &BlockUndo) -> BlockUndo {
        let index = UndoIndex::decode(5, undo.index.blob.clone()).unwrap();
        let parts = undo.parts.iter().zip(1..);
        let parts =
            parts.map(|(part, piece)| UndoPart::decode(5, piece, part.blob.clone()).map(Arc::new));
        BlockUndo { index: Arc::new(index), parts: parts.collect::<Result<_, _>>().unwrap() }
    }

    #[test]
    fn lookups_find_what_was_put_and_nothing_else() {
        for (count, value_bytes) in [(0, 1), (1, 0), (2, 3), (7, 9), (100, 5_000), (20_000, 32)] {
            let undo = reread(&undo(count, value_bytes));
            assert_eq!(undo.parts.len() > 1, count >= 100);
            let entries: usize = undo.parts.iter().map(|part| part.entries().count()).sum();
            assert_eq!(entries as u64, count);
            for it in 0..=2 * count {
                let found = undo.lookup(&key(it)).unwrap();
                let expected =
                    (it % 2 == 1).then(|| (it % 4 == 1).then(|| Bytes::from(vec![7; value_bytes])));
                assert_eq!(found, expected, "{it} of {count}");
            }
        }
    }

    #[test]
    fn the_filter_passes_few_foreign_keys() {
        let undo = undo(10_000, 10);
        let passed = (0..10_000)
            .filter(|it| undo.index.piece_with(&key(2 * it + 2)).unwrap().is_some())
            .count();
        assert!(passed < 40, "{passed} of 10,000");
    }

    #[test]
    fn corrupt_records_are_errors() {
        let good = undo(40, 4_000);
        let (index, part) = (good.index.blob.clone(), good.parts[1].blob.clone());
        assert!(UndoIndex::decode(6, index.clone()).is_err(), "another block");
        assert!(UndoPart::decode(6, 2, part.clone()).is_err(), "another block");
        for len in 0..index.len().min(60) {
            assert!(UndoIndex::decode(5, index.slice(..len)).is_err(), "cut to {len}");
        }
        for len in 0..part.len() {
            assert!(UndoPart::decode(5, 2, part.slice(..len)).is_err(), "cut to {len}");
        }
        // Whatever is damaged, reading fails or gives some value: it never panics.
        for position in 0..index.len().max(600) {
            let damaged = |blob: &Bytes| {
                let mut bad = blob.to_vec();
                let position = position % bad.len();
                bad[position] ^= 0xff;
                Bytes::from(bad)
            };
            if let Ok(index) = UndoIndex::decode(5, damaged(&index)) {
                let _pieces: Vec<_> = (0..90).map(|it| index.piece_with(&key(it))).collect();
            }
            if let Ok(part) = UndoPart::decode(5, 2, damaged(&part)) {
                let _entries: Vec<_> = part.entries().collect();
                let _found: Vec<_> = (0..90).map(|it| part.lookup(&key(it))).collect();
            }
        }
    }
}
