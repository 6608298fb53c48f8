// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title FastLz
/// @notice Size of a byte string after FastLZ compression, without producing the output.
///         Follows `flzCompress` of Solady's LibZip (MIT, https://github.com/Vectorized/solady)
///         step by step and counts bytes where LibZip writes them; op-revm's `flz_compress_len`
///         is the same algorithm, and the L1 data fee is charged by it.
library FastLz {
    /// @notice Bytes that `data` takes after FastLZ compression.
    /// @dev Assembly because every byte goes through the match loop. For 100,000 incompressible
    ///      bytes it measured 32 million gas, and the same loop in Solidity, with a `uint256[]` as
    ///      hash table, 117 million: more than the 50 million nodes commonly grant an `eth_call`.
    ///      The hash table lives above the free memory pointer, 4 bytes an entry.
    function compressedLength(bytes memory data) internal pure returns (uint256 size) {
        assembly ("memory-safe") {
            // Little-endian 24-bit number at pointer `p`.
            function u24(p) -> v {
                v := mload(p)
                v := or(shl(16, byte(2, v)), or(shl(8, byte(1, v)), byte(0, v)))
            }
            function hash(v) -> h {
                h := and(shr(19, mul(2654435769, v)), 0x1fff)
            }
            function setHash(h, position) {
                let slot := add(mload(0x40), shl(2, h))
                let word := mload(slot)
                mstore(slot, xor(word, shl(224, xor(shr(224, word), position))))
            }
            function getHash(h) -> position {
                position := shr(224, mload(add(mload(0x40), shl(2, h))))
            }
            function setNextHash(p, start) -> next {
                setHash(hash(u24(p)), sub(p, start))
                next := add(p, 1)
            }
            // Count of equal bytes at `p` and `q`, plus one for the first that differs;
            // `q` stays below `end`.
            function matchLength(p, q, end) -> l {
                for { end := sub(end, q) } lt(l, end) { l := add(l, 1) } {
                    end := mul(iszero(byte(0, xor(mload(add(p, l)), mload(add(q, l))))), end)
                }
            }
            // A run of literals: one control byte for every 32 of them or fewer.
            function literals(count) -> bytesOut {
                bytesOut := add(count, shr(5, add(count, 31)))
            }
            // A back reference: 2 bytes when short, 3 for every 262 of length otherwise.
            function backReference(l) -> bytesOut {
                l := sub(l, 1)
                bytesOut := add(mul(3, div(l, 262)), add(2, iszero(lt(mod(l, 262), 6))))
            }

            let start := add(data, 0x20)
            let end := add(start, mload(data))
            let limit := sub(end, 13)
            let anchor := start
            // Zeroes the 8,192 entries of the hash table.
            calldatacopy(mload(0x40), calldatasize(), 0x8000)

            for { let p := add(start, 2) } lt(p, limit) {} {
                let reference := 0
                for {} 1 {} {
                    let sequence := u24(p)
                    let h := hash(sequence)
                    reference := add(start, getHash(h))
                    setHash(h, sub(p, start))
                    let distance := sub(p, reference)
                    if iszero(lt(p, limit)) { break }
                    p := add(p, 1)
                    if iszero(gt(distance, 0x1fff)) {
                        if eq(sequence, u24(reference)) { break }
                    }
                }
                if iszero(lt(p, limit)) { break }
                p := sub(p, 1)
                if gt(p, anchor) { size := add(size, literals(sub(p, anchor))) }
                let l := matchLength(add(reference, 3), add(p, 3), add(limit, 9))
                size := add(size, backReference(l))
                p := setNextHash(setNextHash(add(p, l), start), start)
                anchor := p
            }
            size := add(size, literals(sub(end, anchor)))
        }
    }
}
