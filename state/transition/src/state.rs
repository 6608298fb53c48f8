//! What a block reads and writes: the flat view of one state and the difference that a block makes.
//!
//! In: an implementor of [`StateReader`] (flat tables, a trie, or layers of differences above
//! them). Out: a [`StateDiff`], sorted, ready for the trie and for the store. It never touches the
//! trie.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256};

use crate::trie::{Account, AccountChange};

/// Reads of one state. Absent accounts are `None`, absent slots are zero.
pub trait StateReader {
    /// Why a read failed: the disk, or a witness that lacks the answer.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The account at `address`, `None` when it does not exist.
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error>;

    /// The value of a storage slot, zero when it was never written.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error>;

    /// The code with this keccak hash. Only asked for hashes that an account of the state holds.
    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error>;
}

impl<R: StateReader + ?Sized> StateReader for &R {
    type Error = R::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        (**self).account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        (**self).storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        (**self).code(code_hash)
    }
}

/// The difference between the state before a block and the state after it.
///
/// `accounts` is sorted by address and each `storage` list by slot; every entry really differs
/// from the state before the block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// Changed accounts with their new values and their changed slots.
    pub accounts: Vec<AccountChange>,
    /// Code that the block deployed, by keccak hash.
    pub codes: Vec<(B256, Bytes)>,
}

impl StateDiff {
    /// The change of one account, if the block changed it.
    #[must_use]
    pub fn account(&self, address: Address) -> Option<&AccountChange> {
        let index = self.accounts.binary_search_by_key(&address, |change| change.address).ok()?;
        self.accounts.get(index)
    }
}
