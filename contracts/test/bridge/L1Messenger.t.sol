// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {CrossDomainMessenger} from "../../src/bridge/CrossDomainMessenger.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {BridgeTest} from "./BridgeTest.sol";

/// @notice What messages call on L1.
contract MessageTarget {
    CrossDomainMessenger private messenger;
    bool public failing;
    address public sender;
    uint256 public calls;

    constructor(CrossDomainMessenger from) {
        messenger = from;
    }

    function setFailing(bool now_) external {
        failing = now_;
    }

    function take() external payable {
        require(!failing, "not now");
        sender = messenger.xDomainMessageSender();
        ++calls;
    }
}

/// @notice A target that finalizes another withdrawal while its own message runs.
contract Finalizer {
    IPortal private portal;
    bytes private finalization;

    constructor(IPortal to) {
        portal = to;
    }

    function set(bytes calldata call) external {
        finalization = call;
    }

    function run() external {
        require(finalization.length > 0, "not yet");
        (bool done,) = address(portal).call(finalization);
        require(done, "not finalized");
    }
}

/// @title  L1MessengerTest
/// @notice Messages leave as deposits, come as withdrawals, and are replayed when they failed.
contract L1MessengerTest is BridgeTest {
    MessageTarget private target;
    bytes private take = abi.encodeCall(MessageTarget.take, ());

    function setUp() public override {
        super.setUp();
        target = new MessageTarget(messenger);
        depositEther(100 ether);
    }

    /// Also where the data is so long that L2 asks more for it than for its execution.
    function testFuzz_sentMessage_isADepositOfTheMessenger(
        address to,
        uint96 value,
        uint32 minGas,
        bytes memory data,
        bool long
    ) public {
        minGas = minGas % 1_000_000;
        if (long) data = bytes.concat(data, new bytes(60_000));
        uint256 nonce = messenger.messageNonce();
        bytes memory call = abi.encodeCall(
            messenger.relayMessage, (nonce, ALICE, to, value, uint256(minGas), data)
        );
        uint64 gas = this.baseGasOf(data, minGas);
        isTrue(gas >= minGas);
        vm.deal(ALICE, value);
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            aliased(address(messenger)),
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            0,
            abi.encodePacked(uint256(value), uint256(value), gas, false, call)
        );
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessage(to, ALICE, data, nonce, minGas);
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessageExtension1(ALICE, value);
        vm.prank(ALICE);
        messenger.sendMessage{value: value}(to, data, minGas);
        equal(messenger.messageNonce(), nonce + 1);
        equal(address(messenger).balance, 0);
    }

    function test_message_runsInTheNameOfItsSender() public {
        bytes32 hash = relayFromL2(BOB, address(target), 3 ether, take);
        isTrue(messenger.successfulMessages(hash));
        equal(target.sender(), BOB);
        equal(address(target).balance, 3 ether);
    }

    /// Its ether waits in the messenger. Anybody may replay it, and it runs once.
    function test_failedMessage_isReplayed() public {
        target.setFailing(true);
        (IPortal.WithdrawalTransaction memory it, bytes memory call) =
            messageFromL2(BOB, address(target), 3 ether, take);
        (, uint256 index) = confirmBlock(10);
        isTrue(relay(index, it));
        isTrue(messenger.failedMessages(keccak256(call)));
        equal(address(messenger).balance, 3 ether);

        target.setFailing(false);
        (bool done,) = address(messenger).call(call);
        isTrue(done && messenger.successfulMessages(keccak256(call)));
        equal(target.sender(), BOB);
        equal(target.calls(), 1);
        equal(address(target).balance, 3 ether);
        vm.expectRevert(
            abi.encodeWithSelector(CrossDomainMessenger.AlreadyRelayed.selector, keccak256(call))
        );
        (done,) = address(messenger).call(call);
    }

    /// No L1 transaction could give what it insists on; it runs with what one can give.
    function test_messageBeyondL1sGas_isNoTrap() public {
        uint256[2] memory limits = [uint256(14_800_000), type(uint32).max];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory call = abi.encodeCall(
                messenger.relayMessage,
                (uint256(1) << 240 | 70 + i, BOB, address(target), 3 ether, limits[i], take)
            );
            IPortal.WithdrawalTransaction memory it =
                withdrawal(70 + i, address(messenger), 3 ether);
            it.sender = Predeploys.L2_CROSS_DOMAIN_MESSENGER;
            it.gasLimit = this.baseGasOf(take, uint32(limits[i]));
            it.data = call;
            initiate(it);
            (, uint256 index) = confirmBlock(uint64(10 * (i + 1)));
            // What the largest transaction has left for it.
            (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs) = oneOf(it);
            portal.proveAndFinalize{gas: 16_000_000}(index, all, proofs);
            isTrue(messenger.successfulMessages(keccak256(call)));
            equal(target.calls(), i + 1);
        }
    }

    /// Somebody finalizes the message of another inside a message of his own: it does not fail, and
    /// waits to be finalized.
    function test_messageInsideAnother_waits() public {
        Finalizer finalizer = new Finalizer(portal);
        bytes memory run = abi.encodeCall(Finalizer.run, ());
        (IPortal.WithdrawalTransaction memory own, bytes memory replay) =
            messageFromL2(BOB, address(finalizer), 0, run);
        (IPortal.WithdrawalTransaction memory it, bytes memory call) =
            messageFromL2(ALICE, address(target), 3 ether, take);
        (, uint256 index) = confirmBlock(10);
        isTrue(relay(index, own));
        isTrue(messenger.failedMessages(keccak256(replay)));
        (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs) = oneOf(it);
        finalizer.set(abi.encodeCall(IPortal.proveAndFinalize, (index, all, proofs)));

        (bool done,) = address(messenger).call(replay);
        isTrue(done && messenger.successfulMessages(keccak256(replay)));
        isTrue(!messenger.failedMessages(keccak256(call)));
        isTrue(!portal.finalizedWithdrawals(hashOf(it)));
        isTrue(relay(index, it));
        equal(address(target).balance, 3 ether);
    }

    /// Neither by a call nor by a withdrawal of another account of L2.
    function test_messageOfAnybodyElse_isRefused() public {
        bytes memory call = abi.encodeCall(
            messenger.relayMessage,
            (uint256(1) << 240 | 99, BOB, address(target), 0, uint256(GAS), take)
        );
        vm.expectRevert(
            abi.encodeWithSelector(CrossDomainMessenger.NotReplayable.selector, keccak256(call))
        );
        (bool done,) = address(messenger).call(call);

        IPortal.WithdrawalTransaction memory it = withdrawal(1, address(messenger), 0);
        (it.gasLimit, it.data) = (1_000_000, call);
        initiate(it);
        (, uint256 index) = confirmBlock(10);
        done = relay(index, it);
        isTrue(!done);
        equal(target.calls(), 0);
    }

    /// The Portal trusts nobody, but the messenger must not act in its own name either.
    function test_messagesToPortalAndMessenger_areRefused() public {
        for (uint256 i = 0; i < 2; ++i) {
            address blocked = i == 0 ? address(portal) : address(messenger);
            (IPortal.WithdrawalTransaction memory it,) = messageFromL2(BOB, blocked, 1 ether, "");
            (, uint256 index) = confirmBlock(uint64(10 * (i + 1)));
            isTrue(!relay(index, it));
        }
        equal(address(portal).balance, 100 ether);
    }

    function test_getters() public view {
        equal(address(messenger.portal()), address(portal));
        equal(messenger.PORTAL(), address(portal));
        equal(messenger.OTHER_MESSENGER(), Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        isTrue(!messenger.paused());
    }

    function baseGasOf(bytes calldata data, uint32 minGas) external view returns (uint64) {
        return messenger.baseGas(data, minGas);
    }
}
