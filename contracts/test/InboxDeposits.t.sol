// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxDepositsTest
/// @notice What a deposit records and what is refused.
contract InboxDepositsTest is L1Test {
    function testFuzz_deposit_extendsTheHashChain(
        address to,
        uint96 mint,
        uint256 value,
        bytes memory data,
        uint256 extraGas
    ) public {
        vm.assume(data.length <= 120_000);
        uint64 gasLimit = uint64(21_000 + 40 * data.length + extraGas % 1_000_000);
        bytes32 acc = 0;
        for (uint64 i = 0; i < 3; ++i) {
            bytes memory payload = payloadOf(to, mint, value, gasLimit, false, data);
            acc = nextDepositAcc(acc, 0, ALICE, i, payload);
            vm.expectEmit(address(inbox));
            emit IInbox.DepositEnqueued(
                i,
                0,
                ALICE,
                uint64(block.number),
                uint64(block.timestamp),
                block.basefee,
                block.blobbasefee,
                payload,
                acc
            );
            vm.prank(PORTAL);
            inbox.enqueueDeposit(ALICE, to, mint, value, gasLimit, false, data);
            equal(inbox.depositAcc(i + 1), acc);
            (uint64 time, uint128 gasEnd) = inbox.depositInfo(i);
            equal(time, block.timestamp);
            equal(gasEnd, uint256(gasLimit) * (i + 1));
            mine(1 + i);
            vm.fee(8 gwei + i);
            vm.blobBaseFee(20_000_000 * (i + 1));
        }
        equal(inbox.depositCount(), 3);
        equal(inbox.depositAcc(0), 0);
    }

    /// The hashes were computed with viem's encodePacked and keccak256.
    function test_depositAndBatch_haveTheKnownHashes() public {
        vm.warp(1_800_000_777);
        vm.roll(25_001_000);
        vm.fee(1_000_000_007);
        vm.blobBaseFee(30_000_000);
        equal(block.blobbasefee, 399);
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, address(0xB0B), 5, 3, 100_000, false, hex"c0ffee");
        equal(
            inbox.depositAcc(1), 0x2129eea66832acb386d13247ec373f492d5d84c67fed01b3796842ad351bbc2a
        );
        post(1, hex"00010203");
        equal(inbox.batchAcc(1), 0xcbac6a4c55072f8597621c944e1c9838b290eb211c6159a61214a5b20712fb67);
    }

    /// What it mints would be backed by nothing.
    function testFuzz_anyoneButThePortal_isRefused(address caller) public {
        vm.assume(caller != PORTAL);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxNotPortal.selector, caller, PORTAL));
        vm.prank(caller);
        inbox.enqueueDeposit(caller, caller, 1 ether, 0, 100_000, false, "");
    }

    /// Ether comes in through the Portal alone.
    function test_ether_isRefused() public {
        vm.prank(ALICE, ALICE);
        (bool sent,) = address(inbox).call{value: 1}("");
        isTrue(!sent);
    }

    function test_creation_isRecorded() public {
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, address(0), 0, 0, 100_000, true, hex"00");
        bytes memory payload = payloadOf(address(0), 0, 0, 100_000, true, hex"00");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, ALICE, 0, payload));
    }

    function test_creationWithTarget_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxCreationWithTarget.selector, ALICE));
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, 100_000, true, hex"00");
    }

    function testFuzz_gasBelowMinimum_reverts(uint256 length) public {
        length = bound(length, 0, 120_000);
        uint64 min = uint64(21_000 + 40 * length);
        bytes memory data = new bytes(length);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxDepositGasTooLow.selector, min - 1, min));
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, min - 1, false, data);
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, min, false, data);
        equal(inbox.minDepositGas(uint64(length)), min);
    }

    function test_tooMuchData_reverts() public {
        bytes memory data = new bytes(120_001);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.InboxDepositDataTooLong.selector, 120_001, 120_000)
        );
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, 8_000_000, false, data);
    }

    function test_views_refuseIndicesBeyondTheEnd() public {
        deposit(50_000);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxUnknownIndex.selector, 2, 1));
        inbox.depositAcc(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxUnknownIndex.selector, 1, 1));
        inbox.depositInfo(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxUnknownIndex.selector, 1, 0));
        inbox.batchAcc(1);
    }
}
