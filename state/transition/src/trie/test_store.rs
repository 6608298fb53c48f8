//! A store for the tests: nodes by path, as a disk keeps them, and strict about what it takes in.

use std::{collections::BTreeMap, sync::Mutex};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::HashBuilder;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    EMPTY_ROOT_HASH, MissingNode, Nibbles, NodeReader, NodeSet, TrieUpdate, for_each_leaf,
    update::Trie,
};

pub(super) type Leaves = BTreeMap<Nibbles, Bytes>;
pub(super) type Change = (Nibbles, Option<Bytes>);

/// Nodes by trie and path. Reads check the hash: a stale node fails the test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Store(pub(super) BTreeMap<(Option<B256>, Nibbles), Bytes>);

impl NodeReader for Store {
    type Error = MissingNode;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, MissingNode> {
        let missing = MissingNode { owner, path: *path, hash: *hash };
        let node = self.0.get(&(owner, *path)).ok_or(missing)?;
        assert_eq!(keccak256(node), *hash, "stale node at {path:?} of {owner:?}");
        Ok(node.clone())
    }
}

impl Store {
    /// Applies a set that must be exact: it deletes what is there and writes what is not.
    pub(super) fn apply(&mut self, nodes: &NodeSet) {
        for (owner, path, node) in nodes.iter() {
            let place = (owner, *path);
            match node {
                Some(rlp) => {
                    let before = self.0.insert(place, rlp.clone());
                    assert_ne!(before.as_ref(), Some(rlp), "rewrites {place:?}");
                }
                None => assert!(self.0.remove(&place).is_some(), "deletes nothing at {place:?}"),
            }
        }
    }

    /// Updates the account trie and applies the result.
    pub(super) fn update(&mut self, root: B256, changes: &[Change], parallel_min: usize) -> B256 {
        let updated = update(self, root, changes, parallel_min);
        let mut set = NodeSet::default();
        set.insert(None, updated.nodes);
        self.apply(&set);
        updated.root
    }

    /// Asserts that the store holds the nodes of this trie and no other, that its leaves are
    /// `leaves`, and that a trie built from nothing is the same.
    pub(super) fn assert_exact(&self, owner: Option<B256>, root: B256, leaves: &Leaves) {
        let recorder = Recorder { store: self, paths: Mutex::default() };
        let mut found = Leaves::new();
        for_each_leaf(&recorder, owner, root, &mut |key, value| {
            found.insert(*key, Bytes::copy_from_slice(value));
        })
        .unwrap();
        assert_eq!(&found, leaves);
        let mut reached = recorder.paths.into_inner().unwrap();
        reached.sort_unstable();
        let of_owner = |(held, _): &&(Option<B256>, Nibbles)| *held == owner;
        let held: Vec<_> = self.0.keys().filter(of_owner).map(|(_, path)| *path).collect();
        assert_eq!(reached, held, "nodes reached and nodes held differ");

        let mut fresh = Self::default();
        let changes: Vec<_> =
            leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
        assert_eq!(fresh.update(EMPTY_ROOT_HASH, &changes, usize::MAX), root);
        let fresh: Vec<_> = fresh.0.into_iter().map(|((_, path), node)| (path, node)).collect();
        let held = self.0.iter().filter(|(place, _)| of_owner(place));
        let held: Vec<_> = held.map(|((_, path), node)| (*path, node.clone())).collect();
        assert_eq!(held, fresh);
    }
}

/// [`super::update`] of the account trie with a choice of threads.
pub(super) fn update(
    reader: &Store,
    root: B256,
    changes: &[Change],
    parallel_min: usize,
) -> TrieUpdate {
    let trie = Trie { reader, owner: None, parallel_min };
    trie.update(root, changes).unwrap()
}

/// Records which nodes are read.
pub(super) struct Recorder<'a> {
    pub(super) store: &'a Store,
    pub(super) paths: Mutex<Vec<Nibbles>>,
}

impl NodeReader for Recorder<'_> {
    type Error = MissingNode;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, MissingNode> {
        self.paths.lock().unwrap().push(*path);
        self.store.node(owner, path, hash)
    }
}

/// The root of a full rebuild by another implementation. Keys must be equally long.
pub(super) fn reference_root(leaves: &Leaves) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(*key, value);
    }
    builder.root()
}

/// A generator whose seed is printed, and given by GAINSAY_SEED to replay a failure.
pub(super) fn seeded() -> StdRng {
    let seed = std::env::var("GAINSAY_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random());
    println!("GAINSAY_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
