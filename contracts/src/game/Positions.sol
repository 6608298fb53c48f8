// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IEdgeGame} from "../IEdgeGame.sol";
import {MerkleTree} from "../MerkleTree.sol";
import {MutualId} from "./MutualId.sol";

/// @title  Positions
/// @notice Finds the mutual id of a height-0 edge, and checks which state precedes its leaf.
/// @dev    A mutual id is a hash of all turns that lead to it. So if an edge with the id found
///         exists, `start`, `index` and `lefts` are the only ones that lead there, and the agreed
///         state that belongs to them is the only one. The turns are the bits of the index, because
///         a node can have any value, so that no value could mark a turn.
library Positions {
    /// @param  start   mutual id of the root edges of the level
    /// @param  first   the state before the level's first leaf
    /// @param  agreed  must be the state before the leaf of the edge
    /// @param  height  height of the level's root edges
    function locate(
        IEdgeGame.Position calldata self,
        bytes32 start,
        bytes32 first,
        bytes32 agreed,
        uint256 height
    ) internal pure returns (bytes32 mutualId) {
        // PROTOCOL.md GAME-6
        uint256 index = self.index;
        require(index >> height == 0, IEdgeGame.EdgeIndexTooLarge(index, height));
        mutualId = start;
        uint256 turns = 0;
        uint256 leftHeight = 0;
        for (uint256 below = height; below > 0; --below) {
            if (index >> (below - 1) & 1 == 0) {
                mutualId = MutualId.ofLeft(mutualId);
                continue;
            }
            require(
                turns < self.lefts.length, IEdgeGame.EdgeProofLength(self.lefts.length, turns + 1)
            );
            mutualId = MutualId.ofRight(mutualId, self.lefts[turns++]);
            leftHeight = below - 1;
        }
        requireLength(self.lefts.length, turns);
        requireLength(self.agreedProof.length, leftHeight);
        if (turns == 0) require(agreed == first, IEdgeGame.EdgeAgreedMismatch(agreed, first));
        else requireLastLeaf(self.lefts[turns - 1], agreed, self.agreedProof);
    }

    /// @notice The nodes on a line, from the root of its level's tree down to its end.
    function nodesAbove(IEdgeGame.Line calldata line)
        internal
        pure
        returns (bytes32[] memory nodes)
    {
        uint256 depth = line.siblings.length;
        nodes = new bytes32[](depth + 1);
        bytes32 node = nodes[depth] = line.node;
        for (uint256 i = 0; i < depth; ++i) {
            bytes32 sibling = line.siblings[i];
            node = line.index >> i & 1 == 0
                ? Hashes.efficientKeccak256(node, sibling)
                : Hashes.efficientKeccak256(sibling, node);
            nodes[depth - 1 - i] = node;
        }
    }

    /// @notice Reverts unless `leaf` is the last one of the tree, whose height is the proof's.
    function requireLastLeaf(bytes32 root, bytes32 leaf, bytes32[] calldata proof) internal pure {
        uint256 lastIndex = (uint256(1) << proof.length) - 1;
        require(
            MerkleTree.rootOf(leaf, lastIndex, proof) == root,
            IEdgeGame.EdgeLastLeafMismatch(root, leaf)
        );
    }

    function requireLength(uint256 found, uint256 expected) internal pure {
        require(found == expected, IEdgeGame.EdgeProofLength(found, expected));
    }
}
