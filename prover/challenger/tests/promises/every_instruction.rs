//! Every instruction of RV64IM with operands where arithmetic goes wrong, every system call, and
//! every cause of a halt: all engines and the bytecode of `StepVerifier` give the same next state.

use crate::support::*;
use gainsay_vm::{HaltCause, Host};
use rand::Rng;

/// Registers with the operands, and one for results.
const A: u32 = 5;
const B: u32 = 6;
const RESULT: u32 = 7;

/// Points to the next pair of operands.
const PAIR: u32 = 8;

/// Points to memory that loads and stores use.
const SCRATCH: u32 = 9;

/// opcode, funct7, funct3 of all operations on two registers.
fn register_forms() -> Vec<(u32, u32, u32)> {
    let mut forms: Vec<_> = (0..8).map(|funct3| (0x33, 0, funct3)).collect();
    forms.extend((0..8).map(|funct3| (0x33, 1, funct3)));
    forms.extend([(0x33, 0x20, 0), (0x33, 0x20, 5), (0x3b, 0x20, 0), (0x3b, 0x20, 5)]);
    forms.extend([0, 1, 5].map(|funct3| (0x3b, 0, funct3)));
    forms.extend([0, 4, 5, 6, 7].map(|funct3| (0x3b, 1, funct3)));
    forms
}

/// All that is done with two operands.
fn with_both() -> Vec<u32> {
    let forms = register_forms();
    assert_eq!(forms.len(), 28);
    let mut words: Vec<u32> = forms
        .into_iter()
        .map(|(opcode, funct7, funct3)| r_type(opcode, funct3, funct7, RESULT, A, B))
        .collect();
    for funct3 in [0, 1, 4, 5, 6, 7] {
        words.extend([b_type(funct3, A, B, 8), addi(RESULT, RESULT, 1)]);
    }
    words
}

/// All that is done with one operand.
fn with_one() -> Vec<u32> {
    let mut words = Vec::new();
    for imm in [-2048, -1, 0, 1, 2047] {
        words.extend([0, 2, 3, 4, 6, 7].map(|funct3| i_type(0x13, funct3, RESULT, A, imm)));
        words.push(i_type(0x1b, 0, RESULT, A, imm));
    }
    for amount in [0, 1, 31, 32, 63] {
        for (funct3, arithmetic) in [(1, 0), (5, 0), (5, 0x400)] {
            words.push(i_type(0x13, funct3, RESULT, A, amount | arithmetic));
            words.push(i_type(0x1b, funct3, RESULT, A, (amount % 32) | arithmetic));
        }
    }
    for size in 0..4 {
        for offset in [0, 8, 24, 32 - (1 << size)] {
            words.push(s_type(size, SCRATCH, A, offset));
            words.push(i_type(0x03, size, RESULT, SCRATCH, offset));
            if size < 3 {
                words.push(i_type(0x03, size | 4, RESULT, SCRATCH, offset));
            }
        }
    }
    for imm in [0, 1, 0x7_ffff, 0x8_0000, 0xf_ffff_u32] {
        words.extend([imm << 12 | RESULT << 7 | 0x37, imm << 12 | RESULT << 7 | 0x17]);
    }
    words.extend([j_type(RESULT, 8), EBREAK, j_type(0, 4), 0x0ff0_000f, 0x0000_000f]);
    words
}

#[test]
fn edge_operands() {
    let (_, mut random) = seeded();
    let mut pairs: Vec<(u64, u64)> =
        EDGES.iter().flat_map(|a| EDGES.iter().map(|b| (*a, *b))).collect();
    pairs.extend((0..200).map(|_| (operand(&mut random), operand(&mut random))));

    let mut body = Vec::new();
    for (index, _) in pairs.iter().enumerate() {
        body.extend([i_type(0x03, 3, A, PAIR, 0), i_type(0x03, 3, B, PAIR, 8)]);
        body.extend(with_both());
        // The first operand changes after each row of the second ones.
        if index % EDGES.len() == 0 {
            body.extend(with_one());
        }
        body.push(addi(PAIR, PAIR, 16));
    }
    body.push(EBREAK);
    let pointers = |pairs| [load_constant(SCRATCH, 0x20_0000), load_constant(PAIR, pairs)].concat();
    let from = pointers(0).len();
    let mut words = pointers((TEXT + 4 * (from + body.len()) as u64).next_multiple_of(8));
    words.extend(body);
    if words.len() % 2 == 1 {
        words.push(0);
    }
    // The operands follow the text, for loads to fetch.
    for value in pairs.iter().flat_map(|(a, b)| [*a, *b]) {
        let bytes = value.to_le_bytes();
        words.extend(bytes.as_chunks::<4>().0.iter().map(|half| u32::from_le_bytes(*half)));
    }
    let hart = all_agree(&mut verifier(), &words, &Preimages::default(), from as u64);
    assert_eq!(hart.exit_code, HaltCause::Breakpoint as u16);
    println!("{} steps", hart.step - from as u64);
    assert!(hart.step > 20_000);
}

#[test]
fn jumps_to_registers() {
    let mut verifier = verifier();
    for (base, offset) in [(TEXT, 16 * 4), (TEXT + 1, 16 * 4), (TEXT + 2000, -1936), (TEXT, -2048)]
    {
        let mut words = load_constant(5, base);
        // The link register is the base: it is read first.
        words.extend([i_type(0x67, 0, 5, 5, offset), addi(1, 1, 1), addi(1, 1, 2), EBREAK]);
        all_agree(&mut verifier, &words, &Preimages::default(), 0);
    }
}

/// Arguments in a0 and up, then the system call.
fn call(number: u64, arguments: &[u64]) -> Vec<u32> {
    let mut words: Vec<u32> = (A0..)
        .zip(arguments)
        .flat_map(|(register, value)| load_immediate(register, *value))
        .collect();
    words.extend(load_immediate(A7, number));
    words.push(ECALL);
    words
}

#[test]
fn system_calls() {
    let mut verifier = verifier();
    let mut host = Preimages::default();
    let mut words = load_immediate(8, 0x40_0000);
    words.extend([s_type(3, 8, 8, 0), s_type(3, 8, 8, 40)]);
    for (length, pointer) in [(0, 0), (3, 0x40_0000), (1 << 40, 0), (u64::MAX, u64::MAX)] {
        words.extend(call(64, &[1, pointer, length]));
        words.extend(call(0x1002, &[pointer, length]));
    }
    words.extend(call(0x1000, &[]));
    for length in [0, 1, 31, 32, 33, 48, 4096, 4097, 65_535, 65_536] {
        words.extend(hash_memory(0x40_0000, length));
        words.extend(hash_memory((1 << 30) - 65_536, length));
    }
    for length in [0, 1, 31, 32, 33, 100] {
        let key = host.add(&vec![0x5a; length]);
        for offset in [0, 1, 32, 99, 100, 1 << 32, u64::MAX] {
            words.extend(read_preimage(key, offset, 0x40_0020));
        }
        words.extend(read_preimage(key, 0, (1 << 30) - 32));
    }
    words.extend(call(93, &[0x1_23ff, 1, 2, u64::MAX, 4]));
    let hart = all_agree(&mut verifier, &words, &host, 0);
    assert_eq!(hart.exit_code, 0xff);
    assert_eq!(hart.step, words.len() as u64);
}

/// Has all engines and the contract halt on a program's last word, by the cause.
fn halts(cause: HaltCause, words: &[u32]) {
    let hart = all_agree(&mut verifier(), words, &Preimages::default(), 0);
    assert_eq!(hart.exit_code, cause as u16, "{words:x?}");
}

#[test]
fn every_cause_of_a_halt() {
    use HaltCause::*;
    const END: u64 = 1 << 30;
    let at = |address: u64, word: u32| [load_immediate(5, address), vec![word]].concat();
    halts(MisalignedFetch, &at(TEXT + 2, i_type(0x67, 0, 0, 5, 0)));
    halts(FetchOutOfRange, &at(u64::MAX - 3, i_type(0x67, 0, 0, 5, 0)));
    halts(FetchOutOfRange, &[addi(1, 0, 1)]);
    for word in [0, 0x0001_0001, 0x0000_100f, 0x3020_0073, 0x0020_b02f, u32::MAX, 0x8000_5013] {
        halts(IllegalInstruction, &[word]);
    }
    halts(Breakpoint, &[EBREAK]);
    for funct3 in [1, 2, 3, 5, 6, 7] {
        halts(Csr, &[i_type(0x73, funct3, 1, 2, 0x300)]);
    }
    for (funct3, size) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 1), (5, 2), (6, 4)] {
        let (load, store) = (i_type(0x03, funct3, 1, 5, 0), s_type(funct3 & 3, 5, 6, 0));
        for address in [END, 0_u64.wrapping_sub(size), 1 << 63] {
            halts(LoadOutOfRange, &at(address, load));
            halts(StoreOutOfRange, &at(address, store));
        }
        if size > 1 {
            for address in [1, END + 1, u64::MAX] {
                halts(MisalignedLoad, &at(address, load));
                halts(MisalignedStore, &at(address, store));
            }
        }
    }
    for key_type in [0, 4, 0xff, 0x1_00] {
        halts(UnknownKeyType, &call(0x1001, &[key_type, 0, 0, 0, 0, 1]));
    }
    halts(MisalignedPreimage, &call(0x1001, &[1, 0, 0, 0, 0, 8]));
    halts(PreimageOutOfRange, &call(0x1001, &[2, 0, 0, 0, 0, END]));
    halts(PreimageOutOfRange, &call(0x1001, &[3, 0, 0, 0, 0, u64::MAX - 31]));
    for length in [65_537, u64::MAX] {
        halts(KeccakTooLong, &call(0x1003, &[1, length]));
    }
    for (pointer, length) in [(32, 32), (4096, 4097), (0x8000, 65_536)] {
        halts(MisalignedKeccak, &call(0x1003, &[pointer, length]));
    }
    for (pointer, length) in [(END, 0), (END, 65_536), (0_u64.wrapping_sub(4096), 1)] {
        halts(KeccakOutOfRange, &call(0x1003, &[pointer, length]));
    }
    for number in [0, 92, 0x1004, 93 | 1 << 32, u64::MAX] {
        halts(UnknownSyscall, &call(number, &[]));
    }
}

#[test]
fn decoding_is_as_strict() {
    // Words of one or two bits' difference to good ones, and words of any kind.
    let (seed, mut random) = seeded();
    let good: Vec<u32> = [with_both(), with_one(), vec![ECALL, EBREAK]].concat();
    let mut verifier = verifier();
    let host = &mut Preimages::default();
    for number in 0..4_000 {
        let word = match number % 4 {
            0 => random.random(),
            flips => (1..flips).fold(good[random.random_range(0..good.len())], |word, _| {
                word ^ 1 << random.random_range(0..32)
            }),
        };
        let mut machine =
            gainsay_vm::Machine::new(program(&[word, EBREAK]), alloy_primitives::B256::ZERO);
        let verdict = take_step(&mut machine, host as &mut dyn Host).verify(&mut verifier);
        assert!(verdict.is_ok(), "GAINSAY_SEED={seed}, {word:#010x}: {verdict:?}");
    }
}
