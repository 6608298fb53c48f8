//! The transition agrees with plain revm on random blocks: gas, status, logs and state root.

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use gainsay_transition::{
    BASE_FEE_VAULT, ExecuteError, HISTORY_STORAGE, InvalidTx, RecoveredTx, trie::TrieState,
};
use op_alloy_consensus::OpTxEnvelope;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    chain::{CHAIN_ID, Chain, contract, funded, predeploys},
    plain_revm::PlainRevm,
};

/// Contracts that blocks call, each for a corner of the EVM.
const CONTRACTS: [&[u8]; 8] = [
    // Adds calldata word 1 to the slot of word 0, and logs it.
    &hex!("6020355f3554015f355560203560205260205f60205f35a100"),
    // Reverts with calldata.
    &hex!("365f5f37365ffd"),
    // Invalid opcode: takes all gas.
    &hex!("fe"),
    // Creates a contract that stores the caller, by CREATE2 with calldata word 0 as salt.
    &hex!("6533ff5f5260065ff35f526006601a5f5f35600652f500"),
    // Creates a contract that destroys itself at once, with the call's value.
    &hex!("6133ff5f526002601e34f000"),
    // Stores BLOCKHASH(number - 1), BLOCKHASH(number - 3), TIMESTAMP and BASEFEE.
    &hex!("60014303405f5560034303406001554260025548600355"),
    // Clears slot 7 if it is set, else sets it: refunds.
    &hex!("600754156007550000"),
    // Calls ecrecover, sha256 and identity with calldata, stores the last answer.
    &hex!("365f5f3760205f60805f60015afa5060205f365f60025afa505f51600955"),
];

struct User {
    signer: PrivateKeySigner,
    nonce: u64,
}

struct World {
    rng: StdRng,
    users: Vec<User>,
    contracts: Vec<Address>,
}

impl World {
    fn new(seed: u64) -> (Self, Chain) {
        let mut rng = StdRng::seed_from_u64(seed);
        // L1 prices are zero: plain revm knows no L1 data fee.
        let mut alloc = predeploys(0, 0);
        let users: Vec<User> = (0..12)
            .map(|_| User {
                signer: PrivateKeySigner::from_bytes(&B256::from(rng.random::<[u8; 32]>()))
                    .unwrap(),
                nonce: 0,
            })
            .collect();
        for user in &users {
            let balance = U256::from(rng.random_range(1_u64..u64::MAX));
            alloc.insert(user.signer.address(), funded(balance));
        }
        let contracts: Vec<Address> =
            CONTRACTS.iter().map(|_| Address::from(rng.random::<[u8; 20]>())).collect();
        for (address, code) in contracts.iter().zip(CONTRACTS) {
            alloc.insert(*address, contract(code));
        }
        (Self { rng, users, contracts }, Chain::new(&alloc))
    }

    fn target(&mut self) -> TxKind {
        match self.rng.random_range(0..10) {
            0 => TxKind::Create,
            1 => Address::from(self.rng.random::<[u8; 20]>()).into(),
            2 => self.users.choose(&mut self.rng).unwrap().signer.address().into(),
            _ => (*self.contracts.choose(&mut self.rng).unwrap()).into(),
        }
    }

    fn input(&mut self) -> Bytes {
        let mut input = vec![0; 64];
        input[31] = self.rng.random_range(0..4);
        input[63] = self.rng.random_range(0..3);
        input.into()
    }

    /// A signed transaction; every tenth one is invalid in some way.
    fn transaction(&mut self, base_fee: u64) -> RecoveredTx {
        let who = self.rng.random_range(0..self.users.len());
        let (to, input) = (self.target(), self.input());
        let input = match to {
            // Init code that deploys a copy of a contract: PUSH code, MSTORE, RETURN.
            TxKind::Create => {
                let code = CONTRACTS.choose(&mut self.rng).unwrap();
                let len = code.len() as u8;
                [&[0x60, len, 0x60, 0x0b, 0x5f, 0x39, 0x60, len, 0x5f, 0xf3, 0x00][..], code]
                    .concat()
                    .into()
            }
            TxKind::Call(_) => input,
        };
        let nonce = self.users[who].nonce + u64::from(self.rng.random_bool(0.05));
        let gas_limit = self.rng.random_range(20_500..400_000);
        let value = U256::from(self.rng.random_range(0_u64..1_000));
        let tip = self.rng.random_range(0..1_000_000_u128);
        let cap = u128::from(base_fee) * self.rng.random_range(95..400_u128) / 100 + tip;
        let access_list = AccessList(vec![AccessListItem {
            address: self.contracts[0],
            storage_keys: vec![B256::from(U256::from(self.rng.random_range(0..4)))],
        }]);
        let kind = self.rng.random_range(0..4);
        let signer = self.users[who].signer.clone();
        let chain_id = CHAIN_ID;
        match (kind, to) {
            (0, _) => sign(
                &signer,
                TxLegacy {
                    chain_id: Some(chain_id),
                    nonce,
                    gas_price: cap,
                    gas_limit,
                    to,
                    value,
                    input,
                },
            ),
            (1, _) => sign(
                &signer,
                TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price: cap,
                    gas_limit,
                    to,
                    value,
                    input,
                    access_list,
                },
            ),
            (3, TxKind::Call(to)) => {
                let authority = self.users.choose(&mut self.rng).unwrap();
                let authorization = Authorization {
                    chain_id: U256::from(if self.rng.random_bool(0.5) { chain_id } else { 0 }),
                    address: *self.contracts.choose(&mut self.rng).unwrap(),
                    nonce: authority.nonce,
                };
                let signature = authority.signer.sign_hash_sync(&authorization.signature_hash());
                let authorization_list = vec![authorization.into_signed(signature.unwrap())];
                sign(
                    &signer,
                    TxEip7702 {
                        chain_id,
                        nonce,
                        gas_limit,
                        max_fee_per_gas: cap,
                        max_priority_fee_per_gas: tip,
                        to,
                        value,
                        access_list,
                        authorization_list,
                        input,
                    },
                )
            }
            _ => sign(
                &signer,
                TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: cap,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list,
                    input,
                },
            ),
        }
    }
}

fn sign<T>(signer: &PrivateKeySigner, tx: T) -> RecoveredTx
where
    T: SignableTransaction<alloy_primitives::Signature>,
    OpTxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    let envelope = OpTxEnvelope::from(tx.into_signed(signature));
    let tx = RecoveredTx::decode_signed(envelope.encoded_2718().into()).unwrap();
    assert_eq!(tx.sender, signer.address());
    tx
}

fn seed() -> u64 {
    match std::env::var("GAINSAY_SEED") {
        Ok(seed) => seed.parse().expect("GAINSAY_SEED is a number"),
        Err(_) => rand::random(),
    }
}

#[test]
fn agrees_with_plain_revm() {
    let seed = seed();
    println!("replay with GAINSAY_SEED={seed}");
    let (mut world, mut chain) = World::new(seed);
    let mut included = [0_usize; 5];
    let (mut invalid, mut failed) = (0, 0);
    for block in 0..24_u64 {
        let mut plain = PlainRevm::copy_of(&chain);
        // EIP-2935, and the hashes that BLOCKHASH gives.
        let slot = U256::from(chain.head.number % 8191);
        plain.set_storage(HISTORY_STORAGE, slot, chain.hash.into());
        plain.set_block_hash(chain.head.number, chain.hash);
        for number in 0..chain.head.number {
            let hash = chain.storage[&(HISTORY_STORAGE, U256::from(number))];
            plain.set_block_hash(number, hash.into());
        }
        let mut executor = chain.executor(1_700_000_000 + block);
        let context = *executor.context();
        let mut burnt = U256::ZERO;
        let mut expected = Vec::new();
        for _ in 0..world.rng.random_range(0..30) {
            let tx = world.transaction(context.base_fee);
            let theirs = plain.run(&context, &tx);
            let ours = executor.execute(tx.clone());
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    assert_eq!(
                        (ours.success, ours.gas_used),
                        (theirs.success, theirs.gas_used),
                        "{tx:?}"
                    );
                    burnt += U256::from(theirs.gas_used) * U256::from(context.base_fee);
                    included[match tx.raw[0] {
                        legacy if legacy >= 0xc0 => 0,
                        kind => usize::from(kind),
                    }] += 1;
                    failed += usize::from(!theirs.success);
                    expected.push(theirs);
                }
                (Err(ExecuteError::Invalid(_)), Err(_)) => invalid += 1,
                (ours, theirs) => panic!("{tx:?}: found {ours:?}, plain revm says {theirs:?}"),
            }
            for user in &mut world.users {
                user.nonce = plain.nonce(user.signer.address());
            }
        }
        plain.add_balance(BASE_FEE_VAULT, burnt);
        let sealed = chain.seal(executor);
        let gas_used: u64 = expected.iter().map(|it| it.gas_used).sum();
        assert_eq!(sealed.header.gas_used, gas_used);
        for (receipt, theirs) in sealed.receipts.iter().zip(&expected) {
            assert_eq!(receipt.envelope.status(), theirs.success);
            assert_eq!(receipt.envelope.logs(), theirs.logs);
        }
        assert_eq!(sealed.header.state_root, plain.state_root(), "block {}", sealed.header.number);
        assert_eq!(sealed.header.parent_hash, chain.hash);
        chain.apply(&sealed);
        read_back_through_the_trie(&chain);
    }
    println!("included by type {included:?}, {failed} failed, {invalid} invalid");
    assert!(
        included.iter().enumerate().all(|(kind, count)| kind == 3 || *count > 0)
            && failed > 0
            && invalid > 0
    );
}

/// What the trie says of every account and slot is what the flat state says.
fn read_back_through_the_trie(chain: &Chain) {
    let state = TrieState { reader: &chain.nodes, root: chain.head.state_root };
    for (address, account) in &chain.accounts {
        assert_eq!(state.account(*address).unwrap().map(|it| it.account()), Some(*account));
    }
    for ((address, slot), value) in &chain.storage {
        assert_eq!(state.storage(*address, *slot).unwrap(), *value);
    }
}

#[test]
fn a_block_does_not_take_more_gas_than_it_has() {
    let (mut world, chain) = World::new(7);
    let mut executor = chain.executor(1_700_000_000);
    let base_fee = executor.context().base_fee;
    let mut taken = 0;
    let mut refused = 0;
    for _ in 0..4_000 {
        let tx = world.transaction(base_fee);
        let who = world.users.iter_mut().find(|user| user.signer.address() == tx.sender).unwrap();
        match executor.execute(tx) {
            Ok(outcome) => {
                taken += outcome.gas_used;
                who.nonce += 1;
            }
            Err(ExecuteError::Invalid(InvalidTx::BlockGasExceeded { gas_limit, gas_left })) => {
                assert!(gas_limit > gas_left);
                refused += 1;
            }
            // An authorization of somebody else's transaction used a nonce.
            Err(ExecuteError::Invalid(InvalidTx::NonceTooLow { state, .. })) => who.nonce = state,
            Err(ExecuteError::Invalid(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(taken <= chain.config.block_gas_limit && refused > 0, "{taken} gas, {refused} refused");
    assert_eq!(executor.gas_left(), chain.config.block_gas_limit - taken);
}
