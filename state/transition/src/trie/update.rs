//! Sorted changes to one trie, in one descent.
//!
//! In: a reader, a root and changes in rising order of their keys. Out: the new root and the nodes
//! written and deleted. The changes are split by nibble on the way down, so that each touched node
//! is read once. Changed nodes are made on the way up, and hashed at the end, each once.
//!
//! On the host a branch with enough changes under it deals its children out to threads. Each thread
//! finishes the nodes below its children, and their results are joined in order, so that a result
//! never depends on threads.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "indices of changes in memory, and places of nibbles in keys of 64 at the most"
)]

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};

use super::{
    KEY_NIBBLES_MAX, NodeDefect, NodeReader, TrieError,
    ahead::{Visit, is_worth_ahead, read_ahead},
    changes::{common_prefix, groups, under},
    floating::{Forked, OldBranch, extend, leaf_or_empty, settle},
    leaf_change::{LeafChange, inserts},
    made::{Child, Children, New, Root, Value},
    node::{Branch, Link, Node},
    unhashed::{Finished, Unhashed},
};
#[cfg(feature = "std")]
use super::{changes::middle, unhashed::Piece};

/// Changes from which on a thread of their own is faster: it saves about 100 us and costs about 5.
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
///
/// # Errors
/// [`TrieError::Unsorted`]; when the reader fails, or a node is malformed.
pub fn update<R: NodeReader>(
    reader: &R,
    owner: Option<B256>,
    root: B256,
    changes: &[(Nibbles, Option<Bytes>)],
) -> Result<TrieUpdate, TrieError<R::Error>> {
    let trie = Trie { reader, owner, parallel_min: PARALLEL_MIN };
    trie.update(root, changes)
}

/// One trie while it is updated.
#[derive(Debug)]
pub(super) struct Trie<'a, R> {
    pub(super) reader: &'a R,
    pub(super) owner: Option<B256>,
    /// Changes from which on several threads share the work.
    pub(super) parallel_min: usize,
}

impl<R: NodeReader> Trie<'_, R> {
    pub(super) fn update<C: LeafChange<R>>(
        &self,
        root: B256,
        changes: &[(Nibbles, C)],
    ) -> Result<TrieUpdate, TrieError<R::Error>> {
        let mut out = Unhashed::default();
        let root = self.walk(root, changes, &mut out)?;
        let Finished { root, nodes, .. } = out.finish(root);
        Ok(TrieUpdate { root, nodes })
    }

    /// Makes the nodes of the changed trie.
    pub(super) fn walk<C: LeafChange<R>>(
        &self,
        root: B256,
        changes: &[(Nibbles, C)],
        out: &mut Unhashed,
    ) -> Result<Root, TrieError<R::Error>> {
        if let Some(at) = changes.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
            return Err(TrieError::Unsorted { index: at + 1 });
        }
        let old = if root == EMPTY_ROOT_HASH { None } else { Some(RlpNode::word_rlp(&root)) };
        let old = old.as_ref().map_or(Link::EMPTY, Link::of);
        let path = Nibbles::new();
        let mut visits = Vec::new();
        if is_worth_ahead(changes.len()) && !self.is_for_threads(changes) && !old.is_empty() {
            visits.push(Visit { path, hash: root, changes });
        }
        let outer = core::mem::replace(&mut out.ahead, read_ahead(self.reader, self.owner, visits));
        let new = match changes {
            [] => New::Same,
            _ => self.link(&path, old, changes, out)?,
        };
        out.ahead = outer;
        Ok(match new {
            New::Same => Root::Known(root),
            new => out.place_root(&new),
        })
    }

    /// Whether changes are many enough for several threads.
    fn is_for_threads<C>(&self, changes: &[(Nibbles, C)]) -> bool {
        cfg!(feature = "std") && changes.len() / 2 >= self.parallel_min
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
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        if link.is_empty() {
            return self.empty(path, changes, out);
        }
        let rlp = match out.ahead.take(path) {
            Some(rlp) => rlp,
            None => self.read(path, link)?,
        };
        out.ahead.down();
        let new = match self.decode(path, &rlp)? {
            Node::Leaf { path: rest, value } => self.leaf(path, &rest, value, changes, out)?,
            Node::Extension { path: rest, child } => {
                self.extension(path, &rest, child, changes, out)?
            }
            Node::Branch(node) => {
                let old = OldBranch { node, forked: None, is_read: true };
                self.branch(path, &old, changes, out)?
            }
        };
        out.ahead.up();
        Ok(new)
    }

    /// Changes under a path with nothing below it.
    fn empty<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        changes: &[(Nibbles, C)],
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        let Some((first, last)) = inserts(changes, |_| true) else { return Ok(New::Same) };
        let key = &changes[first].0;
        if first == last {
            let value = changes[first].1.apply(self.reader, None, out)?;
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
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        let key = path.join(rest);
        let own = changes.binary_search_by(|(other, _)| other.cmp(&key)).ok();
        let Some((first, last)) = inserts(changes, |index| Some(index) != own) else {
            let Some(own) = own else { return Ok(New::Same) };
            let new = changes[own].1.apply(self.reader, Some(value), out)?;
            return Ok(match new {
                Some(new) if out.is_value(new, value) => New::Same,
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
            None => old.node.value = value,
        }
        // All keys between two under the fork are under it, too; keys elsewhere delete nothing.
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
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        let end = path.join(rest);
        let Range { start: from, end: to } = under(&end, changes);
        let is_outside = |index: usize| index < from || index >= to;
        let Some((first, last)) = inserts(changes, is_outside) else {
            if from == to {
                return Ok(New::Same);
            }
            let new = self.link(&end, child, &changes[from..to], out)?;
            return Ok(extend(rest, &end, child, new, out));
        };
        let fork = common_prefix(&end, &changes[first].0, &changes[last].0);
        let mut items = [0; _];
        let mut old = OldBranch::NEW;
        let below = end.slice(fork + 1..);
        let nibble = end.get_unchecked(fork);
        if below.is_empty() {
            old.node = Branch::of_one(nibble, child, &mut items);
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
        out: &mut Unhashed,
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
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        let mut new_value = None;
        let mut is_same = old.is_read;
        let mut below = changes;
        if let Some(((key, change), rest)) = changes.split_first()
            && key.len() == path.len()
        {
            below = rest;
            let held = Some(old.node.value).filter(|value| !value.is_empty());
            if held.is_some() || !change.removes() {
                let new = change.apply(self.reader, held, out)?;
                is_same &= new.is_some_and(|new| out.is_value(new, old.node.value));
                new_value = Some(new);
            }
        }
        let mut children = Children::SAME;
        if let Some((nibble, forked)) = &old.forked {
            children.set(*nibble, forked.untouched(out));
        }
        self.children(path, old, below, &mut children, out)?;
        if is_same && children.is_same() {
            return Ok(New::Same);
        }
        let value = new_value
            .unwrap_or_else(|| (!old.node.value.is_empty()).then(|| out.value(old.node.value)));
        self.rebuild(path, old, &mut children, value, out)
    }

    /// Changes one child of a branch at `path`.
    fn child<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        nibble: u8,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        let mut path = *path;
        path.push_unchecked(nibble);
        let forked = match &old.forked {
            Some((at, forked)) if *at == nibble => forked,
            _ => return self.link(&path, old.node.child(nibble), changes, out),
        };
        let new = match forked {
            Forked::Leaf { path: rest, value } => self.leaf(&path, rest, value, changes, out)?,
            Forked::Extension { path: rest, child } => {
                self.extension(&path, rest, *child, changes, out)?
            }
        };
        Ok(if matches!(new, New::Same) { forked.untouched(out) } else { new })
    }

    /// Changes the children of a branch.
    fn children<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
        children: &mut Children,
        out: &mut Unhashed,
    ) -> Result<(), TrieError<R::Error>> {
        #[cfg(feature = "std")]
        if self.is_for_threads(changes) && middle(path.len(), changes).is_some() {
            for piece in self.pieces(path, old, changes)? {
                out.adopt(piece, children);
            }
            return Ok(());
        }
        for (nibble, group) in groups(path.len(), changes) {
            children.set(nibble, self.child(path, nibble, old, group, out)?);
        }
        Ok(())
    }

    /// Changes the children of a branch, each wherever a thread is free.
    #[cfg(feature = "std")]
    fn pieces<C: LeafChange<R>>(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        changes: &[(Nibbles, C)],
    ) -> Result<Vec<Piece>, TrieError<R::Error>> {
        if self.is_for_threads(changes)
            && let Some(middle) = middle(path.len(), changes)
        {
            let (low, high) = changes.split_at(middle);
            let (low, high) =
                rayon::join(|| self.pieces(path, old, low), || self.pieces(path, old, high));
            let mut pieces = low?;
            pieces.extend(high?);
            return Ok(pieces);
        }
        let visits = groups(path.len(), changes).filter_map(|(nibble, changes)| {
            let hash = old.node.child(nibble).hash()?;
            let mut path = *path;
            path.push_unchecked(nibble);
            (!self.is_for_threads(changes)).then_some(Visit { path, hash, changes })
        });
        let mut out = Unhashed::default();
        out.ahead = read_ahead(self.reader, self.owner, visits.collect());
        let children: Result<_, _> = groups(path.len(), changes)
            .map(|(nibble, group)| Ok((nibble, self.child(path, nibble, old, group, &mut out)?)))
            .collect();
        Ok(alloc::vec![out.finish_below(children?)])
    }

    /// Makes a node of what is left of a branch: a branch, or less.
    fn rebuild(
        &self,
        path: &Nibbles,
        old: &OldBranch<'_>,
        children: &mut Children,
        value: Option<Value>,
        out: &mut Unhashed,
    ) -> Result<New, TrieError<R::Error>> {
        let filled = children.filled(old.node.filled);
        let last = u8::try_from(filled.trailing_zeros()).unwrap_or(0);
        let only = (filled.count_ones() == 1 && value.is_none()).then(|| children.take(last));
        let mut made = [None; 16];
        for (nibble, child) in children.changed() {
            let mut path = *path;
            path.push_unchecked(nibble);
            made[usize::from(nibble)] = settle(&path, old.node.child(nibble), child, out);
        }
        if let Some(only) = only {
            return self.merge(path, last, old.node.child(last), only, out);
        }
        if filled == 0 {
            return Ok(leaf_or_empty(Nibbles::new(), value));
        }
        Ok(New::Branch(out.make_branch(path, &old.node, children, &made, value)))
    }

    /// Replaces a branch at `path` by its last child.
    fn merge(
        &self,
        path: &Nibbles,
        nibble: u8,
        old: Link<'_>,
        child: New,
        out: &mut Unhashed,
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
            Node::Leaf { path, value } => New::Leaf { path, value: out.value(value) },
            Node::Extension { path, child } => {
                New::Extension { path, child: Child::Link(child.owned()) }
            }
            Node::Branch { .. } => {
                return Ok(New::Extension { path: step, child: Child::Link(old.owned()) });
            }
        };
        Ok(extend(&step, &child_path, old, child, out))
    }
}
