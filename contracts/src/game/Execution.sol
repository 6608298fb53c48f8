// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEdgeGame} from "../IEdgeGame.sol";
import {MachineState} from "../vm/MachineState.sol";

/// @title  Execution
/// @notice How a run of the program begins and what it results in. The layout of a state is in
///         `MachineState`.
library Execution {
    uint256 internal constant STATE_SIZE = 363;

    uint256 private constant CODE_ROOT_END = 32;
    uint256 private constant INPUT = 64;
    uint256 private constant INPUT_END = 96;
    uint256 private constant STATUS = 112;
    uint256 private constant EXIT_CODE = 113;
    /// x11, the first of the four registers that hold the output.
    uint256 private constant OUTPUT = 195;

    /// @notice Hash of the state in which the program has just been loaded.
    function initialState(IEdgeGame.Program calldata program, bytes32 input)
        internal
        pure
        returns (bytes32)
    {
        // PROTOCOL.md MACHINE-4
        // The step counter, the status, the exit code and 31 registers are zero.
        bytes memory zeros = new bytes(STATE_SIZE - 104);
        return keccak256(
            abi.encodePacked(program.codeRoot, program.memoryRoot, input, program.entry, zeros)
        );
    }

    /// @notice Reverts unless `state` is one of a run of this program on this input. No instruction
    ///         changes the code or the input, so every state of a run names both.
    function requireRunOf(bytes calldata state, bytes32 codeRoot, bytes32 input) internal pure {
        requireSize(state);
        // PROTOCOL.md GAME-7
        bytes32 foundCode = bytes32(state[:CODE_ROOT_END]);
        bytes32 foundInput = bytes32(state[INPUT:INPUT_END]);
        require(
            foundCode == codeRoot && foundInput == input,
            IEdgeGame.EdgeRunMismatch(foundCode, codeRoot, foundInput, input)
        );
    }

    /// @notice Reverts unless the run that ends in `state` results in `claim`.
    function requireResult(bytes calldata state, bytes32 claim) internal pure {
        bytes32 computed = result(state);
        // PROTOCOL.md GAME-7
        require(computed == claim, IEdgeGame.EdgeResultMismatch(claim, computed));
    }

    /// @notice The output of a machine that halted with exit code 0, else 0: no claim hashes to
    ///         that.
    function result(bytes calldata state) internal pure returns (bytes32 output) {
        requireSize(state);
        // PROTOCOL.md PROGRAM-5
        bool halted = uint8(state[STATUS]) == MachineState.HALTED;
        if (!halted || state[EXIT_CODE] != 0 || state[EXIT_CODE + 1] != 0) return 0;
        // Registers are packed big endian, the output is their bytes as they lie in memory.
        for (uint256 i = 0; i < 32; ++i) {
            uint256 offset = OUTPUT + (i & ~uint256(7)) + 7 - i % 8;
            output |= bytes32(state[offset]) >> (8 * i);
        }
    }

    function requireSize(bytes calldata state) private pure {
        require(state.length == STATE_SIZE, IEdgeGame.EdgeStateLength(state.length, STATE_SIZE));
    }
}
