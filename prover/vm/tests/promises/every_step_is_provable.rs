//! Every step of any program has a witness that the verifier accepts, and leads to the state that
//! the engines reach; a witness with any byte wrong is refused.

use crate::support::{random_program::random_program, *};
use alloy_primitives::B256;
use gainsay_vm::{Engine, HaltCause, Machine, VmError, keccak_oracle, verify_step};
use rand::Rng;

#[test]
fn random_programs_are_verified_step_by_step() {
    let (seed, mut random) = seeded();
    let mut causes = std::collections::BTreeMap::<u16, u32>::new();
    let mut steps = 0;
    for round in 0..30 * rounds() {
        let mut host = Preimages::default();
        let words = random_program(&mut random, 700, &mut host);
        let program = program(&words);
        let input = B256::from(random.random::<[u8; 32]>());
        if asks_for_the_unknown(&program, input, 1_000, &host) {
            continue;
        }
        let hashes = verify_run(&program, input, 1_000, &host);
        let mut machine = Machine::new(program, input).with_engine(Engine::Reference);
        machine.run(1_000, &mut host).unwrap();
        assert_eq!(
            machine.state_hash(),
            hashes[hashes.len() - 1],
            "GAINSAY_SEED={seed}, round {round}"
        );
        *causes.entry(machine.hart().exit_code).or_default() += 1;
        steps += machine.hart().step;
    }
    println!("{steps} steps; programs by exit code: {causes:x?}");
    assert!(
        causes.keys().filter(|code| **code > 0x100).count() >= 6,
        "GAINSAY_SEED={seed}: too tame"
    );
}

/// The words of a program that ends with one step of each kind of witness, and which step that is.
fn last_steps() -> Vec<(&'static str, Vec<u32>, Preimages)> {
    let mut host = Preimages::default();
    let key = host.add(&[7; 100]);
    let prepare = || {
        let mut words = load_constant(8, 0x2_0000);
        words.push(s_type(3, 8, 8, 0));
        words
    };
    let with = |last: &[u32]| [prepare(), last.to_vec()].concat();
    let mut preimage = load_constant(A7, 0x1001);
    for (register, bytes) in (A0..).zip(key.chunks(8)) {
        let part = u64::from_le_bytes(bytes.try_into().unwrap());
        preimage.extend(load_constant(register, part));
    }
    preimage.extend(load_constant(14, 64));
    preimage.extend(load_constant(15, 0x2_0020));
    preimage.push(ECALL);
    let mut keccak = load_constant(A7, 0x1003);
    keccak.extend(load_constant(10, 0x2_0000));
    keccak.extend(load_constant(11, 77));
    keccak.push(ECALL);
    vec![
        ("alu", with(&[addi(1, 1, 1)]), host.clone()),
        ("load", with(&[i_type(0x03, 3, 1, 8, 0)]), host.clone()),
        ("store", with(&[s_type(3, 8, 1, 8)]), host.clone()),
        ("misaligned load", with(&[i_type(0x03, 3, 1, 8, 1)]), host.clone()),
        ("preimage", with(&preimage), host.clone()),
        ("keccak", with(&keccak), host.clone()),
        ("fetch out of range", with(&[j_type(0, 4096)]), host.clone()),
        ("halted", with(&[EBREAK]), host),
    ]
}

#[test]
fn any_byte_changed_is_refused() {
    let (seed, mut random) = seeded();
    for (name, words, mut host) in last_steps() {
        let mut machine = Machine::new(program(&words), B256::repeat_byte(9));
        let last = match name {
            "fetch out of range" | "halted" => words.len() as u64,
            _ => words.len() as u64 - 1,
        };
        let witness = machine.witness(last, &mut host).unwrap();
        let before = machine.state_hash();
        machine.run(last + 1, &mut host).unwrap();
        let after = machine.state_hash();
        assert_eq!(verify_step(before, &witness, &keccak_oracle), Ok(after), "{name}");

        for index in 0..witness.len() {
            let mut corrupt = witness.clone();
            corrupt[index] ^= 1 << random.random_range(0..8);
            let verdict = verify_step(before, &corrupt, &keccak_oracle);
            assert!(verdict.is_err(), "{name}: byte {index} changed, GAINSAY_SEED={seed}");
            let verdict = verify_step(before, &witness[..index], &keccak_oracle);
            assert!(verdict.is_err(), "{name}: cut at {index}");
        }
        let longer = [&witness[..], &[0]].concat();
        assert!(verify_step(before, &longer, &keccak_oracle).is_err(), "{name}: one byte more");
        let other = B256::repeat_byte(1);
        let verdict = verify_step(other, &witness, &keccak_oracle);
        assert_eq!(verdict, Err(VmError::WrongPreState { expected: other, computed: before }));
    }
}

/// Where the memory part of these witnesses begins: one word of code has no siblings in its tree.
const BITMAP_OFFSET: usize = 299 + 16 + 32;

fn load_witness() -> (B256, Vec<u8>) {
    // x8 is zero: loads from address 0, next to nothing but zeros up to the text.
    let mut machine = Machine::new(program(&[i_type(0x03, 3, 1, 8, 0)]), B256::ZERO);
    let witness = machine.witness(0, &mut Preimages::default()).unwrap();
    (machine.state_hash(), witness)
}

#[test]
fn a_sibling_that_is_known_is_refused() {
    let (before, mut witness) = load_witness();
    assert!(verify_step(before, &witness, &keccak_oracle).is_ok());
    assert_eq!(witness[BITMAP_OFFSET..BITMAP_OFFSET + 4], (1_u32 << 16 >> 5).to_be_bytes());
    witness[BITMAP_OFFSET + 3] |= 1;
    witness.splice(BITMAP_OFFSET + 36..BITMAP_OFFSET + 36, [0; 32]);
    let verdict = verify_step(before, &witness, &keccak_oracle);
    assert_eq!(verdict, Err(VmError::RedundantSibling { height: 0 }));
}

#[test]
fn bits_without_a_sibling_are_refused() {
    for (byte, bit) in [(0, 1 << 1), (0, 1 << 7)] {
        let (before, mut witness) = load_witness();
        witness[BITMAP_OFFSET + byte] |= bit;
        let verdict = verify_step(before, &witness, &keccak_oracle);
        assert!(matches!(verdict, Err(VmError::InvalidBitmap { lowest: 0, .. })), "{verdict:?}");
    }
}

#[test]
fn states_that_no_program_reaches_are_refused() {
    let (before, witness) = load_witness();
    let mut odd = witness.clone();
    odd[48] = 2;
    let verdict = verify_step(before, &odd, &keccak_oracle);
    assert_eq!(verdict, Err(VmError::InvalidStatus { status: 2 }));
    // start, end: unaligned, empty, not whole words, too long.
    for (start, end) in [(4, 8), (32, 32), (64, 32), (32, 35), (0, (1 << 23) + 4)] {
        let mut odd = witness.clone();
        odd[299..307].copy_from_slice(&u64::to_be_bytes(start));
        odd[307..315].copy_from_slice(&u64::to_be_bytes(end));
        let verdict = verify_step(before, &odd, &keccak_oracle);
        assert_eq!(verdict, Err(VmError::InvalidCodeBounds { start, end }));
    }
}

#[test]
fn a_halted_state_never_moves() {
    let mut machine = Machine::new(program(&[EBREAK]), B256::ZERO);
    let host = &mut Preimages::default();
    machine.run(u64::MAX, host).unwrap();
    assert_eq!(machine.hart().exit_code, HaltCause::Breakpoint as u16);
    let halted = machine.state_hash();
    for position in [1, 2, 1 << 40] {
        let witness = machine.witness(position, host).unwrap();
        assert_eq!(verify_step(halted, &witness, &keccak_oracle), Ok(halted));
        assert_eq!(machine.state_hash(), halted);
    }
}
