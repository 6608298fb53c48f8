//! Reads of one trie: a value, a proof, the verdict on a proof, and all leaves in order.
//!
//! In: a root and a key, and either a reader or the nodes of a proof. Out: the value, or `None`
//! when the trie holds none, which a proof shows as well. It never changes anything.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use super::{
    KEY_NIBBLES_MAX, NodeDefect, NodeReader, TrieError,
    node::{Link, Node},
};

/// The value at `key` in the trie `root` of `owner`.
///
/// # Errors
/// When the reader fails, or a node is malformed.
pub fn get<R: NodeReader>(
    reader: &R,
    owner: Option<B256>,
    root: B256,
    key: &Nibbles,
) -> Result<Option<Bytes>, TrieError<R::Error>> {
    walk(owner, root, key, |path, hash| reader.node(owner, path, hash))
}

/// The nodes from the root down to `key`, or down to where its path ends, as `eth_getProof` gives
/// them: RLP, root first, without the nodes that live within their parents. Empty for an empty
/// trie.
///
/// # Errors
/// When the reader fails, or a node is malformed.
pub fn prove<R: NodeReader>(
    reader: &R,
    owner: Option<B256>,
    root: B256,
    key: &Nibbles,
) -> Result<Vec<Bytes>, TrieError<R::Error>> {
    let mut proof = Vec::new();
    walk(owner, root, key, |path, hash| {
        let rlp = reader.node(owner, path, hash)?;
        proof.push(rlp.clone());
        Ok(rlp)
    })?;
    Ok(proof)
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The proof ends before its path does.
    #[error("proof of {len} nodes ends before node {expected}")]
    Truncated {
        /// Nodes in the proof.
        len: usize,
        /// The hash of the node that should follow.
        expected: B256,
    },
    /// A node is not the one that its parent, or the root, names.
    #[error("proof node {index} has hash {computed} instead of {expected}")]
    HashMismatch {
        /// Position in the proof, from the root.
        index: usize,
        /// The hash named.
        expected: B256,
        /// The hash of the node given.
        computed: B256,
    },
    /// The proof goes on after its path has ended.
    #[error("proof of {len} nodes needs only {used}")]
    Unused {
        /// Nodes in the proof.
        len: usize,
        /// Nodes on the path.
        used: usize,
    },
}

/// What `proof` proves of `key` under `root`: its value, or that it has none.
///
/// # Errors
/// When the nodes are not those on the way to the key.
pub fn verify_proof(
    root: B256,
    key: &Nibbles,
    proof: &[Bytes],
) -> Result<Option<Bytes>, TrieError<ProofError>> {
    let mut used = 0_usize;
    let value = walk(None, root, key, |_, hash| {
        let rlp =
            proof.get(used).ok_or(ProofError::Truncated { len: proof.len(), expected: *hash })?;
        let computed = keccak256(rlp);
        if computed != *hash {
            return Err(ProofError::HashMismatch { index: used, expected: *hash, computed });
        }
        used = used.saturating_add(1);
        Ok(rlp.clone())
    })?;
    if used < proof.len() {
        return Err(TrieError::Read(ProofError::Unused { len: proof.len(), used }));
    }
    Ok(value)
}

/// Goes down from the root to `key`, taking the nodes that have hashes from `load`.
fn walk<E>(
    owner: Option<B256>,
    root: B256,
    key: &Nibbles,
    mut load: impl FnMut(&Nibbles, &B256) -> Result<Bytes, E>,
) -> Result<Option<Bytes>, TrieError<E>> {
    if root == EMPTY_ROOT_HASH {
        return Ok(None);
    }
    let mut path = Nibbles::new();
    let mut rlp = load(&path, &root).map_err(TrieError::Read)?;
    // Every turn lengthens the path, and the path is a part of the key.
    loop {
        let node = Node::decode(&rlp, path.len()).map_err(|defect| TrieError::BadNode {
            owner,
            path,
            defect,
        })?;
        let child = match node {
            Node::Leaf { path: rest, value } => {
                let is_found = key.slice(path.len()..) == rest;
                return Ok(is_found.then(|| Bytes::copy_from_slice(value)));
            }
            Node::Extension { path: rest, child } => {
                let end = path.join(&rest);
                if !key.starts_with(&end) {
                    return Ok(None);
                }
                path = end;
                child
            }
            Node::Branch(branch) => match key.get(path.len()) {
                None => {
                    let value = Some(branch.value).filter(|value| !value.is_empty());
                    return Ok(value.map(Bytes::copy_from_slice));
                }
                Some(nibble) => {
                    path.push(nibble);
                    branch.child(nibble)
                }
            },
        };
        if child.is_empty() {
            return Ok(None);
        }
        rlp = match child.hash() {
            Some(hash) => load(&path, &hash).map_err(TrieError::Read)?,
            None => child.inline(),
        };
    }
}

/// Visits all leaves in rising order of their keys. For checks of a whole state: it reads every
/// node of the trie.
///
/// # Errors
/// When the reader fails, or a node is malformed.
pub fn for_each_leaf<R: NodeReader>(
    reader: &R,
    owner: Option<B256>,
    root: B256,
    visit: &mut dyn FnMut(&Nibbles, &[u8]),
) -> Result<(), TrieError<R::Error>> {
    if root == EMPTY_ROOT_HASH {
        return Ok(());
    }
    let path = Nibbles::new();
    let rlp = reader.node(owner, &path, &root).map_err(TrieError::Read)?;
    leaves_below(reader, owner, &path, &rlp, visit)
}

fn leaves_below<R: NodeReader>(
    reader: &R,
    owner: Option<B256>,
    path: &Nibbles,
    rlp: &[u8],
    visit: &mut dyn FnMut(&Nibbles, &[u8]),
) -> Result<(), TrieError<R::Error>> {
    let bad_node = |defect| TrieError::BadNode { owner, path: *path, defect };
    let load = |path: &Nibbles, child: Link<'_>| match child.hash() {
        Some(hash) => reader.node(owner, path, &hash).map_err(TrieError::Read),
        None => Ok(child.inline()),
    };
    match Node::decode(rlp, path.len()).map_err(bad_node)? {
        Node::Leaf { path: rest, value } => visit(&path.join(&rest), value),
        Node::Extension { path: rest, child } => {
            let path = path.join(&rest);
            leaves_below(reader, owner, &path, &load(&path, child)?, visit)?;
        }
        Node::Branch(branch) => {
            if !branch.value.is_empty() {
                visit(path, branch.value);
            }
            for nibble in 0..16 {
                let child = branch.child(nibble);
                if child.is_empty() {
                    continue;
                }
                if path.len() >= KEY_NIBBLES_MAX {
                    return Err(bad_node(NodeDefect::TooDeep));
                }
                let mut path = *path;
                path.push(nibble);
                leaves_below(reader, owner, &path, &load(&path, child)?, visit)?;
            }
        }
    }
    Ok(())
}
