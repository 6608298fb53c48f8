//! The state after one block, for execution, RPC and proofs.
//!
//! In: the number of a block in the history window. Out: accounts, slots, code and trie nodes as
//! they were after that block, whatever is committed meanwhile. A view locks nothing and may live
//! long. When its block leaves the window or is rewound, reads fail with an error that says so.

use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use gainsay_transition::{
    PrecompileReader, StateReader,
    trie::{Account, Nibbles, NodeReader},
};

use crate::{
    block_records::{decode_account, decode_slot},
    error::StoreError,
    store::{Head, Store},
    tables::StateKey,
};

/// The state after one block. See `latest.rs` for why it is consistent.
#[derive(Debug)]
pub struct StateView {
    store: Store,
    head: Head,
    /// Epoch in which `head` was last known to be part of the chain.
    epoch: AtomicU64,
}

impl Clone for StateView {
    fn clone(&self) -> Self {
        let epoch = AtomicU64::new(self.epoch.load(Ordering::SeqCst));
        Self { store: self.store.clone(), head: self.head, epoch }
    }
}

impl Store {
    /// The state after the newest block.
    #[must_use]
    pub fn state(&self) -> StateView {
        let _shared = self.inner.rewinding.read();
        let epoch = AtomicU64::new(self.epoch());
        StateView { store: self.clone(), head: self.head(), epoch }
    }

    /// The state after block `number`.
    ///
    /// # Errors
    /// [`StoreError::BlockUnknown`] above the head, [`StoreError::HistoryPruned`] below the
    /// window.
    pub fn state_at(&self, number: u64) -> Result<StateView, StoreError> {
        let _shared = self.inner.rewinding.read();
        let (latest, oldest) = {
            let tip = self.inner.tip.read();
            (tip.heads.latest, tip.oldest_state)
        };
        if number < oldest {
            return Err(StoreError::HistoryPruned { number, oldest, head: latest.number });
        }
        let hash = match number == latest.number {
            true => Some(latest.hash),
            false => self.block_hash(number)?.filter(|_| number < latest.number),
        };
        let hash = hash.ok_or(StoreError::BlockUnknown { number, head: latest.number })?;
        let epoch = AtomicU64::new(self.epoch());
        Ok(StateView { store: self.clone(), head: Head { number, hash }, epoch })
    }

    /// Code by hash, whichever account holds it; `None` when no block deployed it.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, StoreError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Some(Bytes::new()));
        }
        // Code is never changed or removed, so the latest value is right for every block.
        let _shared = self.inner.rewinding.read();
        self.inner.latest(&StateKey::code(hash))
    }
}

impl StateView {
    /// The block whose state this is.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.head.number
    }

    /// The hash of that block.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.head.hash
    }

    /// The state root of that block.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn state_root(&self) -> Result<B256, StoreError> {
        let header = self.store.header(self.head.number)?;
        let header = header.filter(|it| it.hash == self.head.hash).ok_or(self.rewound())?;
        Ok(header.header.state_root)
    }

    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, StoreError> {
        let _shared = self.store.inner.rewinding.read();
        let epoch = self.store.epoch();
        if self.epoch.load(Ordering::SeqCst) != epoch {
            // Blocks were taken back since: was this view's block among them?
            if self.store.block_hash(self.head.number)? != Some(self.head.hash) {
                return Err(self.rewound());
            }
            self.epoch.store(epoch, Ordering::SeqCst);
        }
        self.store.inner.value_at(self.head.number, key)
    }

    /// The node as RocksDB has it now, whatever is in memory. For checks of the store alone.
    pub(crate) fn node_on_disk(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Bytes, StoreError> {
        let key = StateKey::node(owner, path);
        let (table, bytes) = key.split();
        let rlp = self.store.inner.tables.get(table, bytes)?;
        rlp.map(|rlp| Bytes::copy_from_slice(&rlp))
            .ok_or_else(|| self.node_missing(owner, path, hash))
    }

    fn node_missing(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> StoreError {
        StoreError::NodeMissing {
            number: self.head.number,
            trie: owner.map_or_else(|| "accounts".into(), |owner| owner.to_string()),
            path: format!("{path:?}"),
            hash: *hash,
        }
    }

    const fn rewound(&self) -> StoreError {
        StoreError::ViewRewound { number: self.head.number, hash: self.head.hash }
    }
}

/// Decodes a value of the state, naming its place if it is corrupt.
fn decode<T>(
    key: &StateKey,
    value: Option<Bytes>,
    decode: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, StoreError> {
    value
        .map(|value| {
            decode(&value).map_err(|reason| {
                let (table, bytes) = key.split();
                StoreError::corrupt(table.name(), bytes, reason)
            })
        })
        .transpose()
}

impl StateReader for StateView {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        let key = StateKey::account(address);
        decode(&key, self.read(&key)?, decode_account)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let key = StateKey::storage(address, slot);
        Ok(decode(&key, self.read(&key)?, decode_slot)?.unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        self.store.code(code_hash)?.ok_or(StoreError::CodeMissing { hash: code_hash })
    }
}

impl PrecompileReader for StateView {}

impl NodeReader for StateView {
    type Error = StoreError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, StoreError> {
        let key = StateKey::node(owner, path);
        let rlp = self.read(&key)?.ok_or_else(|| self.node_missing(owner, path, hash))?;
        // At the head the hash costs too much, and RocksDB has checksums on the disk. The nodes of
        // older states come from undo records and go into proofs: their hashes are checked.
        let is_head = self.store.head() == self.head;
        if !is_head && keccak256(&rlp) != *hash {
            let (table, bytes) = key.split();
            let reason = format!("the node hashes to {}, expected {hash}", keccak256(&rlp));
            return Err(StoreError::corrupt(table.name(), bytes, reason));
        }
        Ok(rlp)
    }
}
