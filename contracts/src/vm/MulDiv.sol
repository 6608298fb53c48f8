// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Instruction} from "./Instruction.sol";

/// @title  MulDiv
/// @notice The M extension. Nothing traps: a division by zero gives all ones and leaves the
///         dividend as the remainder; the one quotient that overflows, -2^63 / -1, is -2^63 again.
library MulDiv {
    uint256 internal constant FUNCT7 = 1;

    uint256 private constant MUL = 0;
    uint256 private constant MULH = 1;
    uint256 private constant MULHSU = 2;
    uint256 private constant MULHU = 3;
    uint256 private constant DIV = 4;
    uint256 private constant DIVU = 5;
    uint256 private constant REM = 6;

    /// @notice OP: MUL MULH MULHSU MULHU DIV DIVU REM REMU.
    function op(Instruction instruction, uint64 a, uint64 b)
        internal
        pure
        returns (bool legal, uint64 value)
    {
        // PROTOCOL.md MACHINE-7
        return (true, compute(instruction.funct3(), a, b));
    }

    function compute(uint256 funct3, uint64 a, uint64 b) private pure returns (uint64) {
        // 256 bits hold every product and quotient of 65-bit numbers.
        (int256 x, int256 y) = (int64(a), int64(b));
        unchecked {
            if (funct3 == MUL) return a * b;
            if (funct3 == MULH) return low64(x * y >> 64);
            if (funct3 == MULHSU) return low64(x * int256(uint256(b)) >> 64);
            if (funct3 == MULHU) return uint64(uint256(a) * b >> 64);
            if (funct3 == DIV) return b == 0 ? type(uint64).max : low64(x / y);
            if (funct3 == DIVU) return b == 0 ? type(uint64).max : a / b;
            if (funct3 == REM) return b == 0 ? a : low64(x % y);
            return b == 0 ? a : a % b;
        }
    }

    /// @notice OP-32: MULW DIVW DIVUW REMW REMUW. The result is sign-extended, also where it is
    ///         unsigned.
    function opWord(Instruction instruction, uint64 a, uint64 b)
        internal
        pure
        returns (bool legal, uint64 value)
    {
        uint256 funct3 = instruction.funct3();
        legal = funct3 == MUL || funct3 >= DIV;
        value = uint64(int64(int32(computeWord(funct3, uint32(a), uint32(b)))));
    }

    function computeWord(uint256 funct3, uint32 a, uint32 b) private pure returns (uint32) {
        (int256 x, int256 y) = (int32(a), int32(b));
        unchecked {
            if (funct3 == MUL) return a * b;
            if (funct3 == DIV) return b == 0 ? type(uint32).max : low32(x / y);
            if (funct3 == DIVU) return b == 0 ? type(uint32).max : a / b;
            if (funct3 == REM) return b == 0 ? a : low32(x % y);
            return b == 0 ? a : a % b;
        }
    }

    function low64(int256 value) private pure returns (uint64) {
        return uint64(uint256(value));
    }

    function low32(int256 value) private pure returns (uint32) {
        return uint32(uint256(value));
    }
}
