// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {PortalTest} from "./PortalTest.sol";
import {Receiver} from "./Receiver.sol";

/// @title  WithdrawalCallsTest
/// @notice The call that a withdrawal makes: whom it comes from, what gas it gets, and that nothing
///         which its target does costs anybody the withdrawal.
contract WithdrawalCallsTest is PortalTest {
    address private constant CAROL = address(0xCA401);
    uint64 private constant GAS = 200_000;

    Receiver private receiver;
    IPortal.WithdrawalTransaction private call_;
    IPortal.WithdrawalTransaction private plain;
    uint256 private game;

    function setUp() public override {
        super.setUp();
        receiver = new Receiver();
        depositEther(10 ether);
        call_ = withdrawal(1, address(receiver), 2 ether);
        call_.gasLimit = GAS;
        call_.data = hex"c0ffee";
        plain = withdrawal(2, CAROL, 1 ether);
        initiate(call_);
        initiate(plain);
        L2Block memory made;
        (made, game) = confirmBlock(10);
        bytes[] memory proof = proofOf(call_);
        vm.prank(ALICE);
        portal.proveWithdrawalTransaction(call_, game, outputProofOf(made), proof);
    }

    function test_target_seesTheSenderOnL2() public {
        isTrue(relay(game, call_));
        equal(receiver.sender(), ALICE);
        equal(address(receiver).balance, 2 ether);
        equal(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
    }

    /// Failing targets of every kind: nothing is marked, nothing is lost, and a later try pays.
    function testFuzz_failedCall_canBeTriedAgain(uint8 mood, bool batch) public {
        receiver.become(Receiver.Mood(bound(mood, 1, 3)), portal);
        bytes32 hash = hashOf(call_);
        if (batch) {
            vm.expectEmit(address(portal));
            emit IPortal.WithdrawalFinalized(hash, false);
            isTrue(!relay(game, call_));
        } else {
            vm.expectRevert(abi.encodeWithSelector(IPortal.PortalCallFailed.selector, hash));
            portal.finalizeWithdrawalTransactionExternalProof{gas: 1_000_000}(call_, ALICE);
        }
        isTrue(!portal.finalizedWithdrawals(hash));
        equal(address(portal).balance, 10 ether);
        portal.checkWithdrawal(hash, ALICE);

        receiver.become(Receiver.Mood.Takes, portal);
        portal.finalizeWithdrawalTransactionExternalProof(call_, ALICE);
        equal(address(receiver).balance, 2 ether);
        equal(receiver.sender(), ALICE);
    }

    /// One that burns its gas costs the rest of the batch only what it asked for.
    function test_failedCall_doesNotStopABatch() public {
        receiver.become(Receiver.Mood.Burns, portal);
        IPortal.WithdrawalTransaction[] memory all = new IPortal.WithdrawalTransaction[](2);
        (all[0], all[1]) = (call_, plain);
        bytes[][] memory proofs = new bytes[][](2);
        (proofs[0], proofs[1]) = (proofOf(call_), proofOf(plain));
        uint256 before = gasleft();
        bool[] memory paid = portal.proveAndFinalize(game, all, proofs);
        isTrue(before - gasleft() < GAS + 300_000);
        isTrue(!paid[0] && paid[1]);
        equal(CAROL.balance, 1 ether);
    }

    /// A portal without the ether: as any other failure.
    function test_withdrawalWithoutBacking_waits() public {
        vm.deal(address(portal), 2 ether - 1);
        isTrue(!relay(game, call_));
        portal.donateETH{value: 0}();
        vm.deal(address(portal), 2 ether);
        isTrue(relay(game, call_));
        equal(address(portal).balance, 0);
    }

    function test_otherWithdrawal_isRefusedInsideOne() public {
        receiver.becomeReentrant(portal, plain);
        L2Block memory made = blockOf(10);
        bytes[] memory proof = proofOf(plain);
        vm.prank(address(receiver));
        portal.proveWithdrawalTransaction(plain, game, outputProofOf(made), proof);
        portal.finalizeWithdrawalTransactionExternalProof(call_, ALICE);
        equal(
            keccak256(receiver.innerReason()),
            reasonOf(IPortal.OptimismPortal_NoReentrancy.selector)
        );
        equal(CAROL.balance, 0);
        equal(address(receiver).balance, 2 ether);
    }

    /// The same withdrawal inside itself would be paid twice.
    function test_sameWithdrawal_isRefusedInsideItself() public {
        receiver.becomeReentrant(portal, call_);
        bytes[] memory proof = proofOf(call_);
        L2Block memory made = blockOf(10);
        vm.prank(address(receiver));
        portal.proveWithdrawalTransaction(call_, game, outputProofOf(made), proof);
        portal.finalizeWithdrawalTransactionExternalProof(call_, ALICE);
        equal(
            keccak256(receiver.innerReason()),
            reasonOf(IPortal.OptimismPortal_AlreadyFinalized.selector)
        );
        equal(address(receiver).balance, 2 ether);
        equal(address(portal).balance, 8 ether);
    }

    /// What a withdrawal pays may go back to L2 in the same call, so also to another chain.
    function test_target_mayDeposit() public {
        IPortal.WithdrawalTransaction memory back = call_;
        back.nonce = 3;
        back.gasLimit = 400_000;
        initiate(back);
        (, uint256 index) = confirmBlock(20);
        receiver.become(Receiver.Mood.Deposits, portal);
        uint64 count = inbox.depositCount();
        isTrue(relay(index, back));
        equal(inbox.depositCount(), count + 1);
        equal(address(portal).balance, 10 ether);
    }

    /// At no gas limit does the call run with less gas than the withdrawal asks for.
    function testFuzz_gasIsEnoughOrRefused(uint256 gas, bool batch) public {
        gas = bound(gas, 30_000, 700_000);
        bytes memory move = batch ? batchOf(call_) : singleOf(call_);
        (bool done,) = address(portal).call{gas: gas}(move);
        if (done) isTrue(receiver.gasFound() >= GAS - 200);
        else equal(receiver.gasFound(), 0);
        isTrue(done == portal.finalizedWithdrawals(hashOf(call_)));
    }

    function test_tooLittleGas_isNamed() public {
        (bool done, bytes memory reason) = address(portal).call{gas: 230_000}(singleOf(call_));
        isTrue(!done);
        equal(bytes32(bytes4(reason)), bytes32(IPortal.PortalGasTooLow.selector));
    }

    /// No L1 transaction could carry it: it is run with the most that one can.
    function test_gasLimitBeyondL1s_isNoTrap() public {
        IPortal.WithdrawalTransaction memory huge = call_;
        huge.nonce = 4;
        huge.gasLimit = type(uint256).max;
        initiate(huge);
        (, uint256 index) = confirmBlock(20);
        (bool done,) = address(portal).call{gas: 15_200_000}(batchAt(index, huge));
        isTrue(!done);
        (done,) = address(portal).call{gas: 16_600_000}(batchAt(index, huge));
        isTrue(done && portal.finalizedWithdrawals(hashOf(huge)));
        isTrue(receiver.gasFound() >= 15_000_000 - 200);
    }

    function singleOf(IPortal.WithdrawalTransaction memory it) private pure returns (bytes memory) {
        return abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (it, ALICE));
    }

    function batchOf(IPortal.WithdrawalTransaction memory it) private view returns (bytes memory) {
        return batchAt(game, it);
    }

    function batchAt(uint256 index, IPortal.WithdrawalTransaction memory it)
        private
        view
        returns (bytes memory)
    {
        (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs) = oneOf(it);
        return abi.encodeCall(IPortal.proveAndFinalize, (index, all, proofs));
    }

    function reasonOf(bytes4 selector) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(selector));
    }
}
