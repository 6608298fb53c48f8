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
//! | `made` | what an update makes: nodes, values and roots in its buffer |
//! | `floating` | nodes whose place is not settled |
//! | `unhashed` | nodes between their making and their hashing |
//! | `changes` | sorted changes, and how they fall apart on the way down |
//! | `leaf_change` | a change to one leaf |
//! | `ahead` | reads the nodes above many changes before they are asked for |
//! | `update` | [`update`]: sorted changes to one trie |
//! | `lookup` | [`get`], [`prove`], [`verify_proof`], [`for_each_leaf`] |
//! | `account` | accounts, their changes and their leaves |
//! | `state_root` | [`update_state`]: the account trie and every storage trie under it |
//! | `trie_state` | [`TrieState`]: accounts and slots read through the trie alone |
//!
//! # Three keys
//!
//! The keys `a711`, `a77d` and `b000` make this trie. Each node of 32 bytes or more is stored under
//! its path from the root:
//!
//! | path | node |
//! |---|---|
//! | (none) | branch: `a`, `b` |
//! | `a` | extension by `7` |
//! | `a7` | branch: `1`, `7` |
//! | `a71` | leaf with the rest `1` |
//! | `a77` | leaf with the rest `d` |
//! | `b` | leaf with the rest `000` |
//!
//! ```
//! use alloy_primitives::Bytes;
//! use gainsay_transition::trie::{EMPTY_ROOT_HASH, Nibbles, NodeSet, TrieUpdate, get, update};
//!
//! let key = |bytes: [u8; 2]| Nibbles::unpack(bytes);
//! let value = |byte: u8| Some(Bytes::from(vec![byte; 32]));
//! // `+` is written, `-` is deleted.
//! let shown = |update: &TrieUpdate| -> Vec<String> {
//!     let nodes = update.nodes.iter().map(|(path, node)| {
//!         let path: String = path.to_vec().iter().map(|nibble| format!("{nibble:x}")).collect();
//!         format!("{}{path}", if node.is_some() { '+' } else { '-' })
//!     });
//!     nodes.collect()
//! };
//!
//! let mut stored = NodeSet::default();
//! let keys = [[0xa7, 0x11], [0xa7, 0x7d], [0xb0, 0x00]].map(key);
//! let three = [(keys[0], value(1)), (keys[1], value(2)), (keys[2], value(3))];
//! let made = update(&stored, None, EMPTY_ROOT_HASH, &three)?;
//! assert_eq!(shown(&made), ["+", "+a", "+a7", "+a71", "+a77", "+b"]);
//! stored.insert(None, made.nodes);
//! assert_eq!(get(&stored, None, made.root, &keys[2])?, value(3));
//!
//! // Without `a77d` the branch at `a7` would have one child. So would the extension above it: a
//! // leaf with the rest `711` takes the place of both, and of the child.
//! let cut = update(&stored, None, made.root, &[(keys[1], None)])?;
//! assert_eq!(shown(&cut), ["+", "+a", "-a7", "-a71", "-a77"]);
//! # Ok::<(), gainsay_transition::trie::TrieError<gainsay_transition::trie::MissingNode>>(())
//! ```

mod account;
mod ahead;
mod changes;
mod error;
mod floating;
mod leaf_change;
mod lookup;
mod made;
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
