// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  Prices
/// @notice What a move of the right side is paid, in gas. A chain multiplies it by a gas price that
///         is fixed when it is deployed, so that nobody can raise what a loser pays.
/// @dev    Each price is above the gas of the move as a transaction of its own at full heights,
///         together with its share of what follows the win: to cache its timer and to pay its line.
///         `Payment.t.sol` measures that, and fails if a move costs more.
library Prices {
    /// A proposal. No move of a game: the proposer of the winner has the rest of a loser's half.
    uint256 internal constant PROPOSAL = 400_000;
    /// A bisection.
    uint256 internal constant BISECTION = 165_000;
    /// `openSpans`, `openSteps` or `proveZero`, and the return of the stake.
    uint256 internal constant OPENING = 450_000;
    /// The most expensive `proveStep`: a precompile that fails on 120,000 bytes of input.
    uint256 internal constant PROOF = 15_000_000;
    /// What `settle` or `collect` is paid for each stake that it takes.
    uint256 internal constant CLOSING = 300_000;

    /// @notice All that the right side must do in a level against one loser's tree: that tree has
    ///         one edge of each height, at most, that is a rival of a right one.
    function answers(uint256 height, bool isSteps) internal pure returns (uint256) {
        return height * BISECTION + (isSteps ? PROOF : OPENING) + CLOSING;
    }
}
