//! What can go wrong in a trie, sorted by who is to blame: the reader, the nodes, or the caller.

use alloy_primitives::{Address, B256};
use alloy_trie::Nibbles;

/// Why an operation on a trie failed. `E` is the error of its node reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError<E> {
    /// The reader could not give a node. Worth a retry if the reader's error is.
    #[error("cannot read a trie node")]
    Read(#[source] E),
    /// A node is not one that a trie can hold.
    #[error("bad trie node at {path:?} of {owner:?}: {defect}")]
    BadNode {
        /// The trie: `None` for accounts, else the hashed address.
        owner: Option<B256>,
        /// Where the node stands.
        path: Nibbles,
        /// What is wrong with it.
        defect: NodeDefect,
    },
    /// The leaf of an account does not decode.
    #[error("bad account leaf of hashed address {owner}: {error}")]
    BadAccount {
        /// The hashed address.
        owner: B256,
        /// Why the leaf does not decode.
        error: alloy_rlp::Error,
    },
    /// The leaf of a storage slot does not decode.
    #[error("bad storage leaf {key} of hashed address {owner}: {error}")]
    BadSlot {
        /// The hashed address.
        owner: B256,
        /// The hashed slot.
        key: B256,
        /// Why the leaf does not decode.
        error: alloy_rlp::Error,
    },
    /// The caller's changes are not in strictly rising order of their keys.
    #[error("change {index} is not above the change before it")]
    Unsorted {
        /// The first change out of order.
        index: usize,
    },
    /// The caller deletes an account whose storage is not empty, which no rule of the EVM does
    /// since [EIP-6780](https://eips.ethereum.org/EIPS/eip-6780).
    #[error("deleted account {address} has storage, root {storage_root}")]
    DeletedWithStorage {
        /// The account.
        address: Address,
        /// Its storage root before the change.
        storage_root: B256,
    },
    /// The caller writes storage of an account that it deletes.
    #[error("deleted account {address} has storage writes that are not zero")]
    StorageOfDeleted {
        /// The account.
        address: Address,
    },
}

/// What is wrong with the bytes of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeDefect {
    /// It is not canonical RLP.
    #[error("{0}")]
    Rlp(alloy_rlp::Error),
    /// It has neither the 2 items of a leaf or an extension nor the 17 of a branch.
    #[error("{found} items instead of 2 or 17")]
    ItemCount {
        /// Items found, counted up to 18.
        found: usize,
    },
    /// A child is neither empty, nor a hash, nor a node of less than 32 bytes.
    #[error("child is neither empty, a hash nor a short node")]
    Link,
    /// The hex-prefix flags are unknown, or padding is not zero, or the path is too long.
    #[error("bad hex-prefix path")]
    HexPrefix,
    /// An extension that extends nothing, or leads nowhere.
    #[error("empty extension")]
    EmptyExtension,
    /// A leaf with no value.
    #[error("leaf without a value")]
    EmptyLeaf,
    /// The path to the node or through it is longer than a key may be.
    #[error("deeper than {} nibbles", super::KEY_NIBBLES_MAX)]
    TooDeep,
}
