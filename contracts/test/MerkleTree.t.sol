// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MerkleTree} from "../src/MerkleTree.sol";
import {ClaimTree} from "./ClaimTree.sol";
import {L1Test} from "./L1Test.sol";

/// @title  MerkleTreeTest
/// @notice Every leaf of a whole tree proves itself, and no corrupted proof does.
contract MerkleTreeTest is L1Test {
    function rootOf(bytes32 leaf, uint256 index, bytes32[] calldata proof)
        external
        pure
        returns (bytes32)
    {
        return MerkleTree.rootOf(leaf, index, proof);
    }

    function testFuzz_everyLeaf_provesItself(uint256 seed, uint256 height) public view {
        bytes32[] memory leaves = randomLeaves(seed, bound(height, 0, 6));
        bytes32 root = ClaimTree.root(leaves);
        for (uint256 i = 0; i < leaves.length; ++i) {
            equal(this.rootOf(leaves[i], i, ClaimTree.proof(leaves, i)), root);
        }
    }

    function testFuzz_corruptedProof_givesAnotherRoot(
        uint256 seed,
        uint256 height,
        uint256 index,
        uint256 bit
    ) public view {
        bytes32[] memory leaves = randomLeaves(seed, bound(height, 1, 6));
        index = bound(index, 0, leaves.length - 1);
        bytes32 root = ClaimTree.root(leaves);
        bytes32[] memory proof = ClaimTree.proof(leaves, index);
        bytes32 flipped = bytes32(1 << (bit % 256));
        isTrue(this.rootOf(leaves[index] ^ flipped, index, proof) != root);
        isTrue(this.rootOf(leaves[index], index ^ 1, proof) != root);
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] ^= flipped;
            isTrue(this.rootOf(leaves[index], index, proof) != root);
            proof[i] ^= flipped;
        }
    }

    /// Node = keccak(left ‖ right), written out.
    function test_treeOfFour() public view {
        bytes32[] memory leaves = randomLeaves(1, 2);
        bytes32 left = keccak256(bytes.concat(leaves[0], leaves[1]));
        bytes32 right = keccak256(bytes.concat(leaves[2], leaves[3]));
        equal(ClaimTree.root(leaves), keccak256(bytes.concat(left, right)));
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (leaves[3], left);
        equal(this.rootOf(leaves[2], 2, proof), keccak256(bytes.concat(left, right)));
    }

    function randomLeaves(uint256 seed, uint256 height)
        internal
        pure
        returns (bytes32[] memory leaves)
    {
        leaves = new bytes32[](2 ** height);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
    }
}
