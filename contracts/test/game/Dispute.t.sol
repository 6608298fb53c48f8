// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GameTest, Lie, Player} from "./GameTest.sol";
import {Trees} from "./Trees.sol";

/// @title  DisputeTest
/// @notice Whole disputes: the right assertion is confirmed in time, no other ever is, and the
///         honest player does not pay for it, whatever other players do.
contract DisputeTest is GameTest {
    Lie private none = Lie(NEVER, NEVER);

    /// Whatever a liar lies about and from where on, and no matter who proposes first.
    function testFuzz_liar_loses(uint256 seed, bool first) public {
        Player memory good = honest();
        Player memory bad = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        begin(good, bad, first);
        playOut(pair(bad, good));
        wins(good, pair(bad, good));
    }

    /// The claim after the last block is right, one before is not; the final state is right, a span
    /// is not; a span is right, a step in it is not.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_rightEnd_wrongInside_loses(uint256 seed, bool first) public {
        Player memory good = honest();
        Player memory bad = player(
            1,
            inside(seed, 4),
            Lie((seed >> 64) % 4, (seed >> 72) % 8),
            Lie((seed >> 80) % 8, (seed >> 88) % 16)
        );
        begin(good, bad, first);
        playOut(pair(bad, good));
        wins(good, pair(bad, good));
    }

    /// Allies of the liar side with the right claim or the right span to be wrong about its inside.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_falseFriends_lose(uint256 seed) public {
        Player memory good = honest();
        Player[] memory players = new Player[](5);
        players[0] = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        players[1] = player(2, none, inside(seed >> 32, 4), inside(seed >> 64, 8));
        players[2] = player(3, none, none, inside(seed >> 96, 8));
        players[3] = player(4, none, Lie((seed >> 128) % 3, 3), none);
        players[4] = good;
        begin(good, players[0], seed >> 255 == 1);
        playOut(players);
        wins(good, players);
    }

    /// A liar that stops after any number of moves.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_liarThatStops_loses(uint256 seed, uint256 moves) public {
        Player memory good = honest();
        Player memory bad = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        begin(good, bad, true);
        moves = bound(moves, 0, 15);
        while (moves > 0) {
            uint256 left = respond(bad, moves);
            if (left == moves && respond(good, ALL) == ALL) break;
            moves = left;
        }
        respond(good, ALL);
        wins(good, pair(bad, good));
    }

    /// A liar that makes each move as late as it likes. While the honest player answers at once,
    /// its root edge counts every second since it was proposed, a wrong one none.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_delays_gainNothing(uint256 seed, uint256 delays) public {
        Player memory good = honest();
        Player memory bad = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        uint256 start = block.timestamp;
        begin(good, bad, false);
        respond(good, ALL);
        for (uint256 i = 0; i < 20; ++i) {
            vm.warp(block.timestamp + delays % PERIOD / 8);
            delays = uint256(keccak256(abi.encode(delays)));
            respond(bad, 1);
            respond(good, ALL);
            updateAll(bad);
            updateAll(good);
            equal(timerOf(good), block.timestamp - start);
            equal(timerOf(bad), 0);
        }
    }

    /// An honest player that is slow, but not slower than the period in all, still wins, once all
    /// of it has passed.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_slowHonestPlayer_wins(uint256 seed, uint256 delays) public {
        Player memory good = honest();
        Player memory bad = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        propose(bad);
        uint256 lag = 0;
        for (uint256 i = 0; i < 16; ++i) {
            uint256 delay = delays % (PERIOD / 16);
            lag += delay;
            vm.warp(block.timestamp + delay);
            delays = uint256(keccak256(abi.encode(delays)));
            if (i == 0) propose(good);
            respond(good, 1);
            respond(bad, ALL);
        }
        updateAll(bad);
        isTrue(timerOf(bad) <= lag);
        playOut(pair(bad, good));
        wins(good, pair(bad, good));
    }

    /// Liars fight each other down to the last level before the honest player comes at all.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_liarsThatFoughtBefore_lose(uint256 seed) public {
        Player memory good = honest();
        Player[] memory players = new Player[](3);
        players[0] = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        players[1] = liar(2, (seed >> 24) % 4, (seed >> 32) % 4, (seed >> 40) % 8);
        players[2] = good;
        propose(players[0]);
        propose(players[1]);
        playOut(pair(players[0], players[1]));
        vm.warp(block.timestamp + PERIOD - 1);
        updateAll(players[0]);
        updateAll(players[1]);
        propose(good);
        playOut(players);
        wins(good, players);
    }

    /// Liars that claim that the program fails, which is a claim like others, with the index `from`.
    /// Nothing can be built on it, so two that agree on it cannot go on, and need not.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_invalidClaim_loses(uint256 seed, bool alone) public {
        Player memory good = honest();
        Player[] memory players = new Player[](alone ? 2 : 3);
        Lie memory lie = Lie(seed % 3, 4);
        players[0] = player(1001, lie, Lie((seed >> 8) % 4, 4), Lie((seed >> 16) % 8, 8));
        if (!alone) players[1] = player(1002, lie, Lie((seed >> 24) % 4, 4), none);
        players[players.length - 1] = good;
        begin(good, players[0], true);
        if (!alone) propose(players[1]);
        if (alone) playOut(players);
        else playOutBut(players, seed % 3 + 1);
        wins(good, players);
    }

    /// Twenty rivals at once at each level.
    function test_twentySybilsAtEachLevel_lose() public {
        vm.pauseGasMetering();
        Player memory good = honest();
        Player[] memory players = new Player[](61);
        players[60] = good;
        propose(good);
        for (uint256 i = 0; i < 20; ++i) {
            players[i] = liar(i + 1, i % 4, (i / 4) % 4, i % 8);
            propose(players[i]);
            players[20 + i] = player(i + 21, none, Lie(i % 3, 3), Lie(i % 7, 7));
            players[40 + i] = player(i + 41, none, none, Lie(i % 7, 7));
        }
        playOut(players);
        wins(good, players);
        // One stake for the assertion and one for each point of divergence on which a liar staked.
        uint256 locked = 100 ether - good.account.balance;
        isTrue(locked <= STAKE + 4 * SPANS_STAKE + 16 * STEPS_STAKE);
    }

    /// The claims of a player with such a seed are 0 where its lies begin.
    function claimOf(Player memory p, uint256 i) internal view override returns (bytes32) {
        return p.seed > 1000 && i == p.blocks.from ? bytes32(0) : super.claimOf(p, i);
    }

    /// As `playOut`, but nobody opens the block after an invalid claim.
    function playOutBut(Player[] memory players, uint256 blockIndex) internal {
        closed = blockIndex;
        playOut(players);
    }

    uint256 private closed = NEVER;

    function openable(Player memory p, uint256 index) internal view override returns (bool) {
        return p.seed == 0 || index != closed;
    }

    /// Somewhere, but not at the end.
    function inside(uint256 seed, uint256 count) internal pure returns (Lie memory) {
        uint256 from = seed % (count - 1);
        return Lie(from, bound(seed >> 16, from + 1, count - 1));
    }
}

/// @title  DisputeAtBatchLimitTest
/// @notice Once the batches that an assertion must read are read, the program is given none, also
///         when there are more by now.
contract DisputeAtBatchLimitTest is GameTest {
    function setUp() public override {
        batches = 1;
        super.setUp();
        postAll();
        postAll();
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_liar_loses(uint256 seed, bool first) public {
        Player memory good = honest();
        Player memory bad = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        begin(good, bad, first);
        playOut(pair(bad, good));
        wins(good, pair(bad, good));
        bytes32 id = blocksOf(good).tree.idOf(Trees.blocksId(genesis), 0, seed % 4);
        equal(game.agreedState(Trees.spansId(id)), states[seed % 4][0]);
    }
}
