// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {GameTest, Lie, Player} from "./GameTest.sol";

/// @title  DisputeTest
/// @notice Whole disputes: the right assertion is confirmed, whatever the others do.
contract DisputeTest is GameTest {
    /// Whatever a liar lies about and from where on, and whoever proposes first.
    function testFuzz_liarLoses(uint256 seed, bool first) public {
        Player memory good = honest();
        Player memory bad = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        bytes32 wrong = first ? propose(bad) : bytes32(0);
        bytes32 right = propose(good);
        if (!first) wrong = propose(bad);
        playOut(good, bad);
        wins(good, bad, right, wrong);
    }

    /// Both move until neither has a move left.
    function playOut(Player memory good, Player memory bad) internal {
        uint256 left;
        do {
            left = respond(bad, ALL) & respond(good, ALL);
        } while (left != ALL);
    }

    function wins(Player memory good, Player memory bad, bytes32 right, bytes32 wrong) internal {
        vm.warp(block.timestamp + PERIOD);
        updateAll(bad);
        updateAll(good);
        isTrue(timerOf(good) >= PERIOD);
        isTrue(timerOf(bad) < PERIOD);
        chain.confirm(right);
        equal(chain.latestConfirmed(), right);
        isTrue(chain.assertion(wrong).status == IAssertionChain.Status.Pending);
    }
}
