//! Programs that run revm: transfers of ether and of an ERC-20, and a loop in one contract.

use alloc::vec::Vec;

use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm,
    bytecode::Bytecode,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    handler::MainnetContext,
    primitives::{Address, Bytes, TxKind, U256, hardfork::SpecId, keccak256},
    state::AccountInfo,
};

use crate::{Output, keep_heap, reset_heap};

/// Runtime code of `contracts/src/l2/WETH.sol`, whose balances are the mapping in slot 0.
const TOKEN_CODE: &str = include_str!("weth.hex");

/// `transfer(address,uint256)`.
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// x = n * x + 7 for n from 300,000 down to 1; returns x.
const LOOP_CODE: [u8; 30] = [
    0x60, 0x01, 0x62, 0x04, 0x93, 0xe0, // PUSH1 1, PUSH3 300,000
    0x5b, 0x80, 0x91, 0x02, // JUMPDEST, DUP1, SWAP2, MUL
    0x60, 0x07, 0x01, 0x90, // PUSH1 7, ADD, SWAP1
    0x60, 0x01, 0x90, 0x03, // PUSH1 1, SWAP1, SUB
    0x80, 0x60, 0x06, 0x57, // DUP1, PUSH1 6, JUMPI
    0x50, 0x5f, 0x52, // POP, PUSH0, MSTORE
    0x60, 0x20, 0x5f, 0xf3, 0x00, // PUSH1 32, PUSH0, RETURN, STOP
];

const CONTRACT: Address = Address::repeat_byte(0xcc);

/// Accounts that send to each other.
const ACCOUNTS: u64 = 64;

/// Transactions of one block.
const BLOCK: u64 = 64;

type Evm = MainnetEvm<MainnetContext<InMemoryDB>>;

fn account(index: u64) -> Address {
    Address::with_last_byte(100).create(index)
}

fn balance_slot(owner: Address) -> U256 {
    let mut key = [0; 64];
    key[12..32].copy_from_slice(owner.as_slice());
    keccak256(key).into()
}

/// A state in which every account has ether and tokens.
fn evm(code: &[u8]) -> Evm {
    let mut state = InMemoryDB::default();
    let contract = Bytecode::new_raw(Bytes::copy_from_slice(code));
    state.insert_account_info(CONTRACT, AccountInfo::from_bytecode(contract));
    for index in 0..ACCOUNTS {
        let info = AccountInfo::from_balance(U256::from(1_u64 << 60));
        state.insert_account_info(account(index), info);
        let slot = balance_slot(account(index));
        let stored = state.insert_account_storage(CONTRACT, slot, U256::from(1_u64 << 60));
        stored.expect("memory has no errors");
    }
    Context::mainnet()
        .with_db(state)
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
            cfg.disable_nonce_check = true;
        })
        .build_mainnet()
}

fn transact(evm: &mut Evm, transaction: TxEnv) -> ExecutionResult {
    let result = evm.transact_commit(transaction).expect("a valid transaction");
    assert!(result.is_success(), "the contract halts");
    result
}

/// Blocks of transfers, each on a fresh state. In the first one revm makes its tables.
fn blocks(count: u64, code: &[u8], transfer: impl Fn(Address, Address, u64) -> TxEnv) -> Output {
    let mut gas = 0_u64;
    for block in 0..count {
        let mut evm = evm(code);
        for number in 0..BLOCK {
            let [from, to] = [number, number * 7 + block + 1].map(|it| account(it % ACCOUNTS));
            gas += transact(&mut evm, transfer(from, to, number + 1)).tx_gas_used();
        }
        drop(evm);
        if block == 0 {
            keep_heap();
        }
        // SAFETY: of what is on the heap, only the tables of the first block are used again.
        unsafe { reset_heap() };
    }
    [gas, count, 0, 0]
}

/// Transfers of ether.
pub fn eth_transfers() -> Output {
    blocks(60, &[], |caller, to, value| TxEnv {
        caller,
        kind: TxKind::Call(to),
        value: U256::from(value),
        gas_limit: 21_000,
        ..TxEnv::default()
    })
}

/// Transfers of an ERC-20.
pub fn erc20_transfers() -> Output {
    let code = TOKEN_CODE.trim_end().as_bytes().chunks_exact(2).map(|pair| {
        let digit = |digit: u8| (digit as char).to_digit(16).expect("a hex digit") as u8;
        digit(pair[0]) << 4 | digit(pair[1])
    });
    let code: Vec<u8> = code.collect();
    blocks(40, &code, |caller, to, value| {
        let mut data = [0; 68];
        data[..4].copy_from_slice(&TRANSFER);
        data[16..36].copy_from_slice(to.as_slice());
        data[60..].copy_from_slice(&value.to_be_bytes());
        TxEnv {
            caller,
            kind: TxKind::Call(CONTRACT),
            data: Bytes::copy_from_slice(&data),
            gas_limit: 100_000,
            ..TxEnv::default()
        }
    })
}

/// A contract that computes.
pub fn evm_loop() -> Output {
    let mut evm = evm(&LOOP_CODE);
    let mut words = [0; 4];
    for _ in 0..2 {
        let transaction = TxEnv {
            caller: account(0),
            kind: TxKind::Call(CONTRACT),
            gas_limit: 29_000_000,
            ..TxEnv::default()
        };
        let result = transact(&mut evm, transaction);
        let output = result.output().expect("32 bytes");
        words = *U256::from_be_slice(output).as_limbs();
    }
    words
}
