//! Whole blocks of what takes most of the guest's heap or of its steps: 30 million gas of memory
//! over many frames, logs, return data, init code, journal entries, large codes and deep tries, and
//! batches at the caps of the decoder.
//!
//! The table that it prints is that of SAFETY.md. Every block must be done within half of the heap.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use gainsay_derivation::{BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, BatchKind};

use super::{
    CostTable, Fuzzer, Sides,
    deep_tries::{self, ACCESSES, DEPTH, Siblings},
    large_code,
    world::{World, init_code, push},
};
use crate::{
    chain::{Chain, contract},
    hostile::{self, COUNTS, DEPOSITS, KINDS, RAW, RAW_LENGTHS, TIMES, crafted, varint},
};

/// Gas of one of the two transactions that fill a block: what is left pays for them besides.
const GAS: u64 = 14_900_000;
const CONTRACT: Address = Address::repeat_byte(0xe0);
/// Calls this contract with all gas, with `len` bytes of memory as input and nothing back.
fn call_self(len: u64) -> Vec<u8> {
    [&[0x5f, 0x5f][..], &push(U256::from(len)), &[0x5f, 0x5f, 0x30, 0x5a, 0xf1, 0x50]].concat()
}

/// Runs `body` again and again, until the gas is gone.
fn repeated(before: &[u8], body: &[u8]) -> Vec<u8> {
    let start = push(U256::from(before.len() as u64));
    [before, &[0x5b], body, &start, &[0x56]].concat()
}

/// Two calls of a contract with this code, which fill a block.
fn block_of(fuzzer: &mut Fuzzer, construct: &str, code: &[u8]) {
    let mut world = World::new([(CONTRACT, contract(code))]);
    let calls = (0..2).map(|sender| world.send(sender, CONTRACT, GAS, vec![1; 64])).collect();
    let steps = world.block(calls);
    assert_eq!(steps[0].transactions, 2, "{construct}");
    fuzzer.check(construct, &world.chain, &steps);
}

fn frames(fuzzer: &mut Fuzzer) {
    // Each frame takes memory for a part of its gas, and leaves the rest to the next one.
    for part in [4_u64, 16, 64, 128, 256, 512, 1_024] {
        // MSTORE8 of 0 at gas * 8 / part: 3 gas a word of 32 bytes.
        let grow = [&push(U256::from(part))[..], &[0x5a, 0x60, 3, 0x1b, 0x04, 0x5f, 0x90, 0x53]];
        let code = [grow.concat(), call_self(0)].concat();
        block_of(fuzzer, "EVM memory over 1,024 frames", &code);
        // The same by the identity, whose return data the frame keeps while the next one runs.
        let size = [&push(U256::from(part))[..], &[0x5a, 0x60, 3, 0x1b, 0x04]].concat();
        let identity = [&[0x5f, 0x5f][..], &size, &[0x5f, 0x60, 4, 0x5a, 0xfa, 0x50]].concat();
        block_of(fuzzer, "return data over 1,024 frames", &[identity, call_self(0)].concat());
    }
    let one = [&push(U256::from(2_600_000))[..], &[0x5f, 0x90, 0x53]].concat();
    block_of(fuzzer, "EVM memory of one frame", &one);
    for len in [32_u64, 1_024, 24_576, 200_000] {
        let log = [&push(U256::from(len))[..], &[0x5f, 0xa0]].concat();
        block_of(fuzzer, "logs", &repeated(&[], &log));
    }
    // Init code that creates with itself as init code: CODECOPY, CREATE.
    let body = [0x38, 0x5f, 0x5f, 0x39, 0x38, 0x5f, 0x5f, 0xf0];
    let mut nested = body.to_vec();
    nested.resize(24_576, 0x5b);
    block_of(fuzzer, "init code over many frames", &nested);
}

fn journal(fuzzer: &mut Fuzzer) {
    let next = [0x60, 1, 0x01];
    let counted = |body: &[u8]| repeated(&[0x5f], &[body, &next].concat());
    let cases: [(&str, Vec<u8>); 7] = [
        ("TSTORE of new slots", counted(&[0x80, 0x80, 0x5d])),
        ("SSTORE of one slot", counted(&[0x80, 0x5f, 0x55])),
        ("SSTORE of new slots", counted(&[0x60, 1, 0x81, 0x55])),
        ("SLOAD of absent slots", counted(&[0x80, 0x54, 0x50])),
        ("BALANCE of absent accounts", counted(&[0x80, 0x31, 0x50])),
        ("KECCAK256 of 64 KiB", repeated(&[], &[0x62, 1, 0, 0, 0x5f, 0x20, 0x50])),
        ("calls of nobody", counted(&[0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x85, 0x5f, 0xf1, 0x50])),
    ];
    for (construct, code) in cases {
        block_of(fuzzer, construct, &code);
    }
}

fn codes(fuzzer: &mut Fuzzer) {
    for (name, reader) in large_code::READERS {
        let count = 2 * GAS / 2_600 + 1;
        let mut world = World::new(large_code::codes(count, reader, 0x5b));
        let calls: Vec<Bytes> = (0..2)
            .map(|sender| large_code::call(&mut world, sender, sender * count / 2, GAS))
            .collect();
        let steps = world.block(calls);
        assert_eq!(steps[0].transactions, 2);
        fuzzer.check(&format!("many large codes read by {name}"), &world.chain, &steps);
    }
    let mut world = World::new([]);
    let deploys = (0..5_u8).map(|index| {
        let mut code = vec![0x5b; 24_576];
        code[1] = index;
        world.send(index.into(), TxKind::Create, 5_700_000, init_code(&[], &code))
    });
    let deploys = deploys.collect();
    let steps = world.block(deploys);
    assert_eq!(steps[0].transactions, 5);
    fuzzer.check("large codes deployed", &world.chain, &steps);
}

fn tries(fuzzer: &mut Fuzzer) {
    for access in ACCESSES {
        for siblings in [Siblings::Full, Siblings::One] {
            let mut world = deep_tries::world(access, siblings, DEPTH, 2 * GAS);
            let calls = deep_tries::calls(&mut world, access, 2 * GAS, 2);
            let steps = world.block(calls);
            assert_eq!(steps[0].transactions, 2, "{access:?}");
            fuzzer.check(access.name(), &world.chain, &steps);
        }
    }
}

fn batches(fuzzer: &mut Fuzzer) {
    let transactions = |raw: &[u8]| {
        let count = (BATCH_BYTES_MAX / (raw.len() + 3)).min(BATCH_TRANSACTIONS_MAX);
        crafted(&[
            (TIMES, vec![0]),
            (COUNTS, varint(count)),
            (DEPOSITS, vec![0]),
            (KINDS, vec![5; count]),
            (RAW, raw.repeat(count)),
            (RAW_LENGTHS, varint(raw.len()).repeat(count)),
        ])
    };
    let chain_id = Chain::new(1).config.chain_id;
    for (construct, data) in [
        ("a batch of one transaction of 16 MiB", hostile::one_of_zeros(BATCH_BYTES_MAX - 100)),
        ("a batch of most transactions, malformed", transactions(&[])),
        ("a batch of most transactions, signed", transactions(&short_transaction(chain_id))),
    ] {
        let mut chain = Chain::new(1);
        let steps = chain.batch(BatchKind::Calldata, &data);
        fuzzer.check(construct, &chain, &steps);
    }
}

/// The shortest transaction that somebody signed: r and s are 1, the x of a point and a number.
fn short_transaction(chain_id: u64) -> Vec<u8> {
    use alloy_consensus::{SignableTransaction, TxLegacy};
    use alloy_eips::eip2718::Encodable2718;
    let tx = TxLegacy { chain_id: Some(chain_id), ..TxLegacy::default() };
    let signature = alloy_primitives::Signature::new(U256::ONE, U256::ONE, false);
    op_alloy_consensus::OpTxEnvelope::from(tx.into_signed(signature)).encoded_2718()
}

#[test]
fn no_block_takes_half_of_the_heap() {
    let mut fuzzer = Fuzzer { sides: Sides::load(), table: CostTable::default(), is_verbose: true };
    for part in [batches, frames, journal, codes, tries] {
        part(&mut fuzzer);
    }
    fuzzer.table.print();
    fuzzer.table.assert_bounds();
}
