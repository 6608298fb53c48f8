// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssertionTest} from "./AssertionTest.sol";

/// @title  GasTest
/// @notice What each move costs once the contracts are in use. One metered call a test and no view
///         before it, so that its slots are cold as in a transaction of its own. `.gas-snapshot`
///         keeps the numbers, which hold a little for the test itself; the 21,000 gas that
///         every transaction pays, calldata and the price of deposit gas come on top.
contract GasTest is AssertionTest {
    Proposal private made;
    Proposal private child;
    Proposal private rival;
    bytes32 private pending;
    bytes32 private depositAcc;
    bytes32 private batchAcc;

    function setUp() public override {
        super.setUp();
        deposit(100_000);
        postAll();
        waitInterval();
        made = childOf(genesis, 1);
        rival = childOf(genesis, 2);
        pending = propose(ALICE, made);
        deposit(100_000);
        postAll();
        child = childOf(pending, 3);
        mine(50);
        deposit(100_000);
        depositAcc = inbox.depositAcc(5);
        batchAcc = inbox.batchAcc(2);
        mine(1);
    }

    function test_gas_deposit() public {
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 1, 1, 100_000, false, "");
    }

    function test_gas_deposit_1000Bytes() public {
        bytes memory data = new bytes(1000);
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, 100_000, false, data);
    }

    function test_gas_postBatch_10000Bytes() public {
        vm.pauseGasMetering();
        bytes memory data = new bytes(10_000);
        (bytes32 parent, bytes32 acc) = (batchAcc, depositAcc);
        vm.resumeGasMetering();
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(2, parent, 5, acc, data);
    }

    function test_gas_postBlobBatch_6Blobs() public {
        vm.pauseGasMetering();
        bytes32[] memory hashes = new bytes32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            hashes[i] = bytes32(uint256(0x01) << 248 | (i + 1));
        }
        vm.blobhashes(hashes);
        (bytes32 parent, bytes32 acc) = (batchAcc, depositAcc);
        vm.resumeGasMetering();
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBlobBatch(2, parent, 5, acc);
    }

    function test_gas_forceInclude() public {
        vm.warp(block.timestamp + FORCE_DELAY + 1);
        inbox.forceInclude(5);
    }

    function test_gas_propose() public {
        meterProposal(child);
    }

    function test_gas_propose_rival() public {
        meterProposal(rival);
    }

    function test_gas_propose_again() public {
        meterProposal(made);
    }

    function test_gas_confirm() public {
        vm.pauseGasMetering();
        vm.warp(block.timestamp + PERIOD);
        bytes32 id = pending;
        vm.resumeGasMetering();
        chain.confirm(id);
    }

    /// Copies the proposal out of this test's storage first, unmetered.
    function meterProposal(Proposal storage stored) internal {
        vm.pauseGasMetering();
        Proposal memory loaded = stored;
        vm.resumeGasMetering();
        propose(BOB, loaded);
    }
}
