// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {PortalTest} from "./PortalTest.sol";

/// @title  PortalGasTest
/// @notice What the bridge costs on L1, as `GasTest` measures: among 80 withdrawals of one block.
contract PortalGasTest is PortalTest {
    address private constant CAROL = address(0xCA401);

    L2Block private made;
    bytes32 private confirmed;
    uint256 private game;
    IPortal.WithdrawalTransaction[] private all;

    function setUp() public override {
        super.setUp();
        depositEther(10 ether);
        for (uint256 i = 0; i < 80; ++i) {
            IPortal.WithdrawalTransaction memory it = withdrawal(i, CAROL, 1);
            initiate(it);
            if (i < 10) all.push(it);
        }
        (, game) = confirmBlock(10);
        made = blockOf(20);
        confirmed = assertBlock(chain.latestConfirmed(), made);
        vm.warp(block.timestamp + PERIOD);
        vm.deal(CAROL, 1);
        vm.deal(ALICE, 1);
        mine(1);
    }

    function test_gas_portal_deposit() public {
        vm.prank(ALICE, ALICE);
        portal.depositTransaction{value: 1}(ALICE, 1, 100_000, false, "");
    }

    function test_gas_portal_publish() public {
        vm.pauseGasMetering();
        (bytes32 id, L2Block memory it) = (confirmed, made);
        vm.resumeGasMetering();
        games.publish(id, it.stateRoot, it.storageRoot, it.header);
    }

    function test_gas_portal_proveAndFinalize_1Withdrawal() public {
        meter(1);
    }

    function test_gas_portal_proveAndFinalize_10Withdrawals() public {
        meter(10);
    }

    function meter(uint256 count) private {
        vm.pauseGasMetering();
        IPortal.WithdrawalTransaction[] memory some = new IPortal.WithdrawalTransaction[](count);
        bytes[][] memory proofs = new bytes[][](count);
        for (uint256 i = 0; i < count; ++i) {
            (some[i], proofs[i]) = (all[i], proofOf(all[i]));
        }
        vm.resumeGasMetering();
        portal.proveAndFinalize(game, some, proofs);
    }
}
