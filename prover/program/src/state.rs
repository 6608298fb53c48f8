//! The parent state, read through the trie from an oracle.
//!
//! In: an oracle and a state root. Out: accounts, slots, code, trie nodes and precompiles' results.
//! It keeps no cache: the block's state remembers values, and the guest's oracle remembers nodes.

use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_oracle::{Oracle, Request};
use gainsay_transition::{
    PrecompileReader, StateReader,
    trie::{Account, Nibbles, NodeReader, TrieError, TrieState},
};

/// One state in an oracle, named by its root.
#[derive(Debug)]
pub struct OracleState<'a, O> {
    oracle: &'a O,
    root: B256,
}

impl<'a, O: Oracle> OracleState<'a, O> {
    /// The state with this root.
    #[must_use]
    pub const fn new(oracle: &'a O, root: B256) -> Self {
        Self { oracle, root }
    }

    const fn trie(&self) -> TrieState<&Self> {
        TrieState { reader: self, root: self.root }
    }
}

impl<O: Oracle> NodeReader for OracleState<'_, O> {
    type Error = O::Error;

    fn node(&self, _: Option<B256>, _: &Nibbles, hash: &B256) -> Result<Bytes, O::Error> {
        self.oracle.read(&Request::Keccak(*hash))
    }
}

impl<O: Oracle> StateReader for OracleState<'_, O> {
    type Error = TrieError<O::Error>;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        Ok(self.trie().account(address)?.map(|account| account.account()))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.trie().storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        self.oracle.read(&Request::Keccak(code_hash)).map_err(TrieError::Read)
    }
}

impl<O: Oracle> PrecompileReader for OracleState<'_, O> {
    const PROVES_PRECOMPILES: bool = true;

    fn precompile(&self, address: Address, input: &[u8]) -> Result<Option<Bytes>, Self::Error> {
        let request = Request::Precompile { address, input: Bytes::copy_from_slice(input) };
        let preimage = self.oracle.read(&request).map_err(TrieError::Read)?;
        Ok((preimage.first() == Some(&1)).then(|| preimage.slice(1..)))
    }
}
