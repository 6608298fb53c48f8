// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Instruction} from "./Instruction.sol";

/// @title  Alu
/// @notice The integer instructions of RV64I that need neither memory nor pc, one function an
///         opcode. `legal` is false if any bit that the manual fixes is another.
library Alu {
    uint256 private constant ADD_SUB = 0;
    uint256 private constant SLL = 1;
    uint256 private constant SLT = 2;
    uint256 private constant SLTU = 3;
    uint256 private constant XOR = 4;
    uint256 private constant SRL_SRA = 5;
    uint256 private constant OR = 6;

    /// funct7 of SUB, SRA and their like.
    uint256 private constant ALTERNATE = 0x20;

    /// @notice OP without the M extension: ADD SUB SLL SLT SLTU XOR SRL SRA OR AND.
    function op(Instruction instruction, uint64 a, uint64 b)
        internal
        pure
        returns (bool legal, uint64 value)
    {
        // PROTOCOL.md MACHINE-7
        uint256 funct3 = instruction.funct3();
        uint256 funct7 = instruction.funct7();
        bool alternate = funct7 == ALTERNATE;
        legal = funct7 == 0 || (alternate && (funct3 == ADD_SUB || funct3 == SRL_SRA));
        value = compute(funct3, alternate, a, b);
    }

    /// @notice OP-IMM: ADDI SLLI SLTI SLTIU XORI SRLI SRAI ORI ANDI.
    function opImmediate(Instruction instruction, uint64 a)
        internal
        pure
        returns (bool legal, uint64 value)
    {
        uint256 funct3 = instruction.funct3();
        // A shift amount has six bits, so the sixth is the lowest of what is funct7 elsewhere.
        uint256 funct6 = instruction.funct7() & ~uint256(1);
        bool alternate = funct3 == SRL_SRA && funct6 == ALTERNATE;
        legal = (funct3 != SLL && funct3 != SRL_SRA) || funct6 == 0 || alternate;
        value = compute(funct3, alternate, a, instruction.immediateI());
    }

    /// @notice OP-32 without the M extension: ADDW SUBW SLLW SRLW SRAW.
    function opWord(Instruction instruction, uint64 a, uint64 b)
        internal
        pure
        returns (bool legal, uint64 value)
    {
        uint256 funct3 = instruction.funct3();
        uint256 funct7 = instruction.funct7();
        bool alternate = funct7 == ALTERNATE;
        legal = (funct7 == 0 && (funct3 == ADD_SUB || funct3 == SLL || funct3 == SRL_SRA))
            || (alternate && (funct3 == ADD_SUB || funct3 == SRL_SRA));
        value = computeWord(funct3, alternate, uint32(a), uint32(b));
    }

    /// @notice OP-IMM-32: ADDIW SLLIW SRLIW SRAIW.
    function opImmediateWord(Instruction instruction, uint64 a)
        internal
        pure
        returns (bool legal, uint64 value)
    {
        uint256 funct3 = instruction.funct3();
        uint256 funct7 = instruction.funct7();
        bool alternate = funct3 == SRL_SRA && funct7 == ALTERNATE;
        legal = funct3 == ADD_SUB || (funct3 == SLL && funct7 == 0)
            || (funct3 == SRL_SRA && (funct7 == 0 || alternate));
        value = computeWord(funct3, alternate, uint32(a), uint32(instruction.immediateI()));
    }

    /// @notice The condition of a BRANCH: BEQ BNE BLT BGE BLTU BGEU.
    function isTaken(Instruction instruction, uint64 a, uint64 b)
        internal
        pure
        returns (bool legal, bool taken)
    {
        uint256 funct3 = instruction.funct3();
        uint256 comparison = funct3 >> 1;
        legal = comparison != 1;
        if (comparison == 0) taken = a == b;
        else if (comparison == 2) taken = int64(a) < int64(b);
        else taken = a < b;
        // The odd ones are the opposites.
        if (funct3 & 1 == 1) taken = !taken;
    }

    function compute(uint256 funct3, bool alternate, uint64 a, uint64 b)
        private
        pure
        returns (uint64)
    {
        unchecked {
            if (funct3 == ADD_SUB) return alternate ? a - b : a + b;
            if (funct3 == SLL) return a << (b & 63);
            if (funct3 == SLT) return int64(a) < int64(b) ? 1 : 0;
            if (funct3 == SLTU) return a < b ? 1 : 0;
            if (funct3 == XOR) return a ^ b;
            if (funct3 == SRL_SRA) {
                return alternate ? uint64(int64(a) >> (b & 63)) : a >> (b & 63);
            }
            if (funct3 == OR) return a | b;
            return a & b;
        }
    }

    /// @dev The low 32 bits alone; the result is sign-extended, also where it is unsigned.
    function computeWord(uint256 funct3, bool alternate, uint32 a, uint32 b)
        private
        pure
        returns (uint64)
    {
        uint32 value;
        unchecked {
            if (funct3 == ADD_SUB) value = alternate ? a - b : a + b;
            else if (funct3 == SLL) value = a << (b & 31);
            else value = alternate ? uint32(int32(a) >> (b & 31)) : a >> (b & 31);
        }
        return uint64(int64(int32(value)));
    }
}
