//! The state while a block runs: each value that was read, at the start of the block and now.
//!
//! In: a [`StateReader`] of the parent state, the commits of revm. Out: reads for revm, and at the
//! end a [`StateDiff`]. It never writes anywhere.

use alloc::vec::Vec;
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map, HashMap, hash_map::Entry},
};
use revm::{
    bytecode::Bytecode,
    database_interface::{DBErrorMarker, Database, DatabaseCommit},
    primitives::KECCAK_EMPTY,
    state::AccountInfo,
};

use crate::{
    predeploys::{HISTORY_SERVE_WINDOW, HISTORY_STORAGE},
    state::{StateDiff, StateReader},
    trie::{Account, AccountChange},
};

/// Most bytes of the parent state's codes that are remembered. A block of 30 million gas can read
/// 11,500 codes of 24 KiB; the guest's heap would not hold them all.
const CODES_BYTES_MAX: usize = 8 << 20;

/// A failed read of the parent state, in the form that revm asks for.
#[derive(Debug, thiserror::Error)]
#[error("state read failed: {0}")]
pub struct ReadError<E: core::error::Error + Send + Sync + 'static>(#[source] pub E);

impl<E: core::error::Error + Send + Sync + 'static> DBErrorMarker for ReadError<E> {}

#[derive(Clone, Copy, Debug)]
struct Slot {
    before: U256,
    now: U256,
}

#[derive(Clone, Debug)]
struct CachedAccount {
    before: Option<Account>,
    now: Option<Account>,
    storage: HashMap<U256, Slot>,
}

/// The state during the execution of a block.
///
/// The hash of the parent block is asked for lazily: a sequencer executes block n+1 while the root
/// of block n is still being computed, and only `BLOCKHASH` or EIP-2935 makes it wait.
pub struct BlockState<R> {
    reader: R,
    number: u64,
    parent_hash: LazyHash,
    accounts: AddressMap<CachedAccount>,
    /// Codes of the parent state that were read last, at most [`CODES_BYTES_MAX`].
    codes: B256Map<Bytecode>,
    codes_bytes: usize,
    /// Codes of this block, which no reader knows.
    deployed: B256Map<Bytecode>,
}

/// Gives the parent hash; waits while it is still computed.
pub(crate) type LazyHash = alloc::boxed::Box<dyn Fn() -> B256 + Send + Sync>;

impl<R> core::fmt::Debug for BlockState<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BlockState")
            .field("number", &self.number)
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}

impl<R: StateReader> BlockState<R> {
    /// The state at the start of block `number`, whose parent has the hash `parent_hash()`.
    #[must_use]
    pub fn new(reader: R, number: u64, parent_hash: LazyHash) -> Self {
        Self {
            reader,
            number,
            parent_hash,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            codes_bytes: 0,
            deployed: B256Map::default(),
        }
    }

    pub(crate) const fn reader(&self) -> &R {
        &self.reader
    }

    /// The account as the block sees it now.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    pub fn account(&mut self, address: Address) -> Result<Option<Account>, R::Error> {
        Ok(self.load(address)?.now)
    }

    /// Replaces an account, as an override for simulations does.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    pub fn set_account(&mut self, address: Address, account: Account) -> Result<(), R::Error> {
        self.load(address)?.now = Some(account);
        Ok(())
    }

    /// Sets a slot, as an override for simulations does.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    pub fn set_storage(&mut self, address: Address, slot: U256, now: U256) -> Result<(), R::Error> {
        let before = self.slot(address, slot)?;
        self.load(address)?.storage.insert(slot, Slot { before, now });
        Ok(())
    }

    fn load(&mut self, address: Address) -> Result<&mut CachedAccount, R::Error> {
        Ok(match self.accounts.entry(address) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let before = self.reader.account(address)?;
                entry.insert(CachedAccount { before, now: before, storage: HashMap::default() })
            }
        })
    }

    // PROTOCOL.md BLOCK-2
    fn slot(&mut self, address: Address, slot: U256) -> Result<U256, R::Error> {
        if address == HISTORY_STORAGE && slot == self.parent_slot() {
            return Ok((self.parent_hash)().into());
        }
        let cached = self.load(address)?;
        if let Some(found) = cached.storage.get(&slot) {
            return Ok(found.now);
        }
        let exists = cached.before.is_some();
        let value = if exists { self.reader.storage(address, slot)? } else { U256::ZERO };
        self.load(address)?.storage.insert(slot, Slot { before: value, now: value });
        Ok(value)
    }

    /// The EIP-2935 slot that holds the parent's hash.
    fn parent_slot(&self) -> U256 {
        U256::from(self.number.saturating_sub(1) % HISTORY_SERVE_WINDOW)
    }

    /// Ends the block: writes the parent hash to the history contract and returns what differs.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    // PROTOCOL.md BLOCK-2
    pub fn into_diff(mut self) -> Result<StateDiff, R::Error> {
        // EIP-2935 writes at the start of the block; `slot` above shows the value from there on,
        // and nobody but the system may write it, so that the write itself can wait until now.
        if self.number > 0 && self.load(HISTORY_STORAGE)?.now.is_some() {
            let slot = self.parent_slot();
            let before = self.reader.storage(HISTORY_STORAGE, slot)?;
            let now = (self.parent_hash)().into();
            self.load(HISTORY_STORAGE)?.storage.insert(slot, Slot { before, now });
        }
        let mut accounts: Vec<AccountChange> = self
            .accounts
            .into_iter()
            .filter_map(|(address, cached)| {
                let mut storage: Vec<(U256, U256)> = cached
                    .storage
                    .iter()
                    .filter(|(_, slot)| slot.before != slot.now)
                    .map(|(key, slot)| (*key, slot.now))
                    .collect();
                if storage.is_empty() && cached.before == cached.now {
                    return None;
                }
                storage.sort_unstable();
                Some(AccountChange { address, account: cached.now, storage })
            })
            .collect();
        accounts.sort_unstable_by_key(|change| change.address);
        let deployed = self.deployed.into_iter();
        let mut codes: Vec<_> =
            deployed.map(|(hash, code)| (hash, code.original_bytes())).collect();
        codes.sort_unstable();
        Ok(StateDiff { accounts, codes })
    }
}

impl<R: StateReader> Database for BlockState<R> {
    type Error = ReadError<R::Error>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let account = self.load(address).map_err(ReadError)?.now;
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..Default::default()
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK_EMPTY || code_hash.is_zero() {
            return Ok(Bytecode::default());
        }
        let known = self.deployed.get(&code_hash).or_else(|| self.codes.get(&code_hash));
        if let Some(code) = known {
            return Ok(code.clone());
        }
        let code = self.reader.code(code_hash).map_err(ReadError)?;
        self.codes_bytes = self.codes_bytes.saturating_add(code.len());
        if self.codes_bytes > CODES_BYTES_MAX {
            self.codes.clear();
            self.codes_bytes = code.len();
        }
        let code = Bytecode::new_raw(code);
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Self::Error> {
        self.slot(address, index).map_err(ReadError)
    }

    // PROTOCOL.md BLOCK-2
    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        if number.saturating_add(1) == self.number {
            return Ok((self.parent_hash)());
        }
        // Older hashes stand in the EIP-2935 ring buffer, so that the guest needs no headers.
        let slot = U256::from(number % HISTORY_SERVE_WINDOW);
        Ok(self.slot(HISTORY_STORAGE, slot).map_err(ReadError)?.into())
    }
}

impl<R: StateReader> DatabaseCommit for BlockState<R> {
    // PROTOCOL.md STATE-2
    fn commit(&mut self, changes: AddressMap<revm::state::Account>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            let cached = self.accounts.entry(address).or_insert_with(|| CachedAccount {
                before: None,
                now: None,
                storage: HashMap::default(),
            });
            if account.is_selfdestructed() {
                // EIP-6780: only an account made in this very transaction gets here.
                cached.now = None;
                cached.storage.values_mut().for_each(|slot| slot.now = U256::ZERO);
                continue;
            }
            let info = &account.info;
            if info.is_empty() {
                // EIP-161: a touched empty account does not exist.
                cached.now = None;
                continue;
            }
            if let Some(code) = &info.code
                && cached.now.is_none_or(|before| before.code_hash != info.code_hash)
                && info.code_hash != KECCAK_EMPTY
                && !self.codes.contains_key(&info.code_hash)
            {
                self.deployed.insert(info.code_hash, code.clone());
            }
            cached.now = Some(Account {
                nonce: info.nonce,
                balance: info.balance,
                code_hash: info.code_hash,
            });
            for (key, slot) in account.storage {
                if slot.is_changed() {
                    cached
                        .storage
                        .entry(key)
                        .and_modify(|cached| cached.now = slot.present_value)
                        .or_insert(Slot { before: slot.original_value, now: slot.present_value });
                }
            }
        }
    }
}
