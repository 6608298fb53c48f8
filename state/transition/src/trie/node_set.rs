//! The difference that an update makes to the stored nodes.
//!
//! In: the nodes of updated tries. Out: for each (owner, path) the RLP to store or the order to
//! delete. A store that applies every set holds at each moment exactly the nodes of its trie: the
//! root, and each node of at least 32 bytes of RLP. Smaller nodes live inside their parents. What
//! was there and is no longer (moved, merged, shrunk below 32 bytes, gone) is deleted.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use super::NodeReader;

/// A node, or a deletion, of the store: what [`super::TrieUpdate`] lists.
pub(super) type StoredNode = (Nibbles, Option<Bytes>);

/// Nodes written (`Some(rlp)`) and deleted (`None`), by trie and path, in order.
///
/// It is also a [`NodeReader`] of the nodes in it: an empty set reads the empty trie (a genesis),
/// and one that took in every update since then reads the whole state from memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSet {
    tries: BTreeMap<Option<B256>, Vec<StoredNode>>,
}

/// A node that the set does not hold, or holds as deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {hash} at {path:?} of {owner:?} is not in the set")]
pub struct MissingNode {
    /// The trie: `None` for accounts, else the hashed address.
    pub owner: Option<B256>,
    /// Where the node should stand.
    pub path: Nibbles,
    /// The hash asked for.
    pub hash: B256,
}

impl NodeSet {
    /// What the set says about a node: `None` nothing, `Some(None)` deleted, else written.
    #[must_use]
    pub fn get(&self, owner: Option<B256>, path: &Nibbles) -> Option<Option<&Bytes>> {
        let nodes = self.tries.get(&owner)?;
        let index = nodes.binary_search_by(|(key, _)| key.cmp(path)).ok()?;
        nodes.get(index).map(|(_, node)| node.as_ref())
    }

    /// Every entry, by owner (the account trie first), then by path.
    pub fn iter(&self) -> impl Iterator<Item = (Option<B256>, &Nibbles, Option<&Bytes>)> {
        self.tries.iter().flat_map(|(owner, nodes)| {
            nodes.iter().map(move |(path, node)| (*owner, path, node.as_ref()))
        })
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tries.values().map(Vec::len).sum()
    }

    /// Whether the set changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tries.is_empty()
    }

    /// Takes in the nodes of one trie, sorted by path, as [`super::TrieUpdate`] holds them. They
    /// come after what the set holds: of two entries at one path the new one stays.
    pub fn insert(&mut self, owner: Option<B256>, nodes: Vec<(Nibbles, Option<Bytes>)>) {
        if nodes.is_empty() {
            return;
        }
        let held = self.tries.entry(owner).or_default();
        *held = merge(core::mem::take(held), nodes);
    }

    /// Takes in a later set.
    pub fn extend(&mut self, later: Self) {
        for (owner, nodes) in later.tries {
            self.insert(owner, nodes);
        }
    }
}

impl NodeReader for NodeSet {
    type Error = MissingNode;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, MissingNode> {
        match self.get(owner, path) {
            Some(Some(rlp)) => Ok(rlp.clone()),
            _ => Err(MissingNode { owner, path: *path, hash: *hash }),
        }
    }
}

/// Merges two sorted lists; at equal paths the later entry wins.
pub(super) fn merge(earlier: Vec<StoredNode>, later: Vec<StoredNode>) -> Vec<StoredNode> {
    if earlier.is_empty() {
        return later;
    }
    let mut merged = Vec::with_capacity(earlier.len().saturating_add(later.len()));
    let mut earlier = earlier.into_iter().peekable();
    for entry in later {
        while let Some(before) = earlier.next_if(|(path, _)| *path < entry.0) {
            merged.push(before);
        }
        earlier.next_if(|(path, _)| *path == entry.0);
        merged.push(entry);
    }
    merged.extend(earlier);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn path(nibbles: &[u8]) -> Nibbles {
        Nibbles::from_nibbles(nibbles)
    }

    #[test]
    fn later_entries_win_and_order_is_kept() {
        let one = Some(Bytes::from_static(b"one"));
        let two = Some(Bytes::from_static(b"two"));
        let mut set = NodeSet::default();
        set.insert(None, vec![(path(&[]), one.clone()), (path(&[1]), one.clone())]);
        let mut later = NodeSet::default();
        later.insert(None, vec![(path(&[0]), two.clone()), (path(&[1]), None)]);
        later.insert(Some(B256::ZERO), vec![(path(&[]), two.clone())]);
        set.extend(later);
        let entries: Vec<_> =
            set.iter().map(|(owner, path, node)| (owner, *path, node.cloned())).collect();
        assert_eq!(
            entries,
            vec![
                (None, path(&[]), one.clone()),
                (None, path(&[0]), two.clone()),
                (None, path(&[1]), None),
                (Some(B256::ZERO), path(&[]), two),
            ]
        );
        assert_eq!(set.len(), 4);
        assert_eq!(set.get(None, &path(&[1])), Some(None));
        assert_eq!(set.get(None, &path(&[2])), None);
        assert!(set.node(None, &path(&[1]), &B256::ZERO).is_err());
        assert_eq!(set.node(None, &path(&[]), &B256::ZERO).ok(), one);
    }
}
