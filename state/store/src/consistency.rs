//! Checks all tables of a store against each other: for operators, and for tests that kill
//! processes.
//!
//! In: a store. Out: how much was checked, or the first contradiction, by table and key. It reads
//! the whole database and changes nothing; commits wait meanwhile.

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use gainsay_derivation::{
    BatchIndex, BlockNumber, DepositIndex, extend_batch_acc, extend_deposit_acc, output_root,
};
use gainsay_transition::trie::{
    NodeReader, TrieAccount, TrieError, Verified, VerifyError, for_each_leaf,
};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    block_records::{StoredHeader, decode_account, decode_slot},
    error::StoreError,
    state_view::StateView,
    store::{Head, Store},
    tables::{StateKey, Table},
    undo::{UndoIndex, UndoPart, number_of_piece, piece_key},
};

/// What a check went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsistencyReport {
    /// The head that was checked.
    pub head: Head,
    /// Transactions of all blocks.
    pub transactions: u64,
    /// Accounts of the latest state.
    pub accounts: u64,
    /// Storage slots of the latest state.
    pub slots: u64,
    /// Trie nodes of the latest state.
    pub nodes: u64,
    /// Undo records.
    pub undo_records: u64,
    /// Withdrawals.
    pub withdrawals: u64,
    /// Deposits.
    pub deposits: u64,
    /// Batches.
    pub batches: u64,
}

impl Store {
    /// Checks that every block follows its parent and has the body and receipts that its header
    /// names; that all indexes agree and hold nothing else; that flat state and trie nodes are
    /// exactly the state whose root the head's header names; that all undo records of the window
    /// are there; that heads, cursors, deposits and batches agree.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] about the first thing that is wrong.
    pub fn verify_consistency(&self) -> Result<ConsistencyReport, StoreError> {
        let _writer = self.inner.writer.lock();
        let mut report = ConsistencyReport { head: self.head(), ..Default::default() };
        if self.is_empty() {
            return Ok(report);
        }
        self.check_blocks(&mut report)?;
        self.check_state(&mut report)?;
        self.check_undo(&mut report)?;
        self.check_l1_records(&mut report)?;
        Ok(report)
    }

    fn check_blocks(&self, report: &mut ConsistencyReport) -> Result<(), StoreError> {
        let mut parent_hash = B256::ZERO;
        for number in 0..=report.head.number {
            let header = self.header(number)?.ok_or_else(|| missing(Table::Headers, number))?;
            check_header(number, parent_hash, &header)?;
            parent_hash = header.hash;
            if self.number(header.hash)? != Some(number) {
                return Err(wrong(Table::Numbers, header.hash, "it does not lead to its block"));
            }
            let transactions = self.check_body(number, &header)?;
            report.transactions = report.transactions.saturating_add(transactions);
            for withdrawal in self.withdrawals_in(number)? {
                report.withdrawals = report.withdrawals.saturating_add(1);
                if self.withdrawal(withdrawal.hash)?.as_ref() != Some(&withdrawal) {
                    return Err(wrong(Table::Withdrawals, withdrawal.hash, "not as its log says"));
                }
            }
        }
        if parent_hash != report.head.hash || self.genesis_hash()? != self.block_hash(0)? {
            return Err(wrong(Table::Meta, "heads", "the head or genesis hash is another"));
        }
        let blocks = report.head.number.saturating_add(1);
        for (table, expected) in [
            (Table::Headers, blocks),
            (Table::Numbers, blocks),
            (Table::Bodies, blocks),
            (Table::Receipts, blocks),
            (Table::Transactions, report.transactions),
            (Table::Withdrawals, report.withdrawals),
        ] {
            self.check_count(table, expected)?;
        }
        Ok(())
    }

    fn check_body(&self, number: u64, header: &StoredHeader) -> Result<u64, StoreError> {
        let transactions =
            self.transactions(number)?.ok_or_else(|| missing(Table::Bodies, number))?;
        let receipts = self.receipts(number)?.ok_or_else(|| missing(Table::Receipts, number))?;
        let key = number.to_be_bytes();
        for (index, tx) in transactions.iter().enumerate() {
            let location = self.transaction_location(tx.hash)?;
            if location.is_none_or(|it| it.block != number || it.index as usize != index) {
                return Err(wrong(Table::Transactions, tx.hash, "it does not lead to its place"));
            }
        }
        let envelopes: Vec<_> = transactions.iter().map(|tx| &tx.envelope).collect();
        if calculate_transaction_root(&envelopes) != header.header.transactions_root {
            return Err(wrong(Table::Bodies, key, "not the transactions root of the header"));
        }
        let mut gas_before = 0;
        for receipt in &receipts {
            let gas = receipt.envelope.cumulative_gas_used();
            if gas.checked_sub(gas_before) != Some(receipt.gas_used) {
                return Err(wrong(Table::Receipts, key, "gas used and cumulative gas disagree"));
            }
            gas_before = gas;
        }
        let envelopes: Vec<_> = receipts.iter().map(|receipt| &receipt.envelope).collect();
        if calculate_receipt_root(&envelopes) != header.header.receipts_root {
            return Err(wrong(Table::Receipts, key, "not the receipts root of the header"));
        }
        if receipts.len() != transactions.len() {
            return Err(wrong(Table::Receipts, key, "not one receipt a transaction"));
        }
        Ok(transactions.len() as u64)
    }

    fn check_state(&self, report: &mut ConsistencyReport) -> Result<(), StoreError> {
        // Flat accounts in the order of the trie.
        let mut addresses = Vec::new();
        for item in self.inner.tables.scan(Table::Accounts, &[]) {
            let (key, _) = item?;
            let address = Address::try_from(&*key)
                .map_err(|_| wrong(Table::Accounts, &key, "the key is no address"))?;
            addresses.push((keccak256(address), address));
        }
        addresses.sort_unstable();
        report.accounts = addresses.len() as u64;

        let state_root = self.head_header()?.header.state_root;
        let nodes = Verified(CountingReader { view: self.state(), nodes: AtomicU64::new(0) });
        let mut flat = addresses.iter();
        let mut result = Ok(());
        for_each_leaf(&nodes, None, state_root, &mut |path, leaf| {
            if result.is_ok() {
                result = match flat.next() {
                    Some((hashed, address)) if path.pack()[..] == hashed[..] => {
                        self.check_account(&nodes, *hashed, *address, leaf, report)
                    }
                    _ => Err(wrong(
                        Table::Accounts,
                        path.pack(),
                        "an account of the trie is not here",
                    )),
                };
            }
        })
        .map_err(trie_error)?;
        result?;
        if let Some((_, address)) = flat.next() {
            return Err(wrong(Table::Accounts, address, "the account is not in the trie"));
        }
        report.nodes = nodes.0.nodes.into_inner();
        self.check_count(Table::Storage, report.slots)?;
        let stored =
            self.count(Table::AccountNodes)?.saturating_add(self.count(Table::StorageNodes)?);
        if stored != report.nodes {
            let reason = format!("{stored} nodes are stored, the trie has {}", report.nodes);
            return Err(wrong(Table::AccountNodes, [], reason));
        }
        Ok(())
    }

    fn check_account(
        &self,
        nodes: &Verified<CountingReader>,
        owner: B256,
        address: Address,
        leaf: &[u8],
        report: &mut ConsistencyReport,
    ) -> Result<(), StoreError> {
        let leaf = TrieAccount::from_leaf(leaf)
            .map_err(|error| wrong(Table::AccountNodes, owner, error.to_string()))?;
        let flat = self
            .read(Table::Accounts, address, decode_account)?
            .ok_or_else(|| wrong(Table::Accounts, address, "it is missing"))?;
        if flat != leaf.account() {
            let reason = format!("flat {flat:?}, in the trie {:?}", leaf.account());
            return Err(wrong(Table::Accounts, address, reason));
        }
        if self.code(flat.code_hash)?.is_none_or(|code| keccak256(&code) != flat.code_hash) {
            return Err(wrong(Table::Code, flat.code_hash, "it is missing or another"));
        }
        let mut slots = Vec::new();
        for item in self.inner.tables.scan(Table::Storage, address.as_slice()) {
            let (key, value) = item?;
            let Some(slot) = key.strip_prefix(address.as_slice()) else { break };
            let value = decode_slot(&value).map_err(|it| wrong(Table::Storage, &key, it))?;
            slots.push((keccak256(slot), value));
        }
        slots.sort_unstable();
        report.slots = report.slots.saturating_add(slots.len() as u64);
        let mut flat = slots.iter();
        let mut is_equal = true;
        for_each_leaf(nodes, Some(owner), leaf.storage_root, &mut |path, leaf| {
            let value = alloy_rlp::decode_exact::<U256>(leaf).ok();
            is_equal &= flat.next().is_some_and(|(hashed, flat)| {
                path.pack()[..] == hashed[..] && Some(*flat) == value
            });
        })
        .map_err(trie_error)?;
        if !is_equal || flat.next().is_some() {
            return Err(wrong(Table::Storage, address, "flat slots differ from the storage trie"));
        }
        Ok(())
    }

    fn check_undo(&self, report: &mut ConsistencyReport) -> Result<(), StoreError> {
        let mut next = (self.oldest_state().saturating_add(1), 0);
        let mut index = None;
        let mut before: Option<Vec<u8>> = None;
        for item in self.inner.tables.scan(Table::Undo, &[]) {
            let (key, blob) = item?;
            let (number, piece) = number_of_piece(&key)?;
            if (number, piece) != next {
                return Err(wrong(Table::Undo, key, format!("expected piece {next:?}")));
            }
            if piece == 0 {
                index = Some(UndoIndex::decode(number, Bytes::from(blob))?);
                before = None;
                report.undo_records = report.undo_records.saturating_add(1);
            } else {
                let part = UndoPart::decode(number, piece, Bytes::from(blob))?;
                for entry in part.entries() {
                    let (entry_key, _) = entry?;
                    let is_sorted = before.as_deref().is_none_or(|before| before < entry_key);
                    if !is_sorted || StateKey::split_bytes(entry_key).is_none() {
                        return Err(wrong(Table::Undo, key, "entries are malformed or unsorted"));
                    }
                    let found =
                        index.as_ref().map(|it| it.piece_with(&StateKey::from_bytes(entry_key)));
                    if found.transpose()?.flatten() != Some(piece) {
                        return Err(wrong(Table::Undo, key, "the index does not lead to an entry"));
                    }
                    before = Some(entry_key.to_vec());
                }
            }
            let parts = index.as_ref().map_or(0, |it| it.parts);
            next = match piece as usize == parts {
                true => (number.saturating_add(1), 0),
                false => (number, piece.saturating_add(1)),
            };
        }
        if next != (report.head.number.saturating_add(1), 0) {
            return Err(wrong(Table::Undo, piece_key(next.0, next.1), "it is missing"));
        }
        Ok(())
    }

    fn check_l1_records(&self, report: &mut ConsistencyReport) -> Result<(), StoreError> {
        let heads = self.heads();
        for head in [heads.safe, heads.finalized] {
            if self.block_hash(head.number)? != Some(head.hash) {
                return Err(wrong(Table::Meta, "heads", "a head is not in the chain"));
            }
        }
        if heads.finalized.number > heads.safe.number || heads.safe.number > heads.latest.number {
            return Err(wrong(Table::Meta, "heads", "the heads are out of order"));
        }
        for number in 0..=heads.safe.number {
            let cursor =
                self.cursor(BlockNumber(number))?.ok_or_else(|| missing(Table::Cursors, number))?;
            if self.header(number)?.is_none_or(|it| it.output_root != cursor.output_root) {
                return Err(wrong(Table::Cursors, number.to_be_bytes(), "another output root"));
            }
        }
        self.check_count(Table::Cursors, heads.safe.number.saturating_add(1))?;
        for log in self.l1_logs(0) {
            log?;
        }
        (report.deposits, report.batches) = (self.deposit_count().get(), self.batch_count().get());
        self.check_count(Table::Deposits, report.deposits)?;
        self.check_count(Table::Batches, report.batches)?;
        let mut acc = B256::ZERO;
        for index in DepositIndex::ZERO.up_to(self.deposit_count()) {
            let record =
                self.deposit(index)?.ok_or_else(|| missing(Table::Deposits, index.get()))?;
            acc = extend_deposit_acc(acc, &record.deposit);
            if acc != record.acc || record.deposit.index != index {
                return Err(wrong(
                    Table::Deposits,
                    index.get().to_be_bytes(),
                    "the hash chain breaks",
                ));
            }
        }
        let mut acc = B256::ZERO;
        for index in BatchIndex::ZERO.up_to(self.batch_count()) {
            let record = self.batch(index)?.ok_or_else(|| missing(Table::Batches, index.get()))?;
            let key = index.get().to_be_bytes();
            let deposit_acc = match record.header.deposits_read.previous() {
                None => B256::ZERO,
                Some(last) => {
                    self.deposit(last)?.ok_or_else(|| missing(Table::Deposits, last.get()))?.acc
                }
            };
            acc = extend_batch_acc(acc, &record.header, deposit_acc);
            if acc != record.acc || record.header.index != index {
                return Err(wrong(Table::Batches, key, "the hash chain breaks"));
            }
            if record.derived.is_some_and(|it| it.last_block.get() > heads.safe.number) {
                return Err(wrong(Table::Batches, key, "derived, but its blocks are not safe"));
            }
        }
        Ok(())
    }

    fn count(&self, table: Table) -> Result<u64, StoreError> {
        let items = self.inner.tables.scan(table, &[]);
        items.into_iter().try_fold(0_u64, |count, item| item.map(|_| count.saturating_add(1)))
    }

    fn check_count(&self, table: Table, expected: u64) -> Result<(), StoreError> {
        let found = self.count(table)?;
        if found != expected {
            return Err(wrong(table, [], format!("{found} entries, expected {expected}")));
        }
        Ok(())
    }
}

/// Counts the nodes that it reads.
struct CountingReader {
    view: StateView,
    nodes: AtomicU64,
}

impl NodeReader for CountingReader {
    type Error = StoreError;

    fn node(
        &self,
        owner: Option<B256>,
        path: &gainsay_transition::trie::Nibbles,
        hash: &B256,
    ) -> Result<Bytes, StoreError> {
        self.nodes.fetch_add(1, Ordering::Relaxed);
        self.view.node_on_disk(owner, path, hash)
    }
}

fn check_header(number: u64, parent_hash: B256, stored: &StoredHeader) -> Result<(), StoreError> {
    let header = &stored.header;
    let message_passer_root = header.withdrawals_root.unwrap_or_default();
    let reason = if header.number != number {
        "it has another number"
    } else if header.hash_slow() != stored.hash {
        "its hash is another"
    } else if header.parent_hash != parent_hash {
        "its parent is another"
    } else if output_root(header.state_root, message_passer_root, stored.hash) != stored.output_root
    {
        "its output root is another"
    } else {
        return Ok(());
    };
    Err(wrong(Table::Headers, number.to_be_bytes(), reason))
}

fn trie_error(error: TrieError<VerifyError<StoreError>>) -> StoreError {
    match error {
        TrieError::Read(VerifyError::Read(error)) => error,
        other => wrong(Table::AccountNodes, [], other.to_string()),
    }
}

fn missing(table: Table, number: u64) -> StoreError {
    wrong(table, number.to_be_bytes(), "it is missing")
}

fn wrong(table: Table, key: impl AsRef<[u8]>, reason: impl Into<String>) -> StoreError {
    StoreError::corrupt(table.name(), key, reason)
}
