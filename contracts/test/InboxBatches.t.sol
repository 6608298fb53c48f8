// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {Inbox} from "../src/Inbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxBatchesTest
/// @notice Who may post what, and what the batch hash chain takes in.
contract InboxBatchesTest is L1Test {
    function testFuzz_calldataBatches_extendTheHashChain(bytes memory data, uint8 deposits) public {
        vm.assume(data.length <= 117_964);
        for (uint256 i = 0; i < deposits % 8; ++i) {
            deposit(21_000);
        }
        bytes32 acc = 0;
        for (uint64 n = 0; n < 3; ++n) {
            mine(1 + n);
            uint64 read = inbox.depositCount();
            bytes32 reportAcc = nextFeeReportAcc(inbox.depositAcc(read), read);
            acc = nextBatchAcc(acc, 0, n, read, keccak256(data), inbox.depositAcc(read));
            vm.expectEmit(address(inbox));
            emit IInbox.BatchPosted(
                n, 0, read, uint64(block.number), uint64(block.timestamp), keccak256(data), acc
            );
            vm.expectEmit(address(inbox));
            emit IInbox.DepositEnqueued(
                read,
                1,
                address(inbox),
                uint64(block.number),
                uint64(block.timestamp),
                block.basefee,
                block.blobbasefee,
                "",
                reportAcc
            );
            post(read, data);
            equal(inbox.batchAcc(n + 1), acc);
            equal(inbox.batchCount(), n + 1);
            equal(inbox.depositsRead(), read);
            equal(inbox.depositAcc(read + 1), reportAcc);
        }
        equal(inbox.batchAcc(0), 0);
    }

    function test_blobBatches_commitToTheirVersionedHashes() public {
        bytes memory packed;
        for (uint256 count = 1; count <= 6; ++count) {
            bytes32[] memory hashes = blobs(count);
            packed = bytes.concat(packed, hashes[count - 1]);
            uint64 n = uint64(count) - 1;
            uint64 read = inbox.depositCount();
            bytes32 depositAcc = inbox.depositAcc(read);
            bytes32 batchAcc = inbox.batchAcc(n);
            bytes32 acc = nextBatchAcc(batchAcc, 1, n, read, keccak256(packed), depositAcc);
            vm.expectEmit(address(inbox));
            emit IInbox.BlobsPosted(n, hashes);
            vm.prank(SEQUENCER, SEQUENCER);
            inbox.postBlobBatch(n, batchAcc, read, depositAcc);
            equal(inbox.batchAcc(n + 1), acc);
            equal(inbox.depositCount(), read + 1);
        }
    }

    function test_blobBatch_withoutBlobs_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxBlobCount.selector, 0, 6));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBlobBatch(0, 0, 0, 0);
    }

    function test_blobBatch_withSevenBlobs_reverts() public {
        blobs(7);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxBlobCount.selector, 7, 6));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBlobBatch(0, 0, 0, 0);
    }

    function test_calldataLength_isBounded() public {
        post(0, new bytes(117_964));
        bytes memory data = new bytes(117_965);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxBatchTooLong.selector, 117_965, 117_964));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(1, 0, 1, 0, data);
    }

    function testFuzz_othersThanTheSequencer_cannotPost(address other) public {
        vm.assume(other != SEQUENCER);
        bytes memory expected =
            abi.encodeWithSelector(IInbox.InboxNotSequencer.selector, other, SEQUENCER);
        vm.expectRevert(expected);
        vm.prank(other, other);
        inbox.postBatch(0, 0, 0, 0, "");
        blobs(1);
        vm.expectRevert(expected);
        vm.prank(other, other);
        inbox.postBlobBatch(0, 0, 0, 0);
    }

    function test_sequencerBehindAContract_cannotPost() public {
        bytes memory expected =
            abi.encodeWithSelector(IInbox.InboxNotTopLevelCall.selector, SEQUENCER);
        vm.expectRevert(expected);
        vm.prank(SEQUENCER, ALICE);
        inbox.postBatch(0, 0, 0, 0, "");
        // EIP-7702: origin and sender, but its code may be what makes the call.
        vm.etch(SEQUENCER, hex"ef01000000000000000000000000000000000000000001");
        vm.expectRevert(expected);
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(0, 0, 0, 0, "");
        blobs(1);
        vm.expectRevert(expected);
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBlobBatch(0, 0, 0, 0);
    }

    function testFuzz_wrongIndex_reverts(uint64 index) public {
        postAll();
        vm.assume(index != 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxBatchIndexMismatch.selector, index, 1));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(index, 0, 0, 0, "");
    }

    function test_depositsRead_isMonotoneAndExists() public {
        deposit(21_000);
        deposit(21_000);
        post(1, "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxDepositsReadBackwards.selector, 0, 1));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(1, 0, 0, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxDepositsReadBeyondEnd.selector, 4, 3));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(1, 0, 4, 0, "");
        post(1, "");
        equal(inbox.depositsRead(), 1);
    }

    /// The sequencer built on deposits that a reorg of L1 replaced.
    function testFuzz_otherDeposits_makeThePostRevert(bytes32 seen) public {
        deposit(21_000);
        bytes32 actual = inbox.depositAcc(1);
        vm.assume(seen != actual);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.InboxDepositAccMismatch.selector, 1, seen, actual)
        );
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(0, 0, 1, seen, "");
    }

    /// The sequencer built behind a batch that a reorg of L1 replaced by another of its index.
    function testFuzz_otherParent_makesThePostRevert(bytes32 seen) public {
        post(0, "the batch that came");
        bytes32 actual = inbox.batchAcc(1);
        vm.assume(seen != actual);
        bytes memory expected =
            abi.encodeWithSelector(IInbox.InboxBatchAccMismatch.selector, 1, seen, actual);
        vm.expectRevert(expected);
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(1, seen, 0, 0, "");
        blobs(1);
        vm.expectRevert(expected);
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBlobBatch(1, seen, 0, 0);
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBlobBatch(1, actual, 0, 0);
        equal(inbox.batchCount(), 2);
    }

    function test_depositsOfOneBatch_fitItsGas() public {
        fill();
        // 8 + 8 + 4 million are exactly what fits; the last of 21,000 is one too many.
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.InboxBatchDepositGasExceeded.selector, BATCH_GAS + 21_000, BATCH_GAS
            )
        );
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(0, 0, 4, 0, "");
        post(3, "");
        postAll();
    }

    function test_overdueDeposit_mustBeRead() public {
        deposit(21_000);
        uint64 due = uint64(block.timestamp) + FORCE_DELAY;
        vm.warp(due);
        post(0, "at the last second");
        vm.warp(due + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.InboxDepositOverdue.selector, 0, due, due + 1)
        );
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(1, 0, 0, 0, "");
        // The fee report after it is younger, and may wait.
        post(1, "");
    }

    function test_overdueDeposits_beyondTheGasOfABatch_mayWait() public {
        fill();
        vm.warp(block.timestamp + 2 * FORCE_DELAY);
        bytes32 acc = inbox.depositAcc(2);
        uint64 due = uint64(block.timestamp) - FORCE_DELAY;
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.InboxDepositOverdue.selector, 2, due, block.timestamp)
        );
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(0, 0, 2, acc, "");
        post(3, "");
        equal(inbox.depositsRead(), 3);
    }

    function test_parameters_areChecked() public {
        refuses("sequencer", 0, Inbox.Parameters(address(0), PORTAL, 1, BATCH_GAS, BLOCK_GAS));
        refuses("portal", 0, Inbox.Parameters(SEQUENCER, address(0), 1, BATCH_GAS, BLOCK_GAS));
        uint64 delay = 1 << 32;
        refuses(
            "forceDelay", delay, Inbox.Parameters(SEQUENCER, PORTAL, delay, BATCH_GAS, BLOCK_GAS)
        );
        // Two fee reports fit a batch, and so does one together with all deposits of a block.
        uint64 gas = 2 * FEE_REPORT_GAS;
        refuses(
            "maxBatchDepositGas", gas - 1, Inbox.Parameters(SEQUENCER, PORTAL, 1, gas - 1, 100_000)
        );
        new Inbox(Inbox.Parameters(SEQUENCER, PORTAL, 1, gas, 100_000));
        gas = BATCH_GAS - FEE_REPORT_GAS;
        new Inbox(Inbox.Parameters(SEQUENCER, PORTAL, 1, BATCH_GAS, gas));
        ++gas;
        refuses(
            "maxDepositGasPerBlock", gas, Inbox.Parameters(SEQUENCER, PORTAL, 1, BATCH_GAS, gas)
        );
        gas = 99_999;
        refuses(
            "maxDepositGasPerBlock", gas, Inbox.Parameters(SEQUENCER, PORTAL, 1, BATCH_GAS, gas)
        );
    }

    function refuses(string memory name, uint256 found, Inbox.Parameters memory given) internal {
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxInvalidParameter.selector, name, found));
        new Inbox(given);
    }

    /// Four deposits, of which the first three fit one batch; all in the same second.
    function fill() internal {
        uint256 time = block.timestamp;
        uint64[4] memory gas = [BLOCK_GAS, BLOCK_GAS, 4_000_000, 21_000];
        for (uint256 i = 0; i < 4; ++i) {
            vm.roll(block.number + 1);
            deposit(gas[i]);
        }
        equal(block.timestamp, time);
    }

    /// The present transaction carries `count` blobs.
    function blobs(uint256 count) internal returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = bytes32(uint256(0x01) << 248 | (i + 1));
        }
        vm.blobhashes(hashes);
    }
}
