//! The Merkle-Patricia trie: batched updates, reads and proofs over nodes that live elsewhere.
//!
//! In: a [`NodeReader`] (RocksDB by path, a witness by hash, a [`NodeSet`] in memory), a root, and
//! sorted changes. Out: the new root and the exact set of nodes written and deleted, or a value,
//! or a proof. Only touched nodes are read, and each changed node is hashed once.
//!
//! Nodes are data of unknown origin: a malformed node is an error, never a panic, and recursion is
//! bounded by [`KEY_NIBBLES_MAX`]. The trie itself does not check that a node has the hash that it
//! was asked for by. Whoever reads from a source that can lie wraps it in [`Verified`].
//!
//! It never caches, never touches a disk, and its result does not depend on the number of threads.
//!
//! | module | job |
//! |---|---|
//! | `reader` | where nodes come from: [`NodeReader`], [`Verified`] |
//! | `node` | one node: RLP and hex-prefix codec, total on hostile bytes |
//! | `node_set` | the difference that an update makes to the stored nodes |
//! | `floating` | nodes whose place is not settled |
//! | `unhashed` | nodes between their making and their hashing |
//! | `changes` | sorted changes, and how they fall apart on the way down |
//! | `ahead` | reads the nodes above many changes before they are asked for |
//! | `update` | [`update`]: sorted changes to one trie |
//! | `lookup` | [`get`], [`prove`], [`verify_proof`], [`for_each_leaf`] |
//! | `account` | accounts, their changes and their leaves |
//! | `state_root` | [`update_state`]: the account trie and every storage trie under it |
//! | `trie_state` | [`TrieState`]: accounts and slots read through the trie alone |

mod account;
mod ahead;
mod changes;
mod error;
mod floating;
mod lookup;
mod node;
mod node_set;
mod reader;
mod state_root;
mod trie_state;
mod unhashed;
mod update;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod test_store;
#[cfg(test)]
mod vector_tests;

pub use account::{Account, AccountChange, TrieAccount};
pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
pub use error::{NodeDefect, TrieError};
pub use lookup::{ProofError, for_each_leaf, get, prove, verify_proof};
pub use node_set::{MissingNode, NodeSet};
pub use reader::{NodeReader, Verified, VerifyError};
pub use state_root::{StateUpdate, update_state};
pub use trie_state::TrieState;
pub use update::{TrieUpdate, update};

/// The longest key, in nibbles: 32 bytes, a keccak hash. Shorter keys work, longer ones do not fit
/// the path type. It bounds the depth of every trie and of every recursion.
pub const KEY_NIBBLES_MAX: usize = 64;
