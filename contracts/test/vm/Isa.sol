// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice Every instruction of RV64IM and Zicsr by its name in the manual.
enum Name {
    Illegal,
    Lui,
    Auipc,
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
    Addw,
    Subw,
    Sllw,
    Srlw,
    Sraw,
    Mul,
    Mulh,
    Mulhsu,
    Mulhu,
    Div,
    Divu,
    Rem,
    Remu,
    Mulw,
    Divw,
    Divuw,
    Remw,
    Remuw,
    Fence,
    Ecall,
    Ebreak,
    Csrrw,
    Csrrs,
    Csrrc,
    Csrrwi,
    Csrrsi,
    Csrrci
}

/// @notice One row of the table: the instruction is `name` if its bits under `mask` are `bits`.
struct Row {
    Name name;
    uint32 mask;
    uint32 bits;
}

/// @title  Isa
/// @notice Instructions as the tables of riscv-opcodes have them, each by mask and bits. An
///         assembler and a decoder, which share nothing with those of the verifier.
library Isa {
    uint256 internal constant COUNT = 71;

    function decode(uint32 word) internal pure returns (Name) {
        Row[COUNT] memory rows = table();
        for (uint256 i = 0; i < COUNT; ++i) {
            if (word & rows[i].mask == rows[i].bits) return rows[i].name;
        }
        return Name.Illegal;
    }

    /// @notice The instruction with this name whose other bits are those of `free`.
    function encode(Name name, uint32 free) internal pure returns (uint32) {
        Row memory row = table()[uint256(name) - 1];
        return row.bits | free & ~row.mask;
    }

    function rType(Name name, uint32 rd, uint32 rs1, uint32 rs2) internal pure returns (uint32) {
        return encode(name, rd << 7 | rs1 << 15 | rs2 << 20);
    }

    /// @notice I format, also for shifts.
    function iType(Name name, uint32 rd, uint32 rs1, int32 immediate)
        internal
        pure
        returns (uint32)
    {
        return encode(name, rd << 7 | rs1 << 15 | bits(immediate, 0, 12) << 20);
    }

    function sType(Name name, uint32 rs1, uint32 rs2, int32 immediate)
        internal
        pure
        returns (uint32)
    {
        uint32 low = bits(immediate, 0, 5) << 7;
        return encode(name, low | rs1 << 15 | rs2 << 20 | bits(immediate, 5, 7) << 25);
    }

    function bType(Name name, uint32 rs1, uint32 rs2, int32 immediate)
        internal
        pure
        returns (uint32)
    {
        uint32 low = bits(immediate, 11, 1) << 7 | bits(immediate, 1, 4) << 8;
        uint32 high = bits(immediate, 5, 6) << 25 | bits(immediate, 12, 1) << 31;
        return encode(name, low | rs1 << 15 | rs2 << 20 | high);
    }

    /// @notice `immediate` is the upper 20 bits.
    function uType(Name name, uint32 rd, int32 immediate) internal pure returns (uint32) {
        return encode(name, rd << 7 | bits(immediate, 0, 20) << 12);
    }

    function jType(Name name, uint32 rd, int32 immediate) internal pure returns (uint32) {
        uint32 low = bits(immediate, 12, 8) << 12 | bits(immediate, 11, 1) << 20;
        uint32 high = bits(immediate, 1, 10) << 21 | bits(immediate, 20, 1) << 31;
        return encode(name, rd << 7 | low | high);
    }

    function bits(int32 value, uint256 from, uint256 count) private pure returns (uint32) {
        return uint32((uint256(int256(value)) >> from) % 2 ** count);
    }

    function table() internal pure returns (Row[COUNT] memory) {
        return [
            Row(Name.Lui, 0x0000007f, 0x00000037),
            Row(Name.Auipc, 0x0000007f, 0x00000017),
            Row(Name.Jal, 0x0000007f, 0x0000006f),
            Row(Name.Jalr, 0x0000707f, 0x00000067),
            Row(Name.Beq, 0x0000707f, 0x00000063),
            Row(Name.Bne, 0x0000707f, 0x00001063),
            Row(Name.Blt, 0x0000707f, 0x00004063),
            Row(Name.Bge, 0x0000707f, 0x00005063),
            Row(Name.Bltu, 0x0000707f, 0x00006063),
            Row(Name.Bgeu, 0x0000707f, 0x00007063),
            Row(Name.Lb, 0x0000707f, 0x00000003),
            Row(Name.Lh, 0x0000707f, 0x00001003),
            Row(Name.Lw, 0x0000707f, 0x00002003),
            Row(Name.Ld, 0x0000707f, 0x00003003),
            Row(Name.Lbu, 0x0000707f, 0x00004003),
            Row(Name.Lhu, 0x0000707f, 0x00005003),
            Row(Name.Lwu, 0x0000707f, 0x00006003),
            Row(Name.Sb, 0x0000707f, 0x00000023),
            Row(Name.Sh, 0x0000707f, 0x00001023),
            Row(Name.Sw, 0x0000707f, 0x00002023),
            Row(Name.Sd, 0x0000707f, 0x00003023),
            Row(Name.Addi, 0x0000707f, 0x00000013),
            Row(Name.Slti, 0x0000707f, 0x00002013),
            Row(Name.Sltiu, 0x0000707f, 0x00003013),
            Row(Name.Xori, 0x0000707f, 0x00004013),
            Row(Name.Ori, 0x0000707f, 0x00006013),
            Row(Name.Andi, 0x0000707f, 0x00007013),
            Row(Name.Slli, 0xfc00707f, 0x00001013),
            Row(Name.Srli, 0xfc00707f, 0x00005013),
            Row(Name.Srai, 0xfc00707f, 0x40005013),
            Row(Name.Addiw, 0x0000707f, 0x0000001b),
            Row(Name.Slliw, 0xfe00707f, 0x0000101b),
            Row(Name.Srliw, 0xfe00707f, 0x0000501b),
            Row(Name.Sraiw, 0xfe00707f, 0x4000501b),
            Row(Name.Add, 0xfe00707f, 0x00000033),
            Row(Name.Sub, 0xfe00707f, 0x40000033),
            Row(Name.Sll, 0xfe00707f, 0x00001033),
            Row(Name.Slt, 0xfe00707f, 0x00002033),
            Row(Name.Sltu, 0xfe00707f, 0x00003033),
            Row(Name.Xor, 0xfe00707f, 0x00004033),
            Row(Name.Srl, 0xfe00707f, 0x00005033),
            Row(Name.Sra, 0xfe00707f, 0x40005033),
            Row(Name.Or, 0xfe00707f, 0x00006033),
            Row(Name.And, 0xfe00707f, 0x00007033),
            Row(Name.Addw, 0xfe00707f, 0x0000003b),
            Row(Name.Subw, 0xfe00707f, 0x4000003b),
            Row(Name.Sllw, 0xfe00707f, 0x0000103b),
            Row(Name.Srlw, 0xfe00707f, 0x0000503b),
            Row(Name.Sraw, 0xfe00707f, 0x4000503b),
            Row(Name.Mul, 0xfe00707f, 0x02000033),
            Row(Name.Mulh, 0xfe00707f, 0x02001033),
            Row(Name.Mulhsu, 0xfe00707f, 0x02002033),
            Row(Name.Mulhu, 0xfe00707f, 0x02003033),
            Row(Name.Div, 0xfe00707f, 0x02004033),
            Row(Name.Divu, 0xfe00707f, 0x02005033),
            Row(Name.Rem, 0xfe00707f, 0x02006033),
            Row(Name.Remu, 0xfe00707f, 0x02007033),
            Row(Name.Mulw, 0xfe00707f, 0x0200003b),
            Row(Name.Divw, 0xfe00707f, 0x0200403b),
            Row(Name.Divuw, 0xfe00707f, 0x0200503b),
            Row(Name.Remw, 0xfe00707f, 0x0200603b),
            Row(Name.Remuw, 0xfe00707f, 0x0200703b),
            Row(Name.Fence, 0x0000707f, 0x0000000f),
            Row(Name.Ecall, 0xffffffff, 0x00000073),
            Row(Name.Ebreak, 0xffffffff, 0x00100073),
            Row(Name.Csrrw, 0x0000707f, 0x00001073),
            Row(Name.Csrrs, 0x0000707f, 0x00002073),
            Row(Name.Csrrc, 0x0000707f, 0x00003073),
            Row(Name.Csrrwi, 0x0000707f, 0x00005073),
            Row(Name.Csrrsi, 0x0000707f, 0x00006073),
            Row(Name.Csrrci, 0x0000707f, 0x00007073)
        ];
    }
}
