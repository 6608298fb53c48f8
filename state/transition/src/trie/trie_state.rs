//! Accounts and slots read through the trie alone: what a witness or the guest has.
//!
//! In: a reader and a state root. Out: accounts with their storage roots, and slot values. It keeps
//! no cache: an EVM database above it does.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use super::{NodeReader, TrieAccount, TrieError, get};

/// One state, named by its root.
#[derive(Clone, Copy, Debug)]
pub struct TrieState<R> {
    /// Where the nodes come from.
    pub reader: R,
    /// The state root.
    pub root: B256,
}

impl<R: NodeReader> TrieState<R> {
    /// The account at `address`, with its storage root.
    ///
    /// # Errors
    /// When the reader fails, or a node is malformed.
    pub fn account(&self, address: Address) -> Result<Option<TrieAccount>, TrieError<R::Error>> {
        let owner = keccak256(address);
        let leaf = get(&self.reader, None, self.root, &Nibbles::unpack(owner))?;
        let account = leaf.map(|leaf| TrieAccount::from_leaf(&leaf)).transpose();
        account.map_err(|error| TrieError::BadAccount { owner, error })
    }

    /// The value of a slot, zero when the account or the slot does not exist.
    ///
    /// # Errors
    /// When the reader fails, or a node is malformed.
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, TrieError<R::Error>> {
        match self.account(address)? {
            Some(account) => self.storage_at(address, account.storage_root, slot),
            None => Ok(U256::ZERO),
        }
    }

    /// The value of a slot of an account whose storage root is known: one walk instead of two.
    ///
    /// # Errors
    /// When the reader fails, or a node is malformed.
    pub fn storage_at(
        &self,
        address: Address,
        storage_root: B256,
        slot: U256,
    ) -> Result<U256, TrieError<R::Error>> {
        if storage_root == EMPTY_ROOT_HASH {
            return Ok(U256::ZERO);
        }
        let owner = keccak256(address);
        let key = keccak256(slot.to_be_bytes::<32>());
        let leaf = get(&self.reader, Some(owner), storage_root, &Nibbles::unpack(key))?;
        let Some(leaf) = leaf else { return Ok(U256::ZERO) };
        alloy_rlp::decode_exact(&leaf).map_err(|error| TrieError::BadSlot { owner, key, error })
    }
}
