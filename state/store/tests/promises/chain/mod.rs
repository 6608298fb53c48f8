//! Random chains with right roots, and a model of them in memory that the store is compared with.
//!
//! In: a seed. Out: sealed blocks whose state, nodes, bodies and receipts are real; only their
//! transactions did not run. Blocks can be made on top of the model or of a store.
#![allow(dead_code, reason = "each test uses a part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, convert::Infallible};

use alloy_consensus::{
    Header, SignableTransaction, TxLegacy,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, Signature, TxKind, U256, keccak256};
use gainsay_derivation::{
    BatchHeader, BatchKind, Deposit, DepositIndex, DepositKind, extend_batch_acc,
    extend_deposit_acc, output_root,
};
use gainsay_store::{BatchRecord, DepositRecord, Store};
use gainsay_transition::{
    L1FeeParams, PrecompileReader, Receipt, RecoveredTx, SealedBlock, StateDiff, StateReader,
    trie::{
        Account, AccountChange, EMPTY_ROOT_HASH, MissingNode, Nibbles, NodeReader, NodeSet,
        update_state,
    },
};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope, TxDeposit};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Accounts that blocks change.
pub(crate) const ACCOUNTS: u64 = 150;
/// Slots that an account may have.
pub(crate) const SLOTS: u64 = 30;

/// A seed from the environment (`SEED`) or the clock, printed.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos().into()
    });
    println!("SEED={seed}");
    seed
}

pub(crate) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub(crate) fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[..20])
}

/// The state after one block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<Address, Account>,
    pub(crate) storage: BTreeMap<(Address, U256), U256>,
    pub(crate) codes: BTreeMap<B256, Bytes>,
    pub(crate) nodes: NodeSet,
}

impl Model {
    pub(crate) fn apply(&mut self, block: &SealedBlock) {
        for change in &block.diff.accounts {
            match change.account {
                Some(account) => self.accounts.insert(change.address, account),
                None => self.accounts.remove(&change.address),
            };
            for (slot, value) in &change.storage {
                match value.is_zero() {
                    true => self.storage.remove(&(change.address, *slot)),
                    false => self.storage.insert((change.address, *slot), *value),
                };
            }
        }
        self.codes.extend(block.diff.codes.iter().cloned());
        self.nodes.extend(block.nodes.clone());
    }

    /// Compares every account, slot and node that any block may have touched.
    pub(crate) fn assert_equals<R>(&self, view: &R, what: &str)
    where
        R: StateReader + NodeReader,
    {
        for index in 0..ACCOUNTS {
            let address = address(index);
            let found = StateReader::account(view, address).unwrap();
            assert_eq!(found, self.accounts.get(&address).copied(), "{what}: {address}");
            for slot in (0..SLOTS).map(U256::from) {
                let expected = self.storage.get(&(address, slot)).copied().unwrap_or_default();
                let found = view.storage(address, slot).unwrap();
                assert_eq!(found, expected, "{what}: {address} {slot}");
            }
        }
        for (hash, code) in &self.codes {
            assert_eq!(view.code(*hash).unwrap(), *code, "{what}: {hash}");
        }
        for (owner, path, node) in self.nodes.iter() {
            let hash = node.map_or(B256::ZERO, keccak256);
            let found = view.node(owner, path, &hash).ok();
            assert_eq!(found.as_ref(), node, "{what}: {owner:?} {path:?}");
        }
    }
}

impl StateReader for Model {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.codes.get(&code_hash).cloned().unwrap_or_default())
    }
}

impl PrecompileReader for Model {}

impl NodeReader for Model {
    type Error = MissingNode;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, MissingNode> {
        self.nodes.node(owner, path, hash)
    }
}

/// The genesis block and the model after it.
pub(crate) fn genesis(seed: u64) -> (SealedBlock, Model) {
    let mut model = Model::default();
    let diff = random_diff(&mut rng(seed), &model, 40);
    let block = seal(Header::default(), B256::ZERO, &model, diff, Vec::new());
    model.apply(&block);
    (block, model)
}

/// A random block on `parent`, whose state is `state`.
pub(crate) fn random_block<R>(
    rng: &mut StdRng,
    parent: &Header,
    parent_hash: B256,
    state: &R,
) -> SealedBlock
where
    R: StateReader + NodeReader,
{
    let diff = random_diff(rng, state, 20);
    let header = Header {
        number: parent.number + 1,
        state_root: parent.state_root,
        timestamp: parent.timestamp + rng.random_range(0..3),
        ..Default::default()
    };
    let transactions = (0..rng.random_range(0..6)).map(|_| random_transaction(rng)).collect();
    seal(header, parent_hash, state, diff, transactions)
}

fn random_diff<R: StateReader>(rng: &mut StdRng, state: &R, accounts_max: u64) -> StateDiff {
    let mut diff = StateDiff::default();
    let mut changes = BTreeMap::new();
    for _ in 0..rng.random_range(0..=accounts_max) {
        let index = rng.random_range(0..ACCOUNTS);
        let address = address(index);
        let before = state.account(address).unwrap();
        // Only accounts with an even index have storage, so that the others may be deleted.
        if index % 2 == 1 && before.is_some() && rng.random_ratio(1, 3) {
            changes.insert(address, AccountChange { address, account: None, storage: Vec::new() });
            continue;
        }
        let mut account = before.unwrap_or_default();
        account.nonce += 1;
        account.balance = U256::from(rng.random::<u128>()) << rng.random_range(0..100_usize);
        if rng.random_ratio(1, 8) {
            let code = Bytes::from(rng.random::<[u8; 33]>().to_vec());
            account.code_hash = keccak256(&code);
            diff.codes.push((account.code_hash, code));
        }
        let mut storage = BTreeMap::new();
        if index % 2 == 0 {
            for _ in 0..rng.random_range(0..10) {
                let slot = U256::from(rng.random_range(0..SLOTS));
                let value = match rng.random_range(0..4) {
                    0 => U256::ZERO,
                    1 => U256::from(rng.random::<u8>()),
                    _ => U256::from_be_bytes(rng.random::<[u8; 32]>()),
                };
                storage.insert(slot, value);
            }
        }
        let storage = storage.into_iter().collect();
        changes.insert(address, AccountChange { address, account: Some(account), storage });
    }
    diff.accounts = changes.into_values().collect();
    // The same account may have been changed twice: keep only code that is referred to or unused.
    diff.codes.sort();
    diff.codes.dedup();
    diff
}

fn random_transaction(rng: &mut StdRng) -> RecoveredTx {
    let input = Bytes::from(vec![7; rng.random_range(0..200)]);
    let to = TxKind::Call(Address::from(rng.random::<[u8; 20]>()));
    if rng.random() {
        return RecoveredTx::from_deposit(TxDeposit {
            source_hash: B256::from(rng.random::<[u8; 32]>()),
            from: Address::from(rng.random::<[u8; 20]>()),
            to,
            mint: rng.random(),
            gas_limit: 21_000,
            input,
            ..Default::default()
        });
    }
    let tx = TxLegacy { nonce: rng.random_range(0..1 << 40), to, input, ..Default::default() };
    let envelope = OpTxEnvelope::Legacy(tx.into_signed(Signature::test_signature()));
    let sender = Address::from(rng.random::<[u8; 20]>());
    RecoveredTx::with_sender(envelope.encoded_2718().into(), sender).unwrap()
}

fn receipt(tx: &RecoveredTx, index: u64) -> Receipt {
    let logs: Vec<Log> = (0..index % 4)
        .map(|it| Log {
            address: address(it),
            data: LogData::new_unchecked(vec![B256::with_last_byte(1)], Bytes::from(vec![1, 2])),
        })
        .collect();
    let deposit = tx.is_deposit();
    Receipt {
        envelope: OpReceiptEnvelope::from_parts(
            !index.is_multiple_of(3),
            21_000 * (index + 1),
            &logs,
            tx.envelope.tx_type(),
            deposit.then_some(5),
            deposit.then_some(1),
        ),
        gas_used: 21_000,
        l1_fee: U256::from(index * 1_000_000_007),
        effective_gas_price: u128::from(index) << 70,
        contract_address: (index % 2 == 1).then(|| address(index)),
    }
}

/// Seals `diff` and `transactions` on the state with the root `header.state_root`.
pub(crate) fn seal<R: NodeReader>(
    header: Header,
    parent_hash: B256,
    state: &R,
    diff: StateDiff,
    transactions: Vec<RecoveredTx>,
) -> SealedBlock {
    let root = if header.number == 0 { EMPTY_ROOT_HASH } else { header.state_root };
    let update = update_state(state, root, &diff.accounts).unwrap();
    let receipts: Vec<_> =
        transactions.iter().zip(0..).map(|(tx, index)| receipt(tx, index)).collect();
    let envelopes: Vec<_> = transactions.iter().map(|tx| &tx.envelope).collect();
    let receipt_envelopes: Vec<_> = receipts.iter().map(|it| &it.envelope).collect();
    let header = Header {
        parent_hash,
        state_root: update.state_root,
        transactions_root: calculate_transaction_root(&envelopes),
        receipts_root: calculate_receipt_root(&receipt_envelopes),
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(B256::with_last_byte(9)),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(B256::ZERO),
        ..header
    };
    let hash = header.hash_slow();
    SealedBlock {
        output_root: output_root(header.state_root, B256::with_last_byte(9), hash),
        header,
        hash,
        transactions,
        receipts,
        diff,
        nodes: update.nodes,
        l1_fee_params: L1FeeParams { base_fee: U256::from(1), ..Default::default() },
    }
}

/// The next deposit after those on record.
pub(crate) fn next_deposit(store: &Store) -> DepositRecord {
    let index = store.deposit_count();
    let acc = index.previous().map_or(B256::ZERO, |it| store.deposit(it).unwrap().unwrap().acc);
    let deposit = Deposit {
        kind: DepositKind::Transaction,
        from: address(index.get()),
        l1_block: index.get() / 3,
        l1_time: index.get(),
        index,
        l1_base_fee: U256::from(index.get()),
        l1_blob_base_fee: U256::from(1),
        payload: vec![1; 100].into(),
    };
    DepositRecord { acc: extend_deposit_acc(acc, &deposit), deposit }
}

/// The next batch after those on record, reading `deposits_read` deposits, of which the last one
/// has the accumulator `deposit_acc`.
pub(crate) fn next_batch(
    store: &Store,
    deposits_read: DepositIndex,
    deposit_acc: B256,
) -> BatchRecord {
    let index = store.batch_count();
    let acc = index.previous().map_or(B256::ZERO, |it| store.batch(it).unwrap().unwrap().acc);
    let header = BatchHeader {
        kind: BatchKind::Calldata,
        index,
        deposits_read,
        l1_block: index.get(),
        l1_time: index.get(),
        data_hash: B256::with_last_byte(3),
    };
    let acc = extend_batch_acc(acc, &header, deposit_acc);
    BatchRecord { header, acc, l1_block_hash: B256::with_last_byte(4), derived: None }
}

/// Asserts that the store holds the block, in every way to ask for it.
pub(crate) fn assert_holds(store: &Store, block: &SealedBlock) {
    let number = block.header.number;
    let header = store.header(number).unwrap().unwrap();
    assert_eq!(header.header, block.header);
    assert_eq!(header.hash, block.hash);
    assert_eq!(header.output_root, block.output_root);
    assert_eq!(header.l1_fee_params, block.l1_fee_params);
    assert_eq!(store.header_by_hash(block.hash).unwrap(), Some(header));
    assert_eq!(store.number(block.hash).unwrap(), Some(number));
    assert_eq!(store.block_hash(number).unwrap(), Some(block.hash));
    assert_eq!(store.transactions(number).unwrap().unwrap(), block.transactions);
    assert_eq!(store.receipts(number).unwrap().unwrap(), block.receipts);
    let mut log_index = 0;
    for (index, tx) in (0_u32..).zip(&block.transactions) {
        let location = store.transaction_location(tx.hash).unwrap().unwrap();
        assert_eq!((location.block, location.index), (number, index));
        assert_eq!(store.transaction(number, index).unwrap().as_ref(), Some(tx));
        let receipt = store.receipt(number, index).unwrap().unwrap();
        assert_eq!(receipt.receipt, block.receipts[index as usize]);
        assert_eq!(receipt.first_log_index, log_index);
        log_index += receipt.receipt.envelope.logs().len() as u64;
    }
    let end = u32::try_from(block.transactions.len()).unwrap();
    assert_eq!(store.transaction(number, end).unwrap(), None);
    assert_eq!(store.receipt(number, end).unwrap(), None);
}

/// Asserts that nothing of the block is left.
pub(crate) fn assert_gone(store: &Store, block: &SealedBlock) {
    assert_eq!(store.number(block.hash).unwrap(), None);
    assert_eq!(store.header_by_hash(block.hash).unwrap(), None);
    for tx in &block.transactions {
        assert_eq!(store.transaction_location(tx.hash).unwrap(), None);
    }
}
