// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEdgeGame} from "../IEdgeGame.sol";

/// @notice What is stored of an edge, in one slot. It does not exist if `createdAt` is 0.
struct EdgeRecord {
    uint64 createdAt;
    // Seconds; see `Timers`.
    uint64 cached;
    IEdgeGame.Level level;
    uint8 height;
    bool bisected;
    bool confirmed;
}

/// @notice What is stored of all edges with one mutual id, in one slot.
struct MutualRecord {
    // There is an edge.
    bool exists;
    // One of them is confirmed.
    bool decided;
    // When the second one came; 0 while there is none.
    uint64 rivaledAt;
}

/// @title  Timers
/// @notice The seconds that count for an edge.
///
///         unrivaled = how long it existed before its first rival; inherited = infinite if proven,
///         unrivaled + min(children) if bisected, unrivaled + max(opened below) at height 0, else
///         unrivaled. None of these ever falls: an edge gets no other children, openings only
///         join, `min`, `max` and `+` are monotone.
///
///         The contract knows inherited timers only as far as somebody cached them. A cached value
///         is `unrivaled` of its moment plus values cached or true at that moment, all of which are
///         at most what they are later. So a cache may lag behind the true timer and never runs
///         ahead of it.
library Timers {
    /// A proven edge's.
    uint64 internal constant INFINITE = type(uint64).max;

    /// @notice Children are made only once their parent has a rival, so the unrivaled times on a
    ///         path from a root edge down never overlap.
    function unrivaled(EdgeRecord memory edge, MutualRecord memory mutual)
        internal
        view
        returns (uint64)
    {
        // PROTOCOL.md GAME-11
        if (mutual.rivaledAt == 0) return uint64(block.timestamp) - edge.createdAt;
        return mutual.rivaledAt > edge.createdAt ? mutual.rivaledAt - edge.createdAt : 0;
    }

    function plus(uint64 a, uint64 b) internal pure returns (uint64) {
        return a > INFINITE - b ? INFINITE : a + b;
    }

    function min(uint64 a, uint64 b) internal pure returns (uint64) {
        return a < b ? a : b;
    }
}
