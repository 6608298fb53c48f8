//! Nodes that an update has built and not yet hashed.
//!
//! In: nodes, children before parents. Out: the hash of every node, and the entries of the store.
//!
//! All nodes of an update stand one behind the other in one buffer. Where a node names a child of
//! which the hash is not known yet, it has a *hole* of 32 bytes. At the end the holes are filled
//! level by level: first the nodes without holes are hashed, then the nodes whose holes those
//! hashes filled, and so on. All nodes of one level are hashed at once, whatever tries they belong
//! to: the leaf of an account has a hole for the root of its storage.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "places in buffers that are in memory; a hole is made before its place is taken"
)]

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};
use gainsay_keccak::keccak256_many;

use super::{
    account::{STORAGE_ROOT_FROM_END, TrieAccount},
    ahead::Ahead,
    made::{Child, Children, EntryIndex, Made, New, Root, Value},
    node::{
        Branch, HASH_CODE, Link, encode_extension, encode_leaf, encode_list_header, encode_string,
        string_len,
    },
    node_set::{StoredNode, merge},
};

/// One place in the store, and the node that it gets.
#[derive(Clone, Copy, Debug)]
struct Entry {
    path: Nibbles,
    /// `None` deletes.
    made: Option<Made>,
    /// Where the hash goes. Until its parent is made it is `usize::MAX`, which no buffer reaches:
    /// the hash of a node that nobody names is written nowhere.
    hole: usize,
}

/// A storage trie among the nodes of an update.
#[derive(Debug)]
struct StorageTrie {
    owner: B256,
    entries: Range<usize>,
    /// The nodes of this trie that other threads finished.
    finished: Vec<StoredNode>,
}

/// What a thread made below one branch.
#[cfg(feature = "std")]
#[derive(Debug)]
pub(super) struct Piece {
    /// The children of the branch, without holes.
    children: Vec<(u8, New)>,
    buffer: Vec<u8>,
    finished: Finished,
}

/// What an update has made so far.
#[derive(Debug, Default)]
pub(super) struct Unhashed {
    /// Nodes read ahead for the walk that fills this buffer.
    pub(super) ahead: Ahead,
    buffer: Vec<u8>,
    /// Entries of the trie that is walked and, in ranges among them, of storage tries.
    entries: Vec<Entry>,
    storages: Vec<StorageTrie>,
    roots: Vec<(Address, Root)>,
    finished: Finished,
}

/// Hashed nodes and roots, ready for the store.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// The root of the trie that was walked.
    pub(super) root: B256,
    /// Nodes of the trie that was walked, by path.
    pub(super) nodes: Vec<StoredNode>,
    /// The storage tries that changed, by path each.
    pub(super) storages: Vec<(B256, Vec<StoredNode>)>,
    /// The root of every storage that was written.
    pub(super) roots: Vec<(Address, B256)>,
}

impl Unhashed {
    /// Keeps the value of a leaf.
    pub(super) fn value(&mut self, value: &[u8]) -> Value {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(value);
        Value { start, end: self.buffer.len(), root: None }
    }

    /// Keeps the leaf of an account, whose storage root is not that in `leaf` but `root`.
    pub(super) fn account(&mut self, mut leaf: TrieAccount, root: Root) -> Value {
        let root = match root {
            Root::Known(hash) => {
                leaf.storage_root = hash;
                None
            }
            Root::Unhashed(entry) => Some(entry),
        };
        let start = self.buffer.len();
        // While the root is not known, the leaf holds the old root as a hole. It has 32 bytes as
        // well, so that the length of the leaf, and of every node above it, is right already.
        leaf.encode(&mut self.buffer);
        Value { start, end: self.buffer.len(), root }
    }

    /// Whether the bytes of `value` are `other`. An account that waits for a root equals nothing.
    pub(super) fn is_value(&self, value: Value, other: &[u8]) -> bool {
        value.root.is_none() && self.bytes(value.start..value.end) == other
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Writes a node to the buffer; `None` if there is no node, or if it is unchanged. A branch is
    /// in the buffer already.
    pub(super) fn make(&mut self, new: &New) -> Option<Made> {
        let start = self.buffer.len();
        let height = match new {
            New::Same | New::Empty => return None,
            New::Branch(made) => return Some(*made),
            New::Leaf { path, value } => {
                encode_leaf(&mut self.buffer, path, value.start..value.end);
                self.set_root_hole(*value)
            }
            New::Extension { path, child } => match child {
                Child::Link(link) => {
                    encode_extension(&mut self.buffer, path, link);
                    0
                }
                Child::Unhashed(entry) => {
                    encode_extension(&mut self.buffer, path, &RlpNode::word_rlp(&B256::ZERO));
                    // The link ends the extension, and the hash ends the link.
                    let hole = self.buffer.len() - B256::len_bytes();
                    self.set_hole(*entry, hole)
                }
            },
        };
        Some(Made { start, end: self.buffer.len(), height })
    }

    /// Notes where the hash of an entry goes. Returns the height of a node with that hole.
    fn set_hole(&mut self, EntryIndex(index): EntryIndex, hole: usize) -> usize {
        let entry = &mut self.entries[index];
        entry.hole = hole;
        entry.made.map_or(0, |made| made.height + 1)
    }

    /// Notes the hole in a value that ends the node just written. Returns the height that the hole
    /// gives the node.
    fn set_root_hole(&mut self, value: Value) -> usize {
        let Some(root) = value.root else { return 0 };
        let hole = self.buffer.len() - STORAGE_ROOT_FROM_END;
        self.set_hole(root, hole)
    }

    /// Makes the branch at `path`. Of the `changed` children those that are made go to the store,
    /// or into the branch when they are short.
    pub(super) fn make_branch(
        &mut self,
        path: &Nibbles,
        old: &Branch<'_>,
        changed: &Children,
        made: &[Option<Made>; 16],
        value: Option<Value>,
    ) -> Made {
        // A list begins with its length, so that it is computed before the links are written: the
        // links that stay, without those that change, and with what they become.
        let mut payload_len = old.links(0, 16).len();
        for (nibble, _) in changed.changed() {
            payload_len -= old.links(nibble, nibble + 1).len();
            payload_len += made[usize::from(nibble)].map_or(1, Made::link_len);
        }
        payload_len += value.map_or(1, |value| string_len(&self.buffer, &(value.start..value.end)));
        let start = self.buffer.len();
        encode_list_header(&mut self.buffer, payload_len);
        let mut height = 0;
        // The first nibble that is not written yet.
        let mut next = 0;
        for (nibble, _) in changed.changed() {
            self.buffer.extend_from_slice(old.links(next, nibble));
            next = nibble + 1;
            match made[usize::from(nibble)] {
                None => self.buffer.push(EMPTY_STRING_CODE),
                Some(made) if made.is_short() => {
                    // The link is a copy of the short node. Nothing refers to the original any
                    // more.
                    self.buffer.extend_from_within(made.start..made.end);
                }
                Some(made) => {
                    self.buffer.push(HASH_CODE);
                    let hole = self.reserve_hole();
                    let mut path = *path;
                    path.push_unchecked(nibble);
                    self.entries.push(Entry { path, made: Some(made), hole });
                    height = height.max(made.height + 1);
                }
            }
        }
        self.buffer.extend_from_slice(old.links(next, 16));
        match value {
            None => self.buffer.push(EMPTY_STRING_CODE),
            Some(value) => {
                encode_string(&mut self.buffer, value.start..value.end);
                height = height.max(self.set_root_hole(value));
            }
        }
        Made { start, end: self.buffer.len(), height }
    }

    /// Deletes what stood at `path`, if it had an entry of its own.
    pub(super) fn vacate(&mut self, path: &Nibbles, old: Link<'_>) {
        if old.hash().is_some() {
            self.entries.push(Entry { path: *path, made: None, hole: usize::MAX });
        }
    }

    /// Puts a branch at `path` below an extension.
    pub(super) fn below_extension(&mut self, path: &Nibbles, made: Made) -> Child {
        if !made.is_short() {
            return Child::Unhashed(self.enter(path, made));
        }
        let short = RlpNode::from_raw(self.bytes(made.start..made.end));
        Child::Link(short.unwrap_or_default())
    }

    /// Puts a node, or nothing, at the top of a trie. A root has an entry however short it is.
    pub(super) fn place_root(&mut self, new: &New) -> Root {
        let path = Nibbles::new();
        match self.make(new) {
            Some(made) => Root::Unhashed(self.enter(&path, made)),
            None => {
                self.entries.push(Entry { path, made: None, hole: usize::MAX });
                Root::Known(EMPTY_ROOT_HASH)
            }
        }
    }

    /// An entry whose hole is yet to come.
    fn enter(&mut self, path: &Nibbles, made: Made) -> EntryIndex {
        self.entries.push(Entry { path: *path, made: Some(made), hole: usize::MAX });
        EntryIndex(self.entries.len() - 1)
    }

    /// Collects what `walk` makes as the storage trie of `owner`.
    pub(super) fn storage<E>(
        &mut self,
        owner: B256,
        walk: impl FnOnce(&mut Self) -> Result<Root, E>,
    ) -> Result<Root, E> {
        let from = self.entries.len();
        // Threads below hand over what they finished to the trie that is walked: put the account
        // trie's nodes aside, so that those of the storage come alone.
        let before = core::mem::take(&mut self.finished.nodes);
        let root = walk(self)?;
        let finished = core::mem::replace(&mut self.finished.nodes, before);
        let entries = from..self.entries.len();
        if !entries.is_empty() {
            self.storages.push(StorageTrie { owner, entries, finished });
        }
        Ok(root)
    }

    /// Notes the root of a storage that was written.
    pub(super) fn note_root(&mut self, address: Address, root: Root) {
        self.roots.push((address, root));
    }

    /// Hashes everything. `root` is that of the trie that was walked.
    pub(super) fn finish(mut self, root: Root) -> Finished {
        let hole = self.reserve_hole();
        if let Root::Unhashed(entry) = root {
            self.set_hole(entry, hole);
        }
        self.fill_holes();
        self.finished.root = match root {
            Root::Known(hash) => hash,
            Root::Unhashed(_) => hash_in(&self.buffer, hole),
        };
        self.into_finished().0
    }

    /// Hashes everything but the floating `children` of one branch. Gives their bytes, which
    /// another update adopts.
    #[cfg(feature = "std")]
    pub(super) fn finish_below(mut self, mut children: Vec<(u8, New)>) -> Piece {
        // A floating node may be joined with a node above, so it is hashed there. But its own holes
        // must be filled here, while the nodes that fill them are in this buffer: a leaf's root
        // goes into the leaf itself, an extension's link into a new hole that is read below.
        let mut holes = Vec::new();
        for (_, child) in &children {
            match child {
                New::Leaf { value: Value { end, root: Some(root), .. }, .. } => {
                    self.set_hole(*root, end - STORAGE_ROOT_FROM_END);
                }
                New::Extension { child: Child::Unhashed(entry), .. } => {
                    let hole = self.reserve_hole();
                    self.set_hole(*entry, hole);
                    holes.push(hole);
                }
                _ => {}
            }
        }
        self.fill_holes();
        let mut holes = holes.into_iter();
        for (_, child) in &mut children {
            match child {
                New::Leaf { value, .. } => value.root = None,
                New::Extension { child: child @ Child::Unhashed(_), .. } => {
                    let hole = holes.next().unwrap_or_default();
                    *child = Child::Link(RlpNode::word_rlp(&hash_in(&self.buffer, hole)));
                }
                New::Branch(made) => made.height = 0,
                _ => {}
            }
        }
        let (finished, buffer) = self.into_finished();
        Piece { children, finished, buffer }
    }

    /// Takes over the nodes that another thread finished, and the bytes of those that float.
    #[cfg(feature = "std")]
    pub(super) fn adopt(&mut self, piece: Piece, place: &mut Children) {
        let Piece { children, finished, buffer } = piece;
        self.finished.nodes.extend(finished.nodes);
        self.finished.storages.extend(finished.storages);
        self.finished.roots.extend(finished.roots);
        // A floating leaf or branch names a range of the other buffer: copy the bytes, name the
        // copy.
        for (nibble, mut child) in children {
            if let New::Leaf { value: Value { start, end, .. }, .. }
            | New::Branch(Made { start, end, .. }) = &mut child
            {
                let moved = self.buffer.len();
                self.buffer.extend_from_slice(&buffer[*start..*end]);
                (*start, *end) = (moved, self.buffer.len());
            }
            place.set(nibble, child);
        }
    }

    fn reserve_hole(&mut self) -> usize {
        let hole = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 32]);
        hole
    }

    /// Hashes all nodes, level by level.
    fn fill_holes(&mut self) {
        let made = self.entries.iter().filter_map(|entry| Some((entry.made?, entry.hole)));
        let mut made: Vec<(Made, usize)> = made.collect();
        // Nodes without holes first. A node of height h has holes for nodes below h alone, so that
        // all of them are filled when its level is hashed.
        made.sort_unstable_by_key(|(made, _)| made.height);
        let mut hashes = Vec::new();
        for level in made.chunk_by(|(a, _), (b, _)| a.height == b.height) {
            let nodes: Vec<&[u8]> =
                level.iter().map(|(made, _)| self.bytes(made.start..made.end)).collect();
            hashes.clear();
            hashes.resize(nodes.len(), B256::ZERO);
            keccak256_many(&nodes, &mut hashes);
            for ((_, hole), hash) in level.iter().zip(&hashes) {
                let hole = self.buffer.get_mut(*hole..).and_then(|rest| rest.first_chunk_mut());
                if let Some(hole) = hole {
                    *hole = hash.0;
                }
            }
        }
    }

    fn into_finished(self) -> (Finished, Vec<u8>) {
        let Self { buffer, entries, storages, roots, mut finished, .. } = self;
        // Storage tries were walked in between: their entries lie in ranges, in rising order, among
        // those of the trie itself.
        let mut own = Vec::with_capacity(entries.len());
        let mut next = 0;
        for StorageTrie { owner, entries: range, finished: nodes } in storages {
            own.extend(&entries[next..range.start]);
            next = range.end;
            let storage = sorted_nodes(entries[range].iter().collect(), &buffer);
            finished.storages.push((owner, merge(nodes, storage)));
        }
        own.extend(&entries[next..]);
        finished.nodes = merge(finished.nodes, sorted_nodes(own, &buffer));
        finished.roots.extend(roots.into_iter().map(|(address, root)| {
            let root = match root {
                Root::Known(root) => root,
                Root::Unhashed(EntryIndex(index)) => hash_in(&buffer, entries[index].hole),
            };
            (address, root)
        }));
        (finished, buffer)
    }
}

/// What is stored of these entries, by path.
fn sorted_nodes(entries: Vec<&Entry>, buffer: &[u8]) -> Vec<StoredNode> {
    // Their first bytes tell most paths apart, and are cheap to move.
    let first = |path: &Nibbles| {
        let mut bytes = [0; 32];
        path.pack_to(&mut bytes);
        bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    };
    let mut order: Vec<(u64, &Entry)> =
        entries.into_iter().map(|entry| (first(&entry.path), entry)).collect();
    order.sort_unstable_by(|(first, entry), (other_first, other)| {
        first.cmp(other_first).then_with(|| entry.path.cmp(&other.path))
    });
    let stored = order.into_iter().map(|(_, entry)| {
        let rlp = entry.made.map(|made| Bytes::copy_from_slice(&buffer[made.start..made.end]));
        (entry.path, rlp)
    });
    stored.collect()
}

fn hash_in(buffer: &[u8], hole: usize) -> B256 {
    let hash = buffer.get(hole..).and_then(|rest| rest.first_chunk::<32>());
    hash.map_or(B256::ZERO, B256::from)
}
