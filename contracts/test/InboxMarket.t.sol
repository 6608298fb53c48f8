// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxMarketTest
/// @notice Deposit gas is bounded in each L1 block and paid for in L1 gas, at a price that follows
///         its use.
contract InboxMarketTest is L1Test {
    uint64 internal constant TARGET = BLOCK_GAS / 4;

    function test_oneBlock_holdsItsMaximumAndNoMore() public {
        deposit(BLOCK_GAS - 21_000);
        (, uint64 left) = inbox.depositGasMarket();
        equal(left, 21_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.InboxBlockDepositGasExceeded.selector, BLOCK_GAS + 1, BLOCK_GAS
            )
        );
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, 21_001, false, "");
        deposit(21_000);
        mine(1);
        deposit(BLOCK_GAS);
    }

    function test_largestGasLimit_doesNotOverflow() public {
        deposit(50_000);
        uint64 huge = type(uint64).max;
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.InboxBlockDepositGasExceeded.selector, uint256(huge) + 50_000, BLOCK_GAS
            )
        );
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, huge, false, "");
    }

    /// Few runs: burning gas is what takes time.
    /// forge-config: default.fuzz.runs = 16
    function testFuzz_price_movesByAtMostAnEighthTowardsTheTarget(uint256 seed) public {
        for (uint256 i = 0; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            // Mostly full blocks first, so that the price leaves its minimum.
            uint64 gas = i < 12 ? BLOCK_GAS : uint64(bound(seed, 21_000, BLOCK_GAS));
            deposit(gas);
            (uint256 price,) = inbox.depositGasMarket();
            mine(1);
            (uint256 next, uint64 left) = inbox.depositGasMarket();
            equal(left, BLOCK_GAS);
            isTrue(next >= 64);
            isTrue(next <= price + price / 8);
            isTrue(next >= price - price / 8 || next == 64);
            if (gas > TARGET) isTrue(next >= price);
            else isTrue(next <= price);
            if (gas == BLOCK_GAS) equal(next, price + price / 8);
        }
    }

    /// forge-config: default.fuzz.runs = 16
    function testFuzz_emptyBlocks_lowerThePriceToItsMinimum(uint256 full, uint256 empty) public {
        full = bound(full, 1, 30);
        empty = bound(empty, 0, 100);
        uint256 price = 64;
        for (uint256 i = 0; i < full; ++i) {
            deposit(BLOCK_GAS);
            mine(1);
            price += price / 8;
        }
        mine(empty);
        // The first of the empty blocks is the present one, which may still be used.
        for (uint256 i = 0; i < empty; ++i) {
            price -= price / 8;
            if (price < 64) price = 64;
        }
        (uint256 found,) = inbox.depositGasMarket();
        equal(found, price);
    }

    function test_atTheTarget_thePriceStays() public {
        deposit(BLOCK_GAS);
        mine(1);
        (uint256 price,) = inbox.depositGasMarket();
        deposit(TARGET);
        mine(1);
        (uint256 next,) = inbox.depositGasMarket();
        equal(next, price);
    }

    function test_deposit_burnsItsPrice() public {
        for (uint256 i = 0; i < 12; ++i) {
            deposit(BLOCK_GAS);
            mine(1);
        }
        (uint256 price,) = inbox.depositGasMarket();
        isTrue(price > 200);
        uint256 cost = 5_000_000 * price / 1024;
        vm.prank(PORTAL);
        uint256 before = gasleft();
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, 5_000_000, false, "");
        uint256 spent = before - gasleft();
        isTrue(spent >= cost);
        isTrue(spent < cost + 20_000);
    }

    function test_tooLittleGasForThePrice_reverts() public {
        (uint256 price,) = inbox.depositGasMarket();
        uint256 cost = uint256(BLOCK_GAS) * price / 1024;
        vm.prank(PORTAL);
        try inbox.enqueueDeposit{gas: cost - 1000}(ALICE, ALICE, 0, 0, BLOCK_GAS, false, "") {
            isTrue(false);
        } catch {}
        equal(inbox.depositCount(), 0);
        vm.prank(PORTAL);
        inbox.enqueueDeposit{gas: cost + 20_000}(ALICE, ALICE, 0, 0, BLOCK_GAS, false, "");
    }

    function test_smallDeposit_paysOnlyForItsWork() public {
        deposit(50_000);
        vm.prank(PORTAL);
        uint256 before = gasleft();
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, 50_000, false, "");
        isTrue(before - gasleft() < 100_000);
    }

    function test_feeReports_areNotMetered() public {
        deposit(BLOCK_GAS);
        postAll();
        postAll();
        equal(inbox.depositCount(), 3);
        (, uint64 left) = inbox.depositGasMarket();
        equal(left, 0);
    }
}
