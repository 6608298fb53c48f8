//! Accounts: what a block changes of them, and the leaf that the account trie holds.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};

/// What an account holds besides its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak hash of the code, or of no bytes when there is no code.
    pub code_hash: B256,
}

impl Default for Account {
    /// An empty account. Its code hash is the hash of no bytes, not zero.
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

/// The change of one account by one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// The account.
    pub address: Address,
    /// Its new value, also when only its storage changed; `None` deletes it.
    pub account: Option<Account>,
    /// New values of changed slots, by slot; zero deletes. Any order, no slot twice.
    pub storage: Vec<(U256, U256)>,
}

/// How far before the end of an account's leaf the 32 bytes of the storage root start: the code
/// hash follows with its length byte.
pub(super) const STORAGE_ROOT_FROM_END: usize = 32 + 33;

/// The leaf of an account: RLP of `[nonce, balance, storage_root, code_hash]` (Yellow Paper 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct TrieAccount {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Root of the account's storage trie.
    pub storage_root: B256,
    /// Keccak hash of the code.
    pub code_hash: B256,
}

impl TrieAccount {
    /// The leaf of `account` with this storage.
    #[must_use]
    pub const fn new(account: Account, storage_root: B256) -> Self {
        let Account { nonce, balance, code_hash } = account;
        Self { nonce, balance, storage_root, code_hash }
    }

    /// The account without its storage.
    #[must_use]
    pub const fn account(&self) -> Account {
        Account { nonce: self.nonce, balance: self.balance, code_hash: self.code_hash }
    }

    /// Decodes the value of a leaf, whole.
    ///
    /// # Errors
    /// When the bytes are no account.
    pub fn from_leaf(leaf: &[u8]) -> alloy_rlp::Result<Self> {
        alloy_rlp::decode_exact(leaf)
    }

    /// Encodes the value of a leaf.
    #[must_use]
    pub fn to_leaf(&self) -> Bytes {
        let mut leaf = Vec::with_capacity(self.length());
        self.encode(&mut leaf);
        leaf.into()
    }
}
