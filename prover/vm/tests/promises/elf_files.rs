//! ELF files: what is in them is loaded where they say; a file that is no ELF file, or a hostile
//! one, is an error and never a panic. With `RISCV_TESTS` set to a folder, all ELF files in it are
//! run.

#![expect(clippy::cast_possible_truncation, reason = "sizes of small files")]

use std::{path::PathBuf, sync::Arc};

use crate::support::*;
use alloy_primitives::B256;
use gainsay_vm::{Machine, NoHost, Program, VmError};
use rand::Rng;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const R: u32 = 4;
const RW: u32 = 6;
const RX: u32 = 5;

/// A program header with its contents.
#[derive(Clone)]
struct Part {
    kind: u32,
    flags: u32,
    address: u64,
    bytes: Vec<u8>,
    memory_bytes: u64,
}

fn part(flags: u32, address: u64, bytes: &[u8]) -> Part {
    let memory_bytes = bytes.len() as u64;
    Part { kind: PT_LOAD, flags, address, bytes: bytes.to_vec(), memory_bytes }
}

/// Where headers have their fields, by the ELF specification.
const E_TYPE: usize = 16;
const E_MACHINE: usize = 18;
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

fn elf(entry: u64, parts: &[Part]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend(2_u16.to_le_bytes()); // ET_EXEC
    file.extend(243_u16.to_le_bytes()); // EM_RISCV
    file.extend(1_u32.to_le_bytes());
    file.extend(entry.to_le_bytes());
    file.extend((HEADER as u64).to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    for size in [HEADER as u16, PROGRAM_HEADER as u16, parts.len() as u16, 64, 0, 0] {
        file.extend(size.to_le_bytes());
    }
    let mut offset = (HEADER + PROGRAM_HEADER * parts.len()) as u64;
    for part in parts {
        file.extend(part.kind.to_le_bytes());
        file.extend(part.flags.to_le_bytes());
        let bytes = part.bytes.len() as u64;
        for field in [offset, part.address, part.address, bytes, part.memory_bytes, 1] {
            file.extend(field.to_le_bytes());
        }
        offset += bytes;
    }
    parts.iter().for_each(|part| file.extend(&part.bytes));
    file
}

/// lw a1, 0(x8); li a7, 93; ecall, with x8 = 0x20008.
fn text() -> Vec<u8> {
    let mut words = load_constant(8, 0x2_0008);
    words.extend([i_type(0x03, 2, 11, 8, 0), addi(A7, 0, 93), ECALL]);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn parts() -> Vec<Part> {
    let mut data = part(RW, 0x2_0000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    data.memory_bytes = 0x1_0000;
    vec![part(RX, 0x1_0010, &text()), part(R, 0x1_8001, b"read only"), data]
}

#[test]
fn segments_are_loaded_where_they_say() {
    let program = Program::from_elf(&elf(0x1_0010, &parts())).unwrap();
    assert_eq!((program.entry(), program.code().start()), (0x1_0010, 0x1_0000));
    assert_eq!(program.code().end(), 0x1_0010 + text().len() as u64);
    let mut machine = Machine::new(Arc::new(program), B256::ZERO);
    assert_eq!(machine.memory().slice(0x1_8000, 10).unwrap(), b"\0read only");
    assert_eq!(machine.memory().slice(0x1_0010, 8).unwrap(), &text()[..8]);
    machine.run(u64::MAX, &mut NoHost).unwrap();
    assert_eq!(machine.hart().exit_code, 0);
    assert_eq!(machine.hart().output()[..4], [9, 10, 11, 12]);
}

#[test]
fn where_a_file_begins_in_memory_does_not_matter() {
    let file = elf(0x1_0010, &parts());
    let hash = Program::from_elf(&file).unwrap().hash();
    for shift in 1..8 {
        let shifted = [vec![0; shift], file.clone()].concat();
        assert_eq!(Program::from_elf(&shifted[shift..]).unwrap().hash(), hash);
    }
}

#[test]
fn the_program_hash_binds_code_memory_and_entry() {
    let mut hashes = vec![Program::from_elf(&elf(0x1_0010, &parts())).unwrap().hash()];
    hashes.push(Program::from_elf(&elf(0x1_0014, &parts())).unwrap().hash());
    for index in 0..3 {
        let mut changed = parts();
        changed[index].bytes[0] ^= 1;
        hashes.push(Program::from_elf(&elf(0x1_0010, &changed)).unwrap().hash());
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 5);
}

fn error_of(parts: &[Part]) -> VmError {
    Program::from_elf(&elf(0x1_0000, parts)).unwrap_err()
}

#[test]
fn what_is_not_a_static_rv64_program_is_refused_by_name() {
    assert_eq!(error_of(&parts()[1..]), VmError::CodeSegments { found: 0 });
    let twice = [parts(), vec![part(RX, 0x9_0000, &text())]].concat();
    assert_eq!(error_of(&twice), VmError::CodeSegments { found: 2 });
    assert_eq!(error_of(&[part(RX, 0x1_0000, &[])]), VmError::CodeSize { bytes: 0 });

    for (kind, segment) in [(PT_DYNAMIC, "PT_DYNAMIC"), (PT_INTERP, "PT_INTERP")] {
        let mut dynamic = parts();
        dynamic[1].kind = kind;
        assert_eq!(error_of(&dynamic), VmError::NotStatic { segment });
    }
    let overlap = [parts(), vec![part(R, 0x2_8000, &[1])]].concat();
    assert_eq!(error_of(&overlap), VmError::SegmentsOverlap { address: 0x2_8000 });

    for address in [1 << 30, (1 << 30) - 1, u64::MAX, u64::MAX - 1] {
        let outside = [parts(), vec![part(R, address, &[1, 2])]].concat();
        assert_eq!(error_of(&outside), VmError::SegmentOutOfRange { address, bytes: 2 });
    }
    let mut truncated = parts();
    truncated[1].memory_bytes = 3;
    let error = VmError::SegmentTruncated { address: 0x1_8001, file_bytes: 9, bytes: 3 };
    assert_eq!(error_of(&truncated), error);

    let mut file = elf(0x1_0010, &parts());
    file[E_MACHINE] = 62;
    let error = VmError::WrongElfField { field: "e_machine", found: 62, expected: 243 };
    assert_eq!(Program::from_elf(&file).unwrap_err(), error);
    let mut file = elf(0x1_0010, &parts());
    file[E_TYPE] = 3;
    let error = VmError::WrongElfField { field: "e_type", found: 3, expected: 2 };
    assert_eq!(Program::from_elf(&file).unwrap_err(), error);
}

#[test]
fn hostile_files_are_errors_or_programs() {
    let (seed, mut random) = seeded();
    let good = elf(0x1_0010, &parts());
    for length in 0..good.len() {
        assert!(Program::from_elf(&good[..length]).is_err(), "cut to {length} bytes");
    }
    let headers = HEADER + PROGRAM_HEADER * 3;
    let (mut loaded, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut file = good.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(4..headers);
            file[at] = match random.random_range(0..3) {
                0 => random.random(),
                1 => file[at] ^ 1 << random.random_range(0..8),
                _ => [0, 0x7f, 0x80, 0xff][random.random_range(0..4)],
            };
        }
        match Program::from_elf(&file) {
            Err(_) => refused += 1,
            Ok(program) => {
                loaded += 1;
                // What is loaded also runs, to whatever end.
                if round % 100 == 0 {
                    let mut machine = Machine::new(Arc::new(program), B256::ZERO);
                    machine.run(1_000, &mut NoHost).unwrap();
                }
            }
        }
    }
    println!("{loaded} loaded, {refused} refused");
    assert!(loaded > 1_000 && refused > 1_000, "GAINSAY_SEED={seed}");
}

/// ELF files in a folder and those below it.
fn files_in(folder: PathBuf) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(path));
        } else if std::fs::read(&path).unwrap().starts_with(b"\x7fELF") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Runs riscv-tests and riscv-arch-test built for an environment in user mode: linked below 2^30,
/// they end by ECALL 93 with 0 in a0, or with the number of the check that failed.
#[test]
fn official_tests_pass() {
    let Ok(folder) = std::env::var("RISCV_TESTS") else {
        println!("RISCV_TESTS is not set: no official tests are run");
        return;
    };
    let files = files_in(folder.into());
    assert!(!files.is_empty(), "RISCV_TESTS has no ELF file");
    let mut failed = Vec::new();
    for file in &files {
        let program = Arc::new(Program::from_elf(&std::fs::read(file).unwrap()).unwrap());
        let mut machine = Machine::new(program.clone(), B256::ZERO);
        machine.run(10_000_000, &mut NoHost).unwrap();
        if !machine.hart().is_halted() || machine.hart().exit_code != 0 {
            failed.push((file, machine.hart().exit_code, machine.hart().pc));
            continue;
        }
        // Every step of the first ones again, by the reference engine and the verifier.
        let hashes = verify_run(&program, B256::ZERO, 2_000, &Preimages::default());
        machine.go_to(2_000, &mut NoHost).unwrap();
        assert_eq!(hashes.last(), Some(&machine.state_hash()), "{}", file.display());
    }
    println!("{} official tests, {} failed", files.len(), failed.len());
    assert!(failed.is_empty(), "file, exit code, pc: {failed:#x?}");
}
