// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxDepositsTest
/// @notice What a deposit records, whom it comes from, and what is refused.
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
            vm.deal(ALICE, mint);
            vm.prank(ALICE, ALICE);
            inbox.depositTransaction{value: mint}(to, value, gasLimit, false, data);
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
        equal(address(inbox).balance, 3 * uint256(mint));
    }

    /// The hashes were computed with viem's encodePacked and keccak256.
    function test_depositAndBatch_haveTheKnownHashes() public {
        vm.warp(1_800_000_777);
        vm.roll(25_001_000);
        vm.fee(1_000_000_007);
        vm.blobBaseFee(30_000_000);
        equal(block.blobbasefee, 399);
        vm.deal(ALICE, 5);
        vm.prank(ALICE, ALICE);
        inbox.depositTransaction{value: 5}(address(0xB0B), 3, 100_000, false, hex"c0ffee");
        equal(
            inbox.depositAcc(1), 0x2129eea66832acb386d13247ec373f492d5d84c67fed01b3796842ad351bbc2a
        );
        post(1, hex"00010203");
        equal(inbox.batchAcc(1), 0xcbac6a4c55072f8597621c944e1c9838b290eb211c6159a61214a5b20712fb67);
    }

    function testFuzz_contractSender_isAliased(address sender, address origin) public {
        vm.assume(sender != origin);
        vm.prank(sender, origin);
        inbox.depositTransaction(address(1), 0, 50_000, false, "");
        bytes memory payload = payloadOf(address(1), 0, 0, 50_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, aliased(sender), 0, payload));
    }

    function test_eoaWithDelegatedCode_isNotAliased() public {
        vm.etch(ALICE, hex"ef01000000000000000000000000000000000000000001");
        deposit(50_000);
        bytes memory payload = payloadOf(ALICE, 0, 0, 50_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, ALICE, 0, payload));
    }

    function test_receive_depositsToTheSender() public {
        vm.prank(ALICE, ALICE);
        (bool sent,) = address(inbox).call{value: 3 ether}("");
        isTrue(sent);
        bytes memory payload = payloadOf(ALICE, 3 ether, 3 ether, 100_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, ALICE, 0, payload));
    }

    function test_receive_fromAContract_depositsToItsAlias() public {
        vm.prank(ALICE, SEQUENCER);
        (bool sent,) = address(inbox).call{value: 1}("");
        isTrue(sent);
        bytes memory payload = payloadOf(aliased(ALICE), 1, 1, 100_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, aliased(ALICE), 0, payload));
    }

    function test_creation_isRecorded() public {
        vm.prank(ALICE, ALICE);
        inbox.depositTransaction(address(0), 0, 100_000, true, hex"00");
        bytes memory payload = payloadOf(address(0), 0, 0, 100_000, true, hex"00");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, ALICE, 0, payload));
    }

    function test_creationWithTarget_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxCreationWithTarget.selector, ALICE));
        inbox.depositTransaction(ALICE, 0, 100_000, true, hex"00");
    }

    function testFuzz_gasBelowMinimum_reverts(uint256 length) public {
        length = bound(length, 0, 120_000);
        uint64 min = uint64(21_000 + 40 * length);
        bytes memory data = new bytes(length);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InboxDepositGasTooLow.selector, min - 1, min));
        inbox.depositTransaction(ALICE, 0, min - 1, false, data);
        inbox.depositTransaction(ALICE, 0, min, false, data);
    }

    function test_tooMuchData_reverts() public {
        bytes memory data = new bytes(120_001);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.InboxDepositDataTooLong.selector, 120_001, 120_000)
        );
        inbox.depositTransaction(ALICE, 0, 8_000_000, false, data);
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
