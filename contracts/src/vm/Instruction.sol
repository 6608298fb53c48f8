// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice A word of 32 bits to be executed; it need not be legal.
type Instruction is uint32;

using InstructionFields for Instruction global;
using {equals as ==} for Instruction global;

function equals(Instruction a, Instruction b) pure returns (bool) {
    return Instruction.unwrap(a) == Instruction.unwrap(b);
}

/// @title  Opcode
/// @notice The base opcodes of RV64IM, bits 0..6 of an instruction (The RISC-V Instruction Set
///         Manual, volume I, "RV32/64G Instruction Set Listings").
library Opcode {
    uint256 internal constant LOAD = 0x03;
    uint256 internal constant MISC_MEM = 0x0f;
    uint256 internal constant OP_IMM = 0x13;
    uint256 internal constant AUIPC = 0x17;
    uint256 internal constant OP_IMM_32 = 0x1b;
    uint256 internal constant STORE = 0x23;
    uint256 internal constant OP = 0x33;
    uint256 internal constant LUI = 0x37;
    uint256 internal constant OP_32 = 0x3b;
    uint256 internal constant BRANCH = 0x63;
    uint256 internal constant JALR = 0x67;
    uint256 internal constant JAL = 0x6f;
    uint256 internal constant SYSTEM = 0x73;
}

// The two legal words of opcode SYSTEM.
Instruction constant ECALL = Instruction.wrap(0x00000073);
Instruction constant EBREAK = Instruction.wrap(0x00100073);

/// @title  InstructionFields
/// @notice The fields of an instruction, and its immediates, sign-extended to 64 bits.
library InstructionFields {
    function opcode(Instruction self) internal pure returns (uint256) {
        return word(self) & 0x7f;
    }

    function rd(Instruction self) internal pure returns (uint256) {
        return word(self) >> 7 & 0x1f;
    }

    function funct3(Instruction self) internal pure returns (uint256) {
        return word(self) >> 12 & 0x7;
    }

    function rs1(Instruction self) internal pure returns (uint256) {
        return word(self) >> 15 & 0x1f;
    }

    function rs2(Instruction self) internal pure returns (uint256) {
        return word(self) >> 20 & 0x1f;
    }

    function funct7(Instruction self) internal pure returns (uint256) {
        return word(self) >> 25;
    }

    /// @notice imm[11:0] = bits 31..20.
    function immediateI(Instruction self) internal pure returns (uint64) {
        return uint64(signed(self) >> 20);
    }

    /// @notice imm[11:5] = bits 31..25, imm[4:0] = bits 11..7.
    function immediateS(Instruction self) internal pure returns (uint64) {
        return uint64(signed(self) >> 25 << 5) | uint64(rd(self));
    }

    /// @notice imm[12] = bit 31, imm[11] = bit 7, imm[10:5] = bits 30..25, imm[4:1] = bits 11..8.
    function immediateB(Instruction self) internal pure returns (uint64) {
        uint256 w = word(self);
        uint256 low = (w >> 7 & 1) << 11 | (w >> 25 & 0x3f) << 5 | (w >> 8 & 0xf) << 1;
        return uint64(signed(self) >> 31 << 12) | uint64(low);
    }

    /// @notice imm[31:12] = bits 31..12.
    function immediateU(Instruction self) internal pure returns (uint64) {
        return uint64(signed(self) >> 12 << 12);
    }

    /// @notice imm[20] = bit 31, imm[19:12] = bits 19..12, imm[11] = bit 20, imm[10:1] = bits
    ///         30..21.
    function immediateJ(Instruction self) internal pure returns (uint64) {
        uint256 w = word(self);
        uint256 low = (w & 0xff000) | (w >> 20 & 1) << 11 | (w >> 21 & 0x3ff) << 1;
        return uint64(signed(self) >> 31 << 20) | uint64(low);
    }

    function word(Instruction self) private pure returns (uint256) {
        return Instruction.unwrap(self);
    }

    function signed(Instruction self) private pure returns (int64) {
        return int32(Instruction.unwrap(self));
    }
}
