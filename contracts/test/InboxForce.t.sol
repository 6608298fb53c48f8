// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxForceTest
/// @notice What the sequencer leaves unread for too long, anyone can append.
contract InboxForceTest is L1Test {
    function test_force_atTheExactSecond() public {
        deposit(21_000);
        uint64 due = uint64(block.timestamp) + FORCE_DELAY;
        vm.warp(due);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNotOverdue.selector, 0, due, due));
        inbox.forceInclude(1);
        vm.warp(due + 1);
        vm.prank(ALICE);
        inbox.forceInclude(1);
        equal(inbox.depositsRead(), 1);
    }

    /// At any time, one of the two rules lets the deposit wait or be forced, never both or neither.
    function testFuzz_eitherTheSequencerMayWaitOrAnyoneMayForce(uint256 wait) public {
        deposit(21_000);
        vm.warp(block.timestamp + bound(wait, FORCE_DELAY - 2, FORCE_DELAY + 2));
        vm.prank(SEQUENCER, SEQUENCER);
        (bool waited,) = address(inbox).call(abi.encodeCall(IInbox.postBatch, (0, 0, 0, 0, "")));
        (bool forced,) = address(inbox).call(abi.encodeCall(IInbox.forceInclude, (1)));
        isTrue(waited != forced);
    }

    function test_forcedBatch_extendsTheHashChainAndReportsNoFee() public {
        deposit(21_000);
        postAll();
        deposit(30_000);
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        // One more, which is young: it may come along.
        deposit(40_000);
        uint64 count = inbox.depositCount();
        bytes32 acc =
            nextBatchAcc(inbox.batchAcc(1), 2, 1, count, bytes32(0), inbox.depositAcc(count));
        vm.expectEmit(address(inbox));
        emit IInbox.BatchPosted(
            1, 2, count, uint64(block.number), uint64(block.timestamp), bytes32(0), acc
        );
        inbox.forceInclude(count);
        equal(inbox.batchAcc(2), acc);
        equal(inbox.batchCount(), 2);
        equal(inbox.depositsRead(), count);
        equal(inbox.depositCount(), count);
    }

    function test_force_movesForward() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNothingToForce.selector, 0, 0));
        inbox.forceInclude(0);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNothingToForce.selector, 0, 1));
        inbox.forceInclude(1);
        deposit(21_000);
        deposit(21_000);
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNothingToForce.selector, 0, 0));
        inbox.forceInclude(0);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxDepositsReadBeyondEnd.selector, 3, 2));
        inbox.forceInclude(3);
        inbox.forceInclude(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNothingToForce.selector, 2, 3));
        inbox.forceInclude(3);
    }

    /// After an outage: a batch for each small deposit would void the sequencer's posts one by one.
    function testFuzz_manyOverdueDeposits_giveOneBatch(uint256 deposits, uint256 end) public {
        deposits = bound(deposits, 2, 20);
        for (uint256 i = 0; i < deposits; ++i) {
            deposit(21_000);
        }
        uint64 due = uint64(block.timestamp) + FORCE_DELAY;
        vm.warp(due + 1);
        // One that is young may stay.
        deposit(21_000);
        end = bound(end, 1, deposits - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.InboxDepositOverdue.selector, end, due, due + 1)
        );
        inbox.forceInclude(uint64(end));
        inbox.forceInclude(uint64(deposits));
        equal(inbox.batchCount(), 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.InboxNotOverdue.selector, deposits, due + 1 + FORCE_DELAY, due + 1
            )
        );
        inbox.forceInclude(uint64(deposits + 1));
    }

    function test_force_fitsTheGasOfABatch() public {
        for (uint256 i = 0; i < 3; ++i) {
            mine(1);
            deposit(BLOCK_GAS);
        }
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.InboxBatchDepositGasExceeded.selector, 3 * uint256(BLOCK_GAS), BATCH_GAS
            )
        );
        inbox.forceInclude(3);
        inbox.forceInclude(2);
        inbox.forceInclude(3);
    }

    /// Forced batches end: each uses up deposits, and none makes a new one.
    function test_theLastFeeReport_canBeForcedOnce() public {
        postAll();
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        inbox.forceInclude(1);
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNothingToForce.selector, 1, 2));
        inbox.forceInclude(2);
    }

    /// The sequencer's transaction, sent before a forced batch came, does no harm after it.
    function test_force_invalidatesAPostForTheSameIndex() public {
        deposit(21_000);
        bytes32 acc = inbox.depositAcc(1);
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        inbox.forceInclude(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxBatchIndexMismatch.selector, 0, 1));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(0, 0, 1, acc, "");
    }
}
