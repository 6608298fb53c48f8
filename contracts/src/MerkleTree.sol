// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  MerkleTree
/// @notice Membership in a perfect binary tree: node = keccak(left ‖ right), a leaf is itself.
library MerkleTree {
    /// @notice The root that follows from a leaf at `index` and its siblings, leaf upwards.
    /// @dev    The tree has height `siblings.length`; the caller checks that it is the one
    ///         expected, and that `index < 2^height`.
    function rootOf(bytes32 leaf, uint256 index, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32 node)
    {
        // PROTOCOL.md NOTE-4
        node = leaf;
        // Assembly: 120 gas a level, 240 in Solidity; a store goes up 65 levels.
        assembly ("memory-safe") {
            let sibling := add(siblings, 32)
            let end := add(sibling, shl(5, mload(siblings)))
            for {} lt(sibling, end) { sibling := add(sibling, 32) } {
                // The node's half of the scratch space: the right one if the bit is set.
                let half := shl(5, and(index, 1))
                mstore(half, node)
                mstore(xor(half, 32), mload(sibling))
                node := keccak256(0, 64)
                index := shr(1, index)
            }
        }
    }
}
