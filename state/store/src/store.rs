//! The store: opening it, its heads, and reads of blocks.
//!
//! In: a folder and options. Out: a [`Store`], cheap to clone. This file writes only the schema
//! version; blocks come in through `commit.rs`.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::B256;
use gainsay_derivation::{BatchIndex, DepositIndex};
use gainsay_transition::{Receipt, RecoveredTx};
use parking_lot::{Mutex, RwLock};
use rocksdb::{WriteBatch, WriteOptions};
use serde::{Deserialize, Serialize};

use crate::{
    block_records::{
        IndexedReceipt, RawTransaction, StoredHeader, TransactionLocation, decode_header,
        decode_item, decode_list, decode_receipt, decode_transaction,
    },
    error::StoreError,
    hot_cache::HotCache,
    tables::{Table, Tables, number_from_key},
    undo::number_of_piece,
    undo_cache::UndoCache,
};

/// Version of all layouts; a store of another version is refused.
/// Version 2 keeps the L1 blocks and logs that were read; version 1 kept them as one note.
pub(crate) const SCHEMA_VERSION: u64 = 2;
/// The file in the folder of a store that its one writer holds locked.
const LOCK_FILE: &str = "lock";

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Blocks whose effect can be undone: the states of the head and of this many blocks before it
    /// can be read, and a rewind can go as far. At least 1. Undo records take about as much disk as
    /// the trie nodes that the blocks changed.
    pub history_blocks: u64,
    /// Memory for caches of all kinds. Writes not yet flushed take up to 256 MiB in addition.
    pub cache_bytes: usize,
    /// The genesis that the chain must have; another one is refused. `None` takes any.
    pub genesis_hash: Option<B256>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { history_blocks: 4096, cache_bytes: 512 << 20, genesis_hash: None }
    }
}

/// A block to which the chain got: the latest, the safe or the finalized one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
}

/// The heads of the chain: `finalized <= safe <= latest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// The newest block.
    pub latest: Head,
    /// The newest block derived from batches on L1.
    pub safe: Head,
    /// The newest block derived from batches in finalized blocks of L1.
    pub finalized: Head,
}

impl Heads {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(120);
        for head in [self.latest, self.safe, self.finalized] {
            value.extend_from_slice(&head.number.to_be_bytes());
            value.extend_from_slice(head.hash.as_slice());
        }
        value
    }

    fn decode(value: &[u8]) -> Result<Self, String> {
        let (heads, rest) = value.as_chunks::<40>();
        let ([latest, safe, finalized], []) = (heads, rest) else {
            return Err(format!("{} bytes, expected 120", value.len()));
        };
        let head = |bytes: &[u8; 40]| {
            let (number, hash) = bytes.split_first_chunk::<8>().expect("40 bytes");
            Head { number: u64::from_be_bytes(*number), hash: B256::from_slice(hash) }
        };
        Ok(Self { latest: head(latest), safe: head(safe), finalized: head(finalized) })
    }
}

/// Keys of `meta`.
pub(crate) const META_SCHEMA: &[u8] = b"schema";
pub(crate) const META_GENESIS: &[u8] = b"genesis";
pub(crate) const META_HEADS: &[u8] = b"heads";
/// There in a store whose withdrawals are indexed.
pub(crate) const META_WITHDRAWALS: &[u8] = b"withdrawals";

/// The newest committed heads and counts, in memory.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    pub(crate) heads: Heads,
    /// `None` as long as there is no genesis.
    pub(crate) header: Option<Arc<StoredHeader>>,
    /// Oldest block whose state can be read: every later one has its undo record.
    pub(crate) oldest_state: u64,
    /// Number of deposits.
    pub(crate) deposits: DepositIndex,
    /// Number of batches.
    pub(crate) batches: BatchIndex,
}

/// The store of one chain. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) history_blocks: u64,
    /// The folder's lock, held while the store is open; `None` if it is open for reading only.
    lock: Option<File>,
    pub(crate) tables: Tables,
    pub(crate) undo: UndoCache,
    pub(crate) hot: HotCache,
    /// Held by whoever writes, for as long as a write takes to prepare and to do.
    pub(crate) writer: Mutex<()>,
    /// Shared by readers of state for one read, exclusive while a rewind takes a block back.
    pub(crate) rewinding: RwLock<()>,
    /// Counts rewound blocks.
    pub(crate) epoch: AtomicU64,
    /// Newest block that may be visible in RocksDB; see `latest.rs`.
    pub(crate) announced: AtomicU64,
    /// Newest block that is certainly visible in RocksDB.
    pub(crate) committed: AtomicU64,
    pub(crate) tip: RwLock<Tip>,
}

impl Store {
    /// Opens the store in the folder `path`, or makes an empty one there. One that an older version
    /// wrote gets the index of withdrawals now, from its blocks.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::SchemaMismatch`],
    /// [`StoreError::GenesisMismatch`], or RocksDB's.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        std::fs::create_dir_all(path).map_err(|source| StoreError::Io {
            action: "create folder",
            path: path.to_owned(),
            source,
        })?;
        let lock = lock(path)?;
        let store = Self::open_database(path, &path.join("db"), options, Some(lock))?;
        store.index_withdrawals()?;
        Ok(store)
    }

    /// Opens a database: for writing with the folder's lock, for reading without.
    pub(crate) fn open_database(
        path: &Path,
        database: &Path,
        options: &StoreOptions,
        lock: Option<File>,
    ) -> Result<Self, StoreError> {
        let read_only = lock.is_none();
        let tables = Tables::open(database, options.cache_bytes / 2, read_only)?;
        check_schema(&tables, path, read_only)?;
        check_genesis(&tables, path, options.genesis_hash)?;
        let tip = load_tip(&tables)?;
        let latest = tip.heads.latest.number;
        let inner = Inner {
            path: path.to_owned(),
            history_blocks: options.history_blocks.max(1),
            lock,
            tables,
            undo: UndoCache::new(options.cache_bytes / 8),
            hot: HotCache::new((options.cache_bytes / 8).saturating_mul(3)),
            writer: Mutex::new(()),
            rewinding: RwLock::new(()),
            epoch: AtomicU64::new(0),
            announced: AtomicU64::new(latest),
            committed: AtomicU64::new(latest),
            tip: RwLock::new(tip),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether there is no genesis block yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.tip.read().header.is_none()
    }

    /// The newest block. Number 0 and hash zero while the store is empty.
    #[must_use]
    pub fn head(&self) -> Head {
        self.inner.tip.read().heads.latest
    }

    /// The newest, the safe and the finalized block.
    #[must_use]
    pub fn heads(&self) -> Heads {
        self.inner.tip.read().heads
    }

    /// The header of the newest block, from memory.
    ///
    /// # Errors
    /// [`StoreError::NoGenesis`] while the store is empty.
    pub fn head_header(&self) -> Result<Arc<StoredHeader>, StoreError> {
        self.inner.tip.read().header.clone().ok_or_else(|| self.no_genesis())
    }

    /// The oldest block whose state can still be read, and to which a rewind can go.
    #[must_use]
    pub fn oldest_state(&self) -> u64 {
        self.inner.tip.read().oldest_state
    }

    /// The folder that the store is in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The hash of block 0, `None` while the store is empty.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn genesis_hash(&self) -> Result<Option<B256>, StoreError> {
        read_hash(&self.inner.tables, META_GENESIS)
    }

    /// A header by number; `None` when there is no such block.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn header(&self, number: u64) -> Result<Option<StoredHeader>, StoreError> {
        self.read(Table::Headers, number.to_be_bytes(), decode_header)
    }

    /// A header by hash.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<StoredHeader>, StoreError> {
        match self.number(hash)? {
            Some(number) => Ok(self.header(number)?.filter(|header| header.hash == hash)),
            None => Ok(None),
        }
    }

    /// The number of the block with this hash.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        self.read(Table::Numbers, hash, |value| {
            let bytes = value.try_into().map_err(|_| "not 8 bytes")?;
            Ok(u64::from_be_bytes(bytes))
        })
    }

    /// The hash of a block, without decoding its header.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.read(Table::Headers, number.to_be_bytes(), |value| {
            value.first_chunk::<32>().map(B256::from).ok_or_else(|| "shorter than 32 bytes".into())
        })
    }

    /// The transactions of a block, decoded.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn transactions(&self, number: u64) -> Result<Option<Vec<RecoveredTx>>, StoreError> {
        self.read(Table::Bodies, number.to_be_bytes(), |value| {
            decode_list(value, |item| decode_transaction(item)?.decode_envelope())
        })
    }

    /// The transactions of a block as bytes, with sender and hash: many times cheaper than
    /// [`Self::transactions`].
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn raw_transactions(&self, number: u64) -> Result<Option<Vec<RawTransaction>>, StoreError> {
        self.read(Table::Bodies, number.to_be_bytes(), |value| {
            decode_list(value, decode_transaction)
        })
    }

    /// One transaction of a block, without decoding the rest.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn transaction(&self, number: u64, index: u32) -> Result<Option<RecoveredTx>, StoreError> {
        let tx = self.read(Table::Bodies, number.to_be_bytes(), |value| {
            decode_item(value, index, |item| decode_transaction(item)?.decode_envelope())
        })?;
        Ok(tx.flatten())
    }

    /// The receipts of a block.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, StoreError> {
        self.read(Table::Receipts, number.to_be_bytes(), |value| {
            decode_list(value, |item| Ok(decode_receipt(item)?.receipt))
        })
    }

    /// One receipt of a block, without decoding the rest.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn receipt(&self, number: u64, index: u32) -> Result<Option<IndexedReceipt>, StoreError> {
        let receipt = self.read(Table::Receipts, number.to_be_bytes(), |value| {
            decode_item(value, index, decode_receipt)
        })?;
        Ok(receipt.flatten())
    }

    /// Where the transaction with this hash stands; `None` when no block holds it.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn transaction_location(
        &self,
        hash: B256,
    ) -> Result<Option<TransactionLocation>, StoreError> {
        self.read(Table::Transactions, hash, TransactionLocation::decode)
    }

    /// Makes sure that what was written without `sync` also survives a loss of power.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.check_writable()?;
        self.inner
            .tables
            .db
            .flush_wal(true)
            .map_err(|source| StoreError::Database { action: "sync the write-ahead log", source })
    }

    /// Reads and decodes one value.
    pub(crate) fn read<T>(
        &self,
        table: Table,
        key: impl AsRef<[u8]>,
        decode: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, StoreError> {
        let value = self.inner.tables.get(table, key.as_ref())?;
        value
            .map(|value| {
                decode(&value).map_err(|reason| StoreError::corrupt(table.name(), key, reason))
            })
            .transpose()
    }

    /// Writes atomically.
    pub(crate) fn write(&self, batch: WriteBatch, sync: bool) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.inner
            .tables
            .db
            .write_opt(batch, &options)
            .map_err(|source| StoreError::Database { action: "write", source })
    }

    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        if self.inner.lock.is_none() {
            return Err(StoreError::ReadOnly { path: self.inner.path.clone() });
        }
        Ok(())
    }

    pub(crate) fn no_genesis(&self) -> StoreError {
        StoreError::NoGenesis { path: self.inner.path.clone() }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.inner.epoch.load(Ordering::SeqCst)
    }
}

/// Takes the lock of a folder. The system releases it when the process ends, however it ends.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK_FILE);
    let io = |action| {
        let path = path.clone();
        move |source| StoreError::Io { action, path, source }
    };
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = options.open(&path).map_err(io("open"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io("lock")(source)),
    }
}

fn check_schema(tables: &Tables, path: &Path, read_only: bool) -> Result<(), StoreError> {
    let found = tables.get(Table::Meta, META_SCHEMA)?;
    let Some(found) = found else {
        if read_only {
            return Err(StoreError::corrupt(Table::Meta.name(), META_SCHEMA, "it is missing"));
        }
        return tables
            .db
            .put_cf(tables.cf(Table::Meta), META_SCHEMA, SCHEMA_VERSION.to_be_bytes())
            .map_err(|source| StoreError::Database { action: "write", source });
    };
    let found = found
        .as_ref()
        .try_into()
        .map_err(|_| StoreError::corrupt(Table::Meta.name(), META_SCHEMA, "not 8 bytes"))?;
    let found = u64::from_be_bytes(found);
    if found != SCHEMA_VERSION {
        return Err(StoreError::SchemaMismatch {
            path: path.to_owned(),
            found,
            expected: SCHEMA_VERSION,
        });
    }
    Ok(())
}

fn check_genesis(tables: &Tables, path: &Path, expected: Option<B256>) -> Result<(), StoreError> {
    match (read_hash(tables, META_GENESIS)?, expected) {
        (Some(found), Some(expected)) if found != expected => {
            Err(StoreError::GenesisMismatch { path: path.to_owned(), found, expected })
        }
        _ => Ok(()),
    }
}

fn read_hash(tables: &Tables, name: &[u8]) -> Result<Option<B256>, StoreError> {
    tables
        .get(Table::Meta, name)?
        .map(|value| {
            B256::try_from(value.as_ref())
                .map_err(|_| StoreError::corrupt(Table::Meta.name(), name, "not 32 bytes"))
        })
        .transpose()
}

fn load_tip(tables: &Tables) -> Result<Tip, StoreError> {
    let corrupt =
        |table: Table, key: &[u8], reason: String| StoreError::corrupt(table.name(), key, reason);
    let count = |table| -> Result<u64, StoreError> {
        match tables.last(table)? {
            Some((key, _)) => Ok(number_from_key(table, &key)?.saturating_add(1)),
            None => Ok(0),
        }
    };
    let deposits = DepositIndex(count(Table::Deposits)?);
    let batches = BatchIndex(count(Table::Batches)?);
    let Some(heads) = tables.get(Table::Meta, META_HEADS)? else {
        let heads = Heads::default();
        return Ok(Tip { heads, header: None, oldest_state: 0, deposits, batches });
    };
    let heads = Heads::decode(&heads).map_err(|it| corrupt(Table::Meta, META_HEADS, it))?;
    let latest = heads.latest;
    let key = latest.number.to_be_bytes();
    let header = tables
        .get(Table::Headers, key)?
        .ok_or_else(|| corrupt(Table::Headers, &key, "the head's header is missing".into()))?;
    let header = decode_header(&header).map_err(|it| corrupt(Table::Headers, &key, it))?;
    if header.hash != latest.hash {
        let reason = format!("the header has hash {}, the head {}", header.hash, latest.hash);
        return Err(corrupt(Table::Headers, &key, reason));
    }
    let oldest_state = match tables.scan(Table::Undo, &[]).next().transpose()? {
        Some((key, _)) => number_of_piece(&key)?.0.saturating_sub(1),
        None => latest.number,
    };
    Ok(Tip { heads, header: Some(Arc::new(header)), oldest_state, deposits, batches })
}
