//! The fast engine: a loop and a match over predecoded instructions.
//!
//! It counts steps exactly, but not at each step: `step = base + index`, where only a jump that is
//! taken changes `base`. It does not check at each step whether to stop: it checks at jumps, and
//! runs the last stretch, in which no jump may come, with a check at each step (`CAREFUL`). The
//! reference engine executes what is rare or goes wrong, at its exact step: system calls, faults,
//! illegal words, jumps out of the code.

use crate::{
    Code, Hart, Memory, VmError,
    code::WORD_BYTES,
    hart::REGISTER_COUNT,
    host::HostPort,
    instruction::Alu,
    memory::CHANGED,
    merkle::{MEMORY_LEN, PAGE_COUNT, PAGE_SHIFT},
    predecode::{FastCode, Op, OpCode},
    reference::{self, alu},
};

/// Registers in the loop: 256 of them, so that every u8 is an index and needs no check of bounds.
type Registers = [u64; 256];

/// Runs until `until` steps have been executed in all, or the machine halts.
///
/// # Errors
/// Only the host's: then the machine stands before the step that asked.
pub(crate) fn run(
    hart: &mut Hart,
    code: &Code,
    fast: &FastCode,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
    until: u64,
) -> Result<(), VmError> {
    while hart.step < until && !hart.is_halted() {
        if code.fetch(hart.pc).is_none() {
            reference::step(hart, code, memory, host)?;
            continue;
        }
        // The loop without checks runs past its limit to the next jump, by less than the longest
        // run of instructions without a jump. So its limit lies that far before `until`.
        let left = until.wrapping_sub(hart.step);
        let exit = if left > fast.longest_run {
            let limit = until.wrapping_sub(fast.longest_run);
            execute::<false>(hart, code, &fast.ops, memory, limit)
        } else {
            execute::<true>(hart, code, &fast.ops, memory, until)
        };
        if matches!(exit, Exit::Slow) {
            reference::step(hart, code, memory, host)?;
        }
    }
    Ok(())
}

/// Why the loop was left.
enum Exit {
    /// The instruction at pc is for the reference engine.
    Slow,
    /// The limit has been reached, or pc has left the code.
    Stopped,
}

/// Runs the loop from where the hart stands, which is inside the code, to where it cannot go on.
/// With `CAREFUL` never beyond `limit` steps, otherwise to the first jump taken from there on.
fn execute<const CAREFUL: bool>(
    hart: &mut Hart,
    code: &Code,
    ops: &[Op],
    memory: &mut Memory,
    limit: u64,
) -> Exit {
    let start = code.start();
    let (bytes, changes) = memory.parts();
    let mut x: Registers = [0; 256];
    x[..REGISTER_COUNT].copy_from_slice(&hart.x);
    let index = index_of(hart.pc, start);
    let base = hart.step.wrapping_sub(index as u64);
    let at = At { index, base };
    let (at, out) = execute_from::<CAREFUL>(at, &mut x, ops, start, bytes, changes, limit);
    hart.x.copy_from_slice(&x[..REGISTER_COUNT]);
    hart.step = at.base.wrapping_add(at.index as u64);
    hart.pc = match out {
        Out::Slow | Out::Limit => pc_of(at.index, start),
        Out::Jump(pc) => pc,
    };
    if matches!(out, Out::Slow) { Exit::Slow } else { Exit::Stopped }
}

/// Where the loop is.
#[derive(Clone, Copy)]
struct At {
    index: usize,
    /// Steps executed, minus `index`.
    base: u64,
}

/// Why the loop was left, and for a jump out of the code, where to.
enum Out {
    Slow,
    Limit,
    Jump(u64),
}

#[expect(clippy::cast_possible_truncation, reason = "the ISA truncates; addresses have 30 bits")]
fn execute_from<const CAREFUL: bool>(
    at: At,
    x: &mut Registers,
    ops: &[Op],
    start: u64,
    bytes: &mut [u8; MEMORY_LEN],
    changes: &mut [u8; PAGE_COUNT],
    limit: u64,
) -> (At, Out) {
    let At { mut index, mut base } = at;
    loop {
        if CAREFUL && base.wrapping_add(index as u64) >= limit {
            return (At { index, base }, Out::Limit);
        }
        let op = ops[index];
        let imm = i64::from(op.imm).cast_unsigned();
        macro_rules! leave {
            () => {
                return (At { index, base }, Out::Slow)
            };
        }
        macro_rules! set {
            ($value:expr) => {{
                x[usize::from(op.rd)] = $value;
                index = index.wrapping_add(1);
            }};
        }
        macro_rules! immediate {
            ($operation:ident) => {
                set!(alu(Alu::$operation, x[usize::from(op.rs1)], imm))
            };
        }
        macro_rules! register {
            ($operation:ident) => {
                set!(alu(Alu::$operation, x[usize::from(op.rs1)], x[usize::from(op.rs2)]))
            };
        }
        // A jump moves `index` by other than 1, so `base` changes and `base + index` stays the
        // step. Without `CAREFUL` only jumps check the limit: code without jumps ends by itself.
        macro_rules! go {
            ($target:expr) => {{
                let target: usize = $target;
                let step = base.wrapping_add(index as u64).wrapping_add(1);
                base = step.wrapping_sub(target as u64);
                index = target;
                if !CAREFUL && step >= limit {
                    return (At { index, base }, Out::Limit);
                }
            }};
        }
        macro_rules! branch {
            (|$a:ident, $b:ident| $condition:expr) => {{
                let ($a, $b) = (x[usize::from(op.rs1)], x[usize::from(op.rs2)]);
                if $condition {
                    go!(op.imm.cast_unsigned() as usize);
                } else {
                    index = index.wrapping_add(1);
                }
            }};
        }
        // One test for both faults: an address that is aligned and inside the memory has only bits
        // of `mask`. The compiler then knows that the address is below the length of `bytes`.
        macro_rules! address {
            ($size:literal) => {{
                let mask = (MEMORY_LEN as u64).wrapping_sub($size);
                let address = x[usize::from(op.rs1)].wrapping_add(imm);
                if address & !mask != 0 {
                    leave!();
                }
                (address & mask) as usize
            }};
        }
        macro_rules! load {
            ($size:literal, $unsigned:ty, $signed:ty, $extended:ty) => {{
                let address = address!($size);
                let value = bytes.as_chunks::<$size>().0[address / $size];
                let value = <$unsigned>::from_le_bytes(value) as $signed as $extended;
                set!(value as u64)
            }};
        }
        macro_rules! store {
            ($size:literal, $unsigned:ty) => {{
                let address = address!($size);
                let value = x[usize::from(op.rs2)] as $unsigned;
                bytes.as_chunks_mut::<$size>().0[address / $size] = value.to_le_bytes();
                changes[address >> PAGE_SHIFT] = CHANGED;
                index = index.wrapping_add(1);
            }};
        }
        match op.code {
            OpCode::Slow => leave!(),
            OpCode::Nop => index = index.wrapping_add(1),
            OpCode::Constant => set!(imm),
            OpCode::Auipc => set!(pc_of(index, start).wrapping_add(imm)),
            OpCode::Jal => {
                x[usize::from(op.rd)] = pc_of(index.wrapping_add(1), start);
                go!(op.imm.cast_unsigned() as usize);
            }
            OpCode::Jalr => {
                // Read before rd is written: both may be the same register.
                let pc = x[usize::from(op.rs1)].wrapping_add(imm) & !1;
                x[usize::from(op.rd)] = pc_of(index.wrapping_add(1), start);
                let target = index_of(pc, start);
                // The last op is the sentinel behind the code. A jump out of the code is executed
                // here and counts as a step; the reference engine then faults at the new pc.
                if pc & WORD_BYTES.wrapping_sub(1) != 0 || target >= ops.len().wrapping_sub(1) {
                    base = base.wrapping_add(1);
                    return (At { index, base }, Out::Jump(pc));
                }
                go!(target);
            }
            OpCode::Beq => branch!(|a, b| a == b),
            OpCode::Bne => branch!(|a, b| a != b),
            OpCode::Blt => branch!(|a, b| a.cast_signed() < b.cast_signed()),
            OpCode::Bge => branch!(|a, b| a.cast_signed() >= b.cast_signed()),
            OpCode::Bltu => branch!(|a, b| a < b),
            OpCode::Bgeu => branch!(|a, b| a >= b),
            OpCode::Lb => load!(1, u8, i8, i64),
            OpCode::Lh => load!(2, u16, i16, i64),
            OpCode::Lw => load!(4, u32, i32, i64),
            OpCode::Ld => load!(8, u64, u64, u64),
            OpCode::Lbu => load!(1, u8, u8, u64),
            OpCode::Lhu => load!(2, u16, u16, u64),
            OpCode::Lwu => load!(4, u32, u32, u64),
            OpCode::Sb => store!(1, u8),
            OpCode::Sh => store!(2, u16),
            OpCode::Sw => store!(4, u32),
            OpCode::Sd => store!(8, u64),
            OpCode::Addi => immediate!(Add),
            OpCode::Slti => immediate!(Slt),
            OpCode::Sltiu => immediate!(Sltu),
            OpCode::Xori => immediate!(Xor),
            OpCode::Ori => immediate!(Or),
            OpCode::Andi => immediate!(And),
            OpCode::Slli => immediate!(Sll),
            OpCode::Srli => immediate!(Srl),
            OpCode::Srai => immediate!(Sra),
            OpCode::Addiw => immediate!(Addw),
            OpCode::Slliw => immediate!(Sllw),
            OpCode::Srliw => immediate!(Srlw),
            OpCode::Sraiw => immediate!(Sraw),
            OpCode::Add => register!(Add),
            OpCode::Sub => register!(Sub),
            OpCode::Sll => register!(Sll),
            OpCode::Slt => register!(Slt),
            OpCode::Sltu => register!(Sltu),
            OpCode::Xor => register!(Xor),
            OpCode::Srl => register!(Srl),
            OpCode::Sra => register!(Sra),
            OpCode::Or => register!(Or),
            OpCode::And => register!(And),
            OpCode::Mul => register!(Mul),
            OpCode::Mulh => register!(Mulh),
            OpCode::Mulhsu => register!(Mulhsu),
            OpCode::Mulhu => register!(Mulhu),
            OpCode::Div => register!(Div),
            OpCode::Divu => register!(Divu),
            OpCode::Rem => register!(Rem),
            OpCode::Remu => register!(Remu),
            OpCode::Addw => register!(Addw),
            OpCode::Subw => register!(Subw),
            OpCode::Sllw => register!(Sllw),
            OpCode::Srlw => register!(Srlw),
            OpCode::Sraw => register!(Sraw),
            OpCode::Mulw => register!(Mulw),
            OpCode::Divw => register!(Divw),
            OpCode::Divuw => register!(Divuw),
            OpCode::Remw => register!(Remw),
            OpCode::Remuw => register!(Remuw),
        }
    }
}

/// The index of the instruction at `pc`; beyond any code when `pc` lies before it.
const fn index_of(pc: u64, start: u64) -> usize {
    (pc.wrapping_sub(start) / WORD_BYTES) as usize
}

/// The address of the instruction at `index`.
const fn pc_of(index: usize, start: u64) -> u64 {
    start.wrapping_add((index as u64).wrapping_mul(WORD_BYTES))
}
