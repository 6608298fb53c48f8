// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Isa, Name} from "./Isa.sol";
import {Leaf} from "./SparseTree.sol";
import {Machine, MachineBuilder} from "./MachineBuilder.sol";
import {VmTest} from "./VmTest.sol";

/// @title  ProgramTest
/// @notice Whole programs, every step of which goes through the verifier.
contract ProgramTest is VmTest {
    uint32 private constant ECALL = 0x73;
    uint32 private constant ZERO = 0;
    uint32 private constant T0 = 5;
    uint32 private constant T1 = 6;
    uint32 private constant T2 = 7;
    uint32 private constant A0 = 10;
    uint32 private constant A1 = 11;
    uint32 private constant A2 = 12;
    uint32 private constant A3 = 13;
    uint32 private constant A4 = 14;
    uint32 private constant A7 = 17;

    /// Hashes the input twice and halts with the hash as its output.
    function test_hashesItsInput() public view {
        uint32[23] memory words = [
            Isa.uType(Name.Lui, T0, 0x20),
            Isa.uType(Name.Lui, A7, 1),
            ECALL, // read_input
            Isa.iType(Name.Addi, T1, ZERO, 2),
            // the loop: store a0..a3, hash them
            Isa.sType(Name.Sd, T0, A0, 0),
            Isa.sType(Name.Sd, T0, A1, 8),
            Isa.sType(Name.Sd, T0, A2, 16),
            Isa.sType(Name.Sd, T0, A3, 24),
            Isa.rType(Name.Add, A0, T0, ZERO),
            Isa.iType(Name.Addi, A1, ZERO, 32),
            Isa.uType(Name.Lui, A7, 1),
            Isa.iType(Name.Addi, A7, A7, 3),
            ECALL, // keccak
            Isa.iType(Name.Addi, T1, T1, -1),
            Isa.bType(Name.Bne, T1, ZERO, -40),
            // halt: the output is a1..a4
            Isa.rType(Name.Add, A4, A3, ZERO),
            Isa.rType(Name.Add, A3, A2, ZERO),
            Isa.rType(Name.Add, A2, A1, ZERO),
            Isa.rType(Name.Add, A1, A0, ZERO),
            Isa.iType(Name.Addi, A0, ZERO, 0),
            Isa.iType(Name.Addi, A7, ZERO, 93),
            ECALL,
            uint32(0)
        ];
        Machine memory machine = MachineBuilder.about(words[0]);
        machine.codeEnd = machine.codeStart + 92;
        for (uint256 i = 1; i < 3; ++i) {
            machine.code = MachineBuilder.append(machine.code, Leaf(i, 0));
        }
        for (uint64 i = 0; i < words.length; ++i) {
            machine.setWord(machine.codeStart + 4 * i, words[i]);
        }
        machine.input = keccak256("input");
        uint256 steps = 0;
        while (machine.status == 0) {
            machine = check(machine);
            ++steps;
        }
        equal(steps, 4 + 2 * 11 + 7);
        equal(machine.exitCode, 0);
        bytes32 output = keccak256(bytes.concat(keccak256(bytes.concat(machine.input))));
        for (uint256 i = 0; i < 4; ++i) {
            equal(bytes32(littleEndian(machine.x[A1 + i])), bytes32(bytes8(output << 64 * i)));
        }
    }

    /// Counts the primes below 24 by trial division: nested loops of jumps and branches.
    function test_countsPrimes() public view {
        uint32[13] memory words = [
            Isa.iType(Name.Addi, T0, ZERO, 2), // the candidate
            Isa.iType(Name.Addi, A0, ZERO, 0), // how many
            // candidate: try each divisor
            Isa.iType(Name.Addi, T1, ZERO, 2),
            Isa.bType(Name.Beq, T0, T1, 20),
            Isa.rType(Name.Remu, T2, T0, T1),
            Isa.bType(Name.Beq, T2, ZERO, 16),
            Isa.iType(Name.Addi, T1, T1, 1),
            Isa.jType(Name.Jal, ZERO, -16),
            Isa.iType(Name.Addi, A0, A0, 1),
            Isa.iType(Name.Addi, T0, T0, 1),
            Isa.iType(Name.Sltiu, T2, T0, 24),
            Isa.bType(Name.Bne, T2, ZERO, -36),
            0x00100073 // EBREAK
        ];
        Machine memory machine = MachineBuilder.about(words[0]);
        machine.codeEnd = machine.codeStart + 52;
        machine.code = MachineBuilder.append(machine.code, Leaf(1, 0));
        for (uint64 i = 0; i < words.length; ++i) {
            machine.setWord(machine.codeStart + 4 * i, words[i]);
        }
        while (machine.status == 0) {
            machine = this.stepped(machine);
        }
        equal(machine.exitCode, 0x104);
        equal(machine.x[A0], 9);
    }

    /// Any word at all, on any registers.
    function testFuzz_anyWord(uint32 word, uint256 seed) public view {
        anyWord(word, seed);
    }

    /// The same with a word that has the opcode of an instruction.
    function testFuzz_anyWordOfAnOpcode(uint32 word, uint256 seed) public view {
        uint8[13] memory opcodes =
            [0x03, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x33, 0x37, 0x3b, 0x63, 0x67, 0x6f, 0x73];
        anyWord(word & ~uint32(0x7f) | opcodes[seed % 13], seed);
    }

    function anyWord(uint32 word, uint256 seed) private view {
        Machine memory machine = MachineBuilder.about(word);
        for (uint256 i = 1; i < 32; ++i) {
            machine.x[i] = operand(seed ^ i);
        }
        machine.input = keccak256(abi.encode(seed));
        check(machine);
    }

    /// A call of its own, so that its memory is freed.
    function stepped(Machine memory machine) external view returns (Machine memory) {
        return check(machine);
    }

    function littleEndian(uint64 value) private pure returns (bytes8) {
        bytes memory data = new bytes(8);
        for (uint256 i = 0; i < 8; ++i) {
            data[i] = bytes1(uint8(value >> 8 * i));
        }
        return bytes8(data);
    }
}
