// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Prices} from "../../src/game/Prices.sol";
import {EdgeGame} from "../../src/EdgeGame.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {Vm} from "../L1Test.sol";
import {Board, GameTest, Player} from "./GameTest.sol";
import {Tree, Trees} from "./Trees.sol";

/// @title  EdgeRulesTest
/// @notice Root edges, bisections, timers and confirmations, one rule at a time.
contract EdgeRulesTest is GameTest {
    Player private good;
    Player private bad;
    bytes32 private start;
    Tree private right;
    Tree private wrong;

    function setUp() public override {
        super.setUp();
        good = honest();
        bad = liar(1, 2, 1, 3);
        start = Trees.blocksId(genesis);
        right = blocksOf(good).tree;
        wrong = blocksOf(bad).tree;
    }

    // The contracts.

    function test_immutables() public view {
        equal(game.CHAIN(), address(chain));
        equal(game.INBOX(), address(inbox));
        equal(game.PROGRAM_HASH(), chain.PROGRAM_HASH());
        equal(game.CONFIG_HASH(), CONFIG_HASH);
        equal(game.BLOCKS_HEIGHT(), 2);
        equal(game.SPANS_HEIGHT(), 2);
        equal(game.STEPS_HEIGHT(), 3);
        equal(game.CHALLENGE_PERIOD(), PERIOD);
        equal(game.SPANS_STAKE(), SPANS_STAKE);
        equal(game.STEPS_STAKE(), STEPS_STAKE);
        isTrue(game.STEP_VERIFIER().code.length > 0);
    }

    /// EIP-170; forge alone would let longer code pass.
    function test_code_fits() public view {
        isTrue(address(chain).code.length <= 24_576);
        isTrue(address(game).code.length <= 24_576);
        isTrue(game.STEP_VERIFIER().code.length <= 24_576);
    }

    function test_freeStakes_areRefused() public {
        EdgeGame.Parameters memory given;
        given.stepsStake = 1;
        expectInvalid("spansStake");
        new EdgeGame(given);
        (given.spansStake, given.stepsStake) = (1, 0);
        expectInvalid("stepsStake");
        new EdgeGame(given);
    }

    /// A stake that does not pay for its answers at the chain's gas price is refused.
    function test_stakesBelowTheirAnswers_areRefused() public {
        EdgeGame.Parameters memory given;
        (given.spansHeight, given.stepsHeight, given.gasPrice) = (16, 20, 50 gwei);
        uint256 spans = 50 gwei * Prices.answers(16, false);
        uint256 steps = 50 gwei * Prices.answers(20, true);
        (given.spansStake, given.stepsStake) = (2 * spans - 1, 2 * steps);
        bytes4 expected = IEdgeGame.EdgeInvalidParameter.selector;
        vm.expectRevert(abi.encodeWithSelector(expected, "spansStake", given.spansStake));
        new EdgeGame(given);
        (given.spansStake, given.stepsStake) = (2 * spans, 2 * steps - 1);
        vm.expectRevert(abi.encodeWithSelector(expected, "stepsStake", given.stepsStake));
        new EdgeGame(given);
        given.stepsStake = 2 * steps;
        equal(new EdgeGame(given).answerPrice(IEdgeGame.Level.Steps), steps);
    }

    function expectInvalid(string memory name) internal {
        vm.expectRevert(abi.encodeWithSelector(IEdgeGame.EdgeInvalidParameter.selector, name, 0));
    }

    // Root edges.

    function test_unrivaledAssertion_hasNoEdge() public {
        propose(good);
        equal(game.edge(start, right.root()).createdAt, 0);
    }

    /// The first assertion brings the time for which it stood alone; later rivals bring none.
    function test_rootEdges_haveTheTimeOfTheirAssertions() public {
        uint256 time = block.timestamp;
        bytes32 first = propose(good);
        vm.warp(time + 1000);
        vm.recordLogs();
        bytes32 second = propose(bad);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        checkRootAdded(logs[1], right.root(), first, time);
        checkRootAdded(logs[2], wrong.root(), second, time + 1000);
        vm.warp(time + 5000);
        Player memory late = liar(2, 0, 0, 0);
        propose(late);
        checkEdge(right.root(), time, 1000);
        checkEdge(wrong.root(), time + 1000, 0);
        checkEdge(rootOf(late), time + 5000, 0);
    }

    function checkRootAdded(Vm.Log memory log, bytes32 root, bytes32 id, uint256 time)
        internal
        view
    {
        equal(log.emitter, address(game));
        equal(log.topics[0], IEdgeGame.RootAdded.selector);
        equal(log.topics[1], start);
        equal(log.topics[2], root);
        equal(log.topics[3], genesis);
        equal(keccak256(log.data), keccak256(abi.encode(id, time)));
    }

    function checkEdge(bytes32 root, uint256 createdAt, uint256 timer) internal view {
        IEdgeGame.Edge memory edge = game.edge(start, root);
        equal(edge.createdAt, createdAt);
        equal(edge.timer, timer);
        equal(edge.height, 2);
        isTrue(edge.level == IEdgeGame.Level.Blocks);
    }

    function testFuzz_addRoot_byAnybodyElse_reverts(address caller) public {
        vm.assume(caller != address(chain));
        vm.expectRevert(abi.encodeWithSelector(IEdgeGame.EdgeNotAssertionChain.selector, caller));
        vm.prank(caller);
        game.addRoot(genesis, 0, right.root(), 1);
    }

    // Bisections.

    function test_bisect_makesBothHalves() public {
        dispute();
        vm.warp(block.timestamp + 7);
        bytes32 left = right.node(1, 0);
        bytes32 beside = right.node(1, 1);
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeBisected(start, right.root(), left, beside, address(this));
        game.bisect(start, left, beside);
        isTrue(game.edge(start, right.root()).bisected);
        IEdgeGame.Edge memory edge = game.edge(Trees.leftId(start), left);
        equal(edge.createdAt, block.timestamp);
        equal(edge.height, 1);
        equal(edge.rivaledAt, 0);
        edge = game.edge(Trees.rightId(start, left), beside);
        equal(edge.createdAt, block.timestamp);
        equal(edge.height, 1);
        // The liar shares the left half: it is one edge, and the right halves are rivals.
        vm.warp(block.timestamp + 7);
        equal(wrong.node(1, 0), left);
        game.bisect(start, left, wrong.node(1, 1));
        equal(game.edge(Trees.leftId(start), left).timer, 7);
        equal(game.edge(Trees.leftId(start), left).rivaledAt, 0);
        equal(game.edge(Trees.rightId(start, left), beside).rivaledAt, block.timestamp);
    }

    function test_bisectTwice_isANoOp() public {
        dispute();
        game.bisect(start, right.node(1, 0), right.node(1, 1));
        vm.warp(block.timestamp + 7);
        vm.recordLogs();
        game.bisect(start, right.node(1, 0), right.node(1, 1));
        equal(vm.getRecordedLogs().length, 0);
        equal(game.edge(Trees.leftId(start), right.node(1, 0)).timer, 7);
    }

    function test_bisectMany_isInOrder() public {
        Player memory other = liar(2, 2, 1, 3);
        propose(bad);
        propose(other);
        Tree memory tree = blocksOf(other).tree;
        game.bisect(start, tree.node(1, 0), tree.node(1, 1));
        game.bisect(start, wrong.node(1, 0), wrong.node(1, 1));
        bytes32 beside = Trees.rightId(start, wrong.node(1, 0));
        game.bisect(beside, wrong.node(0, 2), wrong.node(0, 3));
        // A latecomer goes down in one transaction where others have been.
        propose(good);
        IEdgeGame.Bisection[] memory moves = new IEdgeGame.Bisection[](2);
        moves[0] = IEdgeGame.Bisection(start, right.node(1, 0), right.node(1, 1));
        moves[1] = IEdgeGame.Bisection(beside, right.node(0, 2), right.node(0, 3));
        game.bisectMany(moves);
        equal(game.edge(Trees.leftId(beside), right.node(0, 2)).rivaledAt, block.timestamp);
        game.bisectMany(moves);
    }

    function test_bisectUnrivaled_reverts() public {
        dispute();
        game.bisect(start, right.node(1, 0), right.node(1, 1));
        bytes32 id = Trees.leftId(start);
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeNotRivaled.selector, id, right.node(1, 0))
        );
        game.bisect(id, right.node(0, 0), right.node(0, 1));
    }

    function testFuzz_bisectIntoOtherHalves_reverts(bytes32 left, bytes32 beside) public {
        dispute();
        vm.assume(left != right.node(1, 0));
        bytes32 root = keccak256(bytes.concat(left, beside));
        vm.expectRevert(abi.encodeWithSelector(IEdgeGame.EdgeUnknown.selector, start, root));
        game.bisect(start, left, beside);
    }

    /// A leaf is not a node, even if it is a hash of two others.
    function test_bisectALeaf_reverts() public {
        // A made-up claim whose preimage has 64 bytes, in the last place but one.
        bytes32[] memory leaves = new bytes32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            leaves[i] = right.leaf(i);
        }
        leaves[2] = keccak256(bytes.concat(bytes32("left"), bytes32("right")));
        Tree memory tree = Trees.grow(leaves);
        propose(good);
        proposeTree(bad.account, outputOf(good, 3), tree);
        respond(good, ALL);
        game.bisect(start, tree.node(1, 0), tree.node(1, 1));
        bytes32 id = Trees.rightId(start, tree.node(1, 0));
        game.bisect(id, leaves[2], leaves[3]);
        respond(good, ALL);
        id = Trees.leftId(id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeMisplaced.selector, id, leaves[2], IEdgeGame.Level.Blocks, 0
            )
        );
        game.bisect(id, "left", "right");
    }

    /// After all is decided, every move still goes through.
    function test_lateMoves_goThrough() public {
        dispute();
        respond(good, ALL);
        vm.warp(block.timestamp + PERIOD);
        updateAll(good);
        chain.confirm(assertionOf(good));
        vm.warp(block.timestamp + 10 * PERIOD);
        Player[] memory players = pair(good, bad);
        playOut(players);
        updateAll(bad);
        updateAll(good);
        chain.confirm(assertionOf(good));
        isTrue(timerOf(bad) < PERIOD);
    }

    // Timers.

    function test_unknownEdge_cannotBeUpdatedOrConfirmed() public {
        dispute();
        bytes memory expected =
            abi.encodeWithSelector(IEdgeGame.EdgeUnknown.selector, start, bytes32("none"));
        vm.expectRevert(expected);
        update(start, "none", 0, 0);
        vm.expectRevert(expected);
        game.confirm(start, "none");
        // Nor counts a child that does not exist.
        game.bisect(start, right.node(1, 0), right.node(1, 1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeChildrenMismatch.selector, right.root(), wrong.root()
            )
        );
        update(start, right.root(), wrong.node(1, 0), wrong.node(1, 1));
    }

    /// unrivaled + min(children); what is cached lags behind, never falls, and has an event.
    function test_update_cachesTheLesserHalf() public {
        dispute(); // the honest root is 100 seconds old
        (bytes32 left, bytes32 beside) = (right.node(1, 0), right.node(1, 1));
        vm.warp(block.timestamp + 10);
        game.bisect(start, left, beside);
        vm.warp(block.timestamp + 30);
        vm.expectEmit(address(game));
        emit IEdgeGame.TimerUpdated(start, right.root(), 130);
        update(start, right.root(), left, beside);
        vm.warp(block.timestamp + 30);
        game.bisect(start, left, wrong.node(1, 1)); // the right half is contradicted now
        vm.warp(block.timestamp + 1000);
        equal(game.edge(start, right.root()).timer, 130);
        update(start, right.root(), left, beside);
        equal(game.edge(start, right.root()).timer, 160);
        vm.recordLogs();
        update(start, right.root(), left, beside);
        equal(vm.getRecordedLogs().length, 0);
        equal(game.edge(Trees.leftId(start), left).timer, 1060);
    }

    /// At height 0: unrivaled + the best opened below.
    function test_update_cachesTheBestOpened() public {
        propose(good);
        propose(bad);
        respond(good, ALL);
        respond(bad, ALL);
        respond(good, ALL);
        // Two runs are opened below the right claim: the honest one, and one of a false friend.
        Player memory friend = player(3, good.blocks, bad.spans, bad.steps);
        friend.spans.until = 3;
        vm.warp(block.timestamp + 50);
        respond(bad, ALL);
        bytes32 id = right.idOf(start, 0, 2);
        bytes32 honestRoot = spansOf(good, 2, 0).tree.root();
        vm.warp(block.timestamp + 50);
        Board memory board = blocksOf(friend);
        openSpans(friend, board, 2);
        bytes32 falseRoot = spansOf(friend, 2, 0).tree.root();
        update(id, right.leaf(2), falseRoot, 0);
        equal(game.edge(id, right.leaf(2)).timer, 0);
        update(id, right.leaf(2), honestRoot, 0);
        equal(game.edge(id, right.leaf(2)).timer, 50);
        // A worse one takes nothing away; none at all is no news.
        update(id, right.leaf(2), falseRoot, 0);
        update(id, right.leaf(2), 0, 0);
        equal(game.edge(id, right.leaf(2)).timer, 50);
        // What was opened below the liar's claim does not count for the right one, nor the other
        // way round.
        bytes32 liarsRoot = spansOf(bad, 2, 0).tree.root();
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeNotOpenedBelow.selector, right.leaf(2), liarsRoot)
        );
        update(id, right.leaf(2), liarsRoot, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeNotOpenedBelow.selector, wrong.leaf(2), honestRoot)
        );
        update(id, wrong.leaf(2), honestRoot, 0);
    }

    /// An edge that is not bisected yet takes no children's time.
    function test_updateTooEarly_isANoOp() public {
        dispute();
        vm.recordLogs();
        update(start, wrong.root(), wrong.node(1, 0), wrong.node(1, 1));
        equal(vm.getRecordedLogs().length, 0);
    }

    // Confirmations.

    function test_confirm_atTheExactSecond() public {
        dispute();
        game.bisect(start, right.node(1, 0), right.node(1, 1));
        vm.warp(block.timestamp + PERIOD - 101);
        update(start, right.root(), right.node(1, 0), right.node(1, 1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeNotDue.selector, start, right.root(), PERIOD - 1, PERIOD
            )
        );
        game.confirm(start, right.root());
        vm.warp(block.timestamp + 1);
        update(start, right.root(), right.node(1, 0), right.node(1, 1));
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeConfirmed(start, right.root());
        game.confirm(start, right.root());
        isTrue(game.edge(start, right.root()).confirmed);
        vm.recordLogs();
        game.confirm(start, right.root());
        equal(vm.getRecordedLogs().length, 0);
    }

    /// Where nobody honest plays, two rivals may both reach the period. The first one confirmed
    /// wins, for ever.
    function test_firstConfirmed_wins() public {
        dispute();
        game.bisect(start, wrong.node(1, 0), wrong.node(1, 1));
        vm.warp(block.timestamp + PERIOD);
        game.bisect(start, right.node(1, 0), right.node(1, 1));
        vm.warp(block.timestamp + PERIOD);
        bytes32 id = Trees.rightId(start, right.node(1, 0));
        game.bisect(id, right.node(0, 2), right.node(0, 3));
        vm.warp(block.timestamp + PERIOD);
        updateAll(bad);
        updateAll(good);
        isTrue(timerOf(bad) >= PERIOD && timerOf(good) >= PERIOD);
        game.confirm(start, wrong.root());
        bytes memory expected =
            abi.encodeWithSelector(IEdgeGame.EdgeRivalConfirmed.selector, start, right.root());
        vm.expectRevert(expected);
        game.confirm(start, right.root());
        vm.expectRevert(expected);
        chain.confirm(assertionOf(good));
        chain.confirm(assertionOf(bad));
    }

    /// The honest assertion is 100 seconds older than the wrong one.
    function dispute() internal {
        propose(good);
        vm.warp(block.timestamp + 100);
        propose(bad);
    }
}
