//! Every cause of a halt, by every engine and on the verifier; and what system calls do.

use crate::support::*;
use alloy_primitives::{B256, keccak256};
use gainsay_vm::{Engine, HOST_BYTES_MAX, HaltCause, Hart, Machine, Status};

/// Sets registers, then executes a word.
fn with_registers(registers: &[(u32, u64)], word: u32) -> Vec<u32> {
    let mut words: Vec<u32> =
        registers.iter().flat_map(|(register, value)| load_constant(*register, *value)).collect();
    words.push(word);
    words
}

/// ECALL with these arguments in a0 and up.
fn call(number: u64, arguments: &[u64]) -> Vec<u32> {
    let mut registers: Vec<(u32, u64)> = (A0..).zip(arguments.iter().copied()).collect();
    registers.push((A7, number));
    with_registers(&registers, ECALL)
}

/// The hart before and after the last word, on every engine and verified.
fn last_step(words: &[u32], host: &Preimages) -> (Hart, Hart, Machine) {
    let program = program(words);
    let input = B256::repeat_byte(0xa5);
    let count = words.len() as u64;
    let hashes = verify_run(&program, input, count, host);
    let mut result = None;
    for engine in [Engine::Reference, Engine::Fast, Engine::Jit] {
        let mut machine = Machine::new(program.clone(), input).with_engine(engine);
        machine.run(count - 1, &mut host.clone()).unwrap();
        let before = machine.hart().clone();
        machine.run(count, &mut host.clone()).unwrap();
        assert_eq!(machine.state_hash(), hashes[words.len()], "{engine:?}");
        result = Some((before, machine.hart().clone(), machine));
    }
    result.unwrap()
}

/// Asserts that the last word halts as `cause`, counted as a step and leaving all else.
fn assert_halts(name: &str, words: &[u32], cause: HaltCause, host: &Preimages) {
    let (before, after, _) = last_step(words, host);
    assert_eq!(after.exit_code, cause as u16, "{name}: {:#x}", after.exit_code);
    let expected =
        Hart { status: Status::Halted, exit_code: cause as u16, step: before.step + 1, ..before };
    assert_eq!(after, expected, "{name}");
}

const END: u64 = 1 << 30;

#[test]
fn instructions_halt_by_their_cause() {
    use HaltCause::*;
    let none = &Preimages::default();
    assert_halts("zero", &[0], IllegalInstruction, none);
    assert_halts("compressed", &[0x0001_0001], IllegalInstruction, none);
    assert_halts("fence.i", &[0x0000_100f], IllegalInstruction, none);
    assert_halts("mret", &[0x3020_0073], IllegalInstruction, none);
    assert_halts("wfi", &[0x1050_0073], IllegalInstruction, none);
    assert_halts("amoadd.d", &[0x0020_b02f], IllegalInstruction, none);
    assert_halts("flw", &[0x0001_2007], IllegalInstruction, none);
    assert_halts("ebreak", &[EBREAK], Breakpoint, none);
    for funct3 in [1, 2, 3, 5, 6, 7] {
        assert_halts("csr", &[i_type(0x73, funct3, 1, 2, 0x300)], Csr, none);
    }
    for (funct3, size) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 1), (5, 2), (6, 4)] {
        let load = i_type(0x03, funct3, 0, 5, 0);
        let store = s_type(funct3 & 3, 5, 6, 0);
        for address in [END, END + 8, u64::MAX - 7, 1 << 63, END - 1 + size] {
            if address % size == 0 {
                assert_halts("load", &with_registers(&[(5, address)], load), LoadOutOfRange, none);
                let words = with_registers(&[(5, address)], store);
                assert_halts("store", &words, StoreOutOfRange, none);
            }
        }
        for address in [1, END + 1, u64::MAX, END - 1, 0x1000 + size / 2] {
            if address % size != 0 {
                assert_halts("load", &with_registers(&[(5, address)], load), MisalignedLoad, none);
                let words = with_registers(&[(5, address)], store);
                assert_halts("store", &words, MisalignedStore, none);
            }
        }
        let words = with_registers(&[(5, END - size)], load);
        assert!(!last_step(&words, none).1.is_halted(), "the last {size} bytes can be read");
        let words = with_registers(&[(5, END - size)], store);
        assert!(!last_step(&words, none).1.is_halted(), "the last {size} bytes can be written");
    }
    let ends: [(u64, HaltCause); 6] = [
        (TEXT - 4, FetchOutOfRange),
        (TEXT + 4096, FetchOutOfRange),
        (u64::MAX - 3, FetchOutOfRange),
        (0, FetchOutOfRange),
        (TEXT + 2, MisalignedFetch),
        (u64::MAX - 1, MisalignedFetch),
    ];
    for (target, cause) in ends {
        let program = program(&with_registers(&[(5, target)], i_type(0x67, 0, 0, 5, 0)));
        let steps = program.code().words().len() as u64 + 1;
        let hashes = verify_run(&program, B256::ZERO, steps, none);
        let mut machine = Machine::new(program, B256::ZERO);
        machine.run(u64::MAX, &mut none.clone()).unwrap();
        assert_eq!(machine.state_hash(), hashes[hashes.len() - 1]);
        let hart = machine.hart();
        assert_eq!((hart.exit_code, hart.pc, hart.step), (cause as u16, target, steps));
    }
    // Running off the end of the code.
    let program = program(&[addi(1, 0, 1)]);
    let mut machine = Machine::new(program, B256::ZERO);
    machine.run(u64::MAX, &mut none.clone()).unwrap();
    assert_eq!(machine.hart().exit_code, FetchOutOfRange as u16);
    assert_eq!((machine.hart().pc, machine.hart().step), (TEXT + 4, 2));
}

#[test]
fn system_calls_halt_by_their_cause_in_the_order_of_checks() {
    use HaltCause::*;
    let none = &Preimages::default();
    for number in [0, 1, 92, 94, 0xfff, 0x1004, 93 | 1 << 32, 0x1000 | 1 << 63, u64::MAX] {
        assert_halts("unknown", &call(number, &[]), UnknownSyscall, none);
    }
    // Key in a0..a3 with its type in the lowest byte of a0, offset, destination.
    let preimage =
        |key_type: u64, destination: u64| call(0x1001, &[key_type, 0, 0, 0, 0, destination]);
    for key_type in [0, 4, 255, 0x100] {
        assert_halts("key", &preimage(key_type, 1), UnknownKeyType, none);
    }
    for destination in [1, 8, 31, END + 1, u64::MAX] {
        assert_halts("preimage", &preimage(1, destination), MisalignedPreimage, none);
    }
    for destination in [END, u64::MAX - 31, 1 << 40] {
        assert_halts("preimage", &preimage(3, destination), PreimageOutOfRange, none);
    }
    for length in [65_537, 1 << 32, u64::MAX] {
        assert_halts("keccak", &call(0x1003, &[1, length]), KeccakTooLong, none);
    }
    for (pointer, length) in [(1, 0), (32, 32), (2048, 10), (4096, 4097), (0x8000, 65_536)] {
        assert_halts("keccak", &call(0x1003, &[pointer, length]), MisalignedKeccak, none);
    }
    for (pointer, length) in [(END, 0), (END, 65_536), (0u64.wrapping_sub(4096), 1), (1 << 62, 1)] {
        assert_halts("keccak", &call(0x1003, &[pointer, length]), KeccakOutOfRange, none);
    }
}

#[test]
fn halt_keeps_registers_and_gives_the_output() {
    let words = call(93, &[0x1ff, 1, 2, 3, 4]);
    let (before, after, machine) = last_step(&words, &Preimages::default());
    let expected =
        Hart { status: Status::Halted, exit_code: 0xff, step: before.step + 1, ..before };
    assert_eq!(after, expected);
    let output: Vec<u8> = [1_u64, 2, 3, 4].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(machine.hart().output(), B256::from_slice(&output));
}

#[test]
fn read_input_gives_the_input_in_memory_order() {
    let mut words = call(0x1000, &[]);
    words.extend(load_constant(8, 0x2_0000));
    words.extend((0..4).map(|word| s_type(3, 8, A0 + word as u32, word * 8)));
    let (_, _, machine) = last_step(&words, &Preimages::default());
    assert_eq!(machine.memory().slice(0x2_0000, 32).unwrap(), [0xa5; 32]);
}

#[test]
fn preimages_are_read_by_leaves_with_zeros_behind() {
    let mut host = Preimages::default();
    let preimage: Vec<u8> = (1..=70).collect();
    let key = host.add(&preimage);
    let parts: Vec<u64> =
        key.chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
    for offset in [0, 1, 32, 38, 64, 69, 70, 71, 1 << 40, u64::MAX] {
        let mut arguments = parts.clone();
        arguments.extend([offset, 0x2_0020]);
        let mut words = load_constant(8, 0x2_0000);
        words.extend([
            addi(9, 0, -1),
            s_type(3, 8, 9, 32),
            s_type(3, 8, 9, 56),
            s_type(3, 8, 9, 64),
        ]);
        words.extend(call(0x1001, &arguments));
        let (before, after, machine) = last_step(&words, &host);
        let mut expected = vec![0; 32];
        for (index, byte) in expected.iter_mut().enumerate() {
            let at = u128::from(offset) + index as u128;
            *byte = usize::try_from(at).ok().and_then(|at| preimage.get(at)).copied().unwrap_or(0);
        }
        assert_eq!(machine.memory().slice(0x2_0020, 32).unwrap(), expected, "offset {offset}");
        assert_eq!(machine.memory().slice(0x2_0040, 8).unwrap(), [0xff; 8]);
        let mut registers = before.x;
        registers[A0 as usize] = 70;
        assert_eq!(after.x, registers);
    }
}

#[test]
fn keccak_hashes_memory() {
    for (pointer, length) in
        [(0x4_0000, 0), (0x4_0000, 1), (0x4_1000, 4096), (0x4_2000, 4097), (0x5_0000, 65_536)]
    {
        let mut words = load_constant(8, pointer);
        words.extend([addi(9, 0, 0x77), s_type(3, 8, 9, 0), s_type(0, 8, 9, 9)]);
        words.extend(call(0x1003, &[pointer, length]));
        let (_, after, machine) = last_step(&words, &Preimages::default());
        let hash = keccak256(machine.memory().slice(pointer, length).unwrap());
        let found: Vec<u8> = after.x[10..14].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(found, hash.0, "{length} bytes");
    }
}

#[test]
fn hints_and_writes_reach_the_host_once_and_capped() {
    let mut words = load_constant(8, 0x2_0000);
    words.extend([addi(9, 0, 0x41), s_type(0, 8, 9, 0)]);
    for (number, pointer, length) in [
        (64, 0x2_0000, 3),
        (0x1002, 0x2_0000, 2),
        (64, 0x2_0000, 1 << 29),
        (0x1002, 0, 1 << 30),
        (64, END - 1, 2),
        (0x1002, u64::MAX, 1),
    ] {
        let arguments = if number == 64 { vec![7, pointer, length] } else { vec![pointer, length] };
        words.extend(call(number, &arguments));
    }
    words.push(EBREAK);
    let mut host = Preimages::default();
    let mut machine = Machine::new(program(&words), B256::ZERO);
    machine.run(u64::MAX, &mut host).unwrap();
    assert_eq!(machine.hart().exit_code, HaltCause::Breakpoint as u16);
    machine.go_to(3, &mut host).unwrap();
    machine.go_to(u64::MAX, &mut host).unwrap();
    assert_eq!(host.writes.len(), 2);
    assert_eq!(host.writes[0], b"A\0\0");
    assert_eq!(host.writes[1].len(), HOST_BYTES_MAX);
    assert_eq!(host.hints.len(), 2);
    assert_eq!(host.hints[0], b"A\0");
    assert_eq!(host.hints[1].len(), HOST_BYTES_MAX);
    // a0 of the last write is its length, in or out of range.
    let (_, after, _) = last_step(&call(64, &[7, END - 1, 2]), &host);
    assert_eq!(after.x[A0 as usize], 2);
}
