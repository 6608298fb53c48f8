//! Random walks of a whole state against a full rebuild by alloy-trie.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use rand::{Rng, rngs::StdRng};

use super::{
    Account, AccountChange, EMPTY_ROOT_HASH, Nibbles, StateUpdate, TrieError, TrieState,
    state_root::update_state_with,
    test_store::{Leaves, Store, reference_root, seeded},
    update_state,
};

type State = BTreeMap<Address, (Account, BTreeMap<U256, U256>)>;

fn storage_leaves(slots: &BTreeMap<U256, U256>) -> Leaves {
    let leaf = |(slot, value): (&U256, &U256)| {
        let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
        (key, Bytes::from(alloy_rlp::encode(value)))
    };
    slots.iter().map(leaf).collect()
}

/// The account leaves, encoded by alloy's own type.
fn account_leaves(state: &State) -> Leaves {
    let leaf = |(address, (account, slots)): (&Address, &(Account, BTreeMap<U256, U256>))| {
        let leaf = alloy_trie::TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: reference_root(&storage_leaves(slots)),
            code_hash: account.code_hash,
        };
        (Nibbles::unpack(keccak256(address)), Bytes::from(alloy_rlp::encode(leaf)))
    };
    state.iter().map(leaf).collect()
}

fn random_account(rng: &mut StdRng) -> Account {
    let code_hash = if rng.random_bool(0.5) {
        KECCAK256_EMPTY
    } else {
        keccak256(rng.random::<u64>().to_be_bytes())
    };
    let balance = U256::from(rng.random::<u128>()) << rng.random_range(0..128);
    Account { nonce: rng.random_range(0..1_000), balance, code_hash }
}

/// A block's worth of changes: new accounts, storage writes, deletions of accounts without storage.
fn random_changes(rng: &mut StdRng, state: &State, accounts: usize) -> Vec<AccountChange> {
    let mut changes = BTreeMap::new();
    for _ in 0..accounts {
        let address = Address::with_last_byte(rng.random_range(0..120));
        let held = state.get(&address);
        let has_storage = held.is_some_and(|(_, slots)| !slots.is_empty());
        if !has_storage && rng.random_bool(0.2) {
            changes.insert(address, AccountChange { address, account: None, storage: vec![] });
            continue;
        }
        let mut storage = BTreeMap::new();
        if address.0[19].is_multiple_of(3) {
            for _ in 0..rng.random_range(0..40) {
                let slot = U256::from(rng.random_range(0..60));
                let value = if rng.random_bool(0.5) {
                    U256::ZERO
                } else {
                    U256::from(rng.random_range(1..u128::MAX)) >> rng.random_range(0..120)
                };
                storage.insert(slot, value);
            }
        }
        let account = match held {
            Some((account, _)) if rng.random_bool(0.5) => *account,
            _ => random_account(rng),
        };
        let storage = storage.into_iter().collect();
        changes.insert(address, AccountChange { address, account: Some(account), storage });
    }
    changes.into_values().collect()
}

fn apply(state: &mut State, changes: &[AccountChange]) {
    for change in changes {
        let Some(account) = change.account else {
            state.remove(&change.address);
            continue;
        };
        let (held, slots) = state.entry(change.address).or_default();
        *held = account;
        slots.extend(change.storage.iter().copied());
        slots.retain(|_, value| !value.is_zero());
    }
}

fn assert_reads(store: &Store, root: B256, state: &State) {
    let reads = TrieState { reader: store, root };
    for last in 0..=120 {
        let address = Address::with_last_byte(last);
        let held = state.get(&address);
        let account = reads.account(address).unwrap();
        assert_eq!(account.map(|account| account.account()), held.map(|(account, _)| *account));
        for slot in [0, 1, 17, 59, 60].map(U256::from) {
            let value = held.and_then(|(_, slots)| slots.get(&slot)).copied().unwrap_or_default();
            assert_eq!(reads.storage(address, slot), Ok(value));
        }
    }
}

#[test]
fn random_blocks_agree_with_full_rebuilds() {
    let mut rng = seeded();
    for _ in 0..6 {
        let (mut store, mut state, mut root) = (Store::default(), State::new(), EMPTY_ROOT_HASH);
        for block in 0..20 {
            let accounts = [1, 8, 60][block % 3];
            let changes = random_changes(&mut rng, &state, accounts);
            let serial = update_state_with(&store, root, &changes, usize::MAX).unwrap();
            let parallel = update_state_with(&store, root, &changes, 1).unwrap();
            assert_eq!(serial, parallel);
            assert_eq!(serial, update_state(&store, root, &changes).unwrap());
            apply(&mut state, &changes);
            let StateUpdate { state_root, storage_roots, nodes } = serial;
            store.apply(&nodes);
            root = state_root;
            let leaves = account_leaves(&state);
            assert_eq!(root, reference_root(&leaves));
            store.assert_exact(None, root, &leaves);
            for (address, (_, slots)) in &state {
                let leaves = storage_leaves(slots);
                store.assert_exact(Some(keccak256(address)), reference_root(&leaves), &leaves);
            }
            let written = changes.iter().filter(|change| !change.storage.is_empty());
            assert!(written.map(|change| &change.address).eq(storage_roots.keys()));
            for (address, storage_root) in storage_roots {
                let slots = &state[&address].1;
                assert_eq!(storage_root, reference_root(&storage_leaves(slots)));
            }
            assert_reads(&store, root, &state);
        }
    }
}

#[test]
fn an_account_with_storage_is_not_deleted() {
    let address = Address::with_last_byte(1);
    let created = AccountChange {
        address,
        account: Some(Account { nonce: 1, ..Account::default() }),
        storage: vec![(U256::from(1), U256::from(2))],
    };
    let mut store = Store::default();
    let update = update_state(&store, EMPTY_ROOT_HASH, core::slice::from_ref(&created)).unwrap();
    store.apply(&update.nodes);
    let deleted = AccountChange { address, account: None, storage: vec![] };
    let refused = update_state(&store, update.state_root, core::slice::from_ref(&deleted));
    let storage_root = update.storage_roots[&address];
    assert_eq!(refused, Err(TrieError::DeletedWithStorage { address, storage_root }));

    let contradictory = AccountChange { account: None, ..created };
    let refused = update_state(&store, EMPTY_ROOT_HASH, &[contradictory]);
    assert_eq!(refused, Err(TrieError::StorageOfDeleted { address }));

    let twice = [deleted.clone(), deleted];
    let refused = update_state(&store, EMPTY_ROOT_HASH, &twice);
    assert_eq!(refused, Err(TrieError::Unsorted { index: 1 }));
}

#[test]
fn leaves_that_are_no_accounts_are_errors() {
    let address = Address::with_last_byte(1);
    let owner = keccak256(address);
    let mut store = Store::default();
    let leaf = (Nibbles::unpack(owner), Some(Bytes::from_static(b"no account, but long enough")));
    let root = store.update(EMPTY_ROOT_HASH, &[leaf], usize::MAX);
    let reads = TrieState { reader: &store, root };
    assert!(matches!(reads.account(address), Err(TrieError::BadAccount { .. })));
    let change = AccountChange { address, account: Some(Account::default()), storage: vec![] };
    let refused = update_state(&store, root, &[change]);
    assert!(matches!(refused, Err(TrieError::BadAccount { .. })));

    // A slot of 33 bytes is no number.
    let key = keccak256(U256::ZERO.to_be_bytes::<32>());
    let leaf = (Nibbles::unpack(key), Some(Bytes::from(alloy_rlp::encode([9_u8; 33]))));
    let updated = super::update(&store, Some(owner), EMPTY_ROOT_HASH, &[leaf]).unwrap();
    let mut nodes = super::NodeSet::default();
    nodes.insert(Some(owner), updated.nodes);
    let reads = TrieState { reader: &nodes, root: EMPTY_ROOT_HASH };
    let value = reads.storage_at(address, updated.root, U256::ZERO);
    assert!(matches!(value, Err(TrieError::BadSlot { .. })));
}
