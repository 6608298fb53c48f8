//! Code of random opcodes that mostly find what they need on the stack: it calls itself, contracts
//! and precompiles, creates, reverts, logs and destroys.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use revm::bytecode::opcode::OPCODE_INFO;

use super::{
    Fuzzer,
    one_opcode::operand,
    world::{FACTORY, GAS_MAX, WALLETS, World, bytes, init_code, push},
};
use crate::chain::contract;

const CONTRACTS: u64 = 4;

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let contracts: Vec<_> =
        (0..CONTRACTS).map(|it| (address(it), contract(&code(random)))).collect();
    let mut world = World::new(contracts);
    for _ in 0..4 {
        let mut blocks = Vec::new();
        for _ in 0..random.random_range(1..3) {
            let calls = (0..random.random_range(1..WALLETS))
                .map(|sender| transaction(random, &mut world, sender))
                .collect();
            blocks.push(calls);
        }
        let steps = world.blocks(blocks);
        fuzzer.check("random code", &world.chain, &steps);
    }
}

fn address(index: u64) -> Address {
    Address::from_word(U256::from(0x4000_0000 + index).into())
}

fn transaction(random: &mut StdRng, world: &mut World, sender: u64) -> Bytes {
    let gas = *[90_000, 300_000, 1_000_000, 3_000_000].choose(random).unwrap();
    let (to, input): (TxKind, _) = match random.random_range(0..6) {
        0 => (TxKind::Create, code(random)),
        1 => (TxKind::Create, init_code(&code(random), &code(random))),
        2 => {
            let salt = U256::from(random.random_range(0..3_u8)).to_be_bytes::<32>();
            let code = code(random);
            (FACTORY.into(), [&salt[..], &init_code(&[], &code)].concat())
        }
        _ => {
            let len = random.random_range(0..500);
            (address(random.random_range(0..CONTRACTS)).into(), bytes(random, len))
        }
    };
    world.send(sender, to, gas.min(GAS_MAX), input)
}

/// Random code. Each opcode is pushed what it takes, most of the time.
fn code(random: &mut StdRng) -> Vec<u8> {
    let mut code = Vec::new();
    for _ in 0..random.random_range(1..150) {
        let opcode = match random.random_range(0..10) {
            // Calls, creations and storage more often than arithmetic.
            0 => *[0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa].choose(random).unwrap(),
            1 => *[0x54, 0x55, 0x5c, 0x5d, 0x20, 0x3e, 0xa1].choose(random).unwrap(),
            _ => random.random(),
        };
        let Some(info) = OPCODE_INFO[usize::from(opcode)] else {
            if random.random_bool(0.02) {
                code.push(opcode);
            }
            continue;
        };
        // What ends the run comes seldom.
        let ends = matches!(opcode, 0x00 | 0x56 | 0xf3 | 0xfd | 0xfe | 0xff);
        if ends && random.random_bool(0.9) {
            continue;
        }
        if random.random_bool(0.95) {
            for input in 0..info.inputs() {
                let is_callee =
                    input + 2 == info.inputs() && matches!(opcode, 0xf1 | 0xf2 | 0xf4 | 0xfa);
                let value = match is_callee {
                    true => address(random.random_range(0..CONTRACTS)).into_word().into(),
                    false => operand(random),
                };
                // Gas of calls comes last: often all that there is.
                if input + 1 == info.inputs() && matches!(opcode, 0xf1 | 0xf2 | 0xf4 | 0xfa) {
                    code.push(0x5a);
                } else {
                    code.extend(push(value));
                }
            }
        }
        code.push(opcode);
        code.extend(bytes(random, usize::from(info.immediate_size())));
        if random.random_bool(0.3) {
            code.extend(vec![0x50; usize::from(info.outputs())]);
        }
    }
    code
}
