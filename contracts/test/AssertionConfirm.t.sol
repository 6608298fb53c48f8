// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../src/IAssertionChain.sol";
import {IEdgeGame} from "../src/IEdgeGame.sol";
import {MutualId} from "../src/game/MutualId.sol";
import {AssertionTest} from "./AssertionTest.sol";
import {Vm} from "./L1Test.sol";

/// @title  AssertionConfirmTest
/// @notice What is confirmed, when, and who gets which stake.
contract AssertionConfirmTest is AssertionTest {
    function test_unrivaled_isConfirmedAtTheExactSecond() public {
        start();
        bytes32 id = propose(ALICE, childOf(genesis, 1));
        uint64 due = uint64(block.timestamp) + PERIOD;
        vm.warp(due - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionNotDue.selector, id, due, due - 1)
        );
        chain.confirm(id);
        vm.warp(due);
        IAssertionChain.Assertion memory found = assertionOf(id);
        vm.expectEmit(address(chain));
        emit IAssertionChain.AssertionConfirmed(id, found.outputRoot, found.cursor);
        vm.expectEmit(address(chain));
        emit IAssertionChain.CreditAdded(ALICE, STAKE);
        vm.prank(BOB);
        chain.confirm(id);
        isTrue(assertionOf(id).status == IAssertionChain.Status.Confirmed);
        equal(chain.latestConfirmed(), id);
        equal(chain.credit(ALICE), STAKE);
    }

    function test_confirmTwice_isANoOp() public {
        bytes32 id = confirmed(genesis, 1);
        bytes32 next = confirmed(id, 2);
        vm.recordLogs();
        chain.confirm(id);
        chain.confirm(genesis);
        equal(vm.getRecordedLogs().length, 0);
        equal(chain.latestConfirmed(), next);
        equal(chain.credit(ALICE), 2 * STAKE);
    }

    function test_parentFirst() public {
        start();
        bytes32 parent = propose(ALICE, childOf(genesis, 1));
        start();
        bytes32 child = propose(BOB, childOf(parent, 2));
        vm.warp(block.timestamp + PERIOD);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionParentNotConfirmed.selector, child, parent
            )
        );
        chain.confirm(child);
        chain.confirm(parent);
        chain.confirm(child);
        equal(chain.latestConfirmed(), child);
    }

    function test_unknown_reverts() public {
        bytes32 id = keccak256("none");
        vm.expectRevert(abi.encodeWithSelector(IAssertionChain.AssertionUnknown.selector, id));
        chain.confirm(id);
    }

    /// Rivals up to the last second of the period stop the clock of the first child. None is
    /// confirmed before the dispute decides.
    function testFuzz_rivals_areNotConfirmed(uint256 wait) public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        wait = bound(wait, 0, PERIOD - 1);
        vm.warp(block.timestamp + wait);
        Proposal memory made = childOf(genesis, 2);
        bytes32 rival = propose(BOB, made);
        uint64 rivaledAt = uint64(block.timestamp);
        equal(assertionOf(first).rivaledAt, rivaledAt);
        equal(assertionOf(rival).rivaledAt, rivaledAt);
        equal(assertionOf(genesis).firstChild, first);

        vm.warp(block.timestamp + 2 * PERIOD);
        vm.recordLogs();
        bytes32 third = propose(BOB, childOf(genesis, 3));
        Vm.Log memory rivalry = vm.getRecordedLogs()[2];
        equal(rivalry.topics[0], IAssertionChain.AssertionRivaled.selector);
        equal(rivalry.topics[1], genesis);
        equal(keccak256(rivalry.data), keccak256(bytes.concat(first, third)));
        equal(assertionOf(first).rivaledAt, rivaledAt);
        equal(assertionOf(third).rivaledAt, block.timestamp);

        vm.warp(block.timestamp + 2 * PERIOD);
        refusesRivaled(first, uint64(wait));
        refusesRivaled(rival, 0);
        refusesRivaled(third, 0);
        equal(chain.latestConfirmed(), genesis);
        equal(address(chain).balance, 3 * STAKE);
    }

    function test_rivalAtTheDueSecond_isTooLate() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        uint64 due = uint64(block.timestamp) + PERIOD;
        vm.warp(due);
        bytes memory expected =
            abi.encodeWithSelector(IAssertionChain.AssertionRivalTooLate.selector, first, due, due);
        refuses(childOf(genesis, 2), expected);
        chain.confirm(first);
        refuses(
            childOf(genesis, 2),
            abi.encodeWithSelector(IAssertionChain.AssertionParentDecided.selector, genesis)
        );
    }

    /// A duplicate is no rival.
    function test_duplicate_doesNotStopTheClock() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        vm.warp(block.timestamp + PERIOD - 1);
        propose(BOB, childOf(genesis, 1));
        vm.warp(block.timestamp + 1);
        chain.confirm(first);
    }

    /// Children of rivals may be proposed: which line is right is not known yet.
    function test_childOfARival_staysPending() public {
        start();
        propose(ALICE, childOf(genesis, 1));
        bytes32 rival = propose(BOB, childOf(genesis, 2));
        start();
        bytes32 child = propose(BOB, childOf(rival, 3));
        vm.warp(block.timestamp + PERIOD);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionParentNotConfirmed.selector, child, rival
            )
        );
        chain.confirm(child);
    }

    function test_withdrawNothing_isANoOp() public {
        vm.recordLogs();
        equal(chain.withdrawCredit(ALICE), 0);
        equal(vm.getRecordedLogs().length, 0);
    }

    function test_refusedPayment_revertsAndKeepsTheCredit() public {
        Miser miser = new Miser();
        vm.deal(address(miser), STAKE);
        start();
        bytes32 id = propose(address(miser), childOf(genesis, 1));
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionPaymentFailed.selector, address(miser), STAKE
            )
        );
        vm.prank(address(miser));
        chain.withdrawCredit(address(miser));
        equal(chain.credit(address(miser)), STAKE);
        // Its credit is not stuck.
        vm.expectEmit(address(chain));
        emit IAssertionChain.CreditWithdrawn(address(miser), BOB, STAKE);
        uint256 before = BOB.balance;
        vm.prank(address(miser));
        equal(chain.withdrawCredit(BOB), STAKE);
        equal(BOB.balance - before, STAKE);
        equal(chain.credit(address(miser)) + chain.credit(BOB), 0);
    }

    /// Nobody's credit goes where nobody can use it, and nobody takes another's.
    function test_withdrawTo_isTheOwnersAlone() public {
        confirmed(genesis, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionPaymentFailed.selector, address(0), 0)
        );
        vm.prank(ALICE);
        chain.withdrawCredit(address(0));
        vm.prank(BOB);
        equal(chain.withdrawCredit(BOB), 0);
        vm.prank(BOB);
        equal(chain.withdrawCredit(ALICE), 0);
        equal(chain.credit(ALICE), STAKE);
    }

    function test_reentrantWithdrawal_paysOnce() public {
        Reentrant thief = new Reentrant(chain);
        vm.deal(address(thief), STAKE);
        start();
        bytes32 id = propose(address(thief), childOf(genesis, 1));
        waitInterval();
        postAll();
        propose(ALICE, childOf(id, 2)); // another stake that could be stolen
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(id);
        thief.withdraw();
        equal(address(thief).balance, STAKE);
        equal(address(chain).balance, STAKE);
    }

    function refusesRivaled(bytes32 id, uint64 timer) internal {
        bytes32 mutualId = MutualId.ofBlocks(genesis);
        bytes32 root = assertionOf(id).root;
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgeNotDue.selector, mutualId, root, timer, PERIOD)
        );
        chain.confirm(id);
    }

    /// A confirmed child of `parent`.
    function confirmed(bytes32 parent, uint256 seed) internal returns (bytes32 id) {
        start();
        id = propose(ALICE, childOf(parent, seed));
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(id);
    }
}

/// @notice Takes no ether.
contract Miser {}

/// @notice Withdraws again while it is paid.
contract Reentrant {
    IAssertionChain private immutable CHAIN;

    constructor(IAssertionChain chain) {
        CHAIN = chain;
    }

    receive() external payable {
        CHAIN.withdrawCredit(address(this));
    }

    function withdraw() external {
        CHAIN.withdrawCredit(address(this));
    }
}
