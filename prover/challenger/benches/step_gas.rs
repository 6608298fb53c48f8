//! Measures what one step costs on L1: a whole transaction to the deployed `StepVerifier` under
//! Osaka's rules, calldata and its floor included.
//!
//! `cargo bench --bench step_gas -- [--json FILE]`
//! The machine is one of a real program's size: 1 MiB of code, no sibling in memory that covers
//! zeros only, millions of steps behind it, and registers with pointers, counters and hashes.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has nothing to print")]

#[path = "../../vm/bench/src/report.rs"]
mod report;
#[path = "../tests/promises/support/mod.rs"]
mod support;

use std::{path::PathBuf, sync::Arc};

use alloy_primitives::{B256, keccak256};
use gainsay_challenger::machine::OnchainVerifier;
use gainsay_vm::{Machine, NoHost, Program};
use report::Row;
use support::*;

const CODE_BYTES: usize = 1 << 20;

/// An address in the heap, what memory steps use.
const HEAP: u64 = 0x0434_5678;

/// Gas of one step of MIPS with 32 bits, measured likewise by this project.
const CANNON_ALU_GAS: f64 = 66_000.0;
const CANNON_MEMORY_GAS: f64 = 101_600.0;

fn main() {
    // cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let json = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--json"), Some(path)) => Some(PathBuf::from(path)),
        (None, _) => None,
        _ => panic!("expected [--json FILE]"),
    };
    let mut verifier = verifier();
    let computing = [
        ("add", r_type(0x33, 0, 0, 5, 6, 7)),
        ("sraiw", i_type(0x1b, 5, 5, 6, 0x400 | 7)),
        ("mulhsu", r_type(0x33, 2, 1, 5, 6, 7)),
        ("div", r_type(0x33, 4, 1, 5, 6, 7)),
        ("bltu", b_type(6, 6, 7, 64)),
        ("jal", j_type(1, 64)),
    ];
    let with_memory = [
        ("lb", i_type(0x03, 0, 5, 10, 0)),
        ("ld", i_type(0x03, 3, 5, 10, 0)),
        ("sb", s_type(0, 10, 6, 1)),
        ("sd", s_type(3, 10, 6, 0)),
    ];
    let rows = [
        row(
            "machine: an instruction without memory",
            &mut verifier,
            &computing,
            CANNON_ALU_GAS,
            CANNON_ALU_GAS,
        ),
        row("machine: a load or store", &mut verifier, &with_memory, CANNON_MEMORY_GAS, 101_000.0),
    ];
    report::print(&rows);
    if let Some(path) = json {
        report::save(&rows, &path).unwrap();
    }
}

/// The most expensive of some instructions.
fn row(
    name: &str,
    verifier: &mut OnchainVerifier,
    words: &[(&str, u32)],
    peer: f64,
    most: f64,
) -> Row {
    let gas = words.iter().map(|(name, word)| {
        let gas = gas_of(verifier, *word);
        println!("{name:<8} {gas:>8} gas");
        gas
    });
    Row {
        name: format!("{name}, one step on L1"),
        ours: gas.max().unwrap() as f64,
        peer,
        peer_name: "Cannon, 32-bit",
        unit: "gas",
        less_is_better: true,
        goal: peer / most,
    }
}

/// Gas of the transaction that proves a step.
fn gas_of(verifier: &mut OnchainVerifier, word: u32) -> u64 {
    let mut words = spend_steps();
    words.extend(fill_siblings());
    words.extend(
        (1..32)
            .filter(|it| *it != 10)
            .flat_map(|register| load_immediate(register, register_value(register))),
    );
    words.extend(load_immediate(10, HEAP));
    let before = words.len() as u64 + 2 * (STEPS_SPENT - 1);
    words.push(word);
    let mut text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    // The rest of the code is never executed: anything but zeros.
    let mut hash = keccak256("code");
    while text.len() < CODE_BYTES {
        text.extend(hash);
        hash = keccak256(hash);
    }
    text.truncate(CODE_BYTES - 4);
    let program = Arc::new(Program::from_text(TEXT, &text).unwrap());
    let mut machine = Machine::new(program, keccak256("input"));
    machine.run(before, &mut NoHost).unwrap();
    assert_eq!((machine.hart().x[10], machine.hart().step), (HEAP, before));
    let step = take_step(&mut machine, &mut NoHost);
    assert_eq!(B256::from_slice(&step.witness[..32]), keccak256("input"));
    step.verify(verifier).unwrap()
}

/// Times round the loop of [`spend_steps`], which has two instructions.
const STEPS_SPENT: u64 = 0x123_4567;

/// Counts down, so that the step counter is a number as real runs have it.
fn spend_steps() -> Vec<u32> {
    let mut words = load_immediate(5, STEPS_SPENT);
    assert_eq!(words.len(), 5);
    words.extend([addi(5, 5, -1), b_type(1, 5, 0, -4)]);
    words
}

/// Stores something next to each node on the way from the heap's leaf to the root.
fn fill_siblings() -> Vec<u32> {
    let store = |height: u32| {
        let mut words = load_immediate(5, (HEAP & !31) ^ 32 << height);
        words.push(s_type(3, 5, 5, 0));
        words
    };
    (0..25).flat_map(store).collect()
}

/// A third pointers, a third counters, a third words of hashes and the like.
fn register_value(register: u32) -> u64 {
    let hash = keccak256(register.to_be_bytes());
    let random = u64::from_be_bytes(hash[24..].try_into().unwrap());
    match register % 3 {
        1 => 0x0400_0000 + random % (1 << 24) / 8 * 8,
        2 => random % 256,
        _ => random,
    }
}
