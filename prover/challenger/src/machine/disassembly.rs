//! Instructions as assemblers write them, with the ABI names of registers.

use gainsay_vm::{Alu, Condition, Instruction, LoadKind, StoreKind, decode};

const REGISTER_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];

/// The ABI name of x0 to x31.
#[must_use]
pub const fn register_name(register: u8) -> &'static str {
    REGISTER_NAMES[(register & 31) as usize]
}

/// The text of the word at `pc`: an instruction, with the target of a jump as address, or the bare
/// word if it is no instruction.
#[must_use]
pub fn disassemble(word: u32, pc: u64) -> String {
    let x = register_name;
    let target = |offset: i64| pc.wrapping_add_signed(offset);
    let Some(instruction) = decode(word) else { return format!(".word {word:#010x}") };
    match instruction {
        Instruction::Lui { rd, imm } => format!("lui {}, {:#x}", x(rd), imm >> 12 & 0xf_ffff),
        Instruction::Auipc { rd, imm } => format!("auipc {}, {:#x}", x(rd), imm >> 12 & 0xf_ffff),
        Instruction::Jal { rd, offset } => format!("jal {}, {:#x}", x(rd), target(offset)),
        Instruction::Jalr { rd, rs1, offset } => format!("jalr {}, {offset}({})", x(rd), x(rs1)),
        Instruction::Branch { condition, rs1, rs2, offset } => {
            let name = branch_name(condition);
            format!("{name} {}, {}, {:#x}", x(rs1), x(rs2), target(offset))
        }
        Instruction::Load { kind, rd, rs1, offset } => {
            format!("{} {}, {offset}({})", load_name(kind), x(rd), x(rs1))
        }
        Instruction::Store { kind, rs1, rs2, offset } => {
            format!("{} {}, {offset}({})", store_name(kind), x(rs2), x(rs1))
        }
        Instruction::AluImmediate { operation, rd, rs1, imm } => {
            format!("{} {}, {}, {imm}", immediate_name(operation), x(rd), x(rs1))
        }
        Instruction::AluRegister { operation, rd, rs1, rs2 } => {
            format!("{} {}, {}, {}", alu_name(operation), x(rd), x(rs1), x(rs2))
        }
        Instruction::Fence => "fence".to_owned(),
        Instruction::Ecall => "ecall".to_owned(),
        Instruction::Ebreak => "ebreak".to_owned(),
        Instruction::Csr => format!("csr {word:#010x}"),
    }
}

const fn branch_name(condition: Condition) -> &'static str {
    match condition {
        Condition::Eq => "beq",
        Condition::Ne => "bne",
        Condition::Lt => "blt",
        Condition::Ge => "bge",
        Condition::Ltu => "bltu",
        Condition::Geu => "bgeu",
    }
}

const fn load_name(kind: LoadKind) -> &'static str {
    match kind {
        LoadKind::Byte => "lb",
        LoadKind::Half => "lh",
        LoadKind::Word => "lw",
        LoadKind::Double => "ld",
        LoadKind::ByteUnsigned => "lbu",
        LoadKind::HalfUnsigned => "lhu",
        LoadKind::WordUnsigned => "lwu",
    }
}

const fn store_name(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Byte => "sb",
        StoreKind::Half => "sh",
        StoreKind::Word => "sw",
        StoreKind::Double => "sd",
    }
}

/// The mnemonic with an immediate: an `i` before the `w` of word operations, and `sltiu`.
fn immediate_name(operation: Alu) -> String {
    let name = alu_name(operation);
    match name.strip_suffix('w') {
        Some(stem) => format!("{stem}iw"),
        None if name == "sltu" => "sltiu".to_owned(),
        None => format!("{name}i"),
    }
}

const fn alu_name(operation: Alu) -> &'static str {
    match operation {
        Alu::Add => "add",
        Alu::Sub => "sub",
        Alu::Sll => "sll",
        Alu::Slt => "slt",
        Alu::Sltu => "sltu",
        Alu::Xor => "xor",
        Alu::Srl => "srl",
        Alu::Sra => "sra",
        Alu::Or => "or",
        Alu::And => "and",
        Alu::Mul => "mul",
        Alu::Mulh => "mulh",
        Alu::Mulhsu => "mulhsu",
        Alu::Mulhu => "mulhu",
        Alu::Div => "div",
        Alu::Divu => "divu",
        Alu::Rem => "rem",
        Alu::Remu => "remu",
        Alu::Addw => "addw",
        Alu::Subw => "subw",
        Alu::Sllw => "sllw",
        Alu::Srlw => "srlw",
        Alu::Sraw => "sraw",
        Alu::Mulw => "mulw",
        Alu::Divw => "divw",
        Alu::Divuw => "divuw",
        Alu::Remw => "remw",
        Alu::Remuw => "remuw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_as_assemblers_write_them() {
        let at = |word| disassemble(word, 0x1_0000);
        assert_eq!(at(0x05d0_0893), "addi a7, zero, 93");
        assert_eq!(at(0x0000_0073), "ecall");
        assert_eq!(at(0x0010_0073), "ebreak");
        assert_eq!(at(0xfe05_3c23), "sd zero, -8(a0)");
        assert_eq!(at(0x0085_e583), "lwu a1, 8(a1)");
        assert_eq!(at(0xfff5_3513), "sltiu a0, a0, -1");
        assert_eq!(at(0x4035_5513), "srai a0, a0, 3");
        assert_eq!(at(0x0035_151b), "slliw a0, a0, 3");
        assert_eq!(at(0x0000_10b7), "lui ra, 0x1");
        assert_eq!(at(0xffdf_f06f), "jal zero, 0xfffc");
        assert_eq!(at(0x0015_6463), "bltu a0, ra, 0x10008");
        assert_eq!(at(0x02b5_553b), "divuw a0, a0, a1");
        assert_eq!(at(0), ".word 0x00000000");
    }
}
