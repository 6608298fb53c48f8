// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  MerkleTree
/// @notice Membership in a perfect binary tree: node = keccak(left ‖ right), a leaf is itself.
library MerkleTree {
    /// @notice The root that follows from a leaf at `index` and its siblings, leaf upwards.
    /// @dev    The tree has height `proof.length`; the caller checks that it is the one expected,
    ///         and that `index < 2^height`.
    function rootOf(bytes32 leaf, uint256 index, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 i = 0; i < proof.length; ++i) {
            node = index & 1 == 0
                ? keccak256(abi.encodePacked(node, proof[i]))
                : keccak256(abi.encodePacked(proof[i], node));
            index >>= 1;
        }
    }
}
