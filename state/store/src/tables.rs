//! The tables (RocksDB column families), their keys, and how RocksDB is tuned for each.
//!
//! In: typed keys. Out: bytes in and out of RocksDB, with errors that name the table and the key.
//! It knows nothing of what the values mean.
//!
//! All integers are big endian. `number` is an L2 block number, u64.
//!
//! | table | key | value |
//! |---|---|---|
//! | `headers` | number | hash(32) ‖ output_root(32) ‖ RLP `[L1 fee params.., header]` |
//! | `numbers` | block hash | number |
//! | `bodies` | number | RLP list of `[sender, hash, EIP-2718 bytes]` |
//! | `receipts` | number | RLP list of `[first_log_index, gas_used, l1_fee, price, contract, EIP-2718 bytes]` |
//! | `transactions` | transaction hash | number ‖ index:u32 |
//! | `accounts` | address | flags:u8 ‖ nonce:u64 ‖ [code_hash(32) if flags = 1] ‖ balance, leading zeros cut |
//! | `storage` | address ‖ slot(32) | value, leading zeros cut, never empty |
//! | `code` | keccak of the code | the code |
//! | `account_nodes` | path | RLP of the trie node |
//! | `storage_nodes` | keccak(address) ‖ path | RLP of the trie node |
//! | `undo` | number ‖ piece:u32 | see `undo.rs` |
//! | `cursors` | number | batch:u64 ‖ block:u64 ‖ deposits_read:u64 ‖ output_root(32) |
//! | `deposits` | deposit index:u64 | RLP, see `l1_records.rs` |
//! | `batches` | batch index:u64 | RLP, see `l1_records.rs` |
//! | `l1_blocks` | L1 block number:u64 | hash(32) ‖ parent_hash(32) ‖ timestamp:u64 |
//! | `l1_logs` | L1 block number:u64 ‖ log index:u64 | RLP, see `l1_records.rs` |
//! | `bridge_logs`, `bridge_index` | see `bridge_logs.rs` | |
//! | `withdrawals`, `withdrawals_by`, `message_nodes`, `message_accounts` | see `withdrawals.rs` | |
//! | `deposit_hashes` | hash that OP's tools compute | hash of the deposit's L2 transaction |
//! | `meta` | name | `schema`: u64; `genesis`: hash(32); `heads`: 3 x (number ‖ hash(32)); `note/NAME`: any bytes; `withdrawals`: they are indexed |
//!
//! `path` is `length:u8 ‖ nibbles, two a byte, an odd last one in the upper half`. The length byte
//! (0..=64) makes it unambiguous, and coming first it puts all nodes of one depth next to each
//! other: the upper levels, which every block reads, share a few blocks of the cache.

use std::path::Path;

use alloy_primitives::{Address, B256, U256};
use alloy_trie::Nibbles;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBPinnableSlice, DataBlockIndexType, Options,
};

use crate::error::StoreError;

/// Most memory that unflushed writes may take, over all tables.
const WRITE_BUFFERS_BYTES: usize = 256 << 20;
/// Most memory that the unflushed writes of one table may take.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// A commit writes the keys of a table in ascending order. With this the memtable goes on from
/// where it inserted the last key of the same first byte, instead of searching from its top.
const SORTED_INSERTS: &str = "memtable_insert_with_hint_prefix_extractor=capped:1";
/// Size of the write-ahead log from which the oldest table is flushed; bounds the recovery time.
const WAL_BYTES_MAX: u64 = 256 << 20;
/// Open files that RocksDB may hold.
const OPEN_FILES_MAX: i32 = 1024;

/// A column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Headers,
    Numbers,
    Bodies,
    Receipts,
    Transactions,
    Accounts,
    Storage,
    Code,
    AccountNodes,
    StorageNodes,
    Undo,
    Cursors,
    Deposits,
    Batches,
    L1Blocks,
    L1Logs,
    BridgeLogs,
    BridgeIndex,
    Withdrawals,
    WithdrawalsBy,
    MessageNodes,
    MessageAccounts,
    DepositHashes,
    Meta,
}

/// How a table is read, which decides how RocksDB keeps it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// By exact key, in no order; values do not compress.
    Point,
    /// As `Point`, and the key is nearly always there.
    PointHit,
    /// By number, neighbours together; values compress.
    Series,
}

impl Table {
    pub(crate) const ALL: [Self; 24] = [
        Self::Headers,
        Self::Numbers,
        Self::Bodies,
        Self::Receipts,
        Self::Transactions,
        Self::Accounts,
        Self::Storage,
        Self::Code,
        Self::AccountNodes,
        Self::StorageNodes,
        Self::Undo,
        Self::Cursors,
        Self::Deposits,
        Self::Batches,
        Self::L1Blocks,
        Self::L1Logs,
        Self::BridgeLogs,
        Self::BridgeIndex,
        Self::Withdrawals,
        Self::WithdrawalsBy,
        Self::MessageNodes,
        Self::MessageAccounts,
        Self::DepositHashes,
        Self::Meta,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Numbers => "numbers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::Transactions => "transactions",
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Code => "code",
            Self::AccountNodes => "account_nodes",
            Self::StorageNodes => "storage_nodes",
            Self::Undo => "undo",
            Self::Cursors => "cursors",
            Self::Deposits => "deposits",
            Self::Batches => "batches",
            Self::L1Blocks => "l1_blocks",
            Self::L1Logs => "l1_logs",
            Self::BridgeLogs => "bridge_logs",
            Self::BridgeIndex => "bridge_index",
            Self::Withdrawals => "withdrawals",
            Self::WithdrawalsBy => "withdrawals_by",
            Self::MessageNodes => "message_nodes",
            Self::MessageAccounts => "message_accounts",
            Self::DepositHashes => "deposit_hashes",
            Self::Meta => "meta",
        }
    }

    const fn access(self) -> Access {
        match self {
            Self::Numbers
            | Self::Transactions
            | Self::Accounts
            | Self::Storage
            | Self::Withdrawals
            | Self::DepositHashes => Access::Point,
            Self::Code | Self::AccountNodes | Self::StorageNodes | Self::MessageNodes => {
                Access::PointHit
            }
            _ => Access::Series,
        }
    }

    fn options(self, cache: &Cache) -> Result<Options, rocksdb::Error> {
        let access = self.access();
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_format_version(6);
        let mut options = match access {
            Access::Series => Options::default(),
            Access::Point | Access::PointHit => {
                Options::default().get_options_from_string(SORTED_INSERTS)?
            }
        };
        options.set_write_buffer_size(WRITE_BUFFER_BYTES);
        options.set_level_compaction_dynamic_level_bytes(true);
        if access == Access::Series {
            blocks.set_block_size(16 << 10);
            options.set_compression_type(DBCompressionType::Lz4);
        } else {
            blocks.set_block_size(4 << 10);
            blocks.set_bloom_filter(10.0, false);
            blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
            options.set_memtable_prefix_bloom_ratio(0.02);
            options.set_memtable_whole_key_filtering(true);
            options.set_optimize_filters_for_hits(access == Access::PointHit);
            let lz4 = self == Self::Code;
            let compression = if lz4 { DBCompressionType::Lz4 } else { DBCompressionType::None };
            options.set_compression_type(compression);
        }
        options.set_block_based_table_factory(&blocks);
        Ok(options)
    }
}

/// A key and its value.
pub(crate) type KeyValue = (Box<[u8]>, Box<[u8]>);

/// The open database.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) db: DB,
}

impl Tables {
    pub(crate) fn open(
        path: &Path,
        cache_bytes: usize,
        read_only: bool,
    ) -> Result<Self, StoreError> {
        let cache = Cache::new_lru_cache(cache_bytes);
        let mut options = Options::default();
        options.create_if_missing(!read_only);
        options.create_missing_column_families(!read_only);
        options.set_max_background_jobs(2);
        options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
        options.set_max_total_wal_size(WAL_BYTES_MAX);
        options.set_max_open_files(OPEN_FILES_MAX);
        options.set_bytes_per_sync(1 << 20);
        options.set_keep_log_file_num(4);
        options.set_max_log_file_size(8 << 20);
        let open = || {
            let mut families = Vec::new();
            for table in Table::ALL {
                let options = table.options(&cache)?;
                families.push(ColumnFamilyDescriptor::new(table.name(), options));
            }
            if read_only {
                DB::open_cf_descriptors_read_only(&options, path, families, false)
            } else {
                DB::open_cf_descriptors(&options, path, families)
            }
        };
        let db = open().map_err(|source| StoreError::Database { action: "open", source })?;
        Ok(Self { db })
    }

    pub(crate) fn cf(&self, table: Table) -> &ColumnFamily {
        self.db.cf_handle(table.name()).expect("open() opens every table or fails")
    }

    pub(crate) fn get(
        &self,
        table: Table,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<DBPinnableSlice<'_>>, StoreError> {
        self.db
            .get_pinned_cf(self.cf(table), key)
            .map_err(|source| StoreError::Database { action: "read", source })
    }

    /// The entries from `start` (inclusive) on, in ascending order of keys.
    pub(crate) fn scan<'a>(
        &'a self,
        table: Table,
        start: &[u8],
    ) -> impl Iterator<Item = Result<KeyValue, StoreError>> + use<'a> {
        let mode = rocksdb::IteratorMode::From(start, rocksdb::Direction::Forward);
        self.db
            .iterator_cf(self.cf(table), mode)
            .map(|item| item.map_err(|source| StoreError::Database { action: "scan", source }))
    }

    /// The last entry of a table whose key is not above `key`.
    pub(crate) fn last_up_to(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<KeyValue>, StoreError> {
        let mode = rocksdb::IteratorMode::From(key, rocksdb::Direction::Reverse);
        let mut entries = self.db.iterator_cf(self.cf(table), mode);
        let read = |source| StoreError::Database { action: "scan", source };
        entries.next().transpose().map_err(read)
    }

    /// The last entry of a table.
    pub(crate) fn last(&self, table: Table) -> Result<Option<KeyValue>, StoreError> {
        self.db
            .iterator_cf(self.cf(table), rocksdb::IteratorMode::End)
            .next()
            .transpose()
            .map_err(|source| StoreError::Database { action: "scan", source })
    }
}

/// Reads a key that is a u64.
pub(crate) fn number_from_key(table: Table, key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.try_into().map_err(|_| {
        let reason = format!("the key has {} bytes, expected 8", key.len());
        StoreError::corrupt(table.name(), key, reason)
    })?;
    Ok(u64::from_be_bytes(bytes))
}

/// Longest [`StateKey`]: tag, owner, path of 64 nibbles.
const STATE_KEY_BYTES_MAX: usize = 1 + 32 + 1 + 32;

/// A key of one of the four tables that undo records cover, or of `code`: a tag and the key.
///
/// Ordered by table, then by key, as undo records are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StateKey {
    // Before `len`, so that the derived order is that of the bytes: no key of a table is a prefix
    // of another one padded with zeros, since a path's length comes first.
    bytes: [u8; STATE_KEY_BYTES_MAX],
    len: u8,
}

/// Tags of [`StateKey`]; part of the format of undo records.
const TAG_ACCOUNT: u8 = 1;
const TAG_STORAGE: u8 = 2;
const TAG_ACCOUNT_NODE: u8 = 3;
const TAG_STORAGE_NODE: u8 = 4;
const TAG_CODE: u8 = 5;

impl StateKey {
    fn new(tag: u8, parts: [&[u8]; 3]) -> Self {
        let mut bytes = [0; STATE_KEY_BYTES_MAX];
        bytes[0] = tag;
        let mut rest = &mut bytes[1..];
        for part in parts {
            let (place, behind) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        }
        let len = STATE_KEY_BYTES_MAX.saturating_sub(rest.len());
        Self { bytes, len: u8::try_from(len).expect("at most 66") }
    }

    pub(crate) fn account(address: Address) -> Self {
        Self::new(TAG_ACCOUNT, [address.as_slice(), &[], &[]])
    }

    pub(crate) fn storage(address: Address, slot: U256) -> Self {
        Self::new(TAG_STORAGE, [address.as_slice(), &slot.to_be_bytes::<32>(), &[]])
    }

    pub(crate) fn node(owner: Option<B256>, path: &Nibbles) -> Self {
        let mut packed = [0; 32];
        for index in 0..path.len() {
            let nibble = path.get_unchecked(index);
            packed[index / 2] |= if index % 2 == 0 { nibble << 4 } else { nibble };
        }
        let packed = &packed[..path.len().div_ceil(2)];
        let len = [u8::try_from(path.len()).expect("a path has at most 64 nibbles")];
        match owner {
            None => Self::new(TAG_ACCOUNT_NODE, [&len, packed, &[]]),
            Some(owner) => Self::new(TAG_STORAGE_NODE, [owner.as_slice(), &len, packed]),
        }
    }

    pub(crate) fn code(hash: B256) -> Self {
        Self::new(TAG_CODE, [hash.as_slice(), &[], &[]])
    }

    /// The table and the key in it.
    pub(crate) fn split(&self) -> (Table, &[u8]) {
        Self::split_bytes(self.as_bytes()).expect("made by a constructor above")
    }

    /// As [`Self::split`], for bytes that were read from disk.
    pub(crate) fn split_bytes(bytes: &[u8]) -> Option<(Table, &[u8])> {
        let (tag, key) = bytes.split_first()?;
        let (table, valid) = match *tag {
            TAG_ACCOUNT => (Table::Accounts, key.len() == 20),
            TAG_STORAGE => (Table::Storage, key.len() == 52),
            TAG_ACCOUNT_NODE => (Table::AccountNodes, path_from_key(key).is_some()),
            TAG_STORAGE_NODE => {
                (Table::StorageNodes, key.get(32..).and_then(path_from_key).is_some())
            }
            TAG_CODE => (Table::Code, key.len() == 32),
            _ => return None,
        };
        valid.then_some((table, key))
    }

    /// The key with these bytes, which [`Self::split_bytes`] accepts.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let (tag, key) = bytes.split_first().unwrap_or((&0, &[]));
        Self::new(*tag, [key, &[], &[]])
    }

    /// Tag and key.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Reads the `path` part of a key; `None` unless it is the one encoding of a path.
pub(crate) fn path_from_key(key: &[u8]) -> Option<Nibbles> {
    let (&len, packed) = key.split_first()?;
    let len = usize::from(len);
    if len > 64 || packed.len() != len.div_ceil(2) {
        return None;
    }
    let nibbles = Nibbles::unpack(packed);
    if len % 2 == 1 && nibbles.get_unchecked(len) != 0 {
        return None;
    }
    Some(nibbles.slice(..len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_all_lengths_have_one_key_each() {
        let mut seen = std::collections::BTreeSet::new();
        for len in 0..=64 {
            for fill in [0, 1, 15] {
                let path = Nibbles::from_nibbles(vec![fill; len]);
                for owner in [None, Some(B256::ZERO), Some(B256::repeat_byte(0xff))] {
                    let key = StateKey::node(owner, &path);
                    assert_eq!(seen.insert(key), len > 0 || fill == 0, "{owner:?} {path:?}");
                    let (table, bytes) = key.split();
                    let start = if owner.is_some() { 32 } else { 0 };
                    assert_eq!(table == Table::StorageNodes, owner.is_some());
                    assert_eq!(path_from_key(&bytes[start..]), Some(path));
                }
            }
        }
        // The order of keys is the order of their bytes.
        let keys: Vec<_> = seen.iter().collect();
        assert!(keys.windows(2).all(|pair| pair[0].as_bytes() < pair[1].as_bytes()));
    }

    #[test]
    fn malformed_keys_are_not_split() {
        for bytes in [
            &[][..],
            &[0],
            &[9, 1],
            &[TAG_ACCOUNT, 1],
            &[TAG_ACCOUNT_NODE],
            &[TAG_ACCOUNT_NODE, 1, 0x01],
            &[TAG_ACCOUNT_NODE, 2, 0x01, 0x02],
            &[TAG_ACCOUNT_NODE, 65],
            &[TAG_STORAGE_NODE, 0],
        ] {
            assert!(StateKey::split_bytes(bytes).is_none(), "{bytes:?}");
        }
    }
}
