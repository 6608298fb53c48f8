//! Undo records: what a block overwrote.
//!
//! In: the sorted previous values of all flat entries and trie nodes that a block changed. Out: one
//! blob a block, in which a value is found by binary search without decoding the others, and which
//! can be walked to take the block back.
//!
//! | offset | content |
//! |---|---|
//! | 0 | format version, 1 |
//! | 1 | block number, u64 |
//! | 9 | number of entries n, u32 |
//! | 13 | n end offsets of entries, u32 each, relative to the first entry |
//! | 13 + 4n | n entries, ascending by key |
//!
//! An entry is `key length:u8 ‖ key ‖ 0x00` when there was nothing under the key before the block,
//! or `key length:u8 ‖ key ‖ 0x01 ‖ value`. Keys carry the tag of their table (`tables.rs`).

use std::{num::NonZeroUsize, sync::Arc};

use alloy_primitives::Bytes;
use lru::LruCache;
use parking_lot::Mutex;

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

/// One entry: key with its tag, and the value before the block.
type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// The undo record of one block.
#[derive(Debug)]
pub(crate) struct UndoRecord {
    number: u64,
    blob: Bytes,
    count: usize,
}

impl UndoRecord {
    /// Makes the record of block `number`. `entries` must ascend by key.
    pub(crate) fn encode<'a>(
        number: u64,
        entries: impl ExactSizeIterator<Item = (&'a StateKey, Option<&'a [u8]>)> + Clone,
    ) -> Self {
        let count = entries.len();
        let ends = HEADER_BYTES + 4 * count;
        let size: usize = entries
            .clone()
            .map(|(key, value)| 2 + key.as_bytes().len() + value.map_or(0, <[u8]>::len))
            .sum();
        let mut blob = Vec::with_capacity(ends + size);
        blob.push(VERSION);
        blob.extend_from_slice(&number.to_be_bytes());
        blob.extend_from_slice(&offset_u32(count).to_be_bytes());
        blob.resize(ends, 0);
        for (index, (key, value)) in entries.enumerate() {
            let key = key.as_bytes();
            blob.push(u8::try_from(key.len()).expect("a state key has at most 66 bytes"));
            blob.extend_from_slice(key);
            blob.push(if value.is_some() { PRESENT } else { ABSENT });
            blob.extend_from_slice(value.unwrap_or_default());
            let end = offset_u32(blob.len() - ends).to_be_bytes();
            let at = HEADER_BYTES + 4 * index;
            blob[at..at + 4].copy_from_slice(&end);
        }
        Self { number, blob: blob.into(), count }
    }

    /// Reads the record that is stored for block `number`.
    pub(crate) fn decode(number: u64, blob: Bytes) -> Result<Self, StoreError> {
        let corrupt =
            |reason| StoreError::corrupt(Table::Undo.name(), number.to_be_bytes(), reason);
        let header = blob.get(..HEADER_BYTES).ok_or_else(|| corrupt("shorter than 13 bytes"))?;
        if header[0] != VERSION {
            return Err(corrupt("unknown format version, expected 1"));
        }
        if header[1..9] != number.to_be_bytes() {
            return Err(corrupt("the record is that of another block"));
        }
        let count = u32::from_be_bytes([header[9], header[10], header[11], header[12]]) as usize;
        let record = Self { number, blob, count };
        let expected = match count.checked_sub(1) {
            None => Some(0),
            Some(last) => record.end(last),
        };
        let entries = record.blob.len().checked_sub(HEADER_BYTES + 4 * count);
        if entries.is_none() || entries != expected {
            return Err(corrupt("its length contradicts its index"));
        }
        Ok(record)
    }

    /// The stored form.
    pub(crate) const fn blob(&self) -> &Bytes {
        &self.blob
    }

    /// What was under `key` before the block: `None` when the block did not touch it, `Some(None)`
    /// when there was nothing.
    pub(crate) fn lookup(&self, key: &StateKey) -> Result<Option<Option<Bytes>>, StoreError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let (found, value) = self.entry(middle)?;
            match found.cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return Ok(Some(value.map(|value| self.blob.slice_ref(value))));
                }
            }
        }
        Ok(None)
    }

    /// All entries in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry<'_>, StoreError>> {
        (0..self.count).map(|index| self.entry(index))
    }

    fn end(&self, index: usize) -> Option<usize> {
        let at = HEADER_BYTES + 4 * index;
        let bytes = self.blob.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }

    fn entry(&self, index: usize) -> Result<Entry<'_>, StoreError> {
        let parse = || {
            let start = if index == 0 { 0 } else { self.end(index - 1)? };
            let entries = self.blob.get(HEADER_BYTES + 4 * self.count..)?;
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
        parse().ok_or_else(|| {
            let reason = format!("entry {index} is malformed");
            StoreError::corrupt(Table::Undo.name(), self.number.to_be_bytes(), reason)
        })
    }
}

/// A record is far below 4 GiB: a block's gas bounds it to some tens of MiB.
fn offset_u32(value: usize) -> u32 {
    u32::try_from(value).expect("an undo record is smaller than 4 GiB")
}

/// Undo records in memory: the newest, and those that historic reads opened.
#[derive(Debug)]
pub(crate) struct UndoCache {
    inner: Mutex<Cached>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Cached {
    /// The record of the block that is being written, until it is.
    announced: Option<Arc<UndoRecord>>,
    records: LruCache<u64, Arc<UndoRecord>>,
    bytes: usize,
}

/// Records kept at most, however small they are.
const CACHED_RECORDS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

impl UndoCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let records = LruCache::new(CACHED_RECORDS_MAX);
        Self { inner: Mutex::new(Cached { announced: None, records, bytes: 0 }), bytes_max }
    }

    /// The record of a block, if it is here.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<UndoRecord>> {
        let mut cached = self.inner.lock();
        if let Some(record) = cached.announced.as_ref().filter(|record| record.number == number) {
            return Some(Arc::clone(record));
        }
        cached.records.get(&number).map(Arc::clone)
    }

    /// Holds the record of a block that is about to be written.
    pub(crate) fn announce(&self, record: Arc<UndoRecord>) {
        self.inner.lock().announced = Some(record);
    }

    /// Ends the announcement; `written` tells whether the block is in the database now.
    pub(crate) fn settle(&self, written: bool) {
        let announced = self.inner.lock().announced.take();
        if let Some(record) = announced.filter(|_| written) {
            self.insert(record);
        }
    }

    /// Keeps a record, and drops the ones unused for longest when there are too many bytes.
    pub(crate) fn insert(&self, record: Arc<UndoRecord>) {
        let mut cached = self.inner.lock();
        cached.bytes += record.blob.len();
        if let Some((_, old)) = cached.records.push(record.number, record) {
            cached.bytes -= old.blob.len();
        }
        while cached.bytes > self.bytes_max && cached.records.len() > 1 {
            if let Some((_, old)) = cached.records.pop_lru() {
                cached.bytes -= old.blob.len();
            }
        }
    }

    /// Forgets the record of a block that was rewound.
    pub(crate) fn remove(&self, number: u64) {
        let mut cached = self.inner.lock();
        if let Some(old) = cached.records.pop(&number) {
            cached.bytes -= old.blob.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    fn record(count: u8) -> UndoRecord {
        let keys: Vec<_> =
            (0..count).map(|it| StateKey::account(Address::repeat_byte(2 * it + 1))).collect();
        let value = |key: &StateKey| (key.as_bytes()[1] % 4 == 1).then_some(&[7_u8, 8][..]);
        UndoRecord::encode(5, keys.iter().map(|key| (key, value(key))))
    }

    #[test]
    fn lookups_find_what_was_put_and_nothing_else() {
        for count in 0..20 {
            let record = UndoRecord::decode(5, record(count).blob).unwrap();
            assert_eq!(record.entries().count(), usize::from(count));
            for byte in 0..=2 * count {
                let found = record.lookup(&StateKey::account(Address::repeat_byte(byte))).unwrap();
                let expected =
                    (byte % 2 == 1).then(|| (byte % 4 == 1).then_some(Bytes::from_static(&[7, 8])));
                assert_eq!(found, expected, "{byte} of {count}");
            }
        }
    }

    #[test]
    fn corrupt_records_are_errors() {
        let good = record(3).blob;
        assert!(UndoRecord::decode(6, good.clone()).is_err(), "another block");
        for len in 0..good.len() {
            assert!(UndoRecord::decode(5, good.slice(..len)).is_err(), "cut to {len}");
        }
        for position in 0..good.len() {
            let mut bad = good.to_vec();
            bad[position] ^= 0xff;
            // Whatever is damaged, reading fails or gives some value: it never panics.
            if let Ok(record) = UndoRecord::decode(5, bad.into()) {
                let _entries: Vec<_> = record.entries().collect();
                for byte in 0..8 {
                    let _found = record.lookup(&StateKey::account(Address::repeat_byte(byte)));
                }
            }
        }
    }

    #[test]
    fn the_cache_is_bounded_and_counts_right() {
        let cache = UndoCache::new(1000);
        for number in 0..50 {
            let keys = [StateKey::account(Address::ZERO)];
            let value = [1; 100];
            let record = UndoRecord::encode(number, keys.iter().map(|key| (key, Some(&value[..]))));
            cache.announce(Arc::new(record));
            assert!(cache.get(number).is_some());
            cache.settle(true);
        }
        let inner = cache.inner.lock();
        assert!(inner.bytes <= 1000);
        let sum: usize = inner.records.iter().map(|(_, record)| record.blob.len()).sum();
        assert_eq!(sum, inner.bytes);
    }
}
