// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice A leaf that is not zero.
struct Leaf {
    uint256 index;
    bytes32 value;
}

/// @title  SparseTree
/// @notice A Merkle tree whose leaves are zero but for a few, by recursion from the root.
library SparseTree {
    /// @notice The hash of the node with this index among those of this height.
    function node(Leaf[] memory leaves, uint256 height, uint256 index)
        internal
        pure
        returns (bytes32)
    {
        return node(leaves, zeros(height), height, index);
    }

    /// @notice The siblings of a node, upwards up to a tree of height `depth`.
    function siblings(Leaf[] memory leaves, uint256 depth, uint256 height, uint256 index)
        internal
        pure
        returns (bytes32[] memory found)
    {
        bytes32[] memory zero = zeros(depth);
        found = new bytes32[](depth - height);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = node(leaves, zero, height + i, (index >> i) ^ 1);
        }
    }

    /// @notice zeros[h] is the root of a tree of height h without any leaf but zeros.
    function zeros(uint256 height) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](height + 1);
        for (uint256 i = 0; i < height; ++i) {
            hashes[i + 1] = keccak256(bytes.concat(hashes[i], hashes[i]));
        }
    }

    function node(Leaf[] memory leaves, bytes32[] memory zero, uint256 height, uint256 index)
        private
        pure
        returns (bytes32)
    {
        bool isEmpty = true;
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (leaves[i].index >> height != index) continue;
            if (height == 0) return leaves[i].value;
            isEmpty = isEmpty && leaves[i].value == 0;
        }
        if (isEmpty) return zero[height];
        bytes32 left = node(leaves, zero, height - 1, 2 * index);
        return keccak256(bytes.concat(left, node(leaves, zero, height - 1, 2 * index + 1)));
    }
}
