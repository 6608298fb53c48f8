// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  ClaimTree
/// @notice Builds whole trees, level by level; `MerkleTree` only ever sees one path of them.
library ClaimTree {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = leaves;
        while (level.length > 1) {
            level = above(level);
        }
        return level[0];
    }

    /// Siblings of leaf `index`, from the leaf's level up.
    function proof(bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        uint256 height = 0;
        while (2 ** height < leaves.length) {
            ++height;
        }
        siblings = new bytes32[](height);
        bytes32[] memory level = leaves;
        for (uint256 i = 0; i < height; ++i) {
            siblings[i] = level[index ^ 1];
            level = above(level);
            index >>= 1;
        }
    }

    function above(bytes32[] memory level) private pure returns (bytes32[] memory nodes) {
        nodes = new bytes32[](level.length / 2);
        for (uint256 i = 0; i < nodes.length; ++i) {
            nodes[i] = keccak256(bytes.concat(level[2 * i], level[2 * i + 1]));
        }
    }
}
