// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEdgeGame} from "../../src/IEdgeGame.sol";

/// @notice A whole tree. nodes[1] is its root, nodes[2i] and nodes[2i + 1] are below nodes[i].
struct Tree {
    uint256 height;
    bytes32[] nodes;
}

using Trees for Tree global;

/// @title  Trees
/// @notice Commitments with all their nodes, and the protocol's ids written a second time.
library Trees {
    function grow(bytes32[] memory leaves) internal pure returns (Tree memory tree) {
        uint256 count = leaves.length;
        while (2 ** tree.height < count) ++tree.height;
        tree.nodes = new bytes32[](2 * count);
        for (uint256 i = 0; i < count; ++i) {
            tree.nodes[count + i] = leaves[i];
        }
        for (uint256 i = count - 1; i > 0; --i) {
            tree.nodes[i] = keccak256(bytes.concat(tree.nodes[2 * i], tree.nodes[2 * i + 1]));
        }
    }

    function root(Tree memory self) internal pure returns (bytes32) {
        return self.nodes[1];
    }

    function node(Tree memory self, uint256 height, uint256 index) internal pure returns (bytes32) {
        return self.nodes[2 ** (self.height - height) + index];
    }

    function leaf(Tree memory self, uint256 index) internal pure returns (bytes32) {
        return node(self, 0, index);
    }

    function lastLeaf(Tree memory self) internal pure returns (bytes32) {
        return self.nodes[self.nodes.length - 1];
    }

    /// @notice Siblings, upwards, of a leaf in the subtree of this height that holds it.
    function siblings(Tree memory self, uint256 index, uint256 height)
        internal
        pure
        returns (bytes32[] memory found)
    {
        found = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            found[i] = node(self, i, (index >> i) ^ 1);
        }
    }

    function lastLeafProof(Tree memory self) internal pure returns (bytes32[] memory) {
        return siblings(self, 2 ** self.height - 1, self.height);
    }

    /// @notice How to get from the root to a leaf, and which leaf is before that.
    function position(Tree memory self, bytes32 start, uint256 index)
        internal
        pure
        returns (IEdgeGame.Position memory found)
    {
        found.start = start;
        found.index = uint64(index);
        uint256 height = 0;
        for (uint256 i = 0; i < self.height; ++i) {
            uint256 below = self.height - 1 - i;
            uint256 place = index >> below;
            if (place % 2 == 0) continue;
            found.lefts = append(found.lefts, node(self, below, place - 1));
            height = below;
        }
        found.agreedProof = index == 0 ? new bytes32[](0) : siblings(self, index - 1, height);
    }

    function append(bytes32[] memory words, bytes32 word)
        internal
        pure
        returns (bytes32[] memory longer)
    {
        longer = new bytes32[](words.length + 1);
        for (uint256 i = 0; i < words.length; ++i) {
            longer[i] = words[i];
        }
        longer[words.length] = word;
    }

    /// @notice The mutual id of the edge over the node with this height and index.
    function idOf(Tree memory self, bytes32 start, uint256 height, uint256 index)
        internal
        pure
        returns (bytes32 id)
    {
        id = start;
        for (uint256 below = self.height; below > height; --below) {
            uint256 place = index >> (below - 1 - height);
            id = place % 2 == 0 ? leftId(id) : rightId(id, node(self, below - 1, place - 1));
        }
    }

    function leftId(bytes32 id) internal pure returns (bytes32) {
        return keccak256(bytes.concat(id, hex"00"));
    }

    function rightId(bytes32 id, bytes32 left) internal pure returns (bytes32) {
        return keccak256(bytes.concat(id, hex"01", left));
    }

    function blocksId(bytes32 parent) internal pure returns (bytes32) {
        return keccak256(bytes.concat("blocks", parent));
    }

    function spansId(bytes32 id) internal pure returns (bytes32) {
        return keccak256(bytes.concat("spans", id));
    }

    function stepsId(bytes32 id) internal pure returns (bytes32) {
        return keccak256(bytes.concat("steps", id));
    }
}
