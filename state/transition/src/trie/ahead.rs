//! Reads ahead of a walk: the nodes above many changes, level by level.
//!
//! In: the nodes to start at, and the changes under each. Out: all nodes that the walk asks for.
//!
//! A walk goes down to one change after the other and waits for each node before it knows the next.
//! All nodes of one level are known at once: here the CPU, or whatever a reader waits for, fetches
//! the next ones while it still waits for one. Nothing is lost when a node cannot be read or is no
//! node: the walk then finds that out itself.

use alloc::vec::{self, Vec};

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use super::{
    NodeReader,
    changes::{groups, under},
    node::Node,
};

/// Whether reading ahead saves time for so many changes. In the guest no read has to wait.
pub(super) const fn is_worth_ahead(changes: usize) -> bool {
    cfg!(feature = "std") && changes >= 4
}

/// Nodes that were read before a walk asks for them.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// By level, which is the number of nodes above; each level in the order of the walk, by path.
    levels: Vec<vec::IntoIter<(Nibbles, Bytes)>>,
    /// Level of the node that the walk takes next.
    level: usize,
}

impl Ahead {
    /// The node at `path`, if it was read.
    pub(super) fn take(&mut self, path: &Nibbles) -> Option<Bytes> {
        let level = self.levels.get_mut(self.level)?;
        if level.as_slice().first()?.0 != *path {
            return None;
        }
        level.next().map(|(_, rlp)| rlp)
    }

    /// The walk goes on below the node that it took.
    pub(super) const fn down(&mut self) {
        self.level = self.level.saturating_add(1);
    }

    /// The walk is done with the node that it took.
    pub(super) const fn up(&mut self) {
        self.level = self.level.saturating_sub(1);
    }
}

/// A node to read, and the changes under it.
pub(super) struct Visit<'c, C> {
    pub(super) path: Nibbles,
    pub(super) hash: B256,
    pub(super) changes: &'c [(Nibbles, C)],
}

/// Reads the nodes to visit and all below them that have changes under them.
pub(super) fn read_ahead<R: NodeReader, C>(
    reader: &R,
    owner: Option<B256>,
    mut visits: Vec<Visit<'_, C>>,
) -> Ahead {
    let mut levels = Vec::new();
    while !visits.is_empty() {
        let read = |visit: &Visit<'_, C>| {
            let rlp = reader.node(owner, &visit.path, &visit.hash).ok()?;
            Some((visit.path, rlp))
        };
        // A branch of the walk ends here if its node cannot be read.
        let mut nodes = Vec::with_capacity(visits.len());
        nodes.extend(visits.iter().map_while(read));
        let mut next = Vec::with_capacity(nodes.len());
        for (visit, (_, rlp)) in visits.iter().zip(&nodes) {
            visit_children(visit, rlp, &mut next);
        }
        levels.push(nodes.into_iter());
        visits = next;
    }
    Ahead { levels, level: 0 }
}

/// The children of a node that have changes under them. A child within its parent is too short to
/// name a node by its hash.
fn visit_children<'c, C>(visit: &Visit<'c, C>, rlp: &[u8], next: &mut Vec<Visit<'c, C>>) {
    let Visit { path, mut changes, .. } = *visit;
    match Node::decode(rlp, path.len()) {
        Ok(Node::Extension { path: rest, child }) => {
            let path = path.join(&rest);
            let changes = &changes[under(&path, changes)];
            if let (Some(hash), [_, ..]) = (child.hash(), changes) {
                next.push(Visit { path, hash, changes });
            }
        }
        Ok(Node::Branch(branch)) => {
            if let [(key, _), below @ ..] = changes
                && key.len() == path.len()
            {
                changes = below;
            }
            for (nibble, changes) in groups(path.len(), changes) {
                if let Some(hash) = branch.child(nibble).hash() {
                    let mut path = path;
                    path.push_unchecked(nibble);
                    next.push(Visit { path, hash, changes });
                }
            }
        }
        Ok(Node::Leaf { .. }) | Err(_) => {}
    }
}
