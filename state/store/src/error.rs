//! Everything that can go wrong in the store, sorted by what the caller does about it.

use std::path::PathBuf;

use alloy_primitives::B256;

/// Why a call of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    // --- Take a newer view, or ask an archive -----------------------------------------------
    /// The state of this block can no longer be rebuilt.
    #[error("state of block {number} is pruned: the oldest kept is {oldest} (head {head})")]
    HistoryPruned {
        /// Block asked for.
        number: u64,
        /// Oldest block whose state can be read.
        oldest: u64,
        /// The head.
        head: u64,
    },
    /// No such block yet.
    #[error("block {number} is unknown: the head is {head}")]
    BlockUnknown {
        /// Block asked for.
        number: u64,
        /// The head.
        head: u64,
    },
    /// The block that a view reads was taken back by a rewind after the view was made.
    #[error("block {number} ({hash}) was rewound while its state was read")]
    ViewRewound {
        /// Block of the view.
        number: u64,
        /// Hash of that block.
        hash: B256,
    },

    // --- The caller's mistake; nothing was written ------------------------------------------
    /// A block that does not follow the head.
    #[error("block {number} with parent {parent_hash} does not follow head {head} ({head_hash})")]
    NotNextBlock {
        /// Number of the block.
        number: u64,
        /// Its parent.
        parent_hash: B256,
        /// Number of the head.
        head: u64,
        /// Hash of the head.
        head_hash: B256,
    },
    /// A sealed block whose parts contradict each other.
    #[error("block {number} is malformed: {reason}")]
    MalformedBlock {
        /// Number of the block.
        number: u64,
        /// What contradicts what.
        reason: &'static str,
    },
    /// A rewind that the undo records do not reach.
    #[error("cannot rewind to block {to}: undo records reach back to block {oldest}")]
    RewindTooDeep {
        /// Block to rewind to.
        to: u64,
        /// Oldest block that can be rewound to.
        oldest: u64,
    },
    /// Heads must satisfy finalized <= safe <= latest, and finalized never moves back.
    #[error(
        "heads latest {latest}, safe {safe}, finalized {finalized} are out of order \
         (finalized was {finalized_before})"
    )]
    HeadsOutOfOrder {
        /// Latest block.
        latest: u64,
        /// Safe block asked for.
        safe: u64,
        /// Finalized block asked for.
        finalized: u64,
        /// Finalized block before.
        finalized_before: u64,
    },
    /// A block up to the safe head has no cursor.
    #[error("block {number} cannot be safe: it has no cursor")]
    CursorMissing {
        /// The block.
        number: u64,
    },
    /// A cursor for a block that is not safe.
    #[error("block {number} cannot have a cursor: the safe head is {safe}")]
    CursorNotSafe {
        /// The block.
        number: u64,
        /// The safe head after the update.
        safe: u64,
    },
    /// The safe head needs L1 records that are not there: move it back in the same update.
    #[error(
        "safe block {safe} stands at {cursor:?}, but there are {batches} batches and \
         {deposits} deposits"
    )]
    SafeBeyondL1 {
        /// The safe head.
        safe: u64,
        /// Its cursor.
        cursor: gainsay_derivation::Cursor,
        /// Number of batches after the update.
        batches: u64,
        /// Number of deposits after the update.
        deposits: u64,
    },
    /// A list of L1 records that would get a hole or a contradiction.
    #[error("{table}: cannot append index {index}: the next one is {next}")]
    IndexNotNext {
        /// Table.
        table: &'static str,
        /// Index given.
        index: u64,
        /// Index expected.
        next: u64,
    },
    /// Blocks were asked of a store that has no genesis yet.
    #[error("the store at {path} has no genesis block yet")]
    NoGenesis {
        /// Folder of the store.
        path: PathBuf,
    },
    /// A write to a store that was opened read-only.
    #[error("the store at {path} is open read-only")]
    ReadOnly {
        /// Folder of the store.
        path: PathBuf,
    },

    // --- Fatal ------------------------------------------------------------------------------
    /// Written by another version of this software.
    #[error("the store at {path} has schema version {found}, this program expects {expected}")]
    SchemaMismatch {
        /// Folder of the store.
        path: PathBuf,
        /// Version on disk.
        found: u64,
        /// Version of this program.
        expected: u64,
    },
    /// Another process, or another part of this one, has the store open.
    #[error("another process has the store at {path} open")]
    Locked {
        /// Folder of the store.
        path: PathBuf,
    },
    /// The store of another chain.
    #[error("the store at {path} holds the chain of genesis {found}, expected genesis {expected}")]
    GenesisMismatch {
        /// Folder of the store.
        path: PathBuf,
        /// Genesis hash on disk.
        found: B256,
        /// Genesis hash of the configured chain.
        expected: B256,
    },
    /// A trie node that the state needs is not there.
    #[error("trie node {hash} at {path} of {trie} is missing in the state of block {number}")]
    NodeMissing {
        /// Block whose state was read.
        number: u64,
        /// `accounts`, or the hashed address that owns the storage trie.
        trie: String,
        /// Nibbles from the root, in hex.
        path: String,
        /// Hash that its parent holds.
        hash: B256,
    },
    /// Code that an account refers to is not there.
    #[error("code {hash} is missing")]
    CodeMissing {
        /// keccak of the code.
        hash: B256,
    },
    /// What was read is not what was written.
    #[error("table {table}, key 0x{key}: {reason}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Key, in hex.
        key: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// RocksDB failed: disk full, I/O error.
    #[error("{action}: {source}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// RocksDB's words.
        source: rocksdb::Error,
    },
    /// The file system failed outside RocksDB.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

impl StoreError {
    pub(crate) fn corrupt(
        table: &'static str,
        key: impl AsRef<[u8]>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Corrupt { table, key: alloy_primitives::hex::encode(key), reason: reason.into() }
    }
}
