//! The state root: the account trie and every storage trie under it.
//!
//! In: the root before a block and the accounts that the block changed. Out: the root after it, the
//! storage root of each changed account, and all nodes written and deleted.
//!
//! The account trie is walked once. When the walk stands at the leaf of a changed account it knows
//! the storage root before the block, and works out the new one there and then: nothing is read
//! twice, and accounts that lie under different branches are worked on in parallel.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use super::{
    AccountChange, NodeReader, NodeSet, TrieAccount, TrieError, TrieUpdate,
    floating::StorageOutput,
    update::{LeafChange, PARALLEL_MIN, Trie},
};

/// What a block made of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUpdate {
    /// The root of the account trie.
    pub state_root: B256,
    /// The storage root of every account that was changed and not deleted.
    pub storage_roots: BTreeMap<Address, B256>,
    /// The nodes of all tries written and deleted.
    pub nodes: NodeSet,
}

/// Applies `changes` to the state `root`.
///
/// The accounts come in any order, each once. A deleted account must have no storage: since
/// EIP-6780 only accounts created by the same transaction, or empty ones, are ever deleted.
pub fn update_state<R: NodeReader>(
    reader: &R,
    root: B256,
    changes: &[AccountChange],
) -> Result<StateUpdate, TrieError<R::Error>> {
    update_state_with(reader, root, changes, PARALLEL_MIN)
}

/// [`update_state`] with the number of changes from which on threads are worth their hand-over.
pub(super) fn update_state_with<R: NodeReader>(
    reader: &R,
    root: B256,
    changes: &[AccountChange],
    parallel_min: usize,
) -> Result<StateUpdate, TrieError<R::Error>> {
    let is_contradiction = |change: &&AccountChange| {
        change.account.is_none() && change.storage.iter().any(|(_, value)| !value.is_zero())
    };
    if let Some(change) = changes.iter().find(is_contradiction) {
        return Err(TrieError::StorageOfDeleted { address: change.address });
    }
    let slots: usize = changes.iter().map(|change| change.storage.len()).sum();
    let mut leaves = hashed(changes, parallel_min, |change| {
        let owner = keccak256(change.address);
        (Nibbles::unpack(owner), AccountLeaf { owner, change, parallel_min })
    });
    leaves.sort_unstable_by_key(|(key, _)| *key);
    // An account weighs as much as its slots, on average.
    let weight = slots.checked_div(changes.len()).unwrap_or_default().saturating_add(1);
    let parallel_accounts_min = parallel_min.div_ceil(weight).max(2);
    let trie = Trie { reader, owner: None, parallel_min: parallel_accounts_min };
    let (TrieUpdate { root: state_root, nodes: account_nodes }, storages) =
        trie.update(root, &leaves)?;

    let mut nodes = NodeSet::default();
    nodes.insert(None, account_nodes);
    let mut storage_roots = BTreeMap::new();
    for StorageOutput { address, owner, updated } in storages {
        storage_roots.insert(address, updated.root);
        nodes.insert(Some(owner), updated.nodes);
    }
    Ok(StateUpdate { state_root, storage_roots, nodes })
}

/// A change at the leaf of one account.
struct AccountLeaf<'a> {
    owner: B256,
    change: &'a AccountChange,
    parallel_min: usize,
}

impl<R: NodeReader> LeafChange<R> for AccountLeaf<'_> {
    fn removes(&self) -> bool {
        self.change.account.is_none()
    }

    fn apply(
        &self,
        reader: &R,
        old: Option<&[u8]>,
        storages: &mut Vec<StorageOutput>,
    ) -> Result<Option<Bytes>, TrieError<R::Error>> {
        let AccountChange { address, account, ref storage } = *self.change;
        let storage_root = match old.map(TrieAccount::from_leaf).transpose() {
            Ok(old) => old.map_or(EMPTY_ROOT_HASH, |old| old.storage_root),
            Err(error) => return Err(TrieError::BadAccount { owner: self.owner, error }),
        };
        let Some(account) = account else {
            return match storage_root {
                EMPTY_ROOT_HASH => Ok(None),
                storage_root => Err(TrieError::DeletedWithStorage { address, storage_root }),
            };
        };
        let updated = self.update_storage(reader, storage_root, storage)?;
        let leaf = TrieAccount::new(account, updated.root).to_leaf();
        storages.push(StorageOutput { address, owner: self.owner, updated });
        Ok(Some(leaf))
    }
}

impl AccountLeaf<'_> {
    fn update_storage<R: NodeReader>(
        &self,
        reader: &R,
        root: B256,
        storage: &[(U256, U256)],
    ) -> Result<TrieUpdate, TrieError<R::Error>> {
        let mut changes = hashed(storage, self.parallel_min, |(slot, value)| {
            let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
            // A slot of zero has no leaf; any other holds its shortest big-endian bytes as RLP.
            let leaf = (!value.is_zero())
                .then(|| Bytes::copy_from_slice(&alloy_rlp::encode_fixed_size(value)));
            (key, leaf)
        });
        changes.sort_unstable_by_key(|(key, _)| *key);
        let trie = Trie { reader, owner: Some(self.owner), parallel_min: self.parallel_min };
        trie.update(root, &changes).map(|(updated, _)| updated)
    }
}

/// Hashes the keys of many changes, in parallel on the host.
#[cfg(feature = "std")]
fn hashed<'a, T: Sync, L: Send>(
    changes: &'a [T],
    parallel_min: usize,
    hash: impl Fn(&'a T) -> L + Sync + Send,
) -> Vec<L> {
    use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
    if changes.len() < parallel_min {
        return changes.iter().map(hash).collect();
    }
    changes.par_iter().with_min_len(64).map(hash).collect()
}

/// Hashes the keys of many changes, where there are no threads.
#[cfg(not(feature = "std"))]
fn hashed<'a, T, L>(changes: &'a [T], _: usize, hash: impl Fn(&'a T) -> L) -> Vec<L> {
    changes.iter().map(hash).collect()
}
