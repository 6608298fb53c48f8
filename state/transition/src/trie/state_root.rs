//! The state root: the account trie and every storage trie under it.
//!
//! In: the root before a block and the accounts that the block changed. Out: the root after it, the
//! root of each storage written, and all nodes written and deleted.
//!
//! The account trie is walked once. When the walk stands at the leaf of a changed account it knows
//! the storage root before the block, and walks the storage there and then: nothing is read twice,
//! accounts that lie under different branches are worked on in parallel, and the nodes of all these
//! tries are hashed together.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use gainsay_keccak::keccak256_keys;

use super::{
    AccountChange, NodeReader, NodeSet, TrieAccount, TrieError,
    leaf_change::LeafChange,
    made::{Root, Value},
    unhashed::Unhashed,
    update::{PARALLEL_MIN, Trie},
};

/// What a block made of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUpdate {
    /// The root of the account trie.
    pub state_root: B256,
    /// The storage root of every account whose storage was written. Every other root stays.
    pub storage_roots: BTreeMap<Address, B256>,
    /// The nodes of all tries written and deleted.
    pub nodes: NodeSet,
}

/// Applies `changes` to the state `root`.
///
/// The accounts come in any order, each once. A deleted account must have no storage: since
/// EIP-6780 only accounts created by the same transaction, or empty ones, are ever deleted.
///
/// # Errors
/// When the reader fails, or a node is malformed.
// PROTOCOL.md STATE-1
pub fn update_state<R: NodeReader>(
    reader: &R,
    root: B256,
    changes: &[AccountChange],
) -> Result<StateUpdate, TrieError<R::Error>> {
    update_state_with(reader, root, changes, PARALLEL_MIN)
}

/// [`update_state`] with the number of changes from which on several threads are faster.
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
    let leaves = by_hash(
        changes,
        parallel_min,
        |change| change.address.into_array(),
        |owner, change| AccountLeaf { owner, change, parallel_min },
    );
    // An account weighs as much as its slots, on average.
    let weight = slots.checked_div(changes.len()).unwrap_or_default().saturating_add(1);
    let parallel_accounts_min = parallel_min.div_ceil(weight);
    let trie = Trie { reader, owner: None, parallel_min: parallel_accounts_min };
    let mut out = Unhashed::default();
    let root = trie.walk(root, &leaves, &mut out)?;
    let finished = out.finish(root);

    let mut nodes = NodeSet::default();
    nodes.insert(None, finished.nodes);
    for (owner, storage) in finished.storages {
        nodes.insert(Some(owner), storage);
    }
    let storage_roots = finished.roots.into_iter().collect();
    Ok(StateUpdate { state_root: finished.root, storage_roots, nodes })
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
        out: &mut Unhashed,
    ) -> Result<Option<Value>, TrieError<R::Error>> {
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
        let mut root = Root::Known(storage_root);
        if !storage.is_empty() {
            let Self { owner, parallel_min, .. } = *self;
            let slots = by_hash(
                storage,
                parallel_min,
                |(slot, _)| slot.to_be_bytes::<32>(),
                |_, (_, value)| SlotLeaf(*value),
            );
            let trie = Trie { reader, owner: Some(owner), parallel_min };
            root = out.storage(owner, |out| trie.walk(storage_root, &slots, out))?;
            out.note_root(address, root);
        }
        Ok(Some(out.account(TrieAccount::new(account, storage_root), root)))
    }
}

/// A new value of a slot. Zero has no leaf; any other holds its shortest big-endian bytes as RLP.
struct SlotLeaf(U256);

impl<R: NodeReader> LeafChange<R> for SlotLeaf {
    fn removes(&self) -> bool {
        self.0.is_zero()
    }

    fn apply(
        &self,
        _: &R,
        _: Option<&[u8]>,
        out: &mut Unhashed,
    ) -> Result<Option<Value>, TrieError<R::Error>> {
        Ok((!self.0.is_zero()).then(|| out.value(&alloy_rlp::encode_fixed_size(&self.0))))
    }
}

/// The leaves of `changes`, sorted by the hashes of the keys that `key` gives.
fn by_hash<'a, T: Sync, L, const BYTES: usize>(
    changes: &'a [T],
    parallel_min: usize,
    key: impl Fn(&T) -> [u8; BYTES] + Sync,
    leaf: impl Fn(B256, &'a T) -> L,
) -> Vec<(Nibbles, L)> {
    let mut hashes = alloc::vec![B256::ZERO; changes.len()];
    hash_keys(changes, &mut hashes, parallel_min, &key);
    // The first bytes nearly always tell the order, and are cheap to move.
    let mut order: Vec<(u64, usize)> =
        hashes.iter().enumerate().map(|(index, hash)| (first_bytes(hash), index)).collect();
    order.sort_unstable_by(|(first, index), (other_first, other)| {
        first.cmp(other_first).then_with(|| hashes[*index].cmp(&hashes[*other]))
    });
    let sorted = order.into_iter().map(|(_, index)| {
        let hash = hashes[index];
        (Nibbles::unpack_array(&hash), leaf(hash, &changes[index]))
    });
    sorted.collect()
}

fn first_bytes(hash: &B256) -> u64 {
    hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Hashes keys, in parallel where there are threads.
fn hash_keys<T: Sync, const BYTES: usize>(
    changes: &[T],
    hashes: &mut [B256],
    parallel_min: usize,
    key: &(impl Fn(&T) -> [u8; BYTES] + Sync),
) {
    #[cfg(feature = "std")]
    if changes.len() / 32 >= parallel_min {
        let middle = changes.len() / 2;
        let (low, high) = changes.split_at(middle);
        let (low_hashes, high_hashes) = hashes.split_at_mut(middle);
        rayon::join(
            || hash_keys(low, low_hashes, parallel_min, key),
            || hash_keys(high, high_hashes, parallel_min, key),
        );
        return;
    }
    #[cfg(not(feature = "std"))]
    let _ = parallel_min;
    keccak256_keys(changes, hashes, key);
}
