// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {MerkleTree} from "../MerkleTree.sol";
import {Access, Use} from "./Access.sol";
import {Reader} from "./WitnessReader.sol";

/// @notice A node of the memory tree and its way up to the root.
struct MemoryProof {
    bytes32 node;
    uint256 index;
    // From the node's own height upwards.
    bytes32[] siblings;
    // keccak of the bytes that the step hashes, if it hashes any.
    bytes32 dataHash;
}

using MemoryTree for MemoryProof global;

/// @title  MemoryTree
/// @notice Memory is 2^30 bytes from address 0: a Merkle tree of depth 25 over leaves of 32 bytes.
///         A witness leaves out the siblings that cover zeros only.
library MemoryTree {
    /// @notice The sibling at this height covers zeros only, so it must be left out.
    error ZeroSiblingGiven(uint256 height);
    /// @notice A bit at or above DEPTH, or below the height of the proven node.
    error InvalidBitmap(uint32 bitmap);

    // PROTOCOL.md MACHINE-3
    uint256 internal constant DEPTH = 25;
    uint256 internal constant LEAF_SIZE = 32;
    /// @notice Bytes of memory.
    uint256 internal constant SIZE = LEAF_SIZE << DEPTH;

    /// @notice The proof of the memory that a step needs.
    /// @dev    `access.size` is 32 times a power of two, `access.start` a multiple of it, and the
    ///         whole is inside of memory.
    function read(Reader memory reader, Access memory access)
        internal
        pure
        returns (MemoryProof memory proof)
    {
        uint256 height = Math.log2(access.size / LEAF_SIZE);
        uint32 bitmap = reader.u32();
        bytes calldata data = reader.slice(access.size);
        proof.node = rootOf(data);
        proof.index = access.start / access.size;
        proof.siblings = readSiblings(reader, bitmap, height);
        if (access.use == Use.Keccak) proof.dataHash = keccak256(data[:access.hashLength]);
    }

    /// @notice The memory root with `node` in the place that the proof is about.
    function rootWith(MemoryProof memory self, bytes32 node) internal pure returns (bytes32) {
        return MerkleTree.rootOf(node, self.index, self.siblings);
    }

    function readSiblings(Reader memory reader, uint256 bitmap, uint256 height)
        private
        pure
        returns (bytes32[] memory siblings)
    {
        // INVARIANT: bits that mean nothing are zero, and so is the bit of a sibling of zeros only:
        // a step has one witness.
        require(bitmap >> DEPTH == 0 && bitmap % (1 << height) == 0, InvalidBitmap(uint32(bitmap)));
        bytes32[] calldata given = reader.words(countOnes(bitmap));
        siblings = new bytes32[](DEPTH - height);
        bytes32 zeros;
        uint256 next = 0;
        unchecked {
            for (uint256 i = 0; i < DEPTH; ++i) {
                if (i >= height) {
                    bool isGiven = bitmap >> i & 1 == 1;
                    bytes32 sibling = isGiven ? given[next++] : zeros;
                    require(!isGiven || sibling != zeros, ZeroSiblingGiven(i));
                    siblings[i - height] = sibling;
                }
                zeros = Hashes.efficientKeccak256(zeros, zeros);
            }
        }
    }

    function countOnes(uint256 bitmap) private pure returns (uint256 count) {
        unchecked {
            // Each round takes away the lowest one.
            for (; bitmap != 0; bitmap &= bitmap - 1) {
                ++count;
            }
        }
    }

    /// @dev The root of the tree whose leaves are `data`, level by level in a copy of them.
    function rootOf(bytes memory data) private pure returns (bytes32 root) {
        // Assembly: 100 gas a leaf, 900 in Solidity; the `keccak` syscall has up to 2,048 of them.
        assembly ("memory-safe") {
            let nodes := add(data, 32)
            for { let size := mload(data) } gt(size, 32) {} {
                size := shr(1, size)
                for { let i := 0 } lt(i, size) { i := add(i, 32) } {
                    mstore(add(nodes, i), keccak256(add(nodes, shl(1, i)), 64))
                }
            }
            root := mload(nodes)
        }
    }
}
