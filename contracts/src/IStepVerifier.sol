// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IStepVerifier
/// @notice The machine's transition function: what one instruction makes of a state. It has a
///         result for every state that a program can reach.
///
///         A witness is packed, big endian, nothing between its parts:
///
///         | part        | bytes                                                                |
///         |-------------|----------------------------------------------------------------------|
///         | state       | the state but for its first two fields, the roots                    |
///         | code bounds | codeStart:8 ‖ codeEnd:8                                              |
///         | code        | leaf:32 ‖ siblings, upwards, of the instruction; the tree's root:32  |
///         |             | if the machine is halted or has no instruction at pc                 |
///         | memory      | bitmap:4 ‖ the memory needed ‖ siblings, upwards, whose bit in the   |
///         |             | bitmap is set (others cover zeros); memoryRoot:32 if none is needed  |
///         | preimage    | for `read_preimage` alone: the oracle's proof                        |
interface IStepVerifier {
    /// @notice The witness is of the state with hash `computed`.
    error WrongPreState(bytes32 expected, bytes32 computed);

    /// @notice The hash of the state one step after that with hash `preStateHash`. A halted machine
    ///         stays as it is. Reverts if `witness` is not the one witness of this step.
    function step(bytes32 preStateHash, bytes calldata witness)
        external
        view
        returns (bytes32 postStateHash);
}
