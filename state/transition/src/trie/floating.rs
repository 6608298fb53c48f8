//! Nodes whose place is not settled.
//!
//! In: what an update made of a node, and what stood at its path before. Out: the node that its
//! parent holds, and the entries of the store that change.
//!
//! A rebuilt node *floats* ([`New`]) until its parent knows that it stays where it is: a branch
//! that is left with one child merges with it, and an extension merges with a leaf or an extension
//! below. [`settle`] and [`extend`] settle it, each path at most once.

use alloy_trie::Nibbles;

use super::{
    made::{Child, Made, New, Value},
    node::{Branch, Link},
    unhashed::Unhashed,
};

/// A branch before its changes: one that was read, or one that an insertion forks.
pub(super) struct OldBranch<'r> {
    /// The children that stand where they stood.
    pub(super) node: Branch<'r>,
    /// The child that an insertion forks off, and that never stood there.
    pub(super) forked: Option<(u8, Forked<'r>)>,
    /// Whether the branch was there before.
    pub(super) is_read: bool,
}

impl OldBranch<'_> {
    /// A branch where nothing stood.
    pub(super) const NEW: Self = Self { node: Branch::EMPTY, forked: None, is_read: false };
}

/// What is left of a node after the nibble at which an insertion forks off.
#[derive(Clone, Copy)]
pub(super) enum Forked<'r> {
    Leaf { path: Nibbles, value: &'r [u8] },
    Extension { path: Nibbles, child: Link<'r> },
}

impl Forked<'_> {
    /// The node when no change reaches it.
    pub(super) fn untouched(&self, out: &mut Unhashed) -> New {
        match *self {
            Self::Leaf { path, value } => New::Leaf { path, value: out.value(value) },
            Self::Extension { path, child } => {
                New::Extension { path, child: Child::Link(child.owned()) }
            }
        }
    }
}

/// Settles a child of a branch at `path`, where `old` stood. `None` when there is no child now. An
/// unchanged child is settled already.
pub(super) fn settle(path: &Nibbles, old: Link<'_>, new: &New, out: &mut Unhashed) -> Option<Made> {
    let made = out.make(new);
    if made.is_none_or(Made::is_short) {
        out.vacate(path, old);
    }
    made
}

/// Puts the path `way` on top of a node at `path`, where `old` stood. Paths stay within a key: the
/// node's own path was checked against its depth when it was read.
pub(super) fn extend(
    way: &Nibbles,
    path: &Nibbles,
    old: Link<'_>,
    new: New,
    out: &mut Unhashed,
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
        New::Branch(made) => {
            if made.is_short() {
                out.vacate(path, old);
            }
            New::Extension { path: *way, child: out.below_extension(path, made) }
        }
    }
}

/// A leaf, when there is a value.
pub(super) fn leaf_or_empty(path: Nibbles, value: Option<Value>) -> New {
    value.map_or(New::Empty, |value| New::Leaf { path, value })
}
