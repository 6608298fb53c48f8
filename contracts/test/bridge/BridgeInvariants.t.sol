// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {StandardBridge} from "../../src/bridge/StandardBridge.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {FuzzSelector} from "../L1Test.sol";
import {BridgeTest} from "./BridgeTest.sol";
import {L1Token} from "./L1Bridge.t.sol";
import {Receiver} from "./Receiver.sol";
import {StorageTrie} from "./StorageTrie.sol";

/// @title  BridgeInvariantsTest
/// @notice What holds after any sequence of deposits, failed deposits, withdrawals, failed
///         withdrawals and replays: L1 has what L2 owes.
contract BridgeInvariantsTest {
    BridgeHandler private handler;

    function setUp() public {
        handler = new BridgeHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](9);
        targets[0].selectors[0] = handler.depositToL2.selector;
        targets[0].selectors[1] = handler.depositThatIsRefused.selector;
        targets[0].selectors[2] = handler.depositTokens.selector;
        targets[0].selectors[3] = handler.withdraw.selector;
        targets[0].selectors[4] = handler.withdrawTokens.selector;
        targets[0].selectors[5] = handler.confirm.selector;
        targets[0].selectors[6] = handler.relayAny.selector;
        targets[0].selectors[7] = handler.replayAny.selector;
        targets[0].selectors[8] = handler.changeMood.selector;
    }

    function invariant_l1HasWhatL2Owes() public view {
        handler.checkEther();
        handler.checkTokens();
    }

    /// Whoever waits long enough gets everything.
    function afterInvariant() public {
        handler.checkEverybodyIsPaid();
    }
}

/// @title  BridgeHandler
/// @notice Acts on both sides, next to a model of what L2 owes. L2 itself is the model: its ether
///         rises by what is minted, also when the call of the deposit fails, and falls by what is
///         withdrawn.
contract BridgeHandler is BridgeTest {
    enum Stage {
        Waits,
        // Paid to the messenger, where the message failed.
        Replayable,
        Done
    }

    struct Sent {
        IPortal.WithdrawalTransaction it;
        uint256 value;
        uint256 tokens;
        // Index into the blocks with withdrawals.
        uint256 confirmedBy;
        Stage stage;
    }

    address private constant L2_TOKEN = address(0x7044e2);
    address private constant CAROL = address(0xCA401);
    uint256 private constant NEVER = type(uint256).max;
    /// A trie is built for each proof.
    uint256 private constant SENT_MAX = 12;

    L1Token private token;
    Receiver private receiver;
    Sent[] private sent;
    /// What L2 had sent when the newest block with a game was made.
    bytes32[] private inGame;
    uint256 private etherOnL2;
    uint256 private tokensOnL2;
    uint64 private number;
    uint256 private time;
    uint256 private l1Block;

    constructor() {
        setUp();
        token = new L1Token(ALICE);
        receiver = new Receiver();
        vm.prank(ALICE);
        token.approve(address(bridge), type(uint256).max);
        (time, l1Block) = (block.timestamp, block.number);
    }

    function depositToL2(uint96 amount, bool asMessage) external {
        resume();
        vm.deal(ALICE, amount);
        vm.prank(ALICE, ALICE);
        if (asMessage) {
            bridge.bridgeETHTo{value: amount}(CAROL, GAS, "");
        } else {
            portal.depositTransaction{value: amount}(CAROL, type(uint256).max, 50_000, false, "");
        }
        etherOnL2 += amount;
    }

    /// Too little gas for L2: nothing happens, and the ether stays with its owner.
    function depositThatIsRefused(uint96 amount) external {
        resume();
        vm.deal(ALICE, amount);
        vm.prank(ALICE, ALICE);
        try portal.depositTransaction{value: amount}(CAROL, amount, 20_999, false, "") {
            isTrue(false);
        } catch {}
        equal(ALICE.balance, amount);
    }

    function depositTokens(uint256 amount) external {
        resume();
        amount = bound(amount, 0, token.balanceOf(ALICE));
        if (token.frozen()) return;
        vm.prank(ALICE);
        bridge.bridgeERC20To(address(token), L2_TOKEN, ALICE, amount, GAS, "");
        tokensOnL2 += amount;
    }

    /// Ether leaves L2 for an account, or for a contract of changing moods.
    function withdraw(uint256 amount, bool toContract) external {
        if (sent.length == SENT_MAX) return;
        amount = bound(amount, 0, etherOnL2);
        IPortal.WithdrawalTransaction memory it =
            withdrawal(sent.length, toContract ? address(receiver) : CAROL, amount);
        initiate(it);
        etherOnL2 -= amount;
        sent.push(Sent(it, amount, 0, NEVER, Stage.Waits));
    }

    function withdrawTokens(uint256 amount) external {
        if (sent.length == SENT_MAX) return;
        amount = bound(amount, 0, tokensOnL2);
        bytes memory release = abi.encodeCall(
            StandardBridge.finalizeBridgeERC20, (address(token), L2_TOKEN, ALICE, ALICE, amount, "")
        );
        (IPortal.WithdrawalTransaction memory it,) =
            messageFromL2(Predeploys.L2_STANDARD_BRIDGE, address(bridge), 0, release);
        tokensOnL2 -= amount;
        sent.push(Sent(it, 0, amount, NEVER, Stage.Waits));
    }

    function confirm() public {
        resume();
        if (initiated.length == 0) return;
        number += 10;
        (, uint256 index) = confirmBlock(number);
        inGame = initiated;
        for (uint256 i = 0; i < sent.length; ++i) {
            if (sent[i].confirmedBy == NEVER) sent[i].confirmedBy = index;
        }
        (time, l1Block) = (block.timestamp, block.number + 1);
    }

    function relayAny(uint256 which) public {
        resume();
        if (sent.length == 0) return;
        Sent storage one = sent[which % sent.length];
        if (one.confirmedBy == NEVER) return;
        uint256 latest = games.gameCount() - 1;
        bool works = one.it.target != address(receiver) || receiver.mood() == Receiver.Mood.Takes;
        bool paid = relayByGame(latest, one.it);
        isTrue(paid == (works || one.stage == Stage.Done));
        if (!paid || one.stage != Stage.Waits) return;
        bool failed = one.it.target == address(messenger) && token.frozen();
        one.stage = failed ? Stage.Replayable : Stage.Done;
    }

    function replayAny(uint256 which) public {
        resume();
        if (sent.length == 0) return;
        Sent storage one = sent[which % sent.length];
        if (one.it.target != address(messenger)) return;
        (bool done,) = address(messenger).call(one.it.data);
        isTrue(done == (one.stage == Stage.Replayable));
        if (done && !token.frozen()) one.stage = Stage.Done;
    }

    function changeMood(bool refuses, bool frozen) public {
        receiver.become(refuses ? Receiver.Mood.Refuses : Receiver.Mood.Takes, portal);
        token.freeze(frozen);
    }

    function checkEther() external view {
        uint256 owed = etherOnL2;
        for (uint256 i = 0; i < sent.length; ++i) {
            if (sent[i].stage != Stage.Done) owed += sent[i].value;
        }
        equal(address(portal).balance + address(messenger).balance, owed);
        equal(address(inbox).balance + address(bridge).balance, 0);
    }

    function checkTokens() external view {
        uint256 owed = tokensOnL2;
        for (uint256 i = 0; i < sent.length; ++i) {
            if (sent[i].stage != Stage.Done) owed += sent[i].tokens;
        }
        equal(token.balanceOf(address(bridge)), owed);
        equal(bridge.deposits(address(token), L2_TOKEN), owed);
    }

    function checkEverybodyIsPaid() external {
        changeMood(false, false);
        confirm();
        for (uint256 i = 0; i < sent.length; ++i) {
            relayAny(i);
            if (sent[i].stage == Stage.Replayable) replayAny(i);
            isTrue(sent[i].stage == Stage.Done);
        }
        this.checkEther();
        this.checkTokens();
    }

    function relayByGame(uint256 index, IPortal.WithdrawalTransaction memory it)
        private
        returns (bool)
    {
        IPortal.WithdrawalTransaction[] memory all = new IPortal.WithdrawalTransaction[](1);
        bytes[][] memory proofs = new bytes[][](1);
        (all[0], proofs[0]) = (it, StorageTrie.proof(inGame, hashOf(it)));
        return portal.proveAndFinalize(index, all, proofs)[0];
    }

    /// Forge may have set the clocks back.
    function resume() private {
        vm.warp(time);
        vm.roll(l1Block);
    }
}
