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
    node::{Branch, Link},
    unhashed::{Child, Made, Unhashed, Value},
};

/// What a descent made of a node. Its place is known, but not yet whether it stays there.
#[derive(Clone, Debug)]
pub(super) enum New {
    /// What was there.
    Same,
    Empty,
    Leaf {
        path: Nibbles,
        value: Value,
    },
    /// Its child is settled.
    Extension {
        path: Nibbles,
        child: Child,
    },
    /// It stays where it is in any case.
    Branch(Made),
}

/// What a descent made of the children of a branch.
#[derive(Debug)]
pub(super) struct Children {
    new: [New; 16],
    /// A bit for each nibble whose child is not the same.
    changed: u16,
}

impl Children {
    /// All the same.
    pub(super) const SAME: Self = Self { new: [const { New::Same }; 16], changed: 0 };

    pub(super) fn set(&mut self, nibble: u8, new: New) {
        if !matches!(new, New::Same) {
            self.changed |= 1 << nibble;
            self.new[usize::from(nibble)] = new;
        }
    }

    pub(super) const fn is_same(&self) -> bool {
        self.changed == 0
    }

    /// A bit for each nibble that has a child now, when those in `before` had one.
    pub(super) fn filled(&self, before: u16) -> u16 {
        let empty = |(nibble, new)| if matches!(new, &New::Empty) { 1_u16 << nibble } else { 0 };
        (before | self.changed) & !self.changed().map(empty).fold(0, |all, bit| all | bit)
    }

    /// The children that are not the same, in order.
    pub(super) fn changed(&self) -> impl Iterator<Item = (u8, &New)> {
        let is_changed = |(nibble, _): &(u8, &New)| self.changed >> nibble & 1 == 1;
        (0..16).zip(&self.new).filter(is_changed)
    }

    /// Takes one out, which counts as the same from now on.
    pub(super) fn take(&mut self, nibble: u8) -> New {
        self.changed &= !(1 << nibble);
        core::mem::replace(&mut self.new[usize::from(nibble)], New::Same)
    }
}

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

/// Settles a child of a branch at `path`, where `old` stood. `None` when there is no child now;
/// what is the same needs no settling.
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
