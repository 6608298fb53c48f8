// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Isa, Name} from "./Isa.sol";
import {Machine, MachineBuilder} from "./MachineBuilder.sol";
import {Reference} from "./Reference.sol";
import {VmTest} from "./VmTest.sol";

/// @title  StepIntegerTest
/// @notice Instructions that only compute: LUI, AUIPC, OP, OP-IMM, OP-32, OP-IMM-32 and the M
///         extension, on edge operands and random ones.
contract StepIntegerTest is VmTest {
    uint64 private constant MIN = 0x8000000000000000;
    uint64 private constant MAX = 0x7fffffffffffffff;
    uint64 private constant MINUS_1 = 0xffffffffffffffff;
    uint64 private constant MIN_WORD = 0xffffffff80000000;

    function test_op_onEdges() public view {
        onEdges(Name.Add, Name.And);
    }

    function test_opWord_onEdges() public view {
        onEdges(Name.Addw, Name.Sraw);
    }

    function test_mulDiv_onEdges() public view {
        onEdges(Name.Mul, Name.Remu);
    }

    function test_mulDivWord_onEdges() public view {
        onEdges(Name.Mulw, Name.Remuw);
    }

    function test_immediates_onEdges() public view {
        int32[7] memory immediates = [int32(0), 1, -1, 31, 2047, -2048, 0x555];
        uint64[9] memory values = edges();
        for (uint256 name = uint256(Name.Addi); name <= uint256(Name.Addiw); ++name) {
            if (name >= uint256(Name.Slli) && name <= uint256(Name.Srai)) continue;
            for (uint256 i = 0; i < 63; ++i) {
                this.computed(Isa.iType(Name(name), 5, 6, immediates[i % 7]), values[i / 7], 0);
            }
        }
    }

    function test_shiftsByImmediate_byEveryAmount() public view {
        uint64[9] memory values = edges();
        for (uint256 name = uint256(Name.Slli); name <= uint256(Name.Sraiw); ++name) {
            if (Name(name) == Name.Addiw) continue;
            int32 amounts = name > uint256(Name.Addiw) ? int32(32) : int32(64);
            for (int32 amount = 0; amount < amounts; ++amount) {
                this.computed(Isa.iType(Name(name), 5, 6, amount), values[uint32(amount) % 9], 0);
            }
        }
    }

    function test_upperImmediates() public view {
        int32[6] memory immediates = [int32(0), 1, 0x7ffff, -0x80000, -1, 0x12345];
        for (uint256 i = 0; i < 6; ++i) {
            this.computed(Isa.uType(Name.Lui, 5, immediates[i]), 0, 0);
            this.computed(Isa.uType(Name.Auipc, 5, immediates[i]), 0, 0);
        }
        equal(this.computed(Isa.uType(Name.Lui, 5, -0x80000), 0, 0), MIN_WORD);
        equal(this.computed(Isa.uType(Name.Auipc, 5, 0x7ffff), 0, 0), 0x7ffff000 + 0x10000);
        equal(this.computed(Isa.uType(Name.Auipc, 5, -1), 0, 0), 0x10000 - 0x1000);
    }

    /// The results that the manual states in words.
    function test_divisionByZero_andOverflow() public view {
        equal(result(Name.Div, 7, 0), MINUS_1);
        equal(result(Name.Divu, 7, 0), MINUS_1);
        equal(result(Name.Rem, MIN, 0), MIN);
        equal(result(Name.Remu, MIN, 0), MIN);
        equal(result(Name.Div, MIN, MINUS_1), MIN);
        equal(result(Name.Rem, MIN, MINUS_1), 0);
        equal(result(Name.Divw, 7, 0xffffffff00000000), MINUS_1);
        equal(result(Name.Divuw, 7, 0xffffffff00000000), MINUS_1);
        equal(result(Name.Remw, 0x80000000, 0), MIN_WORD);
        equal(result(Name.Remuw, 0x80000000, 0), MIN_WORD);
        equal(result(Name.Divw, 0x80000000, 0xffffffff), MIN_WORD);
        equal(result(Name.Remw, 0x80000000, 0xffffffff), 0);
        equal(result(Name.Div, uint64(-int64(7)), 2), uint64(-int64(3)));
        equal(result(Name.Rem, uint64(-int64(7)), 2), MINUS_1);
        equal(result(Name.Rem, 7, uint64(-int64(2))), 1);
    }

    function test_highProducts() public view {
        equal(result(Name.Mulh, MIN, MIN), 0x4000000000000000);
        equal(result(Name.Mulh, MINUS_1, 1), MINUS_1);
        equal(result(Name.Mulhsu, MINUS_1, MINUS_1), MINUS_1);
        equal(result(Name.Mulhsu, MIN, MINUS_1), MIN);
        equal(result(Name.Mulhu, MINUS_1, MINUS_1), 0xfffffffffffffffe);
        equal(result(Name.Mul, MINUS_1, MINUS_1), 1);
        equal(result(Name.Mulw, 0x80000000, 3), MIN_WORD);
    }

    function test_wordsAreSignExtended() public view {
        equal(result(Name.Addw, 0x7fffffff, 1), MIN_WORD);
        equal(result(Name.Subw, 0, 1), MINUS_1);
        equal(result(Name.Sllw, 1, 31), MIN_WORD);
        equal(result(Name.Sllw, 1, 32), 1);
        equal(result(Name.Srlw, 0x1234567880000000, 0), MIN_WORD);
        equal(result(Name.Srlw, MINUS_1, 31), 1);
        equal(result(Name.Sraw, 0x80000000, 31), MINUS_1);
        equal(result(Name.Sraw, 0xffffffff7fffffff, 4), 0x07ffffff);
        equal(result(Name.Divuw, 0x80000000, 1), MIN_WORD);
    }

    function test_shiftsAndComparisons() public view {
        equal(result(Name.Sra, MIN, 63), MINUS_1);
        equal(result(Name.Srl, MIN, 63), 1);
        equal(result(Name.Sll, 1, 64), 1);
        equal(result(Name.Slt, MIN, MAX), 1);
        equal(result(Name.Sltu, MIN, MAX), 0);
        equal(result(Name.Sub, 0, 1), MINUS_1);
        equal(this.computed(Isa.iType(Name.Sltiu, 5, 6, -1), MAX, 0), 1);
        equal(this.computed(Isa.iType(Name.Slti, 5, 6, -1), MAX, 0), 0);
        equal(this.computed(Isa.iType(Name.Addiw, 5, 6, 0), 0x1_80000000, 0), MIN_WORD);
    }

    function test_x0_staysZero() public view {
        Machine memory machine = MachineBuilder.about(Isa.rType(Name.Add, 0, 6, 7));
        (machine.x[6], machine.x[7]) = (1, 2);
        equal(check(machine).x[0], 0);
    }

    function test_everyRegister_readAndWritten() public view {
        for (uint32 i = 0; i < 32; ++i) {
            uint32 rs2 = (i * 7 + 3) % 32;
            Machine memory machine = MachineBuilder.about(Isa.rType(Name.Sub, 31 - i, i, rs2));
            for (uint64 k = 1; k < 32; ++k) {
                machine.x[k] = k * 0x0102030405060708;
            }
            check(machine);
        }
    }

    function testFuzz_registers(uint256 seed) public view {
        uint256 count = uint256(Name.Remuw) - uint256(Name.Add) + 1;
        Name name = Name(uint256(Name.Add) + seed % count);
        random(Isa.encode(name, uint32(seed >> 32)), seed);
    }

    function testFuzz_immediates(uint256 seed) public view {
        uint256 count = uint256(Name.Sraiw) - uint256(Name.Addi) + 1;
        Name name = Name(uint256(Name.Addi) + seed % count);
        random(Isa.encode(name, uint32(seed >> 32)), seed);
    }

    function testFuzz_upperImmediates(uint256 seed) public view {
        random(Isa.encode(seed % 2 == 0 ? Name.Lui : Name.Auipc, uint32(seed >> 32)), seed);
    }

    function random(uint32 word, uint256 seed) private view {
        Machine memory machine = MachineBuilder.about(word);
        for (uint256 i = 1; i < 32; ++i) {
            machine.x[i] = operand(seed ^ i);
        }
        machine.pc = machine.codeStart = operand(seed ^ 99) / 64 * 32;
        machine.codeEnd = machine.codeStart + 4;
        check(machine);
    }

    function onEdges(Name from, Name to) private view {
        uint64[9] memory values = edges();
        for (uint256 name = uint256(from); name <= uint256(to); ++name) {
            for (uint256 i = 0; i < 81; ++i) {
                uint64 value = result(Name(name), values[i / 9], values[i % 9]);
                equal(value, Reference.integer(Name(name), values[i / 9], values[i % 9]));
            }
        }
    }

    function edges() private pure returns (uint64[9] memory) {
        return [0, 1, MINUS_1, MIN, MAX, 0x80000000, 0x7fffffff, 0xfedcba9876543210, 33];
    }

    function result(Name name, uint64 a, uint64 b) private view returns (uint64) {
        return this.computed(Isa.rType(name, 5, 6, 7), a, b);
    }

    /// What x5 is after a word that reads x6 and x7. A call of its own, so as to free its memory.
    function computed(uint32 word, uint64 a, uint64 b) external view returns (uint64) {
        Machine memory machine = MachineBuilder.about(word);
        (machine.x[6], machine.x[7]) = (a, b);
        Machine memory post = check(machine);
        equal(post.status, 0);
        return post.x[5];
    }
}
