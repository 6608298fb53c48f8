// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Access, Use} from "./Access.sol";
import {ExitCode} from "./ExitCode.sol";
import {Instruction} from "./Instruction.sol";
import {State} from "./MachineState.sol";
import {MemoryTree} from "./MemoryTree.sol";

/// @title  LoadStore
/// @notice LB LH LW LD LBU LHU LWU, SB SH SW SD: 1, 2, 4 or 8 bytes, little endian, never across
///         the border of a leaf, since addresses are aligned.
library LoadStore {
    uint256 private constant UNSIGNED = 4;

    /// @notice The leaf that a load reads, or the exit code.
    function locateLoad(Instruction instruction, State memory state)
        internal
        pure
        returns (Access memory access, uint16 exitCode)
    {
        // PROTOCOL.md MACHINE-6
        if (instruction.funct3() == 7) return (access, ExitCode.ILLEGAL_INSTRUCTION);
        uint64 address_ = loadAddress(instruction, state);
        uint256 size = sizeOf(instruction);
        if (address_ % size != 0) return (access, ExitCode.MISALIGNED_LOAD);
        if (address_ + size > MemoryTree.SIZE) return (access, ExitCode.LOAD_OUT_OF_RANGE);
        access = leafAt(Use.Load, address_);
    }

    /// @notice The leaf that a store changes, or the exit code.
    function locateStore(Instruction instruction, State memory state)
        internal
        pure
        returns (Access memory access, uint16 exitCode)
    {
        // PROTOCOL.md MACHINE-6
        if (instruction.funct3() > 3) return (access, ExitCode.ILLEGAL_INSTRUCTION);
        uint64 address_ = storeAddress(instruction, state);
        uint256 size = sizeOf(instruction);
        if (address_ % size != 0) return (access, ExitCode.MISALIGNED_STORE);
        if (address_ + size > MemoryTree.SIZE) return (access, ExitCode.STORE_OUT_OF_RANGE);
        access = leafAt(Use.Store, address_);
    }

    /// @notice The value that a load finds in its leaf.
    function load(Instruction instruction, State memory state, bytes32 leaf)
        internal
        pure
        returns (uint64 value)
    {
        uint256 offset = loadAddress(instruction, state) % MemoryTree.LEAF_SIZE;
        uint64 unusedBits = uint64(64 - 8 * sizeOf(instruction));
        // The field's bytes, the first one highest; what follows them is shifted out at last.
        uint64 field = uint64(Bytes.reverseBytes8(bytes8(leaf << 8 * offset))) << unusedBits;
        return
            instruction.funct3() < UNSIGNED
                ? uint64(int64(field) >> unusedBits)
                : field >> unusedBits;
    }

    /// @notice The leaf after a store.
    function store(Instruction instruction, State memory state, bytes32 leaf)
        internal
        pure
        returns (bytes32)
    {
        uint256 offset = storeAddress(instruction, state) % MemoryTree.LEAF_SIZE;
        uint256 size = sizeOf(instruction);
        uint64 value = state.register(instruction.rs2());
        bytes32 mask = bytes32(~(type(uint256).max >> 8 * size)) >> 8 * offset;
        bytes32 field = bytes32(Bytes.reverseBytes8(bytes8(value))) >> 8 * offset;
        return leaf & ~mask | field & mask;
    }

    function loadAddress(Instruction instruction, State memory state)
        private
        pure
        returns (uint64)
    {
        unchecked {
            return state.register(instruction.rs1()) + instruction.immediateI();
        }
    }

    function storeAddress(Instruction instruction, State memory state)
        private
        pure
        returns (uint64)
    {
        unchecked {
            return state.register(instruction.rs1()) + instruction.immediateS();
        }
    }

    function sizeOf(Instruction instruction) private pure returns (uint256) {
        return 1 << (instruction.funct3() & 3);
    }

    function leafAt(Use use, uint64 address_) private pure returns (Access memory) {
        uint256 start = address_ - address_ % MemoryTree.LEAF_SIZE;
        return Access(use, start, MemoryTree.LEAF_SIZE, 0);
    }
}
