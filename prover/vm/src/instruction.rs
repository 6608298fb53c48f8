//! The instructions of RV64IM as values: 13 forms that cover the base set and multiplication.
//! Names follow the RISC-V unprivileged manual, volume I.

/// Number of a register, 0 to 31.
pub type Register = u8;

/// A decoded instruction. Fields are named as in the manual. Immediates are sign extended, in bytes
/// where they are offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each form's line tells its fields")]
pub enum Instruction {
    /// LUI: rd = imm, whose low 12 bits are zero.
    Lui { rd: Register, imm: i64 },
    /// AUIPC: rd = pc + imm.
    Auipc { rd: Register, imm: i64 },
    /// JAL: rd = pc + 4, then pc += offset.
    Jal { rd: Register, offset: i64 },
    /// JALR: pc = (rs1 + offset) without bit 0, rd = old pc + 4.
    Jalr { rd: Register, rs1: Register, offset: i64 },
    /// BEQ, BNE, BLT, BGE, BLTU, BGEU.
    Branch { condition: Condition, rs1: Register, rs2: Register, offset: i64 },
    /// LB, LH, LW, LD, LBU, LHU, LWU.
    Load { kind: LoadKind, rd: Register, rs1: Register, offset: i64 },
    /// SB, SH, SW, SD.
    Store { kind: StoreKind, rs1: Register, rs2: Register, offset: i64 },
    /// Register and immediate: ADDI to SRAIW. Shift amounts are immediates below 64 (32 for words).
    AluImmediate { operation: Alu, rd: Register, rs1: Register, imm: i64 },
    /// Register and register: ADD to REMUW.
    AluRegister { operation: Alu, rd: Register, rs1: Register, rs2: Register },
    /// FENCE, with any ordering: nothing to do for a single hart.
    Fence,
    /// ECALL.
    Ecall,
    /// EBREAK.
    Ebreak,
    /// CSRRW, CSRRS, CSRRC and their immediate forms: recognised in order to halt by their own
    /// name.
    Csr,
}

/// When a branch is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// rs1 = rs2.
    Eq,
    /// rs1 and rs2 differ.
    Ne,
    /// rs1 < rs2, signed.
    Lt,
    /// rs1 >= rs2, signed.
    Ge,
    /// rs1 < rs2, unsigned.
    Ltu,
    /// rs1 >= rs2, unsigned.
    Geu,
}

/// Width and extension of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadKind {
    /// LB: 1 byte, sign extended.
    Byte,
    /// LH: 2 bytes, sign extended.
    Half,
    /// LW: 4 bytes, sign extended.
    Word,
    /// LD: 8 bytes.
    Double,
    /// LBU: 1 byte, zero extended.
    ByteUnsigned,
    /// LHU: 2 bytes, zero extended.
    HalfUnsigned,
    /// LWU: 4 bytes, zero extended.
    WordUnsigned,
}

impl LoadKind {
    /// Bytes read.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Byte | Self::ByteUnsigned => 1,
            Self::Half | Self::HalfUnsigned => 2,
            Self::Word | Self::WordUnsigned => 4,
            Self::Double => 8,
        }
    }
}

/// Width of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// SB: 1 byte.
    Byte,
    /// SH: 2 bytes.
    Half,
    /// SW: 4 bytes.
    Word,
    /// SD: 8 bytes.
    Double,
}

impl StoreKind {
    /// Bytes written.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }
}

/// Integer operations on two operands. Names ending in `w` work on the low 32 bits of both and sign
/// extend their 32-bit result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alu {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Shift left by the low 6 bits of the second.
    Sll,
    /// 1 if the first is less, signed; else 0.
    Slt,
    /// 1 if the first is less, unsigned; else 0.
    Sltu,
    /// Exclusive or.
    Xor,
    /// Shift right by the low 6 bits of the second, zeros in.
    Srl,
    /// Shift right by the low 6 bits of the second, sign in.
    Sra,
    /// Or.
    Or,
    /// And.
    And,
    /// Low half of the product.
    Mul,
    /// High half of the product, both signed.
    Mulh,
    /// High half of the product, first signed, second unsigned.
    Mulhsu,
    /// High half of the product, both unsigned.
    Mulhu,
    /// Quotient, signed, towards zero; -1 by zero; the dividend when it overflows.
    Div,
    /// Quotient, unsigned; all ones by zero.
    Divu,
    /// Remainder, signed like the dividend; the dividend by zero; 0 when the quotient overflows.
    Rem,
    /// Remainder, unsigned; the dividend by zero.
    Remu,
    /// [`Self::Add`] of words.
    Addw,
    /// [`Self::Sub`] of words.
    Subw,
    /// [`Self::Sll`] of words, by the low 5 bits of the second.
    Sllw,
    /// [`Self::Srl`] of words, by the low 5 bits of the second.
    Srlw,
    /// [`Self::Sra`] of words, by the low 5 bits of the second.
    Sraw,
    /// [`Self::Mul`] of words.
    Mulw,
    /// [`Self::Div`] of words.
    Divw,
    /// [`Self::Divu`] of words.
    Divuw,
    /// [`Self::Rem`] of words.
    Remw,
    /// [`Self::Remu`] of words.
    Remuw,
}
