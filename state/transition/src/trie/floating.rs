//! Nodes between their making and their settling.
//!
//! In: what an update made of a node, and what stood at its path before. Out: the link that its
//! parent holds, and the entries of the store that change.
//!
//! A rebuilt node *floats* ([`New`]) until its parent knows that it stays where it is: a branch
//! that is left with one child merges with it, and an extension merges with a leaf or an extension
//! below. [`Output::place`] and [`extend`] settle it. They are the only ones who write and delete,
//! and see each path at most once.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes};
use alloy_trie::{Nibbles, nodes::RlpNode};

use super::{
    node::{Link, encode_extension, encode_leaf},
    update::TrieUpdate,
};

/// What became of the storage of one account on the way.
#[derive(Debug)]
pub(super) struct StorageOutput {
    pub(super) address: Address,
    pub(super) owner: B256,
    pub(super) updated: TrieUpdate,
}

/// What a descent collects.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) nodes: Vec<(Nibbles, Option<Bytes>)>,
    pub(super) storages: Vec<StorageOutput>,
}

impl Output {
    /// Settles what stands at `path` from now on, where `old` stood, and returns the link to it.
    pub(super) fn place(&mut self, path: &Nibbles, old: Link<'_>, new: New) -> RlpNode {
        let (rlp, link) = match new {
            New::Same => return old.owned(),
            New::Empty => {
                self.vacate(path, old);
                return RlpNode::default();
            }
            New::Leaf { path, value } => hashed(encode_leaf(&path, &value)),
            New::Extension { path, child } => hashed(encode_extension(&path, &child)),
            New::Branch { rlp, link } => (rlp, link),
        };
        if !link.is_hash() {
            self.vacate(path, old);
        } else {
            // A node is rebuilt only when its content differs, so its hash does, too.
            self.nodes.push((*path, Some(rlp)));
        }
        link
    }

    /// Deletes what stands at `path`, if it has an entry of its own.
    fn vacate(&mut self, path: &Nibbles, old: Link<'_>) {
        if old.hash().is_some() {
            self.nodes.push((*path, None));
        }
    }

    #[cfg(feature = "std")]
    pub(super) fn join(&mut self, later: Self) {
        self.nodes.extend(later.nodes);
        self.storages.extend(later.storages);
    }
}

pub(super) fn hashed(rlp: Bytes) -> (Bytes, RlpNode) {
    let link = RlpNode::from_rlp(&rlp);
    (rlp, link)
}

/// What a descent made of a node. Its place is known, but not yet whether it stays there.
pub(super) enum New {
    /// What was there.
    Same,
    Empty,
    Leaf {
        path: Nibbles,
        value: Bytes,
    },
    /// Its child is settled.
    Extension {
        path: Nibbles,
        child: RlpNode,
    },
    /// It stays where it is in any case: hashed where it was built, perhaps on another thread.
    Branch {
        rlp: Bytes,
        link: RlpNode,
    },
}

/// A branch before its changes: one that was read, or one that an insertion forks.
pub(super) struct OldBranch<'r> {
    /// The children that stand where they stood.
    pub(super) links: [Link<'r>; 16],
    pub(super) value: &'r [u8],
    /// The child that an insertion forks off, and that never stood there.
    pub(super) forked: Option<(u8, Forked<'r>)>,
    /// Whether the branch was there before.
    pub(super) is_read: bool,
}

impl OldBranch<'_> {
    /// A branch where nothing stood.
    pub(super) const NEW: Self =
        Self { links: [Link::EMPTY; 16], value: &[], forked: None, is_read: false };
}

/// What is left of a node after the nibble at which an insertion forks off.
#[derive(Clone, Copy)]
pub(super) enum Forked<'r> {
    Leaf { path: Nibbles, value: &'r [u8] },
    Extension { path: Nibbles, child: Link<'r> },
}

impl Forked<'_> {
    /// The node when no change reaches it.
    pub(super) fn untouched(&self) -> New {
        match *self {
            Self::Leaf { path, value } => New::Leaf { path, value: Bytes::copy_from_slice(value) },
            Self::Extension { path, child } => New::Extension { path, child: child.owned() },
        }
    }
}

/// Puts the path `way` on top of a node at `path`, where `old` stood. Paths stay within a key: the
/// node's own path was checked against its depth when it was read.
pub(super) fn extend(
    way: &Nibbles,
    path: &Nibbles,
    old: Link<'_>,
    new: New,
    out: &mut Output,
) -> New {
    match new {
        New::Same => New::Same,
        New::Empty => {
            out.vacate(path, old);
            New::Empty
        }
        New::Leaf { path: rest, value } => {
            out.vacate(path, old);
            New::Leaf { path: way.join(&rest), value }
        }
        New::Extension { path: rest, child } => {
            out.vacate(path, old);
            New::Extension { path: way.join(&rest), child }
        }
        branch @ New::Branch { .. } => {
            New::Extension { path: *way, child: out.place(path, old, branch) }
        }
    }
}

pub(super) fn leaf_or_empty(path: Nibbles, value: Option<Bytes>) -> New {
    match value {
        Some(value) if !value.is_empty() => New::Leaf { path, value },
        _ => New::Empty,
    }
}
