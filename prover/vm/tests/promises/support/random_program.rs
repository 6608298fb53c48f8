//! Random programs: streams of words that do everything a program can do, wrong things included,
//! and yet run for a while.

use rand::{Rng, rngs::StdRng};

use super::*;

/// Registers that hold addresses of memory: a base near the text, one at the end of memory.
const NEAR: u32 = 8;
const FAR: u32 = 9;
/// A register with a 4 KiB aligned address.
const PAGE: u32 = 18;

/// A program of about `length` words. It first sets up registers, then goes anywhere.
pub fn random_program(random: &mut StdRng, length: usize, preimages: &mut Preimages) -> Vec<u32> {
    let mut words = set_registers(random);
    words.extend(anything(random, length.saturating_sub(words.len()), preimages));
    words
}

/// Gives each register a value: addresses to those that hold them.
pub fn set_registers(random: &mut StdRng) -> Vec<u32> {
    let mut words = Vec::new();
    for register in 1..32 {
        let value = match register {
            NEAR => TEXT + random.random_range(0..0x4000) / 8 * 8,
            FAR => (1 << 30) - 8 * random.random_range(0..4),
            PAGE => random.random_range(0..1 << 18) << 12,
            _ => operand(random),
        };
        words.extend(load_immediate(register, value));
    }
    words
}

/// About `length` words that do anything, after registers have been set.
pub fn anything(random: &mut StdRng, length: usize, preimages: &mut Preimages) -> Vec<u32> {
    let mut words = Vec::new();
    while words.len() < length {
        match random.random_range(0..100) {
            0..45 => words.push(arithmetic(random)),
            45..75 => words.push(memory_access(random)),
            75..88 => words.push(jump(random)),
            88..99 => words.extend(syscall(random, preimages)),
            _ => words.push(wrong(random)),
        }
    }
    words
}

/// Any destination but those that hold addresses, mostly.
fn destination(random: &mut StdRng) -> u32 {
    loop {
        let register = random.random_range(0..32);
        if ![NEAR, FAR, PAGE].contains(&register) || random.random_ratio(1, 50) {
            return register;
        }
    }
}

fn arithmetic(random: &mut StdRng) -> u32 {
    let (rd, rs1, rs2) =
        (destination(random), random.random_range(0..32), random.random_range(0..32));
    let imm = random.random_range(-2048..2048);
    match random.random_range(0..8) {
        0 => random.random::<u32>() << 12 | rd << 7 | 0x37,
        1 => random.random::<u32>() << 12 | rd << 7 | 0x17,
        2 => {
            let funct3 = [0, 2, 3, 4, 6, 7][random.random_range(0..6)];
            i_type(0x13, funct3, rd, rs1, imm)
        }
        3 => {
            let (funct3, top) = [(1, 0), (5, 0), (5, 0x400)][random.random_range(0..3)];
            i_type(0x13, funct3, rd, rs1, random.random_range(0..64) | top)
        }
        4 => {
            let (funct3, top) = [(1, 0), (5, 0), (5, 0x400)][random.random_range(0..3)];
            match random.random_range(0..2) {
                0 => i_type(0x1b, 0, rd, rs1, imm),
                _ => i_type(0x1b, funct3, rd, rs1, random.random_range(0..32) | top),
            }
        }
        5 => r_type(0x33, random.random_range(0..8), random.random_range(0..2), rd, rs1, rs2),
        6 => {
            let funct3 = [0, 5][random.random_range(0..2)];
            r_type([0x33, 0x3b][random.random_range(0..2)], funct3, 0x20, rd, rs1, rs2)
        }
        _ => {
            let (funct3, funct7) = [(0, 0), (1, 0), (5, 0), (0, 1), (4, 1), (5, 1), (6, 1), (7, 1)]
                [random.random_range(0..8)];
            r_type(0x3b, funct3, funct7, rd, rs1, rs2)
        }
    }
}

fn memory_access(random: &mut StdRng) -> u32 {
    let funct3 = random.random_range(0..7);
    let size = 1 << (funct3 & 3);
    let (base, mut offset): (u32, i32) = match random.random_range(0..40) {
        0 => (random.random_range(0..32), random.random_range(-2048..2048)),
        1 => (FAR, random.random_range(-256..8)),
        2 => (NEAR, random.random_range(-2048..2048)),
        3..8 => (PAGE, random.random_range(0..2048) / size * size),
        _ => (NEAR, random.random_range(-1024..2048) / size * size),
    };
    if base == FAR && random.random_bool(0.9) {
        offset = -(offset.abs() / 8 * 8) - 32;
    }
    if random.random_bool(0.5) && funct3 < 4 {
        return s_type(funct3, base, random.random_range(0..32), offset);
    }
    i_type(0x03, funct3, destination(random), base, offset)
}

fn jump(random: &mut StdRng) -> u32 {
    // Forward mostly, so that programs do not turn in circles for ever.
    let offset = match random.random_range(0..60) {
        0 => random.random_range(-4096..4096),
        1..6 => random.random_range(-12..0) * 4,
        _ => random.random_range(1..12) * 4,
    } & !1;
    let (rs1, rs2) = (random.random_range(0..32), random.random_range(0..32));
    match random.random_range(0..40) {
        0 => i_type(0x67, 0, destination(random), rs1, random.random_range(-2048..2048)),
        1..6 => j_type(destination(random), offset),
        _ => {
            let funct3 = [0, 1, 4, 5, 6, 7][random.random_range(0..6)];
            b_type(funct3, rs1, rs2, offset)
        }
    }
}

fn syscall(random: &mut StdRng, preimages: &mut Preimages) -> Vec<u32> {
    let mut words = Vec::new();
    let number = match random.random_range(0..40) {
        0 => 93,
        1 => operand(random),
        2..8 => 64,
        8..14 => 0x1000,
        14..24 => 0x1001,
        24..30 => 0x1002,
        _ => 0x1003,
    };
    words.extend(load_immediate(A7, number));
    match number {
        0x1001 => {
            let length = random.random_range(0..300);
            let preimage: Vec<u8> = (0..length).map(|_| random.random()).collect();
            let mut key = preimages.add(&preimage);
            if random.random_ratio(1, 30) {
                key[0] = [0, 4, 255][random.random_range(0..3)];
            }
            for (register, bytes) in (A0..).zip(key.chunks(8)) {
                let part = u64::from_le_bytes(bytes.try_into().unwrap());
                words.extend(load_immediate(register, part));
            }
            let offset = match random.random_range(0..4) {
                0 => operand(random),
                _ => random.random_range(0..10) * 32,
            };
            words.extend(load_immediate(14, offset));
            let target = match random.random_range(0..30) {
                0 => operand(random),
                1 => (1 << 30) - 32,
                2 => 1 << 30,
                _ => TEXT + random.random_range(0..256) * 32,
            };
            words.extend(load_immediate(15, target));
        }
        64 | 0x1002 | 0x1003 => {
            let first = if number == 64 { A0 + 1 } else { A0 };
            let length = match random.random_range(0..20) {
                0 => 65_536,
                1 => 65_537,
                2 => operand(random),
                3 => 0,
                _ => random.random_range(0..9000),
            };
            let alignment = length.clamp(1, 1 << 17).next_power_of_two().max(4096);
            let pointer = match random.random_range(0..30) {
                0 => operand(random),
                1 => 1 << 30,
                2 => (1 << 30) - alignment,
                _ => random.random_range(0..3) * alignment,
            };
            words.extend(load_immediate(first, pointer));
            words.extend(load_immediate(first + 1, length));
        }
        _ => {}
    }
    words.push(ECALL);
    words
}

/// Words that halt, or words of one bit's difference to good ones.
fn wrong(random: &mut StdRng) -> u32 {
    match random.random_range(0..8) {
        0 => EBREAK,
        1 => 0,
        2 => i_type(0x73, random.random_range(0..8), 1, 2, random.random_range(0..4096)),
        3 => 0x0ff0_000f,
        4 => 0x0000_100f,
        5 => random.random(),
        _ => {
            let good = match random.random_range(0..3) {
                0 => arithmetic(random),
                1 => memory_access(random),
                _ => jump(random),
            };
            good ^ 1 << random.random_range(0..32)
        }
    }
}
