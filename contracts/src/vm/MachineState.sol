// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Reader} from "./WitnessReader.sol";

/// @notice The machine between two steps, packed as it is hashed:
///
///         | offset | size | field                                  |
///         |--------|------|----------------------------------------|
///         | 0      | 32   | codeRoot                               |
///         | 32     | 32   | memoryRoot                             |
///         | 64     | 32   | input                                  |
///         | 96     | 8    | pc                                     |
///         | 104    | 8    | step                                   |
///         | 112    | 1    | status: 0 running, 1 halted            |
///         | 113    | 2    | exitCode                               |
///         | 115    | 248  | x1..x31, 8 bytes each                  |
struct State {
    bytes packed;
}

using MachineState for State global;

/// @title  MachineState
/// @notice Reads and writes the fields of a packed state.
/// @dev    Assembly: to unpack 31 registers and to pack them twice costs 20,000 gas in Solidity,
///         more than all the rest of a step; here each one that a step needs costs 100.
library MachineState {
    /// @notice No program reaches this status, so it has no meaning.
    error InvalidStatus(uint8 status);

    uint8 internal constant RUNNING = 0;
    uint8 internal constant HALTED = 1;

    /// What the witness gives as it is: all but the two roots, which follow from proofs.
    // PROTOCOL.md MACHINE-1
    uint256 private constant TAIL_SIZE = 299;
    uint256 private constant CODE_ROOT = 0;
    uint256 private constant MEMORY_ROOT = 32;
    uint256 private constant INPUT = 64;
    uint256 private constant PC = 96;
    uint256 private constant STEP = 104;
    uint256 private constant STATUS = 112;
    uint256 private constant EXIT_CODE = 113;
    uint256 private constant REGISTERS = 115;

    /// @notice The state in a witness, its two roots still zero.
    function read(Reader memory reader) internal pure returns (State memory state) {
        state.packed = abi.encodePacked(bytes32(0), bytes32(0), reader.slice(TAIL_SIZE));
        uint8 found = uint8(state.packed[STATUS]);
        require(found <= HALTED, InvalidStatus(found));
    }

    function hash(State memory self) internal pure returns (bytes32) {
        return keccak256(self.packed);
    }

    function isRunning(State memory self) internal pure returns (bool) {
        return uint8(self.packed[STATUS]) == RUNNING;
    }

    function input(State memory self) internal pure returns (bytes32) {
        return loadWord(self, INPUT);
    }

    function pc(State memory self) internal pure returns (uint64) {
        return loadU64(self, PC);
    }

    /// @notice One of x0..x31; x0 is always zero.
    function register(State memory self, uint256 index) internal pure returns (uint64) {
        return index == 0 ? 0 : loadU64(self, offsetOf(index));
    }

    function setCodeRoot(State memory self, bytes32 root) internal pure {
        storeWord(self, CODE_ROOT, root);
    }

    function setMemoryRoot(State memory self, bytes32 root) internal pure {
        storeWord(self, MEMORY_ROOT, root);
    }

    function setPc(State memory self, uint64 value) internal pure {
        storeU64(self, PC, value);
    }

    /// @notice What is written to x0 is lost.
    function setRegister(State memory self, uint256 index, uint64 value) internal pure {
        if (index != 0) storeU64(self, offsetOf(index), value);
    }

    /// @notice Counts the step, mod 2^64.
    function countStep(State memory self) internal pure {
        unchecked {
            storeU64(self, STEP, loadU64(self, STEP) + 1);
        }
    }

    function halt(State memory self, uint16 exitCode) internal pure {
        self.packed[STATUS] = bytes1(HALTED);
        self.packed[EXIT_CODE] = bytes1(uint8(exitCode >> 8));
        self.packed[EXIT_CODE + 1] = bytes1(uint8(exitCode));
    }

    function offsetOf(uint256 index) private pure returns (uint256) {
        assert(index < 32);
        unchecked {
            return REGISTERS + 8 * (index - 1);
        }
    }

    // INVARIANT: 32 <= offset and offset + size <= 363, so that what is read and written below,
    // the 32 bytes which end with the field, is inside of `packed` or its length.

    function loadU64(State memory self, uint256 offset) private pure returns (uint64 value) {
        bytes memory packed = self.packed;
        assembly ("memory-safe") {
            value := and(mload(add(packed, add(offset, 8))), 0xffffffffffffffff)
        }
    }

    function storeU64(State memory self, uint256 offset, uint64 value) private pure {
        bytes memory packed = self.packed;
        assembly ("memory-safe") {
            let end := add(packed, add(offset, 8))
            // Bits above the 64 of `value` may be anything in assembly.
            let low := and(value, 0xffffffffffffffff)
            mstore(end, or(and(mload(end), not(0xffffffffffffffff)), low))
        }
    }

    function loadWord(State memory self, uint256 offset) private pure returns (bytes32 value) {
        bytes memory packed = self.packed;
        assembly ("memory-safe") {
            value := mload(add(packed, add(offset, 32)))
        }
    }

    function storeWord(State memory self, uint256 offset, bytes32 value) private pure {
        bytes memory packed = self.packed;
        assembly ("memory-safe") {
            mstore(add(packed, add(offset, 32)), value)
        }
    }
}
