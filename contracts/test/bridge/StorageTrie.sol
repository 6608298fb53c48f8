// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// @title  StorageTrie
/// @notice Builds the whole storage trie of a message passer that holds these withdrawals, node by
///         node; the Portal only ever sees one path of it.
library StorageTrie {
    /// The hashed keys of the withdrawals' slots, sorted.
    function keysOf(bytes32[] memory hashes) internal pure returns (bytes32[] memory keys) {
        keys = new bytes32[](hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            bytes32 key = keyOf(hashes[i]);
            uint256 j = i;
            for (; j > 0 && keys[j - 1] > key; --j) {
                keys[j] = keys[j - 1];
            }
            keys[j] = key;
        }
    }

    function root(bytes32[] memory hashes) internal pure returns (bytes32) {
        bytes32[] memory keys = keysOf(hashes);
        return keccak256(node(keys, 0, keys.length, 0));
    }

    /// The nodes from the root to the withdrawal's leaf; for one that is not there, to where it ends.
    function proof(bytes32[] memory hashes, bytes32 hash)
        internal
        pure
        returns (bytes[] memory nodes)
    {
        bytes32[] memory keys = keysOf(hashes);
        bytes32 key = keyOf(hash);
        bytes[] memory path = new bytes[](64);
        (uint256 count, uint256 low, uint256 high, uint256 depth) = (0, 0, keys.length, 0);
        while (true) {
            path[count++] = node(keys, low, high, depth);
            if (high - low == 1) break;
            uint256 shared = sharedUntil(keys, low, high, depth);
            if (shared > depth) {
                depth = shared;
                if (nibbles(key, depth) != nibbles(keys[low], depth)) break;
                continue;
            }
            (low, high) = child(keys, low, high, depth, nibble(key, depth));
            if (low == high) break;
            ++depth;
        }
        nodes = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            nodes[i] = path[i];
        }
    }

    function keyOf(bytes32 hash) private pure returns (bytes32) {
        bytes32 slot = keccak256(bytes.concat(hash, bytes32(0)));
        return keccak256(bytes.concat(slot));
    }

    /// RLP of the node over keys [low, high), which share their first `depth` nibbles. A node here
    /// is never shorter than 32 bytes: keys are hashes, so leaves hold long ends of them.
    function node(bytes32[] memory keys, uint256 low, uint256 high, uint256 depth)
        private
        pure
        returns (bytes memory)
    {
        bytes[] memory items = new bytes[](2);
        if (high - low == 1) {
            items[0] = RLP.encode(path_(keys[low], depth, 64, true));
            items[1] = RLP.encode(bytes(hex"01"));
            return RLP.encode(items);
        }
        uint256 shared = sharedUntil(keys, low, high, depth);
        if (shared > depth) {
            items[0] = RLP.encode(path_(keys[low], depth, shared, false));
            items[1] = RLP.encode(keccak256(node(keys, low, high, shared)));
            return RLP.encode(items);
        }
        items = new bytes[](17);
        items[16] = RLP.encode(bytes(""));
        for (uint256 n = 0; n < 16; ++n) {
            (uint256 from, uint256 to) = child(keys, low, high, depth, n);
            items[n] = from == to
                ? RLP.encode(bytes(""))
                : RLP.encode(keccak256(node(keys, from, to, depth + 1)));
        }
        return RLP.encode(items);
    }

    /// The keys in [low, high) whose nibble at `depth` is `n`.
    function child(bytes32[] memory keys, uint256 low, uint256 high, uint256 depth, uint256 n)
        private
        pure
        returns (uint256 from, uint256 to)
    {
        from = low;
        while (from < high && nibble(keys[from], depth) < n) ++from;
        to = from;
        while (to < high && nibble(keys[to], depth) == n) ++to;
    }

    /// How many nibbles the first and the last key have in common, and so all between.
    function sharedUntil(bytes32[] memory keys, uint256 low, uint256 high, uint256 depth)
        private
        pure
        returns (uint256 shared)
    {
        shared = depth;
        while (nibble(keys[low], shared) == nibble(keys[high - 1], shared)) ++shared;
    }

    function nibble(bytes32 key, uint256 i) private pure returns (uint256) {
        return uint256(key) >> (252 - 4 * i) & 0xf;
    }

    function nibbles(bytes32 key, uint256 count) private pure returns (uint256) {
        return count == 0 ? 0 : uint256(key) >> (256 - 4 * count);
    }

    /// Nibbles [from, to) of a key, packed as in the yellow paper's appendix C.
    function path_(bytes32 key, uint256 from, uint256 to, bool leaf)
        private
        pure
        returns (bytes memory packed)
    {
        uint256 flag = leaf ? 2 : 0;
        if ((to - from) % 2 == 1) {
            packed = bytes.concat(bytes1(uint8((flag + 1) << 4 | nibble(key, from))));
            ++from;
        } else {
            packed = bytes.concat(bytes1(uint8(flag << 4)));
        }
        for (; from < to; from += 2) {
            packed =
                bytes.concat(packed, bytes1(uint8(nibble(key, from) << 4 | nibble(key, from + 1))));
        }
    }
}
