// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {L1Block} from "../../src/l2/L1Block.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {L2Test} from "./L2Test.sol";

/// @notice op-revm reads L1Block's slots, so they must be where it looks, and only fee reports
///         may write them.
contract L1BlockTest is L2Test {
    function testFuzz_report_landsWhereOpRevmReads(
        uint64 number,
        uint64 timestamp,
        uint256 basefee,
        uint256 blobBaseFee
    ) external {
        vm.prank(Predeploys.DEPOSITOR);
        l1Block.setL1BlockValues(number, timestamp, basefee, blobBaseFee);

        equal(slotOf(Predeploys.L1_BLOCK, 0), uint256(timestamp) << 64 | number);
        // op-revm's L1_BASE_FEE_SLOT and ECOTONE_L1_BLOB_BASE_FEE_SLOT.
        equal(slotOf(Predeploys.L1_BLOCK, 1), basefee);
        equal(slotOf(Predeploys.L1_BLOCK, 7), blobBaseFee);
        equal(l1Block.number(), number);
        equal(l1Block.timestamp(), timestamp);
        equal(l1Block.basefee(), basefee);
        equal(l1Block.blobBaseFee(), blobBaseFee);
        equal(l1Block.baseFeeScalar(), BASE_FEE_SCALAR);
        equal(l1Block.blobBaseFeeScalar(), BLOB_BASE_FEE_SCALAR);
        equal(slotOf(Predeploys.L1_BLOCK, 2), 0);
        for (uint256 slot = 4; slot < 10; ++slot) {
            if (slot != 7) equal(slotOf(Predeploys.L1_BLOCK, slot), 0);
        }
    }

    /// op-revm's offsets into the big-endian words of slots 3 and 8.
    function testFuzz_scalars_areAtOpRevmsOffsets(bytes32 slot3, bytes32 slot8) external {
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(3)), slot3);
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(8)), slot8);
        equal(l1Block.baseFeeScalar(), bigEndian(slot3, 16, 4));
        equal(l1Block.blobBaseFeeScalar(), bigEndian(slot3, 20, 4));
        equal(l1Block.sequenceNumber(), bigEndian(slot3, 24, 8));
        equal(l1Block.daFootprintGasScalar(), bigEndian(slot8, 18, 2));
        equal(l1Block.operatorFeeScalar(), bigEndian(slot8, 20, 4));
        equal(l1Block.operatorFeeConstant(), bigEndian(slot8, 24, 8));
    }

    function testFuzz_words_areAtOpSlots(bytes32 value) external {
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(2)), value);
        equal(l1Block.hash(), value);
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(4)), value);
        equal(l1Block.batcherHash(), value);
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(5)), value);
        equal(l1Block.l1FeeOverhead(), uint256(value));
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(6)), value);
        equal(l1Block.l1FeeScalar(), uint256(value));
    }

    function testFuzz_report_ofAnyoneElse_reverts(address caller) external {
        vm.assume(caller != Predeploys.DEPOSITOR);
        vm.prank(caller);
        vm.expectRevert(L1Block.NotDepositor.selector);
        l1Block.setL1BlockValues(1, 2, 3, 4);
    }

    /// The selector that FEE_REPORT deposits are encoded with in Rust.
    function test_report_selector() external pure {
        equal(
            bytes32(L1Block.setL1BlockValues.selector),
            bytes32(bytes4(keccak256("setL1BlockValues(uint64,uint64,uint256,uint256)")))
        );
    }

    function bigEndian(bytes32 word, uint256 offset, uint256 size) private pure returns (uint256) {
        return uint256(word << 8 * offset) >> 8 * (32 - size);
    }
}
