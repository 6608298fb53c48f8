// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EdgeGame} from "../../src/EdgeGame.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {MutualId} from "../../src/game/MutualId.sol";
import {Vm} from "../L1Test.sol";

/// @title  TimersProof
/// @notice Lemma 4 of prover/SAFETY.md on the contract itself, for all times: a timer that the
///         contract knows never falls, and never runs ahead of the true one.
///
///         `scripts/prove` runs these with Halmos, which tries all values of the arguments at once.
///         The trees are small and fixed: two root edges with the same left half. The times of all
///         moves, and how long caches lag, are arbitrary.
contract TimersProof {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    /// Times of the moves, each in seconds after the one before.
    struct Times {
        uint32 start;
        uint32 alone;
        uint32 bisected;
        uint32 bisectedToo;
        uint32 cached;
        uint32 later;
    }

    bytes32 private constant PARENT = bytes32(uint256(1));
    bytes32 private constant LEFT = bytes32(uint256(2));
    bytes32 private constant OURS = bytes32(uint256(3));
    bytes32 private constant THEIRS = bytes32(uint256(4));

    EdgeGame private game;
    bytes32 private place;
    bytes32 private ourRoot;
    bytes32 private theirRoot;
    bytes32 private right;

    // When our root edge was made, its rival came, we bisected, and they did.
    uint64 private madeAt;
    uint64 private rivaledAt;
    uint64 private bisectedAt;
    uint64 private bisectedTooAt;

    function setUp() public {
        EdgeGame.Parameters memory given;
        (given.blocksHeight, given.spansHeight, given.stepsHeight) = (1, 1, 1);
        (given.spansStake, given.stepsStake, given.challengePeriod) = (1, 1, 1);
        game = new EdgeGame(given);
        place = MutualId.ofBlocks(PARENT);
        right = MutualId.ofRight(place, LEFT);
        ourRoot = keccak256(abi.encodePacked(LEFT, OURS));
        theirRoot = keccak256(abi.encodePacked(LEFT, THEIRS));
    }

    /// Whatever was cached at whatever time: what the contract knows is at most the true timer.
    function check_cachedTimer_neverRunsAhead(Times calldata times, bool childrenFirst) public {
        play(times);
        pass(times.cached);
        cache(childrenFirst);
        assert(known(place, ourRoot) <= trueTimer());
        pass(times.later);
        assert(known(place, ourRoot) <= trueTimer());
        cache(childrenFirst);
        assert(known(place, ourRoot) <= trueTimer());
    }

    /// And it reaches the true one as soon as somebody caches it.
    function check_cachedTimer_isTheTrueOne(Times calldata times) public {
        play(times);
        pass(times.cached);
        cache(true);
        assert(known(place, ourRoot) == trueTimer());
    }

    /// What the contract knows never falls, neither by time nor by a call.
    function check_timer_neverFalls(Times calldata times, bool childrenFirst) public {
        play(times);
        pass(times.cached);
        uint64 before = known(place, ourRoot);
        cache(childrenFirst);
        uint64 cached = known(place, ourRoot);
        assert(cached >= before);
        pass(times.later);
        uint64 later = known(place, ourRoot);
        assert(later >= cached);
        cache(childrenFirst);
        assert(known(place, ourRoot) >= later);
    }

    /// An edge's own time stands still from the moment of its first rival, which has none at all.
    function check_ownTime_stopsAtTheFirstRival(Times calldata times) public {
        play(times);
        assert(known(place, ourRoot) == rivaledAt - madeAt);
        assert(known(place, theirRoot) == 0);
        pass(times.later);
        assert(known(place, ourRoot) == rivaledAt - madeAt);
        assert(known(place, theirRoot) == 0);
    }

    function play(Times calldata times) private {
        vm.warp(1 + uint256(times.start));
        madeAt = uint64(block.timestamp);
        game.addRoot(PARENT, bytes32(uint256(5)), ourRoot, madeAt);
        pass(times.alone);
        rivaledAt = uint64(block.timestamp);
        game.addRoot(PARENT, bytes32(uint256(6)), theirRoot, rivaledAt);
        pass(times.bisected);
        bisectedAt = uint64(block.timestamp);
        game.bisect(place, LEFT, OURS);
        pass(times.bisectedToo);
        bisectedTooAt = uint64(block.timestamp);
        game.bisect(place, LEFT, THEIRS);
    }

    /// Our root edge, perhaps after its halves.
    function cache(bool childrenFirst) private {
        if (childrenFirst) {
            update(MutualId.ofLeft(place), LEFT, 0, 0);
            update(right, OURS, 0, 0);
        }
        update(place, ourRoot, LEFT, OURS);
    }

    function update(bytes32 mutualId, bytes32 root, bytes32 left, bytes32 rightRoot) private {
        IEdgeGame.TimerUpdate[] memory updates = new IEdgeGame.TimerUpdate[](1);
        updates[0] = IEdgeGame.TimerUpdate(mutualId, root, left, rightRoot);
        game.update(updates);
    }

    /// The definition of section 3: own time, and the lesser of the halves' timers. Nobody
    /// contradicts the left half.
    function trueTimer() private view returns (uint64) {
        uint64 leftTime = uint64(block.timestamp) - bisectedAt;
        uint64 rightTime = bisectedTooAt - bisectedAt;
        return rivaledAt - madeAt + (leftTime < rightTime ? leftTime : rightTime);
    }

    function known(bytes32 mutualId, bytes32 root) private view returns (uint64) {
        return game.edge(mutualId, root).timer;
    }

    function pass(uint32 time) private {
        vm.warp(block.timestamp + time);
    }
}
