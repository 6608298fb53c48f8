//! The reference engine: one instruction at a time, as the RISC-V manual describes it. It defines
//! the machine; tests compare the fast engines and the contracts with it.

#![expect(clippy::cast_possible_truncation, reason = "the ISA truncates: words, shift amounts")]

use crate::{
    Hart, VmError,
    code::{Code, WORD_BYTES},
    decode::decode,
    hart::HaltCause,
    host::HostPort,
    instruction::{Alu, Condition, Instruction, LoadKind, Register},
    memory::{AccessFault, Memory},
    syscall::system_call,
};

/// Executes the instruction at pc. A halted machine stays as it is.
///
/// # Errors
/// Only the host's: then nothing has changed.
// PROTOCOL.md MACHINE-5, MACHINE-6
pub(crate) fn step(
    hart: &mut Hart,
    code: &Code,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
) -> Result<(), VmError> {
    if hart.is_halted() {
        return Ok(());
    }
    let Some(word) = code.fetch(hart.pc) else {
        let misaligned = !hart.pc.is_multiple_of(WORD_BYTES);
        let cause =
            if misaligned { HaltCause::MisalignedFetch } else { HaltCause::FetchOutOfRange };
        hart.halt(cause as u16);
        return Ok(());
    };
    let Some(instruction) = decode(word) else {
        hart.halt(HaltCause::IllegalInstruction as u16);
        return Ok(());
    };
    match instruction {
        Instruction::Ecall => return system_call(hart, memory, host),
        Instruction::Ebreak => hart.halt(HaltCause::Breakpoint as u16),
        Instruction::Csr => hart.halt(HaltCause::Csr as u16),
        Instruction::Load { kind, rd, rs1, offset } => {
            let address = read(hart, rs1).wrapping_add_signed(offset);
            match memory.load(address, kind.size()) {
                Ok(value) => {
                    write(hart, rd, extend(kind, value));
                    hart.retire(hart.pc.wrapping_add(WORD_BYTES));
                }
                Err(AccessFault::Misaligned) => hart.halt(HaltCause::MisalignedLoad as u16),
                Err(AccessFault::OutOfRange) => hart.halt(HaltCause::LoadOutOfRange as u16),
            }
        }
        Instruction::Store { kind, rs1, rs2, offset } => {
            let address = read(hart, rs1).wrapping_add_signed(offset);
            match memory.store(address, kind.size(), read(hart, rs2)) {
                Ok(()) => hart.retire(hart.pc.wrapping_add(WORD_BYTES)),
                Err(AccessFault::Misaligned) => hart.halt(HaltCause::MisalignedStore as u16),
                Err(AccessFault::OutOfRange) => hart.halt(HaltCause::StoreOutOfRange as u16),
            }
        }
        instruction => compute(hart, instruction),
    }
    Ok(())
}

/// Instructions that touch nothing but registers and pc.
fn compute(hart: &mut Hart, instruction: Instruction) {
    let pc = hart.pc;
    let mut next_pc = pc.wrapping_add(WORD_BYTES);
    match instruction {
        Instruction::Lui { rd, imm } => write(hart, rd, imm.cast_unsigned()),
        Instruction::Auipc { rd, imm } => write(hart, rd, pc.wrapping_add_signed(imm)),
        Instruction::Jal { rd, offset } => {
            write(hart, rd, next_pc);
            next_pc = pc.wrapping_add_signed(offset);
        }
        Instruction::Jalr { rd, rs1, offset } => {
            // The target first: rd and rs1 may be the same register.
            let target = read(hart, rs1).wrapping_add_signed(offset) & !1;
            write(hart, rd, next_pc);
            next_pc = target;
        }
        Instruction::Branch { condition, rs1, rs2, offset } => {
            if is_taken(condition, read(hart, rs1), read(hart, rs2)) {
                next_pc = pc.wrapping_add_signed(offset);
            }
        }
        Instruction::AluImmediate { operation, rd, rs1, imm } => {
            let value = alu(operation, read(hart, rs1), imm.cast_unsigned());
            write(hart, rd, value);
        }
        Instruction::AluRegister { operation, rd, rs1, rs2 } => {
            let value = alu(operation, read(hart, rs1), read(hart, rs2));
            write(hart, rd, value);
        }
        Instruction::Fence => {}
        Instruction::Load { .. }
        | Instruction::Store { .. }
        | Instruction::Ecall
        | Instruction::Ebreak
        | Instruction::Csr => unreachable!("executed by `step`"),
    }
    hart.retire(next_pc);
}

fn read(hart: &Hart, register: Register) -> u64 {
    hart.x[usize::from(register)]
}

/// Writes a register; x0 stays zero.
fn write(hart: &mut Hart, register: Register, value: u64) {
    if register != 0 {
        hart.x[usize::from(register)] = value;
    }
}

/// Extends what was loaded, which has zeros above its size.
pub(crate) const fn extend(kind: LoadKind, value: u64) -> u64 {
    match kind {
        LoadKind::Byte => (value as u8).cast_signed() as i64 as u64,
        LoadKind::Half => (value as u16).cast_signed() as i64 as u64,
        LoadKind::Word => sign_extend_word(value as u32),
        LoadKind::Double
        | LoadKind::ByteUnsigned
        | LoadKind::HalfUnsigned
        | LoadKind::WordUnsigned => value,
    }
}

const fn is_taken(condition: Condition, a: u64, b: u64) -> bool {
    match condition {
        Condition::Eq => a == b,
        Condition::Ne => a != b,
        Condition::Lt => a.cast_signed() < b.cast_signed(),
        Condition::Ge => a.cast_signed() >= b.cast_signed(),
        Condition::Ltu => a < b,
        Condition::Geu => a >= b,
    }
}

/// The result of an operation on two operands, of which the second may be an immediate. Inlined, so
/// that the fast engine has one copy for each operation.
#[inline(always)]
pub(crate) const fn alu(operation: Alu, a: u64, b: u64) -> u64 {
    match operation {
        Alu::Add => a.wrapping_add(b),
        Alu::Sub => a.wrapping_sub(b),
        // `wrapping_shl` and `wrapping_shr` mask the amount by the width, as the ISA does.
        Alu::Sll => a.wrapping_shl(b as u32),
        Alu::Slt => (a.cast_signed() < b.cast_signed()) as u64,
        Alu::Sltu => (a < b) as u64,
        Alu::Xor => a ^ b,
        Alu::Srl => a.wrapping_shr(b as u32),
        Alu::Sra => a.cast_signed().wrapping_shr(b as u32).cast_unsigned(),
        Alu::Or => a | b,
        Alu::And => a & b,
        Alu::Mul => a.wrapping_mul(b),
        Alu::Mulh => high(a.cast_signed() as i128, b.cast_signed() as i128),
        Alu::Mulhsu => high(a.cast_signed() as i128, b as i128),
        Alu::Mulhu => ((a as u128).wrapping_mul(b as u128) >> 64) as u64,
        Alu::Div => div(a.cast_signed(), b.cast_signed()).cast_unsigned(),
        Alu::Divu => divu(a, b),
        Alu::Rem => rem(a.cast_signed(), b.cast_signed()).cast_unsigned(),
        Alu::Remu => remu(a, b),
        _ => sign_extend_word(alu_word(operation, a as u32, b as u32)),
    }
}

/// The operations on words. They reuse the 64-bit divisions: extended words have the same quotient
/// and remainder, but for the overflow, which 64 bits hold and truncation brings back.
#[inline(always)]
const fn alu_word(operation: Alu, a: u32, b: u32) -> u32 {
    let (signed_a, signed_b) = (a.cast_signed() as i64, b.cast_signed() as i64);
    match operation {
        Alu::Addw => a.wrapping_add(b),
        Alu::Subw => a.wrapping_sub(b),
        Alu::Sllw => a.wrapping_shl(b),
        Alu::Srlw => a.wrapping_shr(b),
        Alu::Sraw => a.cast_signed().wrapping_shr(b).cast_unsigned(),
        Alu::Mulw => a.wrapping_mul(b),
        Alu::Divw => div(signed_a, signed_b) as u32,
        Alu::Divuw => divu(a as u64, b as u64) as u32,
        Alu::Remw => rem(signed_a, signed_b) as u32,
        Alu::Remuw => remu(a as u64, b as u64) as u32,
        _ => unreachable!(),
    }
}

/// Bits 64 to 127 of a product of factors that have 65 bits with their sign.
const fn high(a: i128, b: i128) -> u64 {
    (a.wrapping_mul(b) >> 64) as u64
}

/// `None` for a division by zero, and for the least number divided by -1, which overflows.
const fn div(a: i64, b: i64) -> i64 {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None if b == 0 => -1,
        None => a,
    }
}

const fn rem(a: i64, b: i64) -> i64 {
    match a.checked_rem(b) {
        Some(remainder) => remainder,
        None if b == 0 => a,
        None => 0,
    }
}

const fn divu(a: u64, b: u64) -> u64 {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => u64::MAX,
    }
}

const fn remu(a: u64, b: u64) -> u64 {
    match a.checked_rem(b) {
        Some(remainder) => remainder,
        None => a,
    }
}

const fn sign_extend_word(word: u32) -> u64 {
    word.cast_signed() as i64 as u64
}
