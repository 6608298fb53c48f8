//! What the tests share: an assembler of single words, programs of random words, a host.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod random_program;

use std::{collections::HashMap, sync::Arc};

use alloy_primitives::{B256, Bytes, keccak256};
use gainsay_vm::{Engine, Hart, Host, Machine, Program, State, keccak_oracle, verify_step};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Where test programs begin.
pub const TEXT: u64 = 0x1_0000;

/// Register numbers by their ABI names.
pub const A0: u32 = 10;
pub const A7: u32 = 17;

pub fn r_type(opcode: u32, funct3: u32, funct7: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25
}

pub fn i_type(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    opcode | rd << 7 | funct3 << 12 | rs1 << 15 | (imm as u32) << 20
}

pub fn s_type(funct3: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    0x23 | (imm & 0x1f) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5) << 25
}

pub fn b_type(funct3: u32, rs1: u32, rs2: u32, offset: i32) -> u32 {
    let imm = offset as u32;
    0x63 | (imm >> 11 & 1) << 7
        | (imm >> 1 & 0xf) << 8
        | funct3 << 12
        | rs1 << 15
        | rs2 << 20
        | (imm >> 5 & 0x3f) << 25
        | (imm >> 12 & 1) << 31
}

pub fn j_type(rd: u32, offset: i32) -> u32 {
    let imm = offset as u32;
    0x6f | rd << 7
        | (imm >> 12 & 0xff) << 12
        | (imm >> 11 & 1) << 20
        | (imm >> 1 & 0x3ff) << 21
        | (imm >> 20 & 1) << 31
}

pub fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x13, 0, rd, rs1, imm)
}

pub const ECALL: u32 = 0x73;
pub const EBREAK: u32 = 0x0010_0073;

/// The words that put any 64-bit constant into a register.
pub fn load_constant(rd: u32, value: u64) -> Vec<u32> {
    // 11 bits at a time, so that no immediate is negative.
    let mut words = vec![addi(rd, 0, 0)];
    for shift in [55, 44, 33, 22, 11, 0] {
        words.push(i_type(0x13, 1, rd, rd, 11));
        words.push(addi(rd, rd, (value >> shift & 0x7ff) as i32));
    }
    words
}

/// The same in as few words as the value allows, as an assembler would do it.
pub fn load_immediate(rd: u32, value: u64) -> Vec<u32> {
    let digits = value.checked_ilog2().map_or(1, |bits| bits / 11 + 1);
    let digit = |index: u32| {
        addi(rd, if index + 1 == digits { 0 } else { rd }, (value >> (11 * index) & 0x7ff) as i32)
    };
    let mut words = vec![digit(digits - 1)];
    for index in (0..digits - 1).rev() {
        words.push(i_type(0x13, 1, rd, rd, 11));
        words.push(digit(index));
    }
    words
}

pub fn program(words: &[u32]) -> Arc<Program> {
    let text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    Arc::new(Program::from_text(TEXT, &text).unwrap())
}

/// A host with preimages by key; it counts what the program hints and writes.
#[derive(Clone, Debug, Default)]
pub struct Preimages {
    pub preimages: HashMap<B256, Bytes>,
    pub hints: Vec<Vec<u8>>,
    pub writes: Vec<Vec<u8>>,
}

impl Preimages {
    pub fn add(&mut self, preimage: &[u8]) -> B256 {
        let mut key = keccak256(preimage);
        key[0] = 1;
        self.preimages.insert(key, Bytes::copy_from_slice(preimage));
        key
    }
}

impl Host for Preimages {
    fn preimage(&mut self, key: &B256) -> Option<Bytes> {
        self.preimages.get(key).cloned()
    }

    fn proof(&mut self, key: &B256) -> Option<Bytes> {
        self.preimages.get(key).cloned()
    }

    fn hint(&mut self, hint: &[u8]) {
        self.hints.push(hint.to_vec());
    }

    fn write(&mut self, text: &[u8]) {
        self.writes.push(text.to_vec());
    }
}

/// The seed of a random test: that of `GAINSAY_SEED`, or a new one; printed either way.
pub fn seeded() -> (u64, StdRng) {
    // Short, so that it is easily typed.
    let seed = variable("GAINSAY_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    println!("replay with GAINSAY_SEED={seed}");
    (seed, StdRng::seed_from_u64(seed))
}

/// Rounds of a random test: `GAINSAY_ROUNDS`, or ten.
pub fn rounds() -> u64 {
    variable("GAINSAY_ROUNDS").unwrap_or(10)
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: found {text:?}, expected a number")))
}

/// Operands where arithmetic goes wrong.
pub const EDGES: [u64; 22] = [
    0,
    1,
    2,
    3,
    31,
    32,
    33,
    63,
    64,
    0x7f,
    0x80,
    0x7fff,
    0x8000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0xffff_ffff_7fff_ffff,
    0xffff_ffff_8000_0000,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
];

pub fn operand(random: &mut StdRng) -> u64 {
    match random.random_range(0..4) {
        0 => EDGES[random.random_range(0..EDGES.len())],
        1 => random.random::<u64>() >> random.random_range(0..64),
        2 => (random.random::<i64>() >> random.random_range(0..64)) as u64,
        _ => random.random(),
    }
}

/// Whether a program jumps about so that it asks for a preimage under a key that nobody knows.
pub fn asks_for_the_unknown(
    program: &Arc<Program>,
    input: B256,
    steps: u64,
    host: &Preimages,
) -> bool {
    let mut machine = Machine::new(program.clone(), input).with_engine(Engine::Reference);
    machine.run(steps, &mut host.clone()).is_err()
}

/// Runs the reference engine step by step and has every step verified from its witness. Returns the
/// hash of every state, the first included.
pub fn verify_run(program: &Arc<Program>, input: B256, steps: u64, host: &Preimages) -> Vec<B256> {
    let mut host = host.clone();
    let mut machine = Machine::new(program.clone(), input).with_engine(Engine::Reference);
    let mut hashes = vec![machine.state_hash()];
    let first = State {
        code_root: program.code().root(),
        memory_root: program.memory_root(),
        hart: Hart::new(program.entry(), input),
    };
    assert_eq!(hashes[0], first.hash());
    while machine.hart().step < steps && !machine.hart().is_halted() {
        let step = machine.hart().step;
        let witness = machine.witness(step, &mut host).unwrap();
        let computed = verify_step(hashes[hashes.len() - 1], &witness, &keccak_oracle);
        machine.run(step + 1, &mut host).unwrap();
        let hash = machine.state_hash();
        assert_eq!(computed, Ok(hash), "step {step}, pc {:#x}", machine.hart().pc);
        hashes.push(hash);
    }
    hashes
}
