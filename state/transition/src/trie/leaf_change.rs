//! A change to one leaf.
//!
//! In: the value that a leaf has. Out: the value that it gets, in the buffer of an update. It never
//! reads a node itself.

use alloy_primitives::Bytes;
use alloy_trie::Nibbles;

use super::{NodeReader, TrieError, made::Value, unhashed::Unhashed};

/// The change of one key. The new value may depend on the old one.
pub(super) trait LeafChange<R: NodeReader>: Sync {
    /// Whether the key has no value after the change.
    fn removes(&self) -> bool;

    /// The new value, kept in `out`, not empty; `None` exactly when the change removes. Called at
    /// most once, and always once unless the change removes a key that has no value.
    fn apply(
        &self,
        reader: &R,
        old: Option<&[u8]>,
        out: &mut Unhashed,
    ) -> Result<Option<Value>, TrieError<R::Error>>;
}

impl<R: NodeReader> LeafChange<R> for Option<Bytes> {
    fn removes(&self) -> bool {
        self.as_ref().is_none_or(|value| value.is_empty())
    }

    fn apply(
        &self,
        _: &R,
        _: Option<&[u8]>,
        out: &mut Unhashed,
    ) -> Result<Option<Value>, TrieError<R::Error>> {
        Ok(self.as_ref().filter(|value| !value.is_empty()).map(|value| out.value(value)))
    }
}

/// The first and the last index of the changes that insert or overwrite, where `counts` is true.
pub(super) fn inserts<R: NodeReader, C: LeafChange<R>>(
    changes: &[(Nibbles, C)],
    counts: impl Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let is_insert = |index: &usize| counts(*index) && !changes[*index].1.removes();
    let first = (0..changes.len()).find(is_insert)?;
    let last = (first..changes.len()).rev().find(is_insert)?;
    Some((first, last))
}
