// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice Why a step needs memory.
enum Use {
    None,
    Load,
    Store,
    Preimage,
    Keccak
}

/// @notice The memory that a step needs: the `size` aligned bytes at `start`, or nothing. What the
///         witness must prove follows from it, so it depends on registers and instruction alone.
struct Access {
    Use use;
    uint256 start;
    uint256 size;
    // How many of the bytes are hashed; for Use.Keccak only.
    uint256 hashLength;
}
