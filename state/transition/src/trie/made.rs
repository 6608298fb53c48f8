//! The nodes, values and roots that an update puts into its buffer.
//!
//! In: places in the buffer of `unhashed`. Out: the types by which a descent (`update`, `floating`)
//! and the buffer name them. It holds no bytes and reads no node.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "places in a buffer that is in memory; an end never lies before its start"
)]

use alloy_primitives::B256;
use alloy_trie::{Nibbles, nodes::RlpNode};

use super::node::HASH_LINK_LEN;

/// Shorter nodes live within their parents.
const HASHED_LEN_MIN: usize = 32;

/// A node in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Levels of holes below it and in it.
    pub(super) height: usize,
}

impl Made {
    pub(super) const fn len(self) -> usize {
        self.end - self.start
    }

    /// Length of its parent's link to it.
    pub(super) const fn link_len(self) -> usize {
        if self.is_short() { self.len() } else { HASH_LINK_LEN }
    }

    /// Whether it lives within its parent.
    pub(super) const fn is_short(self) -> bool {
        self.len() < HASHED_LEN_MIN
    }
}

/// The value of a leaf in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The entry of the root of the storage, when the value is an account that waits for it.
    pub(super) root: Option<EntryIndex>,
}

/// A position in the list of entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryIndex(pub(super) usize);

/// The root of a trie.
#[derive(Clone, Copy, Debug)]
pub(super) enum Root {
    Known(B256),
    Unhashed(EntryIndex),
}

/// The child of an extension.
#[derive(Clone, Debug)]
pub(super) enum Child {
    Link(RlpNode),
    Unhashed(EntryIndex),
}

/// A node after its changes. Its parent decides whether it stays at its place.
#[derive(Clone, Debug)]
pub(super) enum New {
    /// The node is unchanged.
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

/// The children of a branch after their changes.
#[derive(Debug)]
pub(super) struct Children {
    new: [New; 16],
    /// A bit for each nibble whose child is changed.
    changed: u16,
}

impl Children {
    /// No child is changed.
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

    /// The changed children, in order.
    pub(super) fn changed(&self) -> impl Iterator<Item = (u8, &New)> {
        let is_changed = |(nibble, _): &(u8, &New)| self.changed >> nibble & 1 == 1;
        (0..16).zip(&self.new).filter(is_changed)
    }

    /// Takes one child out, which counts as unchanged from now on.
    pub(super) fn take(&mut self, nibble: u8) -> New {
        self.changed &= !(1 << nibble);
        core::mem::replace(&mut self.new[usize::from(nibble)], New::Same)
    }
}
