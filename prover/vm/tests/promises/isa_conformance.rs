//! Every instruction of RV64IM with edge and random operands, against results worked out here by
//! other means: arithmetic on integers without width, and tables written by hand. Both engines and
//! the step verifier must give them.

#![expect(clippy::cast_possible_truncation, reason = "results are cut to their width")]

use crate::support::*;
use alloy_primitives::B256;
use gainsay_vm::{Engine, HaltCause, Hart, Machine, decode};
use rand::{Rng, rngs::StdRng};

/// Where operands lie, far from the text.
const OPERANDS: u64 = 0x10_0000;

/// x8 points to the operands.
fn prelude() -> Vec<u32> {
    load_constant(8, OPERANDS)
}

/// Runs the words on both engines, has each step verified, and returns the last state.
fn run(words: &[u32], host: &Preimages) -> (Hart, Machine) {
    let input = B256::repeat_byte(0x5a);
    let program = program(words);
    let hashes = verify_run(&program, input, 10_000, host);
    let mut last = None;
    for engine in [Engine::Reference, Engine::Fast, Engine::Jit] {
        let mut machine = Machine::new(program.clone(), input).with_engine(engine);
        machine.run(10_000, &mut host.clone()).unwrap();
        assert_eq!(machine.state_hash(), hashes[hashes.len() - 1], "{engine:?}");
        last = Some((machine.hart().clone(), machine));
    }
    last.unwrap()
}

/// A signed or unsigned number of `bits` bits as an integer.
fn signed(value: u64, bits: u32) -> i128 {
    let value = i128::from(value) & ((1 << bits) - 1);
    if value >> (bits - 1) == 1 { value - (1 << bits) } else { value }
}

fn unsigned(value: u64, bits: u32) -> i128 {
    i128::from(value) & ((1 << bits) - 1)
}

/// What an operation of R type gives, in integers: `bits` is 64, or 32 for words.
fn expected(funct7: u32, funct3: u32, bits: u32, a: u64, b: u64) -> u64 {
    let (sa, sb) = (signed(a, bits), signed(b, bits));
    let (ua, ub) = (unsigned(a, bits), unsigned(b, bits));
    let power = 1_i128 << (ub % i128::from(bits));
    let result = match (funct7, funct3) {
        (0x00, 0) => sa + sb,
        (0x20, 0) => sa - sb,
        (0x00, 1) => {
            // Doubling, so that nothing is shifted.
            (0..power.ilog2()).fold(ua, |value, _| (value * 2) % (1 << bits))
        }
        (0x00, 2) => i128::from(sa < sb),
        (0x00, 3) => i128::from(ua < ub),
        (0x00, 4) => ua + ub - 2 * bitwise(ua, ub, bits),
        (0x00, 5) => ua / power,
        (0x20, 5) => sa.div_euclid(power),
        (0x00, 6) => ua + ub - bitwise(ua, ub, bits),
        (0x00, 7) => bitwise(ua, ub, bits),
        (0x01, 0) => sa.wrapping_mul(sb),
        (0x01, 1) => (sa * sb).div_euclid(1 << 64),
        (0x01, 2) => (sa * ub).div_euclid(1 << 64),
        (0x01, 3) => return (ua.cast_unsigned() * ub.cast_unsigned() / (1 << 64)) as u64,
        (0x01, 4) => {
            if sb == 0 {
                -1
            } else {
                sa / sb
            }
        }
        (0x01, 5) => {
            if ub == 0 {
                -1
            } else {
                ua / ub
            }
        }
        (0x01, 6) => {
            if sb == 0 {
                sa
            } else {
                sa - sa / sb * sb
            }
        }
        (0x01, 7) => {
            if ub == 0 {
                ua
            } else {
                ua - ua / ub * ub
            }
        }
        _ => unreachable!(),
    };
    signed(result.rem_euclid(1 << 64) as u64, bits) as u64
}

/// And, bit by bit.
fn bitwise(a: i128, b: i128, bits: u32) -> i128 {
    (0..bits).map(|bit| (((a >> bit) % 2) * ((b >> bit) % 2)) << bit).sum()
}

const REGISTER_FORMS: [(u32, u32, u32); 28] = [
    (0x33, 0x00, 0),
    (0x33, 0x20, 0),
    (0x33, 0x00, 1),
    (0x33, 0x00, 2),
    (0x33, 0x00, 3),
    (0x33, 0x00, 4),
    (0x33, 0x00, 5),
    (0x33, 0x20, 5),
    (0x33, 0x00, 6),
    (0x33, 0x00, 7),
    (0x33, 0x01, 0),
    (0x33, 0x01, 1),
    (0x33, 0x01, 2),
    (0x33, 0x01, 3),
    (0x33, 0x01, 4),
    (0x33, 0x01, 5),
    (0x33, 0x01, 6),
    (0x33, 0x01, 7),
    (0x3b, 0x00, 0),
    (0x3b, 0x20, 0),
    (0x3b, 0x00, 1),
    (0x3b, 0x00, 5),
    (0x3b, 0x20, 5),
    (0x3b, 0x01, 0),
    (0x3b, 0x01, 4),
    (0x3b, 0x01, 5),
    (0x3b, 0x01, 6),
    (0x3b, 0x01, 7),
];

/// Operations with an immediate: opcode, funct3, and the R type operation that they equal.
const IMMEDIATE_FORMS: [(u32, u32, u32); 13] = [
    (0x13, 0, 0x00),
    (0x13, 1, 0x00),
    (0x13, 2, 0x00),
    (0x13, 3, 0x00),
    (0x13, 4, 0x00),
    (0x13, 5, 0x00),
    (0x13, 5, 0x20),
    (0x13, 6, 0x00),
    (0x13, 7, 0x00),
    (0x1b, 0, 0x00),
    (0x1b, 1, 0x00),
    (0x1b, 5, 0x00),
    (0x1b, 5, 0x20),
];

/// Runs `operation` on pairs of operands, checking x7 after each.
fn check_results(cases: &[(u32, u64, u64, u64)]) {
    for chunk in cases.chunks(40) {
        let mut words = prelude();
        for (index, (word, a, b, _)) in chunk.iter().enumerate() {
            words.extend(load_constant(5, *a));
            words.extend(load_constant(6, *b));
            words.push(*word);
            words.push(s_type(3, 8, 7, index as i32 * 8));
        }
        words.push(EBREAK);
        let (hart, machine) = run(&words, &Preimages::default());
        assert_eq!(hart.exit_code, HaltCause::Breakpoint as u16);
        for (index, (word, a, b, expected)) in chunk.iter().enumerate() {
            let bytes = machine.memory().slice(OPERANDS + index as u64 * 8, 8).unwrap();
            let found = u64::from_le_bytes(bytes.try_into().unwrap());
            let name = decode(*word).unwrap();
            assert_eq!(found, *expected, "{name:?} of {a:#x}, {b:#x}: {found:#x}, {expected:#x}");
        }
    }
}

fn pairs(random: &mut StdRng) -> Vec<(u64, u64)> {
    let mut pairs: Vec<(u64, u64)> = (0..60).map(|_| (operand(random), operand(random))).collect();
    for a in [0, 1, u64::MAX, i64::MIN as u64, 0x8000_0000, 0xffff_ffff_8000_0000] {
        for b in [0, 1, u64::MAX, 31, 32, 63, 64, 0xffff_ffff] {
            pairs.push((a, b));
        }
    }
    pairs
}

#[test]
fn register_forms() {
    let (_, mut random) = seeded();
    for (opcode, funct7, funct3) in REGISTER_FORMS {
        let bits = if opcode == 0x33 { 64 } else { 32 };
        let word = r_type(opcode, funct3, funct7, 7, 5, 6);
        let case = |(a, b)| (word, a, b, expected(funct7, funct3, bits, a, b));
        let cases: Vec<_> = pairs(&mut random).into_iter().map(case).collect();
        check_results(&cases);
    }
}

#[test]
fn immediate_forms() {
    let (_, mut random) = seeded();
    for (opcode, funct3, funct7) in IMMEDIATE_FORMS {
        let bits: u32 = if opcode == 0x13 { 64 } else { 32 };
        let mut cases = Vec::new();
        for (a, _) in pairs(&mut random) {
            let is_shift = matches!(funct3, 1 | 5);
            let imm = match random.random_range(0..4) {
                _ if is_shift => random.random_range(0..bits.cast_signed()),
                0 => [-2048, -1, 0, 1, 2047][random.random_range(0..5)],
                _ => random.random_range(-2048..2048),
            };
            let top = funct7.cast_signed() << 5;
            let word = i_type(opcode, funct3, 7, 5, imm | if is_shift { top } else { 0 });
            let b = i64::from(imm).cast_unsigned();
            cases.push((word, a, b, expected(funct7, funct3, bits, a, b)));
        }
        check_results(&cases);
    }
}

#[test]
fn upper_immediates() {
    let mut cases = Vec::new();
    for imm in [0_u32, 1, 0x7ffff, 0x80000, 0xfffff, 0x12345] {
        let value = signed(u64::from(imm) << 12, 32) as u64;
        cases.push((imm << 12 | 7 << 7 | 0x37, 0, 0, value));
    }
    check_results(&cases);
    for imm in [0_u32, 1, 0x7ffff, 0x80000, 0xfffff] {
        let (hart, _) =
            run(&[addi(0, 0, 0), imm << 12 | 7 << 7 | 0x17, EBREAK], &Preimages::default());
        let value = signed(u64::from(imm) << 12, 32) + i128::from(TEXT) + 4;
        assert_eq!(hart.x[7], value as u64);
    }
}

#[test]
fn x0_stays_zero() {
    let mut words = prelude();
    words.extend([
        addi(0, 8, 5),
        r_type(0x33, 0, 0, 0, 8, 8),
        0xfffff << 12 | 0x37,
        0x1 << 12 | 0x17,
        i_type(0x03, 3, 0, 8, 0),
        j_type(0, 4),
        i_type(0x67, 0, 0, 8, 0),
    ]);
    let end = words.len();
    let (hart, _) = run(&words, &Preimages::default());
    assert_eq!(hart.x[0], 0);
    assert_eq!((hart.pc, hart.step), (OPERANDS, end as u64 + 1));
}

#[test]
fn loads_and_stores_of_every_size() {
    let (_, mut random) = seeded();
    for _ in 0..40 {
        let value = operand(&mut random);
        let bytes = value.to_le_bytes();
        let mut words = prelude();
        words.extend(load_constant(5, value));
        words.push(s_type(3, 8, 5, 0));
        // Loads at each place into x10 and up, then stores of each size next to zeros.
        let kinds = [(0, 1), (1, 2), (2, 4), (3, 8), (4, 1), (5, 2), (6, 4)];
        let mut expected = Vec::new();
        let mut to = 64;
        for (funct3, size) in kinds {
            for place in (0..8).step_by(size) {
                words.push(i_type(0x03, funct3, 7, 8, place as i32));
                words.push(s_type(3, 8, 7, to));
                to += 8;
                let mut wide = [0; 8];
                wide[..size].copy_from_slice(&bytes[place..place + size]);
                let zero_extended = u64::from_le_bytes(wide);
                let bits = size as u32 * 8;
                let extended =
                    if funct3 < 4 { signed(zero_extended, bits) as u64 } else { zero_extended };
                expected.push(extended);
            }
        }
        for (funct3, size) in &kinds[..4] {
            words.push(s_type(*funct3, 8, 5, to));
            to += 8;
            expected.push(unsigned(value, *size as u32 * 8) as u64);
        }
        words.push(EBREAK);
        let (_, machine) = run(&words, &Preimages::default());
        for (index, expected) in expected.iter().enumerate() {
            let at = OPERANDS + 64 + index as u64 * 8;
            let found = machine.memory().slice(at, 8).unwrap();
            assert_eq!(found, expected.to_le_bytes(), "value {value:#x}, number {index}");
        }
    }
}

#[test]
fn branches_go_where_they_should() {
    let (_, mut random) = seeded();
    for funct3 in [0, 1, 4, 5, 6, 7] {
        for (a, b) in
            pairs(&mut random).into_iter().step_by(4).chain([(7, 7), (u64::MAX, u64::MAX)])
        {
            let taken = match funct3 {
                0 => signed(a, 64) == signed(b, 64),
                1 => signed(a, 64) != signed(b, 64),
                4 => signed(a, 64) < signed(b, 64),
                5 => signed(a, 64) >= signed(b, 64),
                6 => unsigned(a, 64) < unsigned(b, 64),
                _ => unsigned(a, 64) >= unsigned(b, 64),
            };
            for offset in [8, 4094, -4096, -8, 2] {
                let mut words = load_constant(5, a);
                words.extend(load_constant(6, b));
                words.push(b_type(funct3, 5, 6, offset));
                let at = TEXT + (words.len() as u64 - 1) * 4;
                words.push(EBREAK);
                let mut machine = Machine::new(program(&words), B256::ZERO);
                machine.run(words.len() as u64 - 1, &mut Preimages::default()).unwrap();
                let target = at.wrapping_add_signed(i64::from(offset));
                let expected = if taken { target } else { at + 4 };
                assert_eq!(machine.hart().pc, expected, "{funct3} {a:#x} {b:#x} {offset}");
            }
        }
    }
}

#[test]
fn jumps_link_after_reading_their_target() {
    // jalr x5, 9(x5): the old x5 is the target, bit 0 is cleared, the link is pc + 4.
    let mut words = load_constant(5, TEXT + 17 * 4 - 8);
    assert_eq!(words.len(), 13);
    words.extend([i_type(0x67, 0, 5, 5, 9), EBREAK, EBREAK, EBREAK, addi(6, 0, 1), EBREAK]);
    let (hart, _) = run(&words, &Preimages::default());
    assert_eq!((hart.x[5], hart.x[6]), (TEXT + 14 * 4, 1));

    for offset in [4, -4, 0xffffe, -0x10_0000, 2] {
        let mut machine = Machine::new(program(&[addi(0, 0, 0), j_type(1, offset)]), B256::ZERO);
        machine.run(2, &mut Preimages::default()).unwrap();
        assert_eq!(machine.hart().x[1], TEXT + 8);
        assert_eq!(machine.hart().pc, (TEXT + 4).wrapping_add_signed(i64::from(offset)));
    }

    // A target that wraps around the address space.
    let (hart, _) = run(&[addi(5, 0, -4), i_type(0x67, 0, 1, 5, 8)], &Preimages::default());
    assert_eq!((hart.pc, hart.exit_code), (4, HaltCause::FetchOutOfRange as u16));
}

#[test]
fn a_store_over_code_changes_memory_alone() {
    let mut words = load_constant(5, TEXT);
    let length = words.len();
    words.extend(load_constant(6, u64::from(EBREAK)));
    words.push(s_type(2, 5, 6, (length * 2) as i32 * 4 + 4));
    words.extend([addi(7, 0, 9), EBREAK]);
    let (hart, machine) = run(&words, &Preimages::default());
    assert_eq!(hart.x[7], 9);
    let at = TEXT + (length as u64 * 2 + 1) * 4;
    assert_eq!(machine.memory().slice(at, 4).unwrap(), EBREAK.to_le_bytes());
}

#[test]
fn decoding_is_strict() {
    // Made from the listing: (mask, match) of every instruction of RV64IM, FENCE and CSR forms.
    let mut patterns = vec![(0x7f, 0x37), (0x7f, 0x17), (0x7f, 0x6f), (0x707f, 0x67)];
    patterns.extend([0, 1, 4, 5, 6, 7].map(|funct3| (0x707f, 0x63 | funct3 << 12)));
    patterns.extend((0..7).map(|funct3| (0x707f, 0x03 | funct3 << 12)));
    patterns.extend((0..4).map(|funct3| (0x707f, 0x23 | funct3 << 12)));
    patterns.extend([0, 2, 3, 4, 6, 7].map(|funct3| (0x707f, 0x13 | funct3 << 12)));
    patterns.extend([(0xfc00_707f, 0x1013), (0xfc00_707f, 0x5013), (0xfc00_707f, 0x4000_5013)]);
    patterns.extend([(0x707f, 0x1b), (0xfe00_707f, 0x101b), (0xfe00_707f, 0x501b)]);
    patterns.push((0xfe00_707f, 0x4000_501b));
    for (opcode, funct7, funct3) in REGISTER_FORMS {
        patterns.push((0xfe00_707f, opcode | funct3 << 12 | funct7 << 25));
    }
    patterns.extend([(0x707f, 0x0f), (u32::MAX, ECALL), (u32::MAX, EBREAK)]);
    patterns.extend([1, 2, 3, 5, 6, 7].map(|funct3| (0x707f, 0x73 | funct3 << 12)));
    assert_eq!(patterns.len(), 4 + 6 + 7 + 4 + 13 + 28 + 3 + 6);

    let (seed, mut random) = seeded();
    let check = |word: u32| {
        let legal = patterns.iter().any(|(mask, matching)| word & mask == *matching);
        assert_eq!(decode(word).is_some(), legal, "{word:#010x}, GAINSAY_SEED={seed}");
    };
    // Every opcode with every funct3, funct7, and some register fields.
    for high in 0..1 << 7 {
        for low in 0..1 << 10 {
            let word = high << 25 | (low >> 7) << 12 | (low & 0x7f);
            check(word);
            check(word | random.random::<u32>() & 0x01ff_8f80);
        }
    }
    for bit in 0..32 {
        check(ECALL ^ 1 << bit);
        check(EBREAK ^ 1 << bit);
    }
    check(0);
    check(u32::MAX);
}
