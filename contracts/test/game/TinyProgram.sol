// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Isa, Name} from "../vm/Isa.sol";
import {Leaf} from "../vm/SparseTree.sol";
import {Machine, MachineBuilder, Touched} from "../vm/MachineBuilder.sol";
import {Reference} from "../vm/Reference.sol";

/// @title  TinyProgram
/// @notice A rollup's program in 18 instructions: the output root after a block is the program's
///         input, the cursor is always the same. It halts with keccak(input ‖ cursor), a claim. Its
///         exit code is the first byte of that, masked: with a mask of 0 it never fails.
library TinyProgram {
    uint256 internal constant STEPS = 18;
    bytes24 internal constant CURSOR = bytes24(uint192((1 << 128) + 1)); // (1, 0, 1)

    uint32 private constant ECALL = 0x73;
    uint32 private constant ZERO = 0;
    uint32 private constant T0 = 5;
    uint32 private constant A0 = 10;
    uint32 private constant A1 = 11;
    uint32 private constant A2 = 12;
    uint32 private constant A3 = 13;
    uint32 private constant A4 = 14;
    uint32 private constant A7 = 17;

    /// @notice The machine before its first step.
    function load(bytes32 input, int32 mask) internal pure returns (Machine memory machine) {
        uint32[STEPS] memory words = [
            Isa.uType(Name.Lui, T0, 0x20),
            Isa.uType(Name.Lui, A7, 1),
            ECALL, // read_input
            Isa.sType(Name.Sd, T0, A0, 0),
            Isa.sType(Name.Sd, T0, A1, 8),
            Isa.sType(Name.Sd, T0, A2, 16),
            Isa.sType(Name.Sd, T0, A3, 24),
            Isa.rType(Name.Add, A0, T0, ZERO),
            Isa.iType(Name.Addi, A1, ZERO, 56),
            Isa.iType(Name.Addi, A7, A7, 3),
            ECALL, // keccak
            Isa.rType(Name.Add, A4, A3, ZERO),
            Isa.rType(Name.Add, A3, A2, ZERO),
            Isa.rType(Name.Add, A2, A1, ZERO),
            Isa.rType(Name.Add, A1, A0, ZERO),
            Isa.iType(Name.Andi, A0, A0, mask),
            Isa.iType(Name.Addi, A7, ZERO, 93),
            ECALL // halt: the output is a1..a4
        ];
        machine = MachineBuilder.about(words[0]);
        machine.step = 0;
        machine.input = input;
        machine.codeEnd = machine.codeStart + uint64(4 * STEPS);
        for (uint256 i = 1; i < 3; ++i) {
            machine.code = MachineBuilder.append(machine.code, Leaf(i, 0));
        }
        for (uint64 i = 0; i < STEPS; ++i) {
            machine.setWord(machine.codeStart + 4 * i, words[i]);
        }
        machine.data = MachineBuilder.append(machine.data, Leaf(0x1000, 0));
        machine.data = MachineBuilder.append(machine.data, Leaf(0x1001, bytes32(CURSOR)));
    }

    function codeRoot(Machine memory machine) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(machine.codeTreeRoot(), bytes8(machine.codeStart), bytes8(machine.codeEnd))
        );
    }

    /// @notice The state as it is hashed.
    function packed(Machine memory machine) internal pure returns (bytes memory) {
        return bytes.concat(codeRoot(machine), machine.memoryRoot(), machine.tail());
    }

    /// @notice The machine after some steps.
    function runFor(bytes32 input, int32 mask, uint256 steps)
        internal
        pure
        returns (Machine memory machine)
    {
        machine = load(input, mask);
        for (uint256 i = 0; i < steps; ++i) {
            Reference.step(machine, "");
        }
    }

    /// @notice Hashes of the states after 0, 1, ..., `steps` steps.
    function trace(bytes32 input, int32 mask, uint256 steps)
        internal
        pure
        returns (bytes32[] memory states)
    {
        states = new bytes32[](steps + 1);
        Machine memory machine = load(input, mask);
        states[0] = machine.stateHash();
        for (uint256 i = 1; i <= steps; ++i) {
            bool halted = machine.status == 1;
            Reference.step(machine, "");
            states[i] = halted ? states[i - 1] : machine.stateHash();
        }
    }

    /// @notice The witness of a machine's next step.
    function witness(Machine memory machine) internal pure returns (bytes memory) {
        Touched memory touched = Reference.step(machine.copy(), "");
        return machine.witness(touched, "");
    }
}
