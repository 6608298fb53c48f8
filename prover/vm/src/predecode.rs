//! Code prepared for the fast engine: each word decoded once into 8 bytes, branch targets as
//! indices, so that the engine needs neither pc nor fields of instructions.

use crate::{
    Code,
    code::WORD_BYTES,
    decode::decode,
    instruction::{Alu, Condition, Instruction, LoadKind, Register, StoreKind},
};

/// Where writes to x0 go: a register that no instruction reads.
pub(crate) const DISCARD: u8 = 32;

/// What the fast engine does for one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum OpCode {
    /// Left to the reference engine: system instructions, illegal words, branches out of the code,
    /// and the place after the last instruction.
    Slow,
    Nop,
    /// rd = immediate.
    Constant,
    Auipc,
    /// Jumps and branches have the target's index as immediate.
    Jal,
    Jalr,
    Beq,
    Bne,
    Blt,
    Bge,
    Bltu,
    Bgeu,
    Lb,
    Lh,
    Lw,
    Ld,
    Lbu,
    Lhu,
    Lwu,
    Sb,
    Sh,
    Sw,
    Sd,
    Addi,
    Slti,
    Sltiu,
    Xori,
    Ori,
    Andi,
    Slli,
    Srli,
    Srai,
    Addiw,
    Slliw,
    Srliw,
    Sraiw,
    Add,
    Sub,
    Sll,
    Slt,
    Sltu,
    Xor,
    Srl,
    Sra,
    Or,
    And,
    Mul,
    Mulh,
    Mulhsu,
    Mulhu,
    Div,
    Divu,
    Rem,
    Remu,
    Addw,
    Subw,
    Sllw,
    Srlw,
    Sraw,
    Mulw,
    Divw,
    Divuw,
    Remw,
    Remuw,
}

/// A predecoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub(crate) struct Op {
    pub(crate) code: OpCode,
    /// x0 is replaced by a register that nothing reads.
    pub(crate) rd: u8,
    pub(crate) rs1: u8,
    pub(crate) rs2: u8,
    /// Immediate, or index of the target.
    pub(crate) imm: i32,
}

/// A program's text for the fast engine.
#[derive(Clone, Debug)]
pub(crate) struct FastCode {
    /// One for each word, and [`OpCode::Slow`] behind the last.
    pub(crate) ops: Vec<Op>,
    /// Most instructions in a row that run without a jump taken or a slow one.
    pub(crate) longest_run: u64,
}

impl FastCode {
    pub(crate) fn new(code: &Code) -> Self {
        let words = code.words();
        let mut ops: Vec<Op> = Vec::with_capacity(words.len().wrapping_add(1));
        for (index, word) in words.iter().enumerate() {
            ops.push(decode(*word).map_or(SLOW, |instruction| op(instruction, index, words.len())));
        }
        ops.push(SLOW);
        let longest_run = longest_run(&ops);
        Self { ops, longest_run }
    }
}

const SLOW: Op = Op { code: OpCode::Slow, rd: DISCARD, rs1: 0, rs2: 0, imm: 0 };

/// Counts from jump to jump; branches may fall through.
fn longest_run(ops: &[Op]) -> u64 {
    let mut longest = 0_u64;
    let mut run = 0_u64;
    for op in ops {
        run = run.wrapping_add(1);
        longest = longest.max(run);
        if matches!(op.code, OpCode::Slow | OpCode::Jal | OpCode::Jalr) {
            run = 0;
        }
    }
    longest
}

/// Prepares the instruction at `index` of a code of `length` instructions.
fn op(instruction: Instruction, index: usize, length: usize) -> Op {
    let rd = |rd: Register| if rd == 0 { DISCARD } else { rd };
    match instruction {
        Instruction::Lui { rd: to, imm } => {
            Op { code: OpCode::Constant, rd: rd(to), ..imm_op(imm) }
        }
        Instruction::Auipc { rd: to, imm } => Op { code: OpCode::Auipc, rd: rd(to), ..imm_op(imm) },
        Instruction::Jal { rd: to, offset } => match target(index, offset, length) {
            Some(imm) => Op { code: OpCode::Jal, rd: rd(to), rs1: 0, rs2: 0, imm },
            None => SLOW,
        },
        Instruction::Jalr { rd: to, rs1, offset } => {
            Op { code: OpCode::Jalr, rd: rd(to), rs1, ..imm_op(offset) }
        }
        Instruction::Branch { condition, rs1, rs2, offset } => {
            match target(index, offset, length) {
                Some(imm) => Op { code: branch(condition), rd: DISCARD, rs1, rs2, imm },
                None => SLOW,
            }
        }
        Instruction::Load { kind, rd: to, rs1, offset } => {
            Op { code: load(kind), rd: rd(to), rs1, ..imm_op(offset) }
        }
        Instruction::Store { kind, rs1, rs2, offset } => {
            Op { code: store(kind), rs1, rs2, ..imm_op(offset) }
        }
        Instruction::AluImmediate { operation: Alu::Add, rd: to, rs1: 0, imm } => {
            Op { code: OpCode::Constant, rd: rd(to), ..imm_op(imm) }
        }
        Instruction::AluImmediate { operation, rd: to, rs1, imm } => {
            Op { code: alu_immediate(operation), rd: rd(to), rs1, ..imm_op(imm) }
        }
        Instruction::AluRegister { operation, rd: to, rs1, rs2 } => {
            Op { code: alu_register(operation), rd: rd(to), rs1, rs2, imm: 0 }
        }
        Instruction::Fence => Op { code: OpCode::Nop, ..SLOW },
        Instruction::Ecall | Instruction::Ebreak | Instruction::Csr => SLOW,
    }
}

fn imm_op(imm: i64) -> Op {
    Op { imm: i32::try_from(imm).expect("immediates have at most 32 bits"), ..SLOW }
}

/// The index that an offset leads to, if an instruction is there.
fn target(index: usize, offset: i64, length: usize) -> Option<i32> {
    let words = offset.checked_div(WORD_BYTES.cast_signed())?;
    let target = i64::try_from(index).ok()?.wrapping_add(words);
    let is_whole = offset.cast_unsigned().is_multiple_of(WORD_BYTES);
    let is_inside = usize::try_from(target).is_ok_and(|target| target < length);
    if is_whole && is_inside { i32::try_from(target).ok() } else { None }
}

const fn branch(condition: Condition) -> OpCode {
    match condition {
        Condition::Eq => OpCode::Beq,
        Condition::Ne => OpCode::Bne,
        Condition::Lt => OpCode::Blt,
        Condition::Ge => OpCode::Bge,
        Condition::Ltu => OpCode::Bltu,
        Condition::Geu => OpCode::Bgeu,
    }
}

const fn load(kind: LoadKind) -> OpCode {
    match kind {
        LoadKind::Byte => OpCode::Lb,
        LoadKind::Half => OpCode::Lh,
        LoadKind::Word => OpCode::Lw,
        LoadKind::Double => OpCode::Ld,
        LoadKind::ByteUnsigned => OpCode::Lbu,
        LoadKind::HalfUnsigned => OpCode::Lhu,
        LoadKind::WordUnsigned => OpCode::Lwu,
    }
}

const fn store(kind: StoreKind) -> OpCode {
    match kind {
        StoreKind::Byte => OpCode::Sb,
        StoreKind::Half => OpCode::Sh,
        StoreKind::Word => OpCode::Sw,
        StoreKind::Double => OpCode::Sd,
    }
}

/// Only operations that have an immediate form are asked for.
fn alu_immediate(operation: Alu) -> OpCode {
    match operation {
        Alu::Add => OpCode::Addi,
        Alu::Slt => OpCode::Slti,
        Alu::Sltu => OpCode::Sltiu,
        Alu::Xor => OpCode::Xori,
        Alu::Or => OpCode::Ori,
        Alu::And => OpCode::Andi,
        Alu::Sll => OpCode::Slli,
        Alu::Srl => OpCode::Srli,
        Alu::Sra => OpCode::Srai,
        Alu::Addw => OpCode::Addiw,
        Alu::Sllw => OpCode::Slliw,
        Alu::Srlw => OpCode::Srliw,
        Alu::Sraw => OpCode::Sraiw,
        other => unreachable!("the decoder gives no {other:?} with an immediate"),
    }
}

const fn alu_register(operation: Alu) -> OpCode {
    match operation {
        Alu::Add => OpCode::Add,
        Alu::Sub => OpCode::Sub,
        Alu::Sll => OpCode::Sll,
        Alu::Slt => OpCode::Slt,
        Alu::Sltu => OpCode::Sltu,
        Alu::Xor => OpCode::Xor,
        Alu::Srl => OpCode::Srl,
        Alu::Sra => OpCode::Sra,
        Alu::Or => OpCode::Or,
        Alu::And => OpCode::And,
        Alu::Mul => OpCode::Mul,
        Alu::Mulh => OpCode::Mulh,
        Alu::Mulhsu => OpCode::Mulhsu,
        Alu::Mulhu => OpCode::Mulhu,
        Alu::Div => OpCode::Div,
        Alu::Divu => OpCode::Divu,
        Alu::Rem => OpCode::Rem,
        Alu::Remu => OpCode::Remu,
        Alu::Addw => OpCode::Addw,
        Alu::Subw => OpCode::Subw,
        Alu::Sllw => OpCode::Sllw,
        Alu::Srlw => OpCode::Srlw,
        Alu::Sraw => OpCode::Sraw,
        Alu::Mulw => OpCode::Mulw,
        Alu::Divw => OpCode::Divw,
        Alu::Divuw => OpCode::Divuw,
        Alu::Remw => OpCode::Remw,
        Alu::Remuw => OpCode::Remuw,
    }
}
