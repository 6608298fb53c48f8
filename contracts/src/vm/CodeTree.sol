// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {MerkleTree} from "../MerkleTree.sol";
import {ExitCode} from "./ExitCode.sol";
import {Instruction} from "./Instruction.sol";
import {State} from "./MachineState.sol";
import {Reader} from "./WitnessReader.sol";

/// @title  CodeTree
/// @notice Proves the instruction at pc. Code is [codeStart, codeEnd), a Merkle tree of its own
///         over leaves of eight instructions, as shallow as the code allows; nothing writes it.
///
///         codeRoot = keccak(root of the tree:32 ‖ codeStart:8 ‖ codeEnd:8)
library CodeTree {
    /// @notice No image may have these bounds.
    error InvalidCodeBounds(uint64 codeStart, uint64 codeEnd);

    uint64 internal constant LEAF_SIZE = 32;
    uint64 internal constant INSTRUCTION_SIZE = 4;
    /// @notice Most bytes of code: a tree of depth 18.
    uint64 internal constant MAX_CODE_SIZE = 1 << 23;

    /// @notice The instruction to be executed, or the exit code if there is none. A halted machine
    ///         has neither. Sets the state's code root.
    function fetch(Reader memory reader, State memory state)
        internal
        pure
        returns (Instruction instruction, uint16 exitCode)
    {
        uint64 codeStart = reader.u64();
        uint64 codeEnd = reader.u64();
        checkBounds(codeStart, codeEnd);
        uint64 pc = state.pc();
        if (state.isRunning()) exitCode = faultOf(pc, codeStart, codeEnd);
        bytes32 leaf = reader.word();
        bytes32 root = leaf;
        if (state.isRunning() && exitCode == ExitCode.NONE) {
            uint256 depth = depthOf(codeEnd - codeStart);
            root = MerkleTree.rootOf(leaf, (pc - codeStart) / LEAF_SIZE, reader.words(depth));
            instruction = instructionAt(leaf, pc % LEAF_SIZE);
        }
        state.setCodeRoot(keccak256(abi.encodePacked(root, codeStart, codeEnd)));
    }

    function faultOf(uint64 pc, uint64 codeStart, uint64 codeEnd) private pure returns (uint16) {
        // PROTOCOL.md MACHINE-6
        if (pc % INSTRUCTION_SIZE != 0) return ExitCode.MISALIGNED_FETCH;
        if (pc < codeStart || pc >= codeEnd) return ExitCode.FETCH_OUT_OF_RANGE;
        return ExitCode.NONE;
    }

    function checkBounds(uint64 codeStart, uint64 codeEnd) private pure {
        // PROTOCOL.md MACHINE-2
        // INVARIANT: a leaf holds eight whole instructions, and the tree has a depth.
        require(
            codeStart % LEAF_SIZE == 0 && codeEnd % INSTRUCTION_SIZE == 0 && codeStart < codeEnd
                && codeEnd - codeStart <= MAX_CODE_SIZE,
            InvalidCodeBounds(codeStart, codeEnd)
        );
    }

    function depthOf(uint64 size) private pure returns (uint256) {
        uint256 leaves = (uint256(size) + LEAF_SIZE - 1) / LEAF_SIZE;
        return Math.log2(leaves, Math.Rounding.Ceil);
    }

    /// @dev A leaf is the bytes in the order of their addresses; an instruction is little endian.
    function instructionAt(bytes32 leaf, uint256 offset) private pure returns (Instruction) {
        bytes4 bigEndian = Bytes.reverseBytes4(bytes4(leaf << 8 * offset));
        return Instruction.wrap(uint32(bigEndian));
    }
}
