// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IPreimageOracle
/// @notice Preimages of keys that are hashes. Nothing is stored: who reads brings the proof.
///
///         key = type:1 ‖ the low 31 bytes of a hash
///
///         | type         | hash                       | preimage                               |
///         |--------------|----------------------------|----------------------------------------|
///         | 1 keccak     | keccak(preimage)           | any bytes                              |
///         | 2 blob       | keccak(versionedHash:32 ‖  | field element i of the blob, 32 bytes  |
///         |              | i:8)                       |                                        |
///         | 3 precompile | keccak(address:20 ‖ input) | 1:1 ‖ what it returns; 0:1 if it fails |
///
///         | type         | proof                                                               |
///         |--------------|---------------------------------------------------------------------|
///         | 1 keccak     | the preimage                                                        |
///         | 2 blob       | versionedHash:32 ‖ i:8 ‖ commitment:48 ‖ KZG proof:48 ‖ element:32  |
///         | 3 precompile | address:20 ‖ input                                                  |
interface IPreimageOracle {
    error PreimageUnknownKeyType(uint8 keyType);
    /// @notice The proof is about a preimage with another key.
    error PreimageKeyMismatch(bytes32 key, bytes32 hash);
    error PreimageProofLength(uint256 found, uint256 expected);
    error PreimageFieldElementIndex(uint64 found, uint64 max);
    /// @notice The point evaluation precompile refused the proof of this element.
    error PreimageInvalidKzgProof(bytes32 versionedHash, uint64 index);
    error PreimageUnknownPrecompile(address precompile);
    /// @notice The precompile failed, perhaps only because the caller gave too little gas.
    error PreimageOutOfGas(uint256 found, uint256 expected);

    /// @notice The chain is older than Osaka, so nothing can be deployed there.
    error PreimageMissingPrecompile(address precompile);

    /// @notice The 32 bytes at `offset` of the preimage, zeros where it has ended, and its length.
    function read(bytes32 key, uint64 offset, bytes calldata proof)
        external
        view
        returns (bytes32 word, uint64 length);
}
