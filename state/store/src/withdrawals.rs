//! The index of withdrawals: every `MessagePassed` of `L2ToL1MessagePasser`, by hash, by account and
//! in order, and the nodes of that contract's storage trie, of every block that there was.
//!
//! In: blocks as they are committed and taken back. Out: a withdrawal by its hash, those of an account
//! by nonce, and proofs by any block, however old: a withdrawal is proven on L1 by a block that left
//! the history window long ago. It knows nothing of L1.
//!
//! | table | key | value |
//! |---|---|---|
//! | `withdrawals` | withdrawal hash | RLP [`Withdrawal`] |
//! | `withdrawals_by` | 0 ‖ nonce(32), or 1 ‖ address ‖ nonce(32) | withdrawal hash |
//! | `message_nodes` | keccak of the node | RLP of a node of the message passer's storage trie |
//! | `message_accounts` | number | RLP list: the account's proof under the block's state root |
//!
//! Nodes are kept by their hash and never removed: those of a block that was taken back do no harm.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, BloomInput, Bytes, Log, U256, b256, keccak256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
use gainsay_transition::{
    MESSAGE_PASSER, Receipt, SealedBlock,
    trie::{EMPTY_ROOT_HASH, Nibbles, NodeReader, TrieError, for_each_leaf},
};
use rocksdb::WriteBatch;

use crate::{
    error::StoreError,
    store::{META_WITHDRAWALS, Store},
    tables::Table,
};

/// `MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)`.
const MESSAGE_PASSED: B256 =
    b256!("02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054");
/// Blocks of one write while an older store is indexed.
const BLOCKS_PER_WRITE: u64 = 1_000;

/// A withdrawal, as the message passer recorded it, and where.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Withdrawal {
    /// Its number, with the version of messages in the upper two bytes.
    pub nonce: U256,
    /// Who called the message passer.
    pub sender: Address,
    /// Who is called on L1.
    pub target: Address,
    /// Wei that the call brings.
    pub value: U256,
    /// Gas that the call gets at least.
    pub gas_limit: U256,
    /// Call data.
    pub data: Bytes,
    /// Its hash.
    pub hash: B256,
    /// Number of its L2 block.
    pub block: u64,
    /// Hash of its transaction.
    pub transaction: B256,
    /// Who signed that transaction.
    pub from: Address,
}

impl Withdrawal {
    /// The accounts that it is found by.
    fn accounts(&self) -> BTreeSet<Address> {
        BTreeSet::from([self.sender, self.target, self.from])
    }

    /// The keys of `withdrawals_by`.
    fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = vec![key_of(None, self.nonce)];
        keys.extend(self.accounts().into_iter().map(|it| key_of(Some(it), self.nonce)));
        keys
    }

    /// The slot of the message passer that is 1 because of it.
    // PROTOCOL.md BRIDGE-4
    #[must_use]
    pub fn slot(&self) -> U256 {
        let mut preimage = [0; 64];
        preimage[..32].copy_from_slice(self.hash.as_slice());
        keccak256(preimage).into()
    }
}

fn key_of(account: Option<Address>, nonce: U256) -> Vec<u8> {
    let nonce = nonce.to_be_bytes::<32>();
    match account {
        None => [&[0][..], &nonce].concat(),
        Some(account) => [&[1][..], account.as_slice(), &nonce].concat(),
    }
}

/// The withdrawal of a log, if it is one. Block and transaction are the caller's to fill in.
fn decode_log(log: &Log) -> Option<Withdrawal> {
    let [MESSAGE_PASSED, nonce, sender, target] = *log.topics() else { return None };
    if log.address != MESSAGE_PASSER {
        return None;
    }
    // value, gas limit, offset of data, hash, length of data, data
    let (words, tail) = log.data.data.as_chunks::<32>();
    let [value, gas_limit, _, hash, len, ..] = *words else { return None };
    let start = 5_usize.saturating_mul(32);
    let len = usize::try_from(U256::from_be_bytes(len)).ok()?;
    let end = start.checked_add(len)?;
    let in_log = words.len().saturating_mul(32).saturating_add(tail.len());
    let data = if end <= in_log { log.data.data.slice(start..end) } else { return None };
    Some(Withdrawal {
        nonce: nonce.into(),
        sender: Address::from_word(sender),
        target: Address::from_word(target),
        value: U256::from_be_bytes(value),
        gas_limit: U256::from_be_bytes(gas_limit),
        data,
        hash: B256::from(hash),
        block: 0,
        transaction: B256::ZERO,
        from: Address::ZERO,
    })
}

/// The withdrawals of a block, in order. `transactions` are hash and signer of each transaction.
pub(crate) fn withdrawals_of<'a>(
    block: u64,
    transactions: impl Iterator<Item = (B256, Address)>,
    receipts: impl Iterator<Item = &'a Receipt>,
) -> Vec<Withdrawal> {
    let mut found = Vec::new();
    for ((transaction, from), receipt) in transactions.zip(receipts) {
        for withdrawal in receipt.envelope.logs().iter().filter_map(decode_log) {
            found.push(Withdrawal { block, transaction, from, ..withdrawal });
        }
    }
    found
}

impl Store {
    /// A withdrawal by its hash.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn withdrawal(&self, hash: B256) -> Result<Option<Withdrawal>, StoreError> {
        self.read(Table::Withdrawals, hash, |value| {
            alloy_rlp::decode_exact(value).map_err(|error| error.to_string())
        })
    }

    /// Up to `limit` withdrawals with nonce `from` or later, in order: those that `account` sent,
    /// signed or is the target of, or all.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn withdrawals_from(
        &self,
        account: Option<Address>,
        from: U256,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreError> {
        let start = key_of(account, from);
        let prefix = &start[..start.len().saturating_sub(32)];
        let mut found = Vec::new();
        for item in self.inner.tables.scan(Table::WithdrawalsBy, &start).take(limit) {
            let (key, hash) = item?;
            if !key.starts_with(prefix) {
                break;
            }
            let wrong = |reason| StoreError::corrupt(Table::WithdrawalsBy.name(), &key, reason);
            let hash = B256::try_from(&*hash).map_err(|_| wrong("not 32 bytes"))?;
            // One that a rewind took away meanwhile is passed over.
            found.extend(self.withdrawal(hash)?);
        }
        Ok(found)
    }

    /// Reads the storage trie of the message passer by the root that any header names.
    #[must_use]
    pub fn message_nodes(&self) -> MessageNodes {
        MessageNodes { store: self.clone() }
    }

    /// Keeps the proof of the message passer's account under a block's state root, for
    /// `eth_getProof` at that block when its state has left the history window.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], and those of the disk.
    pub fn put_message_account(&self, number: u64, proof: &[Bytes]) -> Result<(), StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        let mut value = Vec::new();
        alloy_rlp::encode_list::<Bytes, Bytes>(proof, &mut value);
        let mut batch = WriteBatch::default();
        let cf = self.inner.tables.cf(Table::MessageAccounts);
        batch.put_cf(cf, number.to_be_bytes(), value);
        self.write(batch, false)
    }

    /// What [`Self::put_message_account`] kept.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn message_account(&self, number: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
        self.read(Table::MessageAccounts, number.to_be_bytes(), |value| {
            alloy_rlp::decode_exact(value).map_err(|error| error.to_string())
        })
    }

    /// Adds a block's withdrawals and nodes to its write.
    pub(crate) fn put_withdrawals(&self, batch: &mut WriteBatch, block: &SealedBlock) {
        let owner = Some(keccak256(MESSAGE_PASSER));
        let nodes = self.inner.tables.cf(Table::MessageNodes);
        for (_, _, node) in block.nodes.iter().filter(|(it, ..)| *it == owner) {
            if let Some(node) = node {
                batch.put_cf(nodes, keccak256(node), node);
            }
        }
        let transactions = block.transactions.iter().map(|tx| (tx.hash, tx.sender));
        let found = withdrawals_of(block.header.number, transactions, block.receipts.iter());
        self.put_found(batch, &found);
    }

    fn put_found(&self, batch: &mut WriteBatch, found: &[Withdrawal]) {
        let tables = &self.inner.tables;
        for withdrawal in found {
            let mut value = Vec::with_capacity(withdrawal.length());
            withdrawal.encode(&mut value);
            batch.put_cf(tables.cf(Table::Withdrawals), withdrawal.hash, value);
            for key in withdrawal.keys() {
                batch.put_cf(tables.cf(Table::WithdrawalsBy), key, withdrawal.hash);
            }
        }
    }

    /// Adds the removal of a block's withdrawals to the write that takes it back.
    pub(crate) fn put_withdrawals_removal(
        &self,
        batch: &mut WriteBatch,
        number: u64,
    ) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        batch.delete_cf(tables.cf(Table::MessageAccounts), number.to_be_bytes());
        for withdrawal in self.withdrawals_in(number)? {
            batch.delete_cf(tables.cf(Table::Withdrawals), withdrawal.hash);
            for key in withdrawal.keys() {
                batch.delete_cf(tables.cf(Table::WithdrawalsBy), key);
            }
        }
        Ok(())
    }

    /// The withdrawals of a block, from its receipts.
    pub(crate) fn withdrawals_in(&self, number: u64) -> Result<Vec<Withdrawal>, StoreError> {
        let missing =
            |table: Table| StoreError::corrupt(table.name(), number.to_be_bytes(), "it is missing");
        let header = self.header(number)?.ok_or_else(|| missing(Table::Headers))?;
        let bloom = header.header.logs_bloom;
        if !bloom.contains_input(BloomInput::Raw(MESSAGE_PASSER.as_slice())) {
            return Ok(Vec::new());
        }
        let body = self.raw_transactions(number)?.ok_or_else(|| missing(Table::Bodies))?;
        let receipts = self.receipts(number)?.ok_or_else(|| missing(Table::Receipts))?;
        let transactions = body.iter().map(|tx| (tx.hash, tx.sender));
        Ok(withdrawals_of(number, transactions, receipts.iter()))
    }

    /// Makes the index of a store that an older version wrote; does nothing if there is one.
    pub(crate) fn index_withdrawals(&self) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        if self.is_empty() || tables.get(Table::Meta, META_WITHDRAWALS)?.is_some() {
            return Ok(());
        }
        let head = self.head().number;
        let mut batch = WriteBatch::default();
        for number in 0..=head {
            let found = self.withdrawals_in(number)?;
            self.put_found(&mut batch, &found);
            if number % BLOCKS_PER_WRITE == 0 {
                self.write(std::mem::take(&mut batch), false)?;
            }
        }
        // Blocks that may still be taken back, and those that follow, read nodes of any of these.
        let mut last_root = EMPTY_ROOT_HASH;
        for number in self.oldest_state().max(self.heads().finalized.number)..=head {
            let header = self.header(number)?;
            let root = header.and_then(|it| it.header.withdrawals_root).unwrap_or(last_root);
            if root != last_root {
                last_root = root;
                self.put_message_trie(&mut batch, number, root)?;
            }
        }
        batch.put_cf(tables.cf(Table::Meta), META_WITHDRAWALS, [1]);
        self.write(batch, true)
    }

    /// Adds all nodes of the message passer's storage trie after a block.
    fn put_message_trie(
        &self,
        batch: &mut WriteBatch,
        number: u64,
        root: B256,
    ) -> Result<(), StoreError> {
        let reader = Collector { view: self.state_at(number)?, found: Default::default() };
        let owner = Some(keccak256(MESSAGE_PASSER));
        for_each_leaf(&reader, owner, root, &mut |_, _| {}).map_err(|error| match error {
            TrieError::Read(error) => error,
            other => StoreError::corrupt(Table::StorageNodes.name(), root, other.to_string()),
        })?;
        for node in reader.found.into_inner() {
            batch.put_cf(self.inner.tables.cf(Table::MessageNodes), keccak256(&node), node);
        }
        Ok(())
    }
}

/// Keeps every node that it reads.
struct Collector {
    view: crate::StateView,
    found: parking_lot::Mutex<Vec<Bytes>>,
}

impl NodeReader for Collector {
    type Error = StoreError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, StoreError> {
        let node = self.view.node(owner, path, hash)?;
        self.found.lock().push(node.clone());
        Ok(node)
    }
}

/// The storage trie of the message passer after any block; the root says which.
#[derive(Clone, Debug)]
pub struct MessageNodes {
    store: Store,
}

impl NodeReader for MessageNodes {
    type Error = StoreError;

    fn node(&self, _: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, StoreError> {
        let node = self.store.read(Table::MessageNodes, hash, |value| {
            if keccak256(value) != *hash {
                return Err(format!("the node hashes to {}", keccak256(value)));
            }
            Ok(Bytes::copy_from_slice(value))
        })?;
        node.ok_or_else(|| StoreError::NodeMissing {
            number: self.store.head().number,
            trie: "withdrawals, of any block".into(),
            path: format!("{path:?}"),
            hash: *hash,
        })
    }
}

#[cfg(test)]
#[path = "withdrawals_tests.rs"]
mod tests;
