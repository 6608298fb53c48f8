//! Where nodes come from.
//!
//! In: the place and the hash of a node. Out: its RLP. A store that keeps its nodes by path ignores
//! the hash or checks it; a witness keeps them by hash and ignores the path.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;

/// A source of trie nodes. `Sync`, because big updates read from several threads.
pub trait NodeReader: Sync {
    /// Why a node cannot be read. A node that is missing is an error, too.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The RLP of the node `hash`, which stands at `path` of the trie `owner`: `None` is the
    /// account trie, `Some(keccak(address))` the storage of that account.
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, Self::Error>;
}

impl<R: NodeReader + ?Sized> NodeReader for &R {
    type Error = R::Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, Self::Error> {
        (**self).node(owner, path, hash)
    }
}

/// Checks that every node has the hash that it was asked for by.
///
/// Needed around every source that a stranger filled: a witness, a peer, an oracle. A node's own
/// disk may be read without it, which saves one keccak a node.
#[derive(Clone, Copy, Debug)]
pub struct Verified<R>(pub R);

/// Why a verified read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError<E> {
    /// The reader below failed.
    #[error("cannot read a node to verify")]
    Read(#[source] E),
    /// The reader below gave another node.
    #[error("node {expected} was answered by a node with hash {computed}")]
    HashMismatch {
        /// The hash asked for.
        expected: B256,
        /// The hash of the answer.
        computed: B256,
    },
}

impl<R: NodeReader> NodeReader for Verified<R> {
    type Error = VerifyError<R::Error>;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, Self::Error> {
        let rlp = self.0.node(owner, path, hash).map_err(VerifyError::Read)?;
        let computed = keccak256(&rlp);
        if computed != *hash {
            return Err(VerifyError::HashMismatch { expected: *hash, computed });
        }
        Ok(rlp)
    }
}
