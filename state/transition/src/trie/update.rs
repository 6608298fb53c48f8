//! Sorted changes to one trie, in one descent.
//!
//! In: a reader, a root and changes in rising order of their keys. Out: the new root and the nodes
//! written and deleted. The changes are split by nibble on the way down, so that each touched node
//! is read once, and each changed node is hashed once on the way up.
//!
//! On the host a branch with enough changes under it descends into its children in parallel. Each
//! child collects its own output and outputs are joined in order: threads never show in a result.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};

use super::{
    KEY_NIBBLES_MAX, NodeDefect, NodeReader, TrieError,
    floating::{Forked, New, OldBranch, Output, StorageOutput, extend, hashed, leaf_or_empty},
    node::{Link, Node, encode_branch, encode_extension, encode_leaf},
};

/// Changes under one branch from which on its children are worth a thread each: some 100 us of
/// hashing against some 5 us of hand-over.
pub(super) const PARALLEL_MIN: usize = 128;

/// What an update made of one trie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrieUpdate {
    /// The root after the changes.
    pub root: B256,
    /// Nodes written (`Some(rlp)`) and deleted (`None`), sorted by path. Paths that are not listed
    /// keep the node they had. Nodes below 32 bytes live in their parents and have no entry, but
    /// the root always has one.
    pub nodes: Vec<(Nibbles, Option<Bytes>)>,
}

/// Applies `changes` to the trie `root` of `owner`.
///
/// Keys rise strictly. `None`, or an empty value, deletes. Changes that change nothing are fine and
/// write nothing.
pub fn update<R: NodeReader>(
    reader: &R,
    owner: Option<B256>,
    root: B256,
    changes: &[(Nibbles, Option<Bytes>)],
) -> Result<TrieUpdate, TrieError<R::Error>> {
    let trie = Trie { reader, owner, parallel_min: PARALLEL_MIN };
    trie.update(root, changes).map(|(updated, _)| updated)
}

/// What shall become of one key. The new value may depend on the old one.
pub(super) trait LeafChange<R: NodeReader>: Sync {
    /// Whether the key shall have no value afterwards.
    fn removes(&self) -> bool;

    /// The new value, not empty; `None` exactly when the change removes. Called at most once, and
    /// always once unless the change removes a key that has no value.
    fn apply(
        &self,
        reader: &R,
        old: Option<&[u8]>,
        storages: &mut Vec<StorageOutput>,
    ) -> Result<Option<Bytes>, TrieError<R::Error>>;
}

impl<R: NodeReader> LeafChange<R> for Option<Bytes> {
    fn removes(&self) -> bool {
        self.as_ref().is_none_or(|value| value.is_empty())
    }

    fn apply(
        &self,
        _: &R,
        _: Option<&[u8]>,
        _: &mut Vec<StorageOutput>,
    ) -> Result<Option<Bytes>, TrieError<R::Error>> {
        Ok(self.clone().filter(|value| !value.is_empty()))
    }
}

/// One trie while it is updated.
#[derive(Debug)]
pub(super) struct Trie<'a, R> {
    pub(super) reader: &'a R,
    pub(super) owner: Option<B256>,
    /// Changes under one branch from which on it descends in parallel.
    #[cfg_attr(not(feature = "std"), expect(dead_code, reason = "there are no threads"))]
    pub(super) parallel_min: usize,
}

impl<R: NodeReader> Trie<'_, R> {
    pub(super) fn update<C: LeafChange<R>>(
        &self,
        root: B256,
        changes: &[(Nibbles, C)],
    ) -> Result<(TrieUpdate, Vec<StorageOutput>), TrieError<R::Error>> {
        if let Some(at) = changes.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
            return Err(TrieError::Unsorted { index: at + 1 });
        }
        let old = if root == EMPTY_ROOT_HASH { None } else { Some(RlpNode::word_rlp(&root)) };
        let old = old.as_ref().map_or(Link::EMPTY, Link::of);
        let top = Nibbles::new();
        let mut out = Output::default();
        let new = match changes {
            [] => New::Same,
            _ => self.link(&top, old, changes, &mut out)?,
        };
        // The root has an entry however short it is.
        let (root, rlp) = match new {
            New::Same => return Ok((TrieUpdate { root, nodes: Vec::new() }, out.storages)),
            New::Empty => (EMPTY_ROOT_HASH, None),
            New::Leaf { path, value } => root_of(encode_leaf(&path, &value)),
            New::Extension { path, child } => root_of(encode_extension(&path, &child)),
            New::Branch { rlp, link } => match Link::of(&link).hash() {
                Some(root) => (root, Some(rlp)),
                None => root_of(rlp),
            },
        };
        out.nodes.push((top, rlp));
        out.nodes.sort_unstable_by_key(|(path, _)| *path);
        Ok((TrieUpdate { root, nodes: out.nodes }, out.storages))
    }

    fn read(&self, path: &Nibbles, link: Link<'_>) -> Result<Bytes, TrieError<R::Error>> {
        match link.hash() {
            Some(hash) => self.reader.node(self.owner, path, &hash).map_err(TrieError::Read),
            None => Ok(link.inline()),
        }
    }

    fn decode<'r>(&self, path: &Nibbles, rlp: &'r Bytes) -> Result<Node<'r>, TrieError<R::Error>> {
        Node::decode(rlp, path.len()).map_err(|defect| self.bad_node(path, defect))
    }

    const fn bad_node(&self, path: &Nibbles, defect: NodeDefect) -> TrieError<R::Error> {
        TrieError::BadNode { owner: self.owner, path: *path, defect }
    }

    /// Changes what `link` names. All keys lie under `path`; there is at least one.
    fn link<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        link: Link<'_>,
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        if link.is_empty() {
            return self.empty(path, changes, out);
        }
        let rlp = self.read(path, link)?;
        match self.decode(path, &rlp)? {
            Node::Leaf { path: rest, value } => self.leaf(path, &rest, value, changes, out),
            Node::Extension { path: rest, child } => {
                self.extension(path, &rest, child, changes, out)
            }
            Node::Branch { children: links, value } => {
                let old = OldBranch { links, value, forked: None, is_read: true };
                self.branch(path, &old, changes, out)
            }
        }
    }

    /// Changes under a path with nothing below it.
    fn empty<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let Some((first, last)) = inserts(changes, |_| true) else { return Ok(New::Same) };
        let key = &changes[first].0;
        if first == last {
            let value = self.apply(&changes[first].1, None, out)?;
            return Ok(leaf_or_empty(key.slice(path.len()..), value));
        }
        let fork = key.common_prefix_length(&changes[last].0);
        self.fork(path, &key.slice(..fork), &OldBranch::NEW, &changes[first..=last], out)
    }

    /// Changes where a leaf stands, `rest` below `path`.
    fn leaf<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        rest: &Nibbles,
        value: &[u8],
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let key = path.join(rest);
        let own = changes.binary_search_by(|(other, _)| other.cmp(&key)).ok();
        let Some((first, last)) = inserts(changes, |index| Some(index) != own) else {
            let Some(own) = own else { return Ok(New::Same) };
            let new = self.apply(&changes[own].1, Some(value), out)?;
            return Ok(match new {
                Some(new) if *new == *value => New::Same,
                new => leaf_or_empty(*rest, new),
            });
        };
        let fork = common_prefix(&key, &changes[first].0, &changes[last].0);
        let mut old = OldBranch::NEW;
        match key.get(fork) {
            Some(nibble) => {
                let path = key.slice(fork + 1..);
                old.forked = Some((nibble, Forked::Leaf { path, value }));
            }
            None => old.value = value,
        }
        // All keys between two under the fork are under it, too; the others delete nothing.
        let reach = own.map_or(first, |own| own.min(first))..=own.map_or(last, |own| own.max(last));
        self.fork(path, &key.slice(..fork), &old, &changes[reach], out)
    }

    /// Changes where an extension stands that leads `rest` below `path`.
    fn extension<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        rest: &Nibbles,
        child: Link<'_>,
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let end = path.join(rest);
        let from = changes.partition_point(|(key, _)| key < &end);
        let to = from + changes[from..].partition_point(|(key, _)| key.starts_with(&end));
        let is_outside = |index: usize| index < from || index >= to;
        let Some((first, last)) = inserts(changes, is_outside) else {
            if from == to {
                return Ok(New::Same);
            }
            let new = self.link(&end, child, &changes[from..to], out)?;
            return Ok(extend(rest, &end, child, new, out));
        };
        let fork = common_prefix(&end, &changes[first].0, &changes[last].0);
        let mut old = OldBranch::NEW;
        let below = end.slice(fork + 1..);
        let nibble = end.get_unchecked(fork);
        if below.is_empty() {
            old.links[usize::from(nibble)] = child;
        } else {
            old.forked = Some((nibble, Forked::Extension { path: below, child }));
        }
        let (first, last) =
            if from < to { (first.min(from), last.max(to - 1)) } else { (first, last) };
        self.fork(path, &end.slice(..fork), &old, &changes[first..=last], out)
    }

    /// Puts a new branch at `at`, and an extension from `path` to it if there is a way to go.
    fn fork<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        at: &Nibbles,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let new = self.branch(at, old, changes, out)?;
        if at.len() == path.len() {
            return Ok(new);
        }
        Ok(extend(&at.slice(path.len()..), at, Link::EMPTY, new, out))
    }

    /// Changes a branch at `path`.
    fn branch<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let mut new_value = None;
        let mut is_same = old.is_read;
        let mut below = changes;
        if let Some(((key, change), rest)) = changes.split_first()
            && key.len() == path.len()
        {
            below = rest;
            let held = Some(old.value).filter(|value| !value.is_empty());
            if held.is_some() || !change.removes() {
                let new = self.apply(change, held, out)?.unwrap_or_default();
                is_same &= *new == *old.value;
                new_value = Some(new);
            }
        }
        let value = new_value.as_ref().map_or(old.value, |new| new);
        let mut children = [const { New::Same }; 16];
        if let Some((nibble, forked)) = &old.forked {
            children[usize::from(*nibble)] = forked.untouched();
        }
        self.children(path, old, below, &mut children, out)?;
        if is_same && children.iter().all(|child| matches!(child, New::Same)) {
            return Ok(New::Same);
        }
        self.rebuild(path, old, &mut children, value, out)
    }

    /// Changes one child of a branch at `path`.
    fn child<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        nibble: u8,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let mut path = *path;
        path.push_unchecked(nibble);
        let forked = match &old.forked {
            Some((at, forked)) if *at == nibble => forked,
            _ => return self.link(&path, old.links[usize::from(nibble)], changes, out),
        };
        let new = match forked {
            Forked::Leaf { path: rest, value } => self.leaf(&path, rest, value, changes, out)?,
            Forked::Extension { path: rest, child } => {
                self.extension(&path, rest, *child, changes, out)?
            }
        };
        Ok(if matches!(new, New::Same) { forked.untouched() } else { new })
    }

    /// Changes the children of a branch.
    fn children<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        children: &mut [New; 16],
        out: &mut Output,
    ) -> Result<(), TrieError<R::Error>> {
        #[cfg(feature = "std")]
        if changes.len() >= self.parallel_min {
            return self.children_parallel(path, old, changes, children, out);
        }
        for (nibble, group) in groups(path.len(), changes) {
            children[usize::from(nibble)] = self.child(path, nibble, old, group, out)?;
        }
        Ok(())
    }

    /// Changes the children of a branch, each wherever a thread is free.
    #[cfg(feature = "std")]
    fn children_parallel<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        children: &mut [New; 16],
        out: &mut Output,
    ) -> Result<(), TrieError<R::Error>> {
        use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

        let groups: Vec<_> = groups(path.len(), changes).collect();
        let done: Vec<_> = groups
            .into_par_iter()
            .with_max_len(1)
            .map(|(nibble, group)| {
                let mut out = Output::default();
                let new = self.child(path, nibble, old, group, &mut out);
                (nibble, new, out)
            })
            .collect();
        for (nibble, new, child_out) in done {
            children[usize::from(nibble)] = new?;
            out.join(child_out);
        }
        Ok(())
    }

    /// Makes a node of what is left of a branch: a branch, or less.
    fn rebuild(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        children: &mut [New; 16],
        value: &[u8],
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        let mut count = 0_usize;
        let mut last = 0_u8;
        for (nibble, (child, old)) in (0_u8..).zip(children.iter().zip(&old.links)) {
            let is_there = match child {
                New::Same => !old.is_empty(),
                New::Empty => false,
                New::Leaf { .. } | New::Extension { .. } | New::Branch { .. } => true,
            };
            if is_there {
                count += 1;
                last = nibble;
            }
        }
        let merges = count == 1 && value.is_empty();
        let mut only = New::Same;
        let mut placed = [const { None }; 16];
        for (nibble, (child, old)) in (0_u8..).zip(children.iter_mut().zip(&old.links)) {
            if matches!(child, New::Same) {
                continue;
            }
            let child = core::mem::replace(child, New::Same);
            if merges && nibble == last {
                only = child;
            } else {
                let mut path = *path;
                path.push_unchecked(nibble);
                placed[usize::from(nibble)] = Some(out.place(&path, *old, child));
            }
        }
        if merges {
            return self.merge(path, last, old.links[usize::from(last)], only, out);
        }
        if count == 0 {
            let value = Bytes::copy_from_slice(value);
            return Ok(leaf_or_empty(Nibbles::new(), Some(value)));
        }
        let mut links = old.links;
        for (link, new) in links.iter_mut().zip(&placed) {
            if let Some(new) = new {
                *link = Link::of(new);
            }
        }
        let (rlp, link) = hashed(encode_branch(&links, value));
        Ok(New::Branch { rlp, link })
    }

    /// Replaces a branch at `path` by its last child.
    fn merge(
        &self,
        path: &Nibbles,
        nibble: u8,
        old: Link<'_>,
        child: New,
        out: &mut Output,
    ) -> Result<New, TrieError<R::Error>> {
        if path.len() >= KEY_NIBBLES_MAX {
            return Err(self.bad_node(path, NodeDefect::TooDeep));
        }
        let mut child_path = *path;
        child_path.push_unchecked(nibble);
        let step = Nibbles::from_nibbles_unchecked([nibble]);
        if !matches!(child, New::Same) {
            return Ok(extend(&step, &child_path, old, child, out));
        }
        let rlp = self.read(&child_path, old)?;
        let child = match self.decode(&child_path, &rlp)? {
            Node::Leaf { path, value } => New::Leaf { path, value: Bytes::copy_from_slice(value) },
            Node::Extension { path, child } => New::Extension { path, child: child.owned() },
            Node::Branch { .. } => {
                return Ok(New::Extension { path: step, child: old.owned() });
            }
        };
        Ok(extend(&step, &child_path, old, child, out))
    }

    fn apply<C: LeafChange<R>>(
        &self,
        change: &C,
        old: Option<&[u8]>,
        out: &mut Output,
    ) -> Result<Option<Bytes>, TrieError<R::Error>> {
        change.apply(self.reader, old, &mut out.storages)
    }
}

fn root_of(rlp: Bytes) -> (B256, Option<Bytes>) {
    (keccak256(&rlp), Some(rlp))
}

/// The first and the last of the changes that insert or overwrite, among those that count.
fn inserts<R: NodeReader, C: LeafChange<R>>(
    changes: &[(Nibbles, C)],
    counts: impl Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let is_insert = |index: &usize| counts(*index) && !changes[*index].1.removes();
    let first = (0..changes.len()).find(is_insert)?;
    let last = (first..changes.len()).rev().find(is_insert)?;
    Some((first, last))
}

/// How many nibbles `key` shares with both ends of a sorted range of keys, so with all of it.
fn common_prefix(key: &Nibbles, first: &Nibbles, last: &Nibbles) -> usize {
    key.common_prefix_length(first).min(key.common_prefix_length(last))
}

/// Splits sorted changes by their nibble at `depth`. Every key is longer than that.
fn groups<C>(
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
