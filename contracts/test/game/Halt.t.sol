// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {GameTest, Lie, Player} from "./GameTest.sol";
import {Tree, Trees} from "./Trees.sol";

/// @title  HaltTest
/// @notice The program fails on a block: the claim after it is 0, and 0 is all that follows. The
///         chain halts, which everybody sees; nobody takes it over, and no money is lost but that
///         of who lied.
contract HaltTest is GameTest {
    uint256 private constant FAILS_AT = 1;

    Lie private none = Lie(NEVER, NEVER);

    /// A program that fails on every other claim, on a chain where the second one is the first of
    /// these.
    function setUp() public override {
        failMask = 1;
        batches = 2;
        do {
            delete inputs;
            failsAt = NEVER;
            super.setUp();
        } while (failsAt != FAILS_AT);
    }

    /// The right claims: one, and zeros.
    function test_rightClaims() public {
        Tree memory tree = blocksOf(honest()).tree;
        isTrue(tree.leaf(0) != 0);
        for (uint256 i = FAILS_AT; i < 4; ++i) {
            equal(tree.leaf(i), 0);
        }
        // Halted, with exit code 1.
        equal(uint8(finalStates[FAILS_AT][112]), 1);
        equal(uint8(finalStates[FAILS_AT][114]), 1);
    }

    // Who says so.

    /// Nobody contradicts it: time makes it final, and it ends the chain.
    function test_haltedByTime() public {
        Player memory good = honest();
        bytes32 id = propose(good);
        vm.warp(block.timestamp + PERIOD);
        vm.expectEmit(address(chain));
        emit IAssertionChain.AssertionHalted(id, genesis);
        chain.confirm(id);
        isHalted(good, id);
        // Twice is once.
        vm.recordLogs();
        chain.confirm(id);
        equal(vm.getRecordedLogs().length, 0);
        equal(chain.credit(good.account), STAKE);
    }

    /// Whatever rivals lie about, before the failure, at it and behind it, in whatever order.
    /// forge-config: default.fuzz.runs = 128
    function testFuzz_rivalsOfAHalt_lose(uint256 seed, bool first) public {
        Player memory good = honest();
        Player[] memory players = new Player[](3);
        players[0] = liar(1, seed % 4, (seed >> 8) % 4, (seed >> 16) % 8);
        players[1] = liar(2, (seed >> 24) % 4, (seed >> 32) % 4, (seed >> 40) % 8);
        players[2] = good;
        begin(good, players[0], first);
        propose(players[1]);
        playOut(players);
        halts(good, players);
    }

    /// The thief of the audit: right up to the failure, then an end of its own. Behind claim 0
    /// nothing can be opened, so that only a rule can tell who is right there; without one, who is
    /// first wins by time.
    function test_thiefBehindZero_loses() public {
        Player memory good = honest();
        Player memory thief = liar(1, FAILS_AT + 1, 0, 0);
        propose(thief);
        vm.warp(block.timestamp + PERIOD - 1);
        propose(good);
        Player[] memory players = pair(thief, good);
        playOut(players);
        // The honest player was late by all but a second, and that is all that the thief has.
        vm.warp(block.timestamp + 1);
        updateAll(thief);
        equal(timerOf(thief), PERIOD - 1);
        halts(good, players);
    }

    /// Two thieves with different ends cannot help each other either.
    function test_thievesTogether_lose() public {
        Player memory good = honest();
        Player[] memory players = new Player[](4);
        players[0] = liar(1, FAILS_AT + 1, 0, 0);
        players[1] = liar(2, FAILS_AT + 2, 0, 0);
        players[2] = liar(3, FAILS_AT + 1, 1, 2);
        players[3] = good;
        propose(players[0]);
        propose(players[1]);
        playOut(pair(players[0], players[1]));
        vm.warp(block.timestamp + PERIOD / 2);
        propose(good);
        propose(players[2]);
        playOut(players);
        halts(good, players);
    }

    /// A halt a block too early or too late is a lie, and loses like any other.
    function test_haltElsewhere_loses() public {
        Player memory good = honest();
        Player[] memory players = new Player[](3);
        players[0] = liar(1001, FAILS_AT - 1, 0, 0);
        players[1] = liar(2001, FAILS_AT, 1, 3);
        players[2] = good;
        propose(players[0]);
        propose(good);
        propose(players[1]);
        playOut(players);
        halts(good, players);
    }

    // What is proven.

    function test_proveZero_winsForEver() public {
        (Player memory good, Player memory thief) = toBehindZero();
        Tree memory tree = blocksOf(good).tree;
        uint256 index = FAILS_AT + 1;
        bytes32 id = tree.idOf(Trees.blocksId(genesis), 0, index);
        IEdgeGame.Position memory position = tree.position(genesis, index);
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeProven(id, 0, address(this));
        game.proveZero(position); // by anybody
        equal(game.edge(id, 0).timer, type(uint64).max);
        vm.recordLogs();
        game.proveZero(position);
        equal(vm.getRecordedLogs().length, 0);
        equal(game.edge(id, claimOf(thief, index)).timer, 0);
    }

    /// Behind a claim that is not 0 nothing is proven without a run.
    function test_proveZero_elsewhere_reverts() public {
        Player memory good = honest();
        Player memory bad = liar(1, 0, 0, 0);
        propose(good);
        propose(bad);
        respond(good, ALL);
        respond(bad, ALL);
        respond(good, ALL);
        Tree memory tree = blocksOf(good).tree;
        bytes32 first = keccak256(bytes.concat(GENESIS_OUTPUT, bytes24(0)));
        vm.expectRevert(abi.encodeWithSelector(IEdgeGame.EdgeAgreedMismatch.selector, 0, first));
        game.proveZero(tree.position(genesis, 0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeLastLeafMismatch.selector, tree.node(0, 0), bytes32(0)
            )
        );
        game.proveZero(tree.position(genesis, 1));
    }

    function test_proveZero_uncontradicted_reverts() public {
        (Player memory good,) = toBehindZero();
        Tree memory tree = blocksOf(good).tree;
        // The thieves' block is the third one. Nobody claims anything about the fourth alone.
        bytes32 id = tree.idOf(Trees.blocksId(genesis), 0, 3);
        vm.expectRevert(abi.encodeWithSelector(IEdgeGame.EdgeNotRivaled.selector, id, bytes32(0)));
        game.proveZero(tree.position(genesis, 3));
    }

    /// A claim is a hash: none is 0, so there is no run from there.
    function testFuzz_openSpans_behindZero_reverts(IEdgeGame.Claim memory agreed, bytes32 root)
        public
    {
        (, Player memory thief) = toBehindZero();
        Tree memory tree = blocksOf(thief).tree;
        uint256 index = FAILS_AT + 1;
        IEdgeGame.Position memory position = tree.position(genesis, index);
        bytes32 claim = tree.leaf(index);
        vm.deal(address(this), SPANS_STAKE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeLastLeafMismatch.selector,
                position.lefts[0],
                keccak256(
                    bytes.concat(
                        agreed.outputRoot,
                        bytes8(agreed.batch),
                        bytes8(agreed.block),
                        bytes8(agreed.depositsRead)
                    )
                )
            )
        );
        game.openSpans{value: SPANS_STAKE}(
            position, program, agreed, claim, root, new bytes(363), new bytes32[](2)
        );
    }

    // What follows.

    function test_nothingFollowsAHalt() public {
        Player memory good = honest();
        bytes32 id = propose(good);
        vm.warp(block.timestamp + INTERVAL);
        refusesChild(id, abi.encodeWithSelector(IAssertionChain.AssertionParentHalts.selector, id));
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(id);
        refusesChild(id, abi.encodeWithSelector(IAssertionChain.AssertionParentHalts.selector, id));
        refusesChild(
            genesis,
            abi.encodeWithSelector(IAssertionChain.AssertionParentDecided.selector, genesis)
        );
    }

    /// Once it has won over rivals, no stake is taken for another one, which could only lose.
    function test_rivalAfterAHalt_isRefused() public {
        Player memory good = honest();
        Player memory bad = liar(1, 0, 0, 0);
        begin(good, bad, true);
        playOut(pair(bad, good));
        halts(good, pair(bad, good));
        refusesChild(
            genesis,
            abi.encodeWithSelector(IAssertionChain.AssertionParentDecided.selector, genesis)
        );
    }

    /// Only liars pay, and all of it is accounted for.
    function test_moneyOfAHalt() public {
        Player memory good = honest();
        Player memory thief = liar(1, FAILS_AT + 1, 0, 0);
        Player memory bad = liar(2, FAILS_AT, 0, 0);
        bytes32[] memory losers = new bytes32[](2);
        losers[0] = propose(thief);
        bytes32 id = propose(good);
        losers[1] = propose(bad);
        Player[] memory players = new Player[](3);
        (players[0], players[1], players[2]) = (thief, bad, good);
        playOut(players);
        halts(good, players);
        equal(chain.credit(good.account), STAKE);
        chain.collect(id, losers);
        equal(chain.credit(good.account), 2 * STAKE);
        for (uint256 i = 0; i < losers.length; ++i) {
            isTrue(chain.assertion(losers[i]).status == IAssertionChain.Status.Lost);
            equal(chain.assertion(losers[i]).beatenBy, id);
        }
        equal(chain.credit(thief.account) + chain.credit(bad.account), 0);
        equal(address(chain).balance, 2 * STAKE);
        vm.prank(good.account);
        chain.withdrawCredit(good.account);
        equal(address(chain).balance, 0);
    }

    // Helpers.

    /// The claims of a player with a seed above 1,000 are 0 where its lies begin, and after that;
    /// with one above 2,000 only after that.
    function claimOf(Player memory p, uint256 i) internal view override returns (bytes32) {
        if (p.seed > 1000 && p.seed < 2000 && i >= p.blocks.from) return 0;
        return p.seed > 2000 && i > p.blocks.from ? bytes32(0) : super.claimOf(p, i);
    }

    /// The failure is agreed, what comes behind it is not.
    function toBehindZero() internal returns (Player memory good, Player memory thief) {
        (good, thief) = (honest(), liar(1, FAILS_AT + 1, 0, 0));
        propose(good);
        propose(thief);
        for (uint256 i = 0; i < 2; ++i) {
            respond(good, 1);
            respond(thief, ALL);
        }
    }

    /// Within one period the right assertion ends the chain, however others update edges.
    function halts(Player memory good, Player[] memory players) internal {
        vm.warp(block.timestamp + PERIOD);
        bytes32 id = assertionOf(good);
        for (uint256 i = 0; i < players.length; ++i) {
            updateAll(players[i]);
        }
        for (uint256 i = 0; i < players.length; ++i) {
            if (assertionOf(players[i]) == id) continue;
            isTrue(timerOf(players[i]) < PERIOD);
            (bool done,) =
                address(chain).call(abi.encodeCall(chain.confirm, (assertionOf(players[i]))));
            isTrue(!done);
        }
        updateAll(good);
        chain.confirm(id);
        isHalted(good, id);
    }

    function isHalted(Player memory good, bytes32 id) internal {
        isTrue(chain.assertion(id).status == IAssertionChain.Status.Halted);
        equal(chain.haltedBy(), id);
        equal(chain.latestConfirmed(), genesis);
        equal(chain.credit(good.account), STAKE);
    }

    function refusesChild(bytes32 parent, bytes memory expected) internal {
        Tree memory tree = blocksOf(liar(9, 0, 0, 0)).tree;
        bytes32 acc = chain.assertion(parent).batchLimitAcc;
        bytes32 output = outputOf(liar(9, 0, 0, 0), 3);
        bytes32[] memory proof = tree.lastLeafProof();
        vm.deal(address(this), STAKE);
        vm.expectRevert(expected);
        chain.propose{value: STAKE}(
            parent, output, IAssertionChain.Cursor(1, 0, 1), tree.root(), proof, acc
        );
    }
}
