// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashing} from "../../src/l2/Hashing.sol";
import {L2ToL1MessagePasser} from "../../src/l2/L2ToL1MessagePasser.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {L2Test, Vm} from "./L2Test.sol";

/// @notice L1 pays out what it can prove in this contract's storage: the key of a withdrawal, its
///         slot and its event must be exactly OP's.
contract L2ToL1MessagePasserTest is L2Test {
    uint256 private constant FIRST_NONCE = 1 << 240;

    function testFuzz_withdrawal_isProvableAtOpsSlot(
        address sender,
        address target,
        uint96 value,
        uint256 gasLimit,
        bytes calldata data
    ) external {
        vm.deal(sender, value);
        bytes32 withdrawalHash = hashByHand(FIRST_NONCE, sender, target, value, gasLimit, data);

        vm.expectEmit(address(passer));
        emit L2ToL1MessagePasser.MessagePassed(
            FIRST_NONCE, sender, target, value, gasLimit, data, withdrawalHash
        );
        vm.prank(sender);
        passer.initiateWithdrawal{value: value}(target, gasLimit, data);

        isTrue(passer.sentMessages(withdrawalHash));
        // The key of the storage proof on L1: mapping at slot 0.
        bytes32 slot = keccak256(abi.encode(withdrawalHash, uint256(0)));
        equal(vm.load(address(passer), slot), bytes32(uint256(1)));
        equal(slotOf(address(passer), 1), 1);
        equal(passer.messageNonce(), FIRST_NONCE + 1);
        equal(address(passer).balance, value);
    }

    /// A withdrawal hash computed outside of Solidity:
    /// cast keccak $(cast abi-encode "f(uint256,address,address,uint256,uint256,bytes)"
    ///   $(cast shl 1 240) 0x..aa 0x..bb 1000000000000000000 100000 0xdeadbeef)
    function test_withdrawalHash_knownAnswer() external pure {
        equal(
            Hashing.hashWithdrawal(
                FIRST_NONCE, address(0xaa), address(0xbb), 1 ether, 100_000, hex"deadbeef"
            ),
            0x17dd54afdecb2ffdf2a40f5f96a54a6ed35b379967d884a7f2bd0b020bd369c6
        );
    }

    function testFuzz_sameWithdrawalTwice_hasTwoHashes(address target, bytes calldata data)
        external
    {
        vm.recordLogs();
        passer.initiateWithdrawal(target, 1, data);
        passer.initiateWithdrawal(target, 1, data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        equal(logs.length, 2);
        equal(uint256(logs[1].topics[1]), uint256(logs[0].topics[1]) + 1);
        (,,, bytes32 first) = abi.decode(logs[0].data, (uint256, uint256, bytes, bytes32));
        (,,, bytes32 second) = abi.decode(logs[1].data, (uint256, uint256, bytes, bytes32));
        isTrue(first != second);
        isTrue(passer.sentMessages(first) && passer.sentMessages(second));
    }

    function test_plainTransfer_withdrawsToSender() external {
        address sender = address(0xa11ce);
        vm.deal(sender, 3 ether);
        vm.prank(sender);
        (bool success,) = address(passer).call{value: 3 ether}("");
        isTrue(success);
        isTrue(passer.sentMessages(hashByHand(FIRST_NONCE, sender, sender, 3 ether, 100_000, "")));
    }

    function test_burn_takesEtherOutOfSupply() external {
        vm.deal(address(this), 5 ether);
        passer.initiateWithdrawal{value: 5 ether}(address(1), 0, "");
        vm.expectEmit(address(passer));
        emit L2ToL1MessagePasser.WithdrawerBalanceBurnt(5 ether);
        passer.burn();
        equal(address(passer).balance, 0);
        equal(address(this).balance, 0);
        // Burning changes no withdrawal.
        equal(passer.messageNonce(), FIRST_NONCE + 1);
        passer.burn();
    }

    /// The ABI encoding spelt out word by word, without abi.encode.
    function hashByHand(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 gasLimit,
        bytes memory data
    ) private pure returns (bytes32) {
        bytes memory head = bytes.concat(
            bytes32(nonce),
            bytes32(uint256(uint160(sender))),
            bytes32(uint256(uint160(target))),
            bytes32(value),
            bytes32(gasLimit),
            bytes32(uint256(6 * 32)),
            bytes32(data.length)
        );
        bytes memory padding = new bytes((32 - data.length % 32) % 32);
        return keccak256(bytes.concat(head, data, padding));
    }
}
