// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title  MerkleTree
/// @notice Membership in a perfect binary tree: node = keccak(left ‖ right), a leaf is itself.
library MerkleTree {
    /// @notice The root that follows from a leaf at `index` and its siblings, leaf upwards.
    /// @dev    The tree has height `siblings.length`; the caller checks that it is the one expected,
    ///         and that `index < 2^height`.
    function rootOf(bytes32 leaf, uint256 index, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 i = 0; i < siblings.length; ++i) {
            node = index & 1 == 0
                ? Hashes.efficientKeccak256(node, siblings[i])
                : Hashes.efficientKeccak256(siblings[i], node);
            index >>= 1;
        }
    }
}
