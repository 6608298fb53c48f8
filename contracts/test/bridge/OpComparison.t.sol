// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {Vm} from "../L1Test.sol";
import {OpGames, OpStack} from "./OpStack.sol";
import {PortalTest} from "./PortalTest.sol";

/// @title  OpComparisonTest
/// @notice The Portal next to OP's own, in the same forge run: the same deposits and withdrawals
///         mean the same, and cost less.
contract OpComparisonTest is PortalTest {
    uint256 private constant DELAY = 1 days;
    address private constant CAROL = address(0xCA401);
    address private constant DAVE = address(0xDA7E);

    IPortal private opPortal;
    IPortal.WithdrawalTransaction private toCarol;
    IPortal.WithdrawalTransaction private toDave;
    L2Block private made;
    uint256 private game;

    function setUp() public override {
        super.setUp();
        vm.fee(1 gwei);
        depositEther(10 ether);
        (toCarol, toDave) = (withdrawal(1, CAROL, 1 ether), withdrawal(2, DAVE, 1 ether));
        (toCarol.gasLimit, toDave.gasLimit) = (100_000, 100_000);
        initiate(toCarol);
        initiate(toDave);
        for (uint256 i = 10; i < 90; ++i) {
            initiate(withdrawal(i, CAROL, i));
        }
        (made, game) = confirmBlock(10);
        opPortal = OpStack.portal(address(new OpGames(outputRootOf(made))), DELAY);
        vm.deal(address(opPortal), 10 ether);
        mine(1);
    }

    /// Both portals announce a deposit by the same bytes.
    function testFuzz_depositEvent_isThatOfOp(
        address to,
        uint96 mint,
        uint256 value,
        bool isCreation,
        bytes memory data
    ) public {
        vm.assume(data.length <= 10_000);
        if (isCreation) to = address(0);
        uint64 gas = uint64(21_000 + 40 * data.length);
        vm.deal(ALICE, 2 * uint256(mint));
        vm.recordLogs();
        vm.prank(ALICE);
        portal.depositTransaction{value: mint}(to, value, gas, isCreation, data);
        vm.prank(ALICE);
        opPortal.depositTransaction{value: mint}(to, value, gas, isCreation, data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        // The Inbox's own event comes first.
        equal(logs.length, 3);
        equal(logs[1].emitter, address(portal));
        equal(logs[2].emitter, address(opPortal));
        for (uint256 i = 0; i < 4; ++i) {
            equal(logs[1].topics[i], logs[2].topics[i]);
        }
        equal(keccak256(logs[1].data), keccak256(logs[2].data));
    }

    /// Both take the same proof of the same withdrawal, and refuse it for another one.
    function test_proof_isThatOfOp() public {
        bytes[] memory proof = proofOf(toCarol);
        opPortal.proveWithdrawalTransaction(toCarol, 0, outputProofOf(made), proof);
        portal.proveWithdrawalTransaction(toCarol, game, outputProofOf(made), proof);
        for (uint256 i = 0; i < 2; ++i) {
            IPortal asked = i == 0 ? portal : opPortal;
            bytes memory call = abi.encodeCall(
                IPortal.proveWithdrawalTransaction, (toDave, 0, outputProofOf(made), proof)
            );
            (bool done,) = address(asked).call(call);
            isTrue(!done);
        }
        (address proven, uint64 time) = opPortal.provenWithdrawals(hashOf(toCarol), address(this));
        isTrue(proven != address(0));
        (, uint64 ours) = portal.provenWithdrawals(hashOf(toCarol), address(this));
        equal(ours, time);
    }

    /// At a base fee of 1 gwei or less OP burns all the gas that a deposit buys. Above it burns less,
    /// the Portal as much as ever, so that the comparison turns around where L1 is dear.
    function test_deposit_costsLessThanNineTenthsOfOps() public {
        bytes memory call = abi.encodeCall(
            IPortal.depositTransaction, (ALICE, 1 ether, uint64(100_000), false, "")
        );
        uint256 ours = cost(address(portal), 1 ether, call);
        uint256 theirs = cost(address(opPortal), 1 ether, call);
        isTrue(ours * 10 < theirs * 9);
    }

    /// One transaction here, two there.
    function test_withdrawal_costsLessThanEightTenthsOfOps() public {
        (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs) = oneOf(toCarol);
        uint256 ours =
            cost(address(portal), 0, abi.encodeCall(IPortal.proveAndFinalize, (game, all, proofs)));
        uint256 theirs = cost(
            address(opPortal),
            0,
            abi.encodeCall(
                IPortal.proveWithdrawalTransaction,
                (toDave, 0, outputProofOf(made), proofOf(toDave))
            )
        );
        vm.warp(block.timestamp + DELAY + 1);
        theirs += cost(
            address(opPortal), 0, abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (toDave))
        );
        equal(CAROL.balance, DAVE.balance);
        isTrue(ours * 10 < theirs * 8);
    }

    /// Gas of a transaction of Alice with this call, its start and its calldata included.
    function cost(address to, uint256 value, bytes memory call) private returns (uint256 gas) {
        vm.deal(ALICE, value);
        vm.cool(to);
        vm.cool(address(inbox));
        vm.cool(address(games));
        gas = 21_000;
        for (uint256 i = 0; i < call.length; ++i) {
            gas += call[i] == 0 ? 4 : 16;
        }
        vm.prank(ALICE, ALICE);
        uint256 before = gasleft();
        (bool done,) = to.call{value: value}(call);
        gas += before - gasleft();
        isTrue(done);
    }
}
