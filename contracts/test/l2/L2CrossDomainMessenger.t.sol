// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashing} from "../../src/l2/Hashing.sol";
import {CrossDomainMessenger} from "../../src/bridge/CrossDomainMessenger.sol";
import {L2CrossDomainMessenger} from "../../src/l2/L2CrossDomainMessenger.sol";
import {L2ToL1MessagePasser} from "../../src/l2/L2ToL1MessagePasser.sol";
import {L2Test} from "./L2Test.sol";

/// @notice What a message calls: remembers who sent it, fails when a test says so.
contract Target {
    address public sender;
    uint256 public received;
    uint256 public gasAtEntry;
    bool public failing;
    bytes public inner;
    bool public innerSucceeded;

    function setFailing(bool value) external {
        failing = value;
    }

    /// A call to make to the messenger while a message runs.
    function setInner(bytes calldata data) external {
        inner = data;
    }

    function take() external payable {
        gasAtEntry = gasleft();
        require(!failing, "failing");
        sender = L2CrossDomainMessenger(msg.sender).xDomainMessageSender();
        received += msg.value;
        if (inner.length != 0) (innerSucceeded,) = msg.sender.call(inner);
    }

    /// Fails with as much return data as its gas pays for.
    function bomb() external pure {
        assembly {
            revert(0, 600000)
        }
    }

    /// Fails with all gas used up.
    function burn() external pure {
        assembly {
            invalid()
        }
    }
}

/// @notice A message runs because L1 sent it, succeeds once, and can be replayed until it does.
contract L2CrossDomainMessengerTest is L2Test {
    uint256 private constant NONCE = 1 << 240;
    address private constant SENDER = address(0x5e4de5);

    Target private target;
    bytes private take = abi.encodeCall(Target.take, ());

    function setUp() public override {
        super.setUp();
        target = new Target();
    }

    function testFuzz_sendMessage_isAWithdrawalToTheOtherMessenger(
        address to,
        uint96 value,
        uint32 minGas,
        bytes calldata message
    ) external {
        vm.deal(SENDER, value);
        // OP's relayMessage calldata, spelt out.
        bytes memory data = abi.encodeWithSelector(
            0xd764ad0b, NONCE, SENDER, to, uint256(value), uint256(minGas), message
        );
        uint256 gasLimit =
            200_000 + 16 * message.length + uint256(minGas) * 64 / 63 + 40_000 + 40_000 + 5000;
        bytes32 withdrawalHash = keccak256(
            abi.encode(NONCE, address(messenger), L1_MESSENGER, uint256(value), gasLimit, data)
        );
        vm.expectEmit(address(passer));
        emit L2ToL1MessagePasser.MessagePassed(
            NONCE, address(messenger), L1_MESSENGER, value, gasLimit, data, withdrawalHash
        );
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessage(to, SENDER, message, NONCE, minGas);
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessageExtension1(SENDER, value);
        vm.prank(SENDER);
        messenger.sendMessage{value: value}(to, message, minGas);

        isTrue(passer.sentMessages(withdrawalHash));
        equal(messenger.messageNonce(), NONCE + 1);
        equal(address(passer).balance, value);
    }

    function test_sendMessage_withoutOtherMessenger_reverts() external {
        setSlot(address(messenger), 0, 0);
        vm.expectRevert(CrossDomainMessenger.NoOtherMessenger.selector);
        messenger.sendMessage(address(1), "", 0);
    }

    function testFuzz_relay_runsWithSenderAndValue(uint96 value) external {
        bytes32 msgHash = hashOf(NONCE, address(target), value, 100_000, take);
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.RelayedMessage(msgHash);
        relayFromL1(NONCE, address(target), value, 100_000, take);
        equal(target.sender(), SENDER);
        equal(target.received(), value);
        isTrue(messenger.successfulMessages(msgHash) && !messenger.failedMessages(msgHash));
        isTrue(target.gasAtEntry() >= 100_000 - 500);
        vm.expectRevert(CrossDomainMessenger.NoMessageRunning.selector);
        messenger.xDomainMessageSender();
    }

    function test_relay_sameMessageTwice_reverts() external {
        relayFromL1(NONCE, address(target), 1 ether, 100_000, take);
        bytes32 msgHash = hashOf(NONCE, address(target), 1 ether, 100_000, take);
        vm.deal(aliased(L1_MESSENGER), 1 ether);
        vm.prank(aliased(L1_MESSENGER));
        vm.expectRevert(
            abi.encodeWithSelector(CrossDomainMessenger.AlreadyRelayed.selector, msgHash)
        );
        messenger.relayMessage{value: 1 ether}(
            NONCE, SENDER, address(target), 1 ether, 100_000, take
        );
    }

    function testFuzz_relay_byAnyoneElse_reverts(address caller) external {
        vm.assume(caller != aliased(L1_MESSENGER));
        bytes32 msgHash = hashOf(NONCE, address(target), 0, 0, take);
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(CrossDomainMessenger.NotReplayable.selector, msgHash)
        );
        messenger.relayMessage(NONCE, SENDER, address(target), 0, 0, take);
    }

    /// Without a messenger on L1, the alias of the zero address is nobody.
    function test_relay_byAliasOfZero_reverts() external {
        setSlot(address(messenger), 0, 0);
        vm.prank(aliased(address(0)));
        vm.expectRevert(
            abi.encodeWithSelector(
                CrossDomainMessenger.NotReplayable.selector,
                hashOf(NONCE, address(target), 0, 0, take)
            )
        );
        messenger.relayMessage(NONCE, SENDER, address(target), 0, 0, take);
    }

    function test_failedMessage_isReplayedOnceWithItsEther() external {
        target.setFailing(true);
        relayFromL1(NONCE, address(target), 3 ether, 100_000, take);
        bytes32 msgHash = hashOf(NONCE, address(target), 3 ether, 100_000, take);
        isTrue(messenger.failedMessages(msgHash) && !messenger.successfulMessages(msgHash));
        equal(address(messenger).balance, 3 ether);

        vm.deal(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(CrossDomainMessenger.WrongValue.selector, 1, 0));
        messenger.relayMessage{value: 1}(NONCE, SENDER, address(target), 3 ether, 100_000, take);

        target.setFailing(false);
        messenger.relayMessage(NONCE, SENDER, address(target), 3 ether, 100_000, take);
        equal(target.received(), 3 ether);
        isTrue(messenger.successfulMessages(msgHash));

        vm.expectRevert(
            abi.encodeWithSelector(CrossDomainMessenger.AlreadyRelayed.selector, msgHash)
        );
        messenger.relayMessage(NONCE, SENDER, address(target), 3 ether, 100_000, take);
        equal(target.received(), 3 ether);
    }

    function test_relay_withOtherValue_reverts() external {
        vm.deal(aliased(L1_MESSENGER), 1 ether);
        vm.prank(aliased(L1_MESSENGER));
        vm.expectRevert(
            abi.encodeWithSelector(CrossDomainMessenger.WrongValue.selector, 1 ether, 2 ether)
        );
        messenger.relayMessage{value: 1 ether}(
            NONCE, SENDER, address(target), 2 ether, 100_000, take
        );
    }

    function test_relay_toSystemContracts_reverts() external {
        address[2] memory blocked = [address(messenger), address(passer)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(aliased(L1_MESSENGER));
            vm.expectRevert(
                abi.encodeWithSelector(CrossDomainMessenger.BlockedTarget.selector, blocked[i])
            );
            messenger.relayMessage(NONCE, SENDER, blocked[i], 0, 0, "");
        }
    }

    function test_relay_ofAnotherVersion_reverts() external {
        for (uint256 version = 0; version < 4; ++version) {
            if (version == 1) continue;
            vm.prank(aliased(L1_MESSENGER));
            vm.expectRevert(
                abi.encodeWithSelector(
                    CrossDomainMessenger.UnsupportedMessageVersion.selector, version
                )
            );
            messenger.relayMessage(version << 240, SENDER, address(target), 0, 0, take);
        }
    }

    /// A message that runs another one: the call reverts, and the inner one waits for a replay of its own.
    function test_relay_withinAMessage_reverts() external {
        target.setFailing(true);
        relayFromL1(NONCE + 1, address(target), 0, 0, take);
        target.setFailing(false);
        bytes32 innerHash = hashOf(NONCE + 1, address(target), 0, 0, take);
        target.setInner(
            abi.encodeCall(messenger.relayMessage, (NONCE + 1, SENDER, address(target), 0, 0, take))
        );
        relayFromL1(NONCE, address(target), 0, 300_000, take);
        isTrue(messenger.successfulMessages(hashOf(NONCE, address(target), 0, 300_000, take)));
        isTrue(!target.innerSucceeded() && !messenger.successfulMessages(innerHash));
        target.setInner("");
        messenger.relayMessage(NONCE + 1, SENDER, address(target), 0, 0, take);
        isTrue(messenger.successfulMessages(innerHash));
    }

    /// With the gas that `baseGas` asks for, the call gets its minimum; with less, nothing runs and
    /// the message is kept for a replay.
    function testFuzz_relay_givesMinimumGasOrKeepsTheMessage(uint32 minGas, uint256 gasGiven)
        external
    {
        minGas = minGas % 3_000_000;
        gasGiven = 150_000 + gasGiven % 4_000_000;
        bytes memory data = abi.encodeCall(
            messenger.relayMessage, (NONCE, SENDER, address(target), 0, minGas, take)
        );
        vm.prank(aliased(L1_MESSENGER));
        (bool success,) = address(messenger).call{gas: gasGiven}(data);
        isTrue(success);
        bytes32 msgHash = hashOf(NONCE, address(target), 0, minGas, take);
        if (target.gasAtEntry() == 0) {
            // Not called, or called with more than minGas that was still too little for it.
            isTrue(messenger.failedMessages(msgHash));
            isTrue(gasGiven < messenger.baseGas(take, minGas) || minGas < 100_000);
        } else {
            isTrue(messenger.successfulMessages(msgHash));
            isTrue(target.gasAtEntry() + 500 >= minGas);
        }
    }

    /// A target that returns megabytes, or uses up its gas, cannot keep its failure unrecorded.
    function test_relay_hostileTarget_isRecordedAsFailed() external {
        bytes[2] memory messages =
            [abi.encodeCall(Target.bomb, ()), abi.encodeCall(Target.burn, ())];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory data = abi.encodeCall(
                messenger.relayMessage, (NONCE, SENDER, address(target), 0, 1_000_000, messages[i])
            );
            vm.prank(aliased(L1_MESSENGER));
            (bool success,) = address(messenger).call{gas: 1_200_000}(data);
            isTrue(success);
            bytes32 msgHash = hashOf(NONCE, address(target), 0, 1_000_000, messages[i]);
            isTrue(messenger.failedMessages(msgHash));
        }
    }

    /// OP's estimation origin sees a failing relay as a revert.
    function test_relay_failingForTheEstimator_reverts() external {
        target.setFailing(true);
        vm.prank(aliased(L1_MESSENGER), address(1));
        vm.expectRevert(
            abi.encodeWithSelector(
                CrossDomainMessenger.FailedToRelay.selector,
                hashOf(NONCE, address(target), 0, 0, take)
            )
        );
        messenger.relayMessage(NONCE, SENDER, address(target), 0, 0, take);
    }

    function test_getters_readGenesisSlot() external view {
        equal(messenger.otherMessenger(), L1_MESSENGER);
        equal(messenger.OTHER_MESSENGER(), L1_MESSENGER);
        equal(messenger.l1CrossDomainMessenger(), L1_MESSENGER);
        equal(messenger.MESSAGE_VERSION(), 1);
        isTrue(!messenger.paused());
    }

    function relayFromL1(
        uint256 nonce,
        address to,
        uint256 value,
        uint256 minGas,
        bytes memory message
    ) private {
        vm.deal(aliased(L1_MESSENGER), value);
        vm.prank(aliased(L1_MESSENGER));
        messenger.relayMessage{value: value}(nonce, SENDER, to, value, minGas, message);
    }

    /// hashCrossDomainMessageV1, spelt out.
    function hashOf(uint256 nonce, address to, uint256 value, uint256 minGas, bytes memory message)
        private
        pure
        returns (bytes32 msgHash)
    {
        msgHash = keccak256(
            abi.encodeWithSelector(0xd764ad0b, nonce, SENDER, to, value, minGas, message)
        );
        equal(msgHash, Hashing.hashCrossDomainMessage(nonce, SENDER, to, value, minGas, message));
    }
}
