// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEdgeGame} from "../IEdgeGame.sol";

/// @notice What is stored of an edge, in one slot. It does not exist if `createdAt` is 0.
struct EdgeRecord {
    uint40 createdAt;
    // Seconds, as `Timers.stored` has them.
    uint32 cached;
    IEdgeGame.Level level;
    uint8 height;
    bool confirmed;
    // Who bisected it or, at height 0, proved it; 0 if nobody has, and PAID once that was paid.
    address mover;
}

// Stands for a mover that was paid: nobody sends from a precompile's address.
address constant PAID = address(1);

/// @notice What is stored of all edges with one mutual id, in one slot.
struct MutualRecord {
    // Whether there is an edge.
    bool exists;
    // Whether one of the edges is confirmed.
    bool decided;
    // When the second edge came; 0 while there is none.
    uint64 rivaledAt;
    // Whether one of the edges is proven; no other one can be.
    bool proven;
    // For root edges of a level: wei of losers for those who moved for the winner. More than all
    // ether fits.
    uint96 pot;
}

/// @title  Timers
/// @notice The seconds that count for an edge.
///
///         unrivaled = how long it existed before its first rival; inherited = infinite if proven,
///         unrivaled + min(children) if bisected, unrivaled + max(opened below) at height 0, else
///         unrivaled. None of these ever falls: the children of an edge never change, openings are
///         only added, and `min`, `max` and `+` are monotone.
///
///         The contract knows inherited timers only as far as somebody cached them. A cached value
///         is `unrivaled` at one moment, plus values that were cached or true at that moment. None
///         of them falls later, so that a cached timer may be behind the true one, and is never
///         ahead of it.
library Timers {
    /// The timer of a proven edge.
    uint64 internal constant INFINITE = type(uint64).max;

    /// INFINITE in a record. Other timers stop one second before it, after more than a century.
    uint32 private constant STORED_INFINITE = type(uint32).max;

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

    function stored(uint64 timer) internal pure returns (uint32) {
        if (timer == INFINITE) return STORED_INFINITE;
        // INVARIANT: what is stored is never ahead of the timer.
        return timer < STORED_INFINITE ? uint32(timer) : STORED_INFINITE - 1;
    }

    function loaded(uint32 timer) internal pure returns (uint64) {
        return timer == STORED_INFINITE ? INFINITE : timer;
    }

    function plus(uint64 a, uint64 b) internal pure returns (uint64) {
        return a > INFINITE - b ? INFINITE : a + b;
    }

    function min(uint64 a, uint64 b) internal pure returns (uint64) {
        return a < b ? a : b;
    }
}
