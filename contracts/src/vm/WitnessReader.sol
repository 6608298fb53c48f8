// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice A place in a witness: what is before `next` is read. All three are calldata positions.
struct Reader {
    uint256 next;
    uint256 start;
    uint256 end;
}

using WitnessReader for Reader global;

/// @title  WitnessReader
/// @notice Reads a packed witness from front to back, big endian, without gaps.
/// @dev    Assembly: a calldata slice can be neither kept in a struct nor given a named error.
library WitnessReader {
    /// @notice The witness has `found` bytes; what was read of it asks for `expected`.
    error WitnessLength(uint256 found, uint256 expected);

    function open(bytes calldata witness) internal pure returns (Reader memory) {
        uint256 start;
        assembly ("memory-safe") {
            start := witness.offset
        }
        return Reader(start, start, start + witness.length);
    }

    function word(Reader memory self) internal pure returns (bytes32 value) {
        uint256 position = take(self, 32);
        assembly ("memory-safe") {
            value := calldataload(position)
        }
    }

    function u64(Reader memory self) internal pure returns (uint64 value) {
        uint256 position = take(self, 8);
        assembly ("memory-safe") {
            value := shr(192, calldataload(position))
        }
    }

    function u32(Reader memory self) internal pure returns (uint32 value) {
        uint256 position = take(self, 4);
        assembly ("memory-safe") {
            value := shr(224, calldataload(position))
        }
    }

    function slice(Reader memory self, uint256 size) internal pure returns (bytes calldata data) {
        uint256 position = take(self, size);
        assembly ("memory-safe") {
            data.offset := position
            data.length := size
        }
    }

    function words(Reader memory self, uint256 count)
        internal
        pure
        returns (bytes32[] calldata values)
    {
        uint256 position = take(self, 32 * count);
        assembly ("memory-safe") {
            values.offset := position
            values.length := count
        }
    }

    /// @notice How many bytes are left.
    function left(Reader memory self) internal pure returns (uint256) {
        return self.end - self.next;
    }

    /// @notice Nothing may be left.
    function close(Reader memory self) internal pure {
        // INVARIANT: a step has one witness only; every byte of it has been read.
        if (self.next != self.end) revertWithLength(self);
    }

    function take(Reader memory self, uint256 size) private pure returns (uint256 position) {
        position = self.next;
        // No overflow: positions are below 2^64, and no caller's size is above 2^24.
        unchecked {
            self.next = position + size;
        }
        if (self.next > self.end) revertWithLength(self);
    }

    function revertWithLength(Reader memory self) private pure {
        revert WitnessLength(self.end - self.start, self.next - self.start);
    }
}
