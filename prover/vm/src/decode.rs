//! The strict decoder: a 32-bit word to an [`Instruction`], or nothing if RV64IM has no such word.
//! Every reserved funct3, funct7 and shift amount is refused; compressed words and zero are too.
//! Encodings: RISC-V unprivileged manual, "RV32/64G Instruction Set Listings".

use crate::instruction::{Alu, Condition, Instruction, LoadKind, Register, StoreKind};

const LUI: u32 = 0b011_0111;
const AUIPC: u32 = 0b001_0111;
const JAL: u32 = 0b110_1111;
const JALR: u32 = 0b110_0111;
const BRANCH: u32 = 0b110_0011;
const LOAD: u32 = 0b000_0011;
const STORE: u32 = 0b010_0011;
const OP_IMM: u32 = 0b001_0011;
const OP_IMM_32: u32 = 0b001_1011;
const OP: u32 = 0b011_0011;
const OP_32: u32 = 0b011_1011;
const MISC_MEM: u32 = 0b000_1111;
const SYSTEM: u32 = 0b111_0011;

const ECALL: u32 = 0x0000_0073;
const EBREAK: u32 = 0x0010_0073;

/// The instruction that `word` encodes, or none.
#[must_use]
// PROTOCOL.md MACHINE-7
pub fn decode(word: u32) -> Option<Instruction> {
    let fields = Fields(word);
    let (rd, rs1, rs2) = (fields.rd(), fields.rs1(), fields.rs2());
    Some(match word & 0x7f {
        LUI => Instruction::Lui { rd, imm: fields.imm_u() },
        AUIPC => Instruction::Auipc { rd, imm: fields.imm_u() },
        JAL => Instruction::Jal { rd, offset: fields.imm_j() },
        JALR if fields.funct3() == 0 => Instruction::Jalr { rd, rs1, offset: fields.imm_i() },
        BRANCH => {
            let condition = condition(fields.funct3())?;
            Instruction::Branch { condition, rs1, rs2, offset: fields.imm_b() }
        }
        LOAD => {
            let kind = load_kind(fields.funct3())?;
            Instruction::Load { kind, rd, rs1, offset: fields.imm_i() }
        }
        STORE => {
            let kind = store_kind(fields.funct3())?;
            Instruction::Store { kind, rs1, rs2, offset: fields.imm_s() }
        }
        OP_IMM => {
            let (operation, imm) = op_imm(fields)?;
            Instruction::AluImmediate { operation, rd, rs1, imm }
        }
        OP_IMM_32 => {
            let (operation, imm) = op_imm_32(fields)?;
            Instruction::AluImmediate { operation, rd, rs1, imm }
        }
        OP => {
            let operation = op(fields.funct7(), fields.funct3())?;
            Instruction::AluRegister { operation, rd, rs1, rs2 }
        }
        OP_32 => {
            let operation = op_32(fields.funct7(), fields.funct3())?;
            Instruction::AluRegister { operation, rd, rs1, rs2 }
        }
        MISC_MEM if fields.funct3() == 0 => Instruction::Fence,
        SYSTEM if word == ECALL => Instruction::Ecall,
        SYSTEM if word == EBREAK => Instruction::Ebreak,
        SYSTEM if matches!(fields.funct3(), 1..=3 | 5..=7) => Instruction::Csr,
        _ => return None,
    })
}

const fn condition(funct3: u32) -> Option<Condition> {
    Some(match funct3 {
        0b000 => Condition::Eq,
        0b001 => Condition::Ne,
        0b100 => Condition::Lt,
        0b101 => Condition::Ge,
        0b110 => Condition::Ltu,
        0b111 => Condition::Geu,
        _ => return None,
    })
}

const fn load_kind(funct3: u32) -> Option<LoadKind> {
    Some(match funct3 {
        0b000 => LoadKind::Byte,
        0b001 => LoadKind::Half,
        0b010 => LoadKind::Word,
        0b011 => LoadKind::Double,
        0b100 => LoadKind::ByteUnsigned,
        0b101 => LoadKind::HalfUnsigned,
        0b110 => LoadKind::WordUnsigned,
        _ => return None,
    })
}

const fn store_kind(funct3: u32) -> Option<StoreKind> {
    Some(match funct3 {
        0b000 => StoreKind::Byte,
        0b001 => StoreKind::Half,
        0b010 => StoreKind::Word,
        0b011 => StoreKind::Double,
        _ => return None,
    })
}

/// OP-IMM. Shifts take 6 bits of amount and keep the other 6 as an opcode.
fn op_imm(fields: Fields) -> Option<(Alu, i64)> {
    let imm = fields.imm_i();
    let amount = imm & 0x3f;
    Some(match (fields.funct3(), fields.0 >> 26) {
        (0b000, _) => (Alu::Add, imm),
        (0b010, _) => (Alu::Slt, imm),
        (0b011, _) => (Alu::Sltu, imm),
        (0b100, _) => (Alu::Xor, imm),
        (0b110, _) => (Alu::Or, imm),
        (0b111, _) => (Alu::And, imm),
        (0b001, 0b00_0000) => (Alu::Sll, amount),
        (0b101, 0b00_0000) => (Alu::Srl, amount),
        (0b101, 0b01_0000) => (Alu::Sra, amount),
        _ => return None,
    })
}

/// OP-IMM-32. Shifts take 5 bits of amount.
fn op_imm_32(fields: Fields) -> Option<(Alu, i64)> {
    let imm = fields.imm_i();
    let amount = imm & 0x1f;
    Some(match (fields.funct3(), fields.funct7()) {
        (0b000, _) => (Alu::Addw, imm),
        (0b001, 0b000_0000) => (Alu::Sllw, amount),
        (0b101, 0b000_0000) => (Alu::Srlw, amount),
        (0b101, 0b010_0000) => (Alu::Sraw, amount),
        _ => return None,
    })
}

const fn op(funct7: u32, funct3: u32) -> Option<Alu> {
    Some(match (funct7, funct3) {
        (0b000_0000, 0b000) => Alu::Add,
        (0b010_0000, 0b000) => Alu::Sub,
        (0b000_0000, 0b001) => Alu::Sll,
        (0b000_0000, 0b010) => Alu::Slt,
        (0b000_0000, 0b011) => Alu::Sltu,
        (0b000_0000, 0b100) => Alu::Xor,
        (0b000_0000, 0b101) => Alu::Srl,
        (0b010_0000, 0b101) => Alu::Sra,
        (0b000_0000, 0b110) => Alu::Or,
        (0b000_0000, 0b111) => Alu::And,
        (0b000_0001, 0b000) => Alu::Mul,
        (0b000_0001, 0b001) => Alu::Mulh,
        (0b000_0001, 0b010) => Alu::Mulhsu,
        (0b000_0001, 0b011) => Alu::Mulhu,
        (0b000_0001, 0b100) => Alu::Div,
        (0b000_0001, 0b101) => Alu::Divu,
        (0b000_0001, 0b110) => Alu::Rem,
        (0b000_0001, 0b111) => Alu::Remu,
        _ => return None,
    })
}

const fn op_32(funct7: u32, funct3: u32) -> Option<Alu> {
    Some(match (funct7, funct3) {
        (0b000_0000, 0b000) => Alu::Addw,
        (0b010_0000, 0b000) => Alu::Subw,
        (0b000_0000, 0b001) => Alu::Sllw,
        (0b000_0000, 0b101) => Alu::Srlw,
        (0b010_0000, 0b101) => Alu::Sraw,
        (0b000_0001, 0b000) => Alu::Mulw,
        (0b000_0001, 0b100) => Alu::Divw,
        (0b000_0001, 0b101) => Alu::Divuw,
        (0b000_0001, 0b110) => Alu::Remw,
        (0b000_0001, 0b111) => Alu::Remuw,
        _ => return None,
    })
}

/// The fields of an instruction word, by the manual's "Base Instruction Formats".
#[derive(Clone, Copy)]
struct Fields(u32);

impl Fields {
    const fn rd(self) -> Register {
        self.register(7)
    }

    const fn rs1(self) -> Register {
        self.register(15)
    }

    const fn rs2(self) -> Register {
        self.register(20)
    }

    const fn register(self, shift: u32) -> Register {
        ((self.0 >> shift) & 0x1f) as Register
    }

    const fn funct3(self) -> u32 {
        (self.0 >> 12) & 7
    }

    const fn funct7(self) -> u32 {
        self.0 >> 25
    }

    /// The word as a signed number, so that a shift right extends the sign in bit 31.
    const fn signed(self) -> i64 {
        self.0.cast_signed() as i64
    }

    /// imm[11:0] in bits 31:20.
    const fn imm_i(self) -> i64 {
        self.signed() >> 20
    }

    /// imm[11:5] in bits 31:25, imm[4:0] in 11:7.
    const fn imm_s(self) -> i64 {
        (self.signed() >> 25 << 5) | self.bits(7, 5)
    }

    /// imm[12] in bit 31, imm[10:5] in 30:25, imm[4:1] in 11:8, imm[11] in 7.
    const fn imm_b(self) -> i64 {
        (self.signed() >> 31 << 12)
            | (self.bits(7, 1) << 11)
            | (self.bits(25, 6) << 5)
            | (self.bits(8, 4) << 1)
    }

    /// imm[31:12] in bits 31:12.
    const fn imm_u(self) -> i64 {
        self.signed() >> 12 << 12
    }

    /// imm[20] in bit 31, imm[10:1] in 30:21, imm[11] in 20, imm[19:12] in 19:12.
    const fn imm_j(self) -> i64 {
        (self.signed() >> 31 << 20)
            | (self.bits(12, 8) << 12)
            | (self.bits(20, 1) << 11)
            | (self.bits(21, 10) << 1)
    }

    /// `count` bits from bit `from` on.
    const fn bits(self, from: u32, count: u32) -> i64 {
        ((self.0 >> from) & !(u32::MAX << count)) as i64
    }
}
