//! Deposits with fields that no wallet would choose: no gas or all of it, mints and values beyond
//! all ether, creations, 120,000 bytes of data, senders and targets with a meaning of their own,
//! and payloads that are malformed.
//!
//! The Inbox would refuse some of them. What it lets through is a matter of its parameters, so that
//! the program must be total for all.

use alloy_primitives::{Address, Bytes, U256};
use gainsay_derivation::{DEPOSITOR, DepositKind};
use gainsay_transition::{
    BASE_FEE_VAULT, HISTORY_STORAGE, L1_BLOCK, L1_FEE_VAULT, MESSAGE_PASSER, SEQUENCER_FEE_VAULT,
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fuzzer,
    world::{FACTORY, PROBE, WRITER, World, bytes, init_code, payload, word, writes},
};
use crate::chain::wallet;

/// Longest data of a deposit.
const DATA_BYTES_MAX: usize = 120_000;

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let mut world = World::new([]);
    for _ in 0..4 {
        for _ in 0..random.random_range(1..6) {
            let kind = if random.random_bool(0.1) {
                DepositKind::FeeReport
            } else {
                DepositKind::Transaction
            };
            world.chain.deposit_from(account(random), kind, odd_payload(random));
        }
        let transfer = world.send(0, account(random), 100_000, Vec::new());
        let transactions = if random.random_bool(0.5) { vec![transfer] } else { Vec::new() };
        let steps = world.block(transactions);
        fuzzer.check("deposits with odd fields", &world.chain, &steps);
    }
}

fn account(random: &mut StdRng) -> Address {
    let accounts = [
        Address::ZERO,
        DEPOSITOR,
        L1_BLOCK,
        MESSAGE_PASSER,
        HISTORY_STORAGE,
        BASE_FEE_VAULT,
        L1_FEE_VAULT,
        SEQUENCER_FEE_VAULT,
        PROBE,
        WRITER,
        FACTORY,
        wallet(0).address(),
        wallet(1).address(),
        Address::with_last_byte(1),
        Address::with_last_byte(4),
        Address::with_last_byte(9),
        Address::repeat_byte(0xff),
        Address::new(random.random()),
        // The system's caller of EIP-4788 and EIP-2935.
        "0xfffffffffffffffffffffffffffffffffffffffe".parse().unwrap(),
    ];
    *accounts.choose(random).unwrap()
}

fn odd_payload(random: &mut StdRng) -> Bytes {
    if random.random_bool(0.1) {
        let len = *[0, 1, 92, 93, 94].choose(random).unwrap();
        return bytes(random, len).into();
    }
    let gas_limits = [
        0,
        1,
        20_999,
        21_000,
        21_001,
        53_000,
        400_000,
        5_000_000,
        (1 << 24) - 1,
        1 << 24,
        (1 << 24) + 1,
        30_000_000,
        30_000_001,
        u64::MAX - 1,
        u64::MAX,
    ];
    let gas = *gas_limits.choose(random).unwrap();
    let is_creation = *[0, 0, 0, 1, 1, 2, 255].choose(random).unwrap();
    let data = data(random);
    payload(account(random), word(random), word(random), gas, is_creation, &data)
}

fn data(random: &mut StdRng) -> Vec<u8> {
    match random.random_range(0..7) {
        0 => Vec::new(),
        1 => vec![*[0, 1, 0x5b, 0xff].choose(random).unwrap(); DATA_BYTES_MAX],
        2 => bytes(random, DATA_BYTES_MAX),
        3 => init_code(&[], &vec![0x5b; *[0, 1, 24_576, 24_577].choose(random).unwrap()]),
        // Code that must not be deployed, EIP-3541.
        4 => init_code(&[], &[0xef, 1]),
        5 => writes(&[(word(random), word(random)), (word(random), U256::ZERO)]),
        _ => {
            let len = random.random_range(0..600);
            bytes(random, len)
        }
    }
}
