// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FeeVault} from "../../src/l2/FeeVault.sol";
import {Hashing} from "../../src/l2/Hashing.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {SequencerFeeVault} from "../../src/l2/SequencerFeeVault.sol";
import {L2Test} from "./L2Test.sol";

/// @notice All fees of a vault reach the recipient of genesis, no matter who asks.
contract FeeVaultTest is L2Test {
    function testFuzz_withdraw_sendsEverythingToL1(
        uint8 which,
        address recipient,
        address caller,
        uint96 balance,
        uint96 least
    ) external {
        vm.assume(recipient != address(0) && balance >= least);
        FeeVault vault = vaultOf(which);
        configure(vault, recipient, least, 0);
        vm.deal(address(vault), balance);

        vm.expectEmit(address(vault));
        emit FeeVault.Withdrawal(balance, recipient, caller);
        vm.expectEmit(address(vault));
        emit FeeVault.Withdrawal(balance, recipient, caller, FeeVault.WithdrawalNetwork.L1);
        vm.prank(caller);
        equal(vault.withdraw(), balance);

        equal(address(vault).balance, 0);
        equal(address(passer).balance, balance);
        equal(vault.totalProcessed(), balance);
        equal(slotOf(address(vault), 0), balance);
        bytes32 withdrawalHash =
            Hashing.hashWithdrawal(1 << 240, address(vault), recipient, balance, 400_000, "");
        isTrue(passer.sentMessages(withdrawalHash));
    }

    function testFuzz_withdraw_paysRecipientOnL2(uint8 which, uint96 first, uint96 second)
        external
    {
        FeeVault vault = vaultOf(which);
        address recipient = address(0xfee5);
        configure(vault, recipient, 0, 1);
        vm.deal(address(vault), first);
        vault.withdraw();
        vm.deal(address(vault), second);
        vault.withdraw();
        equal(recipient.balance, uint256(first) + second);
        equal(vault.totalProcessed(), uint256(first) + second);
        equal(address(passer).balance, 0);
    }

    function testFuzz_withdraw_belowMinimum_reverts(uint96 balance, uint256 least) external {
        vm.assume(balance < least);
        FeeVault vault = vaultOf(0);
        configure(vault, address(1), least, 0);
        vm.deal(address(vault), balance);
        vm.expectRevert(
            abi.encodeWithSelector(
                FeeVault.BelowMinWithdrawalAmount.selector, uint256(balance), least
            )
        );
        vault.withdraw();
    }

    function test_withdraw_withoutRecipient_reverts() external {
        FeeVault vault = vaultOf(0);
        vm.deal(address(vault), 1 ether);
        vm.expectRevert(FeeVault.NoRecipient.selector);
        vault.withdraw();
        equal(address(vault).balance, 1 ether);
    }

    function test_withdraw_refusedOnL2_reverts() external {
        FeeVault vault = vaultOf(0);
        configure(vault, address(this), 0, 1);
        vm.deal(address(vault), 1 ether);
        vm.expectRevert(
            abi.encodeWithSelector(FeeVault.TransferFailed.selector, address(this), 1 ether)
        );
        vault.withdraw();
        equal(vault.totalProcessed(), 0);
    }

    function testFuzz_getters_readGenesisSlots(uint8 which, address recipient, uint256 least)
        external
    {
        FeeVault vault = vaultOf(which);
        configure(vault, recipient, least, 1);
        equal(vault.recipient(), recipient);
        equal(vault.RECIPIENT(), recipient);
        equal(vault.minWithdrawalAmount(), least);
        equal(vault.MIN_WITHDRAWAL_AMOUNT(), least);
        equal(uint8(vault.withdrawalNetwork()), 1);
        equal(uint8(vault.WITHDRAWAL_NETWORK()), 1);
        if (address(vault) == Predeploys.SEQUENCER_FEE_VAULT) {
            equal(SequencerFeeVault(payable(address(vault))).l1FeeWallet(), recipient);
        }
    }

    function test_vaults_takePlainEther() external {
        vm.deal(address(this), 4);
        for (uint8 i = 0; i < 4; ++i) {
            (bool success,) = address(vaultOf(i)).call{value: 1}("");
            isTrue(success);
        }
    }

    function vaultOf(uint8 which) private pure returns (FeeVault) {
        address[4] memory vaults = [
            Predeploys.SEQUENCER_FEE_VAULT,
            Predeploys.BASE_FEE_VAULT,
            Predeploys.L1_FEE_VAULT,
            Predeploys.OPERATOR_FEE_VAULT
        ];
        return FeeVault(payable(vaults[which % 4]));
    }

    /// Writes the slots as predeploys.json describes them.
    function configure(FeeVault vault, address recipient, uint256 least, uint256 network) private {
        setSlot(address(vault), 1, least);
        setSlot(address(vault), 2, network << 160 | uint160(recipient));
    }
}
