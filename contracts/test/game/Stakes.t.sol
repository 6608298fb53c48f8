// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {Board, GameTest, Lie, Player} from "./GameTest.sol";
import {Trees} from "./Trees.sol";

/// @title  StakesTest
/// @notice Who gets which stake: the winner its own and half of the losers', nobody the rest.
contract StakesTest is GameTest {
    uint256 private constant BLOCK = 2;
    uint256 private constant SPAN = 1;
    Player private good;
    Player private bad;
    Player private friend;
    bytes32 private spansId;
    bytes32 private stepsId;
    bytes32 private right;
    bytes32 private wrong;

    function setUp() public override {
        super.setUp();
        good = honest();
        bad = liar(1, BLOCK, SPAN, 3);
        friend = player(2, good.blocks, Lie(SPAN, 3), Lie(0, 7));
        Board memory blocks = blocksOf(good);
        spansId = Trees.spansId(blocks.tree.idOf(blocks.start, 0, BLOCK));
        stepsId = Trees.stepsId(spansOf(good, BLOCK, 0).tree.idOf(spansId, 0, SPAN));
        right = propose(good);
        wrong = propose(bad);
        Player[] memory players = new Player[](3);
        (players[0], players[1], players[2]) = (good, bad, friend);
        playOut(players);
        vm.warp(block.timestamp + PERIOD);
        updateAll(good);
    }

    // Stakes on runs.

    function test_settle_paysTheWinner() public {
        uint256 locked = address(game).balance;
        equal(locked, 3 * SPANS_STAKE + 3 * STEPS_STAKE);
        bytes32[] memory losers = losersOf();
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeConfirmed(spansId, spansRoot(good));
        vm.expectEmit(address(game));
        emit IEdgeGame.StakeReturned(spansId, spansRoot(good), good.account, SPANS_STAKE);
        vm.expectEmit(address(game));
        emit IEdgeGame.StakeTaken(
            spansId, losers[0], good.account, SPANS_STAKE / 2, SPANS_STAKE / 2
        );
        game.settle(spansId, spansRoot(good), losers);
        equal(chain.credit(good.account), 2 * SPANS_STAKE);
        equal(address(game).balance, locked - 3 * SPANS_STAKE);
        equal(address(0).balance, SPANS_STAKE);
        isTrue(!game.opening(spansId, spansRoot(good)).isOpen);
        isTrue(!game.opening(spansId, losers[0]).isOpen);
        // Again, in any order, with the winner among the losers: nothing is left to take.
        losers[0] = spansRoot(good);
        vm.recordLogs();
        game.settle(spansId, spansRoot(good), losers);
        equal(vm.getRecordedLogs().length, 0);
        equal(chain.credit(good.account), 2 * SPANS_STAKE);
        equal(address(game).balance, locked - 3 * SPANS_STAKE);
    }

    function test_settle_inPages() public {
        bytes32[] memory losers = losersOf();
        game.settle(spansId, spansRoot(good), new bytes32[](0));
        equal(chain.credit(good.account), SPANS_STAKE);
        for (uint256 i = 0; i < 2; ++i) {
            bytes32[] memory page = new bytes32[](1);
            page[0] = losers[i];
            vm.warp(block.timestamp + 100 days);
            game.settle(spansId, spansRoot(good), page);
            equal(chain.credit(good.account), SPANS_STAKE + (i + 1) * SPANS_STAKE / 2);
        }
    }

    /// A stake on a lie is lost, also when the dispute was decided before.
    function test_settle_takesLateStakesToo() public {
        game.settle(spansId, spansRoot(good), losersOf());
        Player memory late = player(3, good.blocks, Lie(0, 3), good.steps);
        openSpans(late, blocksOf(late), BLOCK);
        bytes32[] memory losers = new bytes32[](1);
        losers[0] = spansRoot(late);
        game.settle(spansId, spansRoot(good), losers);
        equal(chain.credit(good.account), 2 * SPANS_STAKE + SPANS_STAKE / 2);
    }

    function test_settle_beforeItsTime_reverts() public {
        updateAll(bad);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeNotDue.selector, spansId, spansRoot(bad), 0, PERIOD
            )
        );
        game.settle(spansId, spansRoot(bad), new bytes32[](0));
    }

    function test_settle_loserAsWinner_reverts() public {
        game.confirm(spansId, spansRoot(good));
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeRivalConfirmed.selector, spansId, spansRoot(bad))
        );
        game.settle(spansId, spansRoot(bad), new bytes32[](0));
    }

    function test_settle_withoutAStake_reverts() public {
        Board memory blocks = blocksOf(good);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeNotOpened.selector, blocks.start, blocks.tree.root()
            )
        );
        game.settle(blocks.start, blocks.tree.root(), new bytes32[](0));
        bytes32[] memory losers = new bytes32[](1);
        losers[0] = "none";
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeNotOpened.selector, spansId, losers[0])
        );
        game.settle(spansId, spansRoot(good), losers);
        // A stake of another place is not this winner's.
        losers[0] = stepsRoot(bad);
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeNotOpened.selector, spansId, losers[0])
        );
        game.settle(spansId, spansRoot(good), losers);
    }

    /// Who copied an honest opening staked on the truth: the money that took the risk is paid. But
    /// who loses against itself loses half: nothing recycles stakes for free.
    function test_copier_isPaid_andItsOwnLossCosts() public {
        propose(liar(5, 0, 0, 0));
        Player memory copier = honest();
        copier.account = address(0xC0);
        vm.deal(copier.account, 1 ether);
        Player memory loser = player(6, good.blocks, Lie(0, 3), Lie(0, 7));
        loser.account = copier.account;
        playOut(pair(liar(5, 0, 0, 0), copier));
        playOut(pair(loser, good));
        bytes32 id = Trees.spansId(blocksOf(good).tree.idOf(Trees.blocksId(genesis), 0, 0));
        bytes32[] memory losers = new bytes32[](2);
        losers[0] = spansOf(loser, 0, id).tree.root();
        losers[1] = spansOf(liar(5, 0, 0, 0), 0, id).tree.root();
        vm.warp(block.timestamp + PERIOD);
        updateAll(good);
        uint256 locked = address(game).balance;
        game.settle(id, spansOf(good, 0, id).tree.root(), losers);
        equal(locked - address(game).balance, 3 * SPANS_STAKE);
        // Two stakes paid; one and a half come back, and half of the liar's.
        equal(chain.credit(copier.account), 2 * SPANS_STAKE);
        equal(chain.credit(good.account), 0);
    }

    // Stakes on assertions.

    function test_collect_paysTheWinner() public {
        chain.confirm(right);
        equal(chain.credit(good.account), STAKE);
        vm.expectEmit(address(chain));
        emit IAssertionChain.AssertionLost(wrong, right, STAKE / 2, STAKE / 2);
        vm.expectEmit(address(chain));
        emit IAssertionChain.CreditAdded(good.account, STAKE / 2);
        chain.collect(right, one(wrong));
        equal(chain.credit(good.account), STAKE + STAKE / 2);
        equal(address(0).balance, STAKE / 2);
        IAssertionChain.Assertion memory lost = chain.assertion(wrong);
        isTrue(lost.status == IAssertionChain.Status.Lost);
        equal(lost.beatenBy, right);
        vm.recordLogs();
        chain.collect(right, one(wrong));
        chain.collect(right, one(right));
        equal(vm.getRecordedLogs().length, 0);
        equal(address(chain).balance, chain.credit(good.account));
    }

    /// Only who has won collects: to collect is to confirm, too.
    function test_collect_confirms() public {
        updateAll(bad);
        bytes32 root = rootOf(bad);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeNotDue.selector, Trees.blocksId(genesis), root, 0, PERIOD
            )
        );
        chain.collect(wrong, one(right));
        chain.collect(right, one(wrong));
        equal(chain.latestConfirmed(), right);
        equal(chain.credit(good.account), STAKE + STAKE / 2);
    }

    /// Children of a loser lose with it, in any depth, parents first; no child of the winner does.
    function test_collect_takesDescendantsOfLosers() public {
        bytes32 child = proposeChild(wrong, 2);
        bytes32 grandchild = proposeChild(child, 3);
        bytes32 heir = proposeChild(right, 2);
        chain.confirm(right);
        notBeaten(child);
        notBeaten(grandchild);
        notBeaten(heir);
        notBeaten(genesis);
        bytes32[] memory losers = new bytes32[](2);
        (losers[0], losers[1]) = (wrong, child);
        chain.collect(right, losers);
        // One stake went down that line: it lies where it ends.
        equal(chain.credit(good.account), STAKE);
        chain.collect(right, one(grandchild));
        equal(chain.credit(good.account), STAKE + STAKE / 2);
        isTrue(chain.assertion(grandchild).status == IAssertionChain.Status.Lost);
        notBeaten(heir);
        vm.warp(block.timestamp + PERIOD);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionParentNotConfirmed.selector, child, wrong
            )
        );
        chain.confirm(child);
        chain.confirm(heir);
        equal(chain.latestConfirmed(), heir);
        vm.recordLogs();
        chain.collect(heir, one(wrong));
        equal(vm.getRecordedLogs().length, 0);
    }

    /// Descendants, too, pay the winner against whom their line lost, and no later one.
    function test_collect_byALaterWinner_reverts() public {
        bytes32 child = proposeChild(wrong, 2);
        bytes32 heir = proposeChild(right, 2);
        chain.collect(right, one(wrong));
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(heir);
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionNotBeaten.selector, child, heir)
        );
        chain.collect(heir, one(child));
        chain.collect(right, one(child));
        equal(chain.assertion(child).beatenBy, right);
    }

    /// No new stake where it could only be lost.
    function test_stakeThatMustLose_isRefused() public {
        chain.confirm(right);
        Player memory late = liar(9, 0, 0, 0);
        refusesChild(genesis, late);
        chain.collect(right, one(wrong));
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionParentDecided.selector, wrong)
        );
        this.proposeChild(wrong, 2);
    }

    function test_unknownAssertions_revert() public {
        chain.confirm(right);
        bytes memory expected =
            abi.encodeWithSelector(IAssertionChain.AssertionUnknown.selector, bytes32("none"));
        vm.expectRevert(expected);
        chain.collect("none", one(wrong));
        vm.expectRevert(expected);
        chain.collect(right, one("none"));
        vm.expectRevert(expected);
        chain.startOf("none");
    }

    function testFuzz_addCredit(address account, uint96 amount) public {
        vm.deal(address(this), amount);
        uint256 before = chain.credit(account);
        chain.addCredit{value: amount}(account);
        equal(chain.credit(account), before + amount);
    }

    /// What is left when all is settled is nothing: all stakes are credited or burnt.
    function test_conservation_toTheEnd() public {
        chain.collect(right, one(wrong));
        bytes32[] memory losers = new bytes32[](2);
        (losers[0], losers[1]) = (stepsRoot(bad), stepsRoot(friend));
        IEdgeGame.Settlement[] memory all = new IEdgeGame.Settlement[](2);
        all[0] = IEdgeGame.Settlement(spansId, spansRoot(good), losersOf());
        all[1] = IEdgeGame.Settlement(stepsId, stepsRoot(good), losers);
        game.conclude(new IEdgeGame.TimerUpdate[](0), all, new IEdgeGame.Line[](0));
        equal(address(game).balance, 0);
        vm.prank(good.account);
        uint256 paid = chain.withdrawCredit(good.account);
        equal(paid, 2 * STAKE - STAKE / 2 + 2 * SPANS_STAKE + 2 * STEPS_STAKE);
        equal(address(chain).balance, 0);
        equal(address(0).balance, STAKE / 2 + SPANS_STAKE + STEPS_STAKE);
    }

    function losersOf() internal view returns (bytes32[] memory losers) {
        losers = new bytes32[](2);
        (losers[0], losers[1]) = (spansRoot(bad), spansRoot(friend));
    }

    function one(bytes32 id) internal pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = id;
    }

    function notBeaten(bytes32 id) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionNotBeaten.selector, id, right)
        );
        chain.collect(right, one(id));
    }

    function refusesChild(bytes32 parent, Player memory p) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionParentDecided.selector, parent)
        );
        this.proposeFreely(p);
    }

    function proposeFreely(Player memory p) external {
        propose(p);
    }

    function spansRoot(Player memory p) internal view returns (bytes32) {
        return spansOf(p, BLOCK, spansId).tree.root();
    }

    function stepsRoot(Player memory p) internal view returns (bytes32) {
        return stepsOf(p, spansOf(p, BLOCK, spansId), SPAN, stepsId).tree.root();
    }

    /// The child of an assertion that reads `batch` batches.
    function proposeChild(bytes32 parent, uint64 batch) public returns (bytes32) {
        vm.warp(block.timestamp + INTERVAL);
        while (inbox.batchCount() < chain.assertion(parent).batchLimit) postAll();
        bytes32 output = keccak256(abi.encode(parent, batch));
        bytes32[] memory leaves = new bytes32[](4);
        leaves[3] = keccak256(bytes.concat(output, bytes8(batch), bytes8(0), bytes8(uint64(1))));
        bytes32 acc = chain.assertion(parent).batchLimitAcc;
        vm.prank(bad.account);
        return chain.propose{value: STAKE}(
            parent,
            output,
            IAssertionChain.Cursor(batch, 0, 1),
            Trees.grow(leaves).root(),
            Trees.grow(leaves).lastLeafProof(),
            acc
        );
    }
}
