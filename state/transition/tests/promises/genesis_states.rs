//! Whatever state genesis takes, blocks on it can be sealed; what it does not take, it names.
//!
//! In: accounts of all shapes, each alone at three addresses: where a call comes, where a contract
//! is created, and where one is created that destroys itself at once. Out: a block that does all
//! three, sealed, for each shape that genesis takes.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use gainsay_derivation::{Deposit, DepositIndex, DepositKind, GenesisAccount};
use gainsay_transition::{GenesisError, genesis};

use super::chain::{Chain, STOP, config, contract, predeploys};

/// Where an account of each shape is called.
const CALLED: Address = address!("0000000000000000000000000000000000ca11ed");
/// Creates contracts with the init code that it is given, by CREATE2 with salt 0.
const FACTORY: Address = address!("000000000000000000000000000000000000fac7");
/// `calldatacopy(0, 0, calldatasize); create2(0, 0, calldatasize, 0)`
const FACTORY_CODE: [u8; 13] =
    [0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x36, 0x5f, 0x5f, 0xf5, 0x50, 0x5f, 0x5f, 0xf3];
/// Init code: `sstore(1, 1)`, and the contract has the code STOP.
const STAYS: [u8; 10] = [0x60, 1, 0x60, 1, 0x55, 0x60, 1, 0x60, 0, 0xf3];
/// Init code: `sstore(1, 1); selfdestruct(caller)`
const VANISHES: [u8; 7] = [0x60, 1, 0x60, 1, 0x55, 0x33, 0xff];

fn created(init_code: &[u8]) -> Address {
    FACTORY.create2(B256::ZERO, keccak256(init_code))
}

fn deposit(index: u64, to: Address, data: &[u8]) -> Deposit {
    let zero_value = [0; 64];
    let gas_limit = 200_000_u64.to_be_bytes();
    let payload = [to.as_slice(), &zero_value, &gas_limit, &[0], data].concat();
    Deposit {
        kind: DepositKind::Transaction,
        from: Address::repeat_byte(0xd0),
        l1_block: 1,
        l1_time: 1_700_000_000,
        index: DepositIndex(index),
        l1_base_fee: U256::from(7),
        l1_blob_base_fee: U256::from(1),
        payload: payload.into(),
    }
}

fn genesis_of(account: &GenesisAccount) -> BTreeMap<Address, GenesisAccount> {
    let mut alloc = predeploys(1, 1);
    alloc.insert(FACTORY, contract(&FACTORY_CODE));
    for address in [CALLED, created(&STAYS), created(&VANISHES)] {
        alloc.insert(address, account.clone());
    }
    alloc
}

/// Touches the accounts in two blocks, each in all ways, the second on the state of the first.
fn seal_two_blocks(alloc: &BTreeMap<Address, GenesisAccount>) -> Chain {
    let mut chain = Chain::new(alloc);
    for _ in 0..2 {
        let mut executor = chain.executor(0);
        let touches: [(Address, &[u8]); 5] = [
            (CALLED, &[]),
            (FACTORY, &STAYS),
            (FACTORY, &VANISHES),
            (created(&STAYS), &[]),
            (created(&VANISHES), &[]),
        ];
        for (index, (to, data)) in (0..).zip(touches) {
            executor.execute_deposit(&deposit(index, to, data)).unwrap();
        }
        let sealed = chain.seal(executor);
        chain.apply(&sealed);
    }
    chain
}

fn delegation(version: u8, len: usize) -> Vec<u8> {
    let mut code = vec![0xef, 0x01, version];
    code.resize(len, 0x42);
    code
}

/// All shapes, with the error that genesis has for each at the lowest of their addresses.
fn shapes() -> Vec<(GenesisAccount, Option<GenesisError>)> {
    let address = [CALLED, created(&STAYS), created(&VANISHES)].into_iter().min().unwrap();
    let reserved = Some(GenesisError::ReservedCode { address });
    let codes: [(Vec<u8>, Option<GenesisError>); 10] = [
        (vec![], None),
        (STOP.to_vec(), None),
        (VANISHES.to_vec(), None),
        (vec![0; 24_576], None),
        (vec![0; 24_577], Some(GenesisError::CodeTooLong { address, len: 24_577 })),
        (delegation(0, 23), None),
        (delegation(1, 23), reserved.clone()),
        (delegation(0, 22), reserved.clone()),
        (vec![0xef, 0x01], reserved.clone()),
        (vec![0xef], reserved),
    ];
    let slot = |value: u64| BTreeMap::from([(B256::with_last_byte(1), U256::from(value).into())]);
    let mut shapes = Vec::new();
    for (code, of_code) in codes {
        for storage in [BTreeMap::new(), slot(0), slot(7)] {
            let stored = storage.values().any(|value: &B256| !value.is_zero());
            let error = if code.is_empty() && stored {
                Some(GenesisError::StorageWithoutCode { address })
            } else {
                of_code.clone()
            };
            for nonce in [0, 1, u64::MAX] {
                for balance in [U256::ZERO, U256::ONE, U256::MAX] {
                    let (code, storage) = (Bytes::from(code.clone()), storage.clone());
                    let account = GenesisAccount { balance, nonce, code, storage };
                    shapes.push((account, error.clone()));
                }
            }
        }
    }
    shapes
}

#[test]
fn each_state_of_genesis_can_be_built_on() {
    let (mut taken, mut refused) = (0, 0);
    for (account, error) in shapes() {
        let alloc = genesis_of(&account);
        let found = genesis(&config(), 1_700_000_000, &alloc).err();
        assert_eq!(found, error, "{account:?}");
        if error.is_some() {
            refused += 1;
            continue;
        }
        taken += 1;
        let chain = seal_two_blocks(&alloc);
        let is_empty = account.nonce == 0 && account.balance.is_zero() && account.code.is_empty();
        assert_eq!(chain.accounts.contains_key(&CALLED), !is_empty, "EIP-161: {account:?}");
        // A contract is created where there is neither code nor nonce, and only there. What writes
        // when it is called has written, too.
        let is_free = account.nonce == 0 && account.code.is_empty();
        let is_free = is_free || account.code[..] == VANISHES;
        let written = chain.storage.get(&(created(&STAYS), U256::ONE)) == Some(&U256::ONE);
        assert_eq!(written, is_free, "{account:?}");
    }
    assert_eq!((taken, refused), (126, 144));
}
