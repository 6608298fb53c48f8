//! Sorted changes to one trie, and how they split on the way down.
//!
//! In: changes in rising order of their keys. Out: the parts of them that lie under a path. It
//! never reads a node.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "indices in the slice of changes, which lies in memory"
)]

use core::ops::Range;

use alloy_trie::Nibbles;

/// How many nibbles `key` shares with both ends of a sorted range of keys, so with all of it.
pub(super) fn common_prefix(key: &Nibbles, first: &Nibbles, last: &Nibbles) -> usize {
    key.common_prefix_length(first).min(key.common_prefix_length(last))
}

/// Which of the sorted changes are at `path` or under it.
pub(super) fn under<C>(path: &Nibbles, changes: &[(Nibbles, C)]) -> Range<usize> {
    let from = changes.partition_point(|(key, _)| key < path);
    from..from + changes[from..].partition_point(|(key, _)| key.starts_with(path))
}

/// Splits sorted changes by their nibble at `depth`. Every key is longer than that.
pub(super) fn groups<C>(
    depth: usize,
    mut changes: &[(Nibbles, C)],
) -> impl Iterator<Item = (u8, &[(Nibbles, C)])> {
    core::iter::from_fn(move || {
        let nibble = changes.first()?.0.get_unchecked(depth);
        let len = match changes {
            [_] => 1,
            _ => changes.partition_point(|(key, _)| key.get_unchecked(depth) == nibble),
        };
        let (group, rest) = changes.split_at(len);
        changes = rest;
        Some((nibble, group))
    })
}

/// Where to split sorted changes in about two halves of whole groups; `None` when there is one.
#[cfg(feature = "std")]
pub(super) fn middle<C>(depth: usize, changes: &[(Nibbles, C)]) -> Option<usize> {
    let half = changes.len() / 2;
    let nibble = changes.get(half)?.0.get_unchecked(depth);
    let from = changes.partition_point(|(key, _)| key.get_unchecked(depth) < nibble);
    let to = changes.partition_point(|(key, _)| key.get_unchecked(depth) <= nibble);
    let is_from = from > 0 && (to == changes.len() || half - from <= to - half);
    Some(if is_from { from } else { to }).filter(|middle| *middle < changes.len())
}
