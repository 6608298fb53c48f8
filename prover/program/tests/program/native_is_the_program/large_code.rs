//! Code of 24 KiB, many different ones, read by each opcode that can, and code at the edges of what
//! may be deployed.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256};
use gainsay_derivation::GenesisAccount;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fuzzer,
    world::{FACTORY, GAS_MAX, World, bytes, init_code, push},
};
use crate::chain::contract;

/// EIP-170, and EIP-3860 for init code.
const CODE_BYTES_MAX: usize = 24_576;
/// Large codes of genesis stand from here on.
const FIRST: u64 = 0x1000_0000;
/// A contract that loops over them.
const READER: Address = Address::repeat_byte(0xc0);

/// What reads code: its opcodes with the address on top of the stack, which is left as it was.
pub(crate) const READERS: [(&str, &[u8]); 7] = [
    ("EXTCODESIZE", &[0x80, 0x3b, 0x50]),
    ("EXTCODEHASH", &[0x80, 0x3f, 0x50]),
    // Of all 24 KiB, to 0.
    ("EXTCODECOPY", &[0x61, 0x60, 0, 0x5f, 0x5f, 0x83, 0x3c]),
    ("CALL", &[0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x85, 0x5a, 0xf1, 0x50]),
    ("CALLCODE", &[0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x85, 0x5a, 0xf2, 0x50]),
    ("DELEGATECALL", &[0x5f, 0x5f, 0x5f, 0x5f, 0x84, 0x5a, 0xf4, 0x50]),
    ("STATICCALL", &[0x5f, 0x5f, 0x5f, 0x5f, 0x84, 0x5a, 0xfa, 0x50]),
];

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let (name, reader) = *READERS.choose(random).unwrap();
    let count = random.random_range(1..60);
    let fill = *[0, 0x5b, 0x60, 0x7f, 0xe6, 0xff].choose(random).unwrap();
    let mut world = World::new(codes(count, reader, fill));
    let calls =
        (0..2).map(|sender| call(&mut world, sender, sender * count / 3, GAS_MAX - 3_000_000));
    let calls = calls.collect();
    let steps = world.block(calls);
    assert_eq!(steps[0].transactions, 2);
    fuzzer.check(&format!("large codes read by {name}"), &world.chain, &steps);

    let lengths = [CODE_BYTES_MAX - 1, CODE_BYTES_MAX, CODE_BYTES_MAX + 1];
    let mut deploys = Vec::new();
    for sender in 0..2 {
        let len = *lengths.choose(random).unwrap();
        let mut code = bytes(random, len);
        code[0] = *[0, 0x5b, 0xef, 0xfe].choose(random).unwrap();
        let init = init_code(&[], &code);
        let (to, input) = match random.random_range(0..3) {
            0 => (alloy_primitives::TxKind::Create, init),
            1 => (FACTORY.into(), [vec![0; 32], init].concat()),
            _ => {
                // Init code at its own bound.
                let len = *[49_151, 49_152, 49_153].choose(random).unwrap();
                let mut init = init;
                init.resize(len, 0x5b);
                (alloy_primitives::TxKind::Create, init)
            }
        };
        let gas = *[5_000_000, 6_000_000, GAS_MAX - 2_000_000].choose(random).unwrap();
        deploys.push(world.send(sender, to, gas, input));
    }
    let steps = world.block(deploys);
    fuzzer.check("large code deployed", &world.chain, &steps);
}

/// `count` different codes of the largest size, and the contract that reads them.
pub(crate) fn codes(count: u64, reader: &[u8], fill: u8) -> BTreeMap<Address, GenesisAccount> {
    let mut alloc = BTreeMap::from([(READER, contract(&loop_over(reader)))]);
    for index in 0..count {
        // STOP first, so that a call ends; PUSH1 last, so that the analysis must add bytes.
        let mut code = vec![fill; CODE_BYTES_MAX];
        code[0] = 0;
        code[1..9].copy_from_slice(&index.to_be_bytes());
        code[CODE_BYTES_MAX - 1] = 0x60;
        alloc.insert(Address::from_word(U256::from(FIRST + index).into()), contract(&code));
    }
    alloc
}

/// A call of `READER` that starts at some code.
pub(crate) fn call(world: &mut World, sender: u64, from: u64, gas: u64) -> Bytes {
    world.send(sender, READER, gas, U256::from(FIRST + from).to_be_bytes::<32>().to_vec())
}

/// Code that runs `body` on one number after another, from that in the input, until the gas is
/// gone.
fn loop_over(body: &[u8]) -> Vec<u8> {
    // PUSH0, CALLDATALOAD, JUMPDEST, body, PUSH1 1, ADD, and back while there is gas for one more.
    let enough = push(U256::from(10_000));
    let tail = [&[0x60, 1, 0x01][..], &enough, &[0x5a, 0x11, 0x60, 2, 0x57, 0]].concat();
    [&[0x5f, 0x35, 0x5b][..], body, &tail].concat()
}
