// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {L1StandardBridge} from "../../src/L1StandardBridge.sol";
import {CrossDomainMessenger} from "../../src/bridge/CrossDomainMessenger.sol";
import {StandardBridge} from "../../src/bridge/StandardBridge.sol";
import {OptimismMintableERC20} from "../../src/l2/OptimismMintableERC20.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {BridgeTest} from "./BridgeTest.sol";

/// @notice A token of L1.
contract L1Token is ERC20("Token of L1", "TOK") {
    bool public frozen;

    constructor(address owner) {
        _mint(owner, 1_000_000);
    }

    function freeze(bool now_) external {
        frozen = now_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!frozen, "frozen");
        super._update(from, to, amount);
    }
}

/// @notice A token of which a part is lost on the way.
contract FeeToken is ERC20("Fee", "FEE") {
    constructor(address owner) {
        _mint(owner, 1_000_000);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0)) return super._update(from, to, amount);
        super._update(from, address(0xFEE), amount / 100);
        super._update(from, to, amount - amount / 100);
    }
}

/// @title  L1BridgeTest
/// @notice What goes to L2 is held here before the message leaves; what comes back is released by a
///         message of the bridge on L2 alone.
contract L1BridgeTest is BridgeTest {
    address private constant L2_TOKEN = address(0x7044e2);
    address private constant CAROL = address(0xCA401);

    L1Token private token;

    function setUp() public override {
        super.setUp();
        depositEther(100 ether);
        token = new L1Token(ALICE);
        vm.prank(ALICE);
        token.approve(address(bridge), type(uint256).max);
    }

    /// By each of the five ways in.
    function testFuzz_ether_goesToL2(uint256 way, uint96 amount, bytes memory extra) public {
        way = way % 5;
        address to = way < 3 ? ALICE : CAROL;
        if (way == 2) extra = "";
        bytes memory message =
            abi.encodeCall(StandardBridge.finalizeBridgeETH, (ALICE, to, amount, extra));
        uint256 nonce = messenger.messageNonce();
        vm.expectEmit(address(bridge));
        emit L1StandardBridge.ETHDepositInitiated(ALICE, to, amount, extra);
        vm.expectEmit(address(bridge));
        emit StandardBridge.ETHBridgeInitiated(ALICE, to, amount, extra);
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessage(
            Predeploys.L2_STANDARD_BRIDGE, address(bridge), message, nonce, GAS
        );
        vm.deal(ALICE, amount);
        vm.prank(ALICE, ALICE);
        if (way == 0) bridge.depositETH{value: amount}(GAS, extra);
        if (way == 1) bridge.bridgeETH{value: amount}(GAS, extra);
        if (way == 2) {
            (bool sent,) = address(bridge).call{value: amount}("");
            isTrue(sent);
        }
        if (way == 3) bridge.depositETHTo{value: amount}(to, GAS, extra);
        if (way == 4) bridge.bridgeETHTo{value: amount}(to, GAS, extra);
        equal(address(portal).balance, 100 ether + uint256(amount));
        equal(address(bridge).balance + address(messenger).balance, 0);
    }

    function testFuzz_ether_comesBack(uint96 amount, bytes memory extra) public {
        amount = uint96(bound(amount, 0, 100 ether));
        // In the order of the calls: the recipient has its ether after both events.
        fromL2Bridge(
            amount, abi.encodeCall(StandardBridge.finalizeBridgeETH, (ALICE, CAROL, amount, extra))
        );
        equal(CAROL.balance, amount);
        equal(address(portal).balance, 100 ether - amount);
    }

    function testFuzz_token_goesToL2AndComesBack(uint256 sent, uint256 back, uint256 way) public {
        sent = bound(sent, 0, 1_000_000);
        back = bound(back, 0, sent);
        address to = way % 4 < 2 ? ALICE : CAROL;
        bytes memory message = abi.encodeCall(
            StandardBridge.finalizeBridgeERC20, (L2_TOKEN, address(token), ALICE, to, sent, "x")
        );
        uint256 nonce = messenger.messageNonce();
        vm.expectEmit(address(bridge));
        emit L1StandardBridge.ERC20DepositInitiated(address(token), L2_TOKEN, ALICE, to, sent, "x");
        vm.expectEmit(address(bridge));
        emit StandardBridge.ERC20BridgeInitiated(address(token), L2_TOKEN, ALICE, to, sent, "x");
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessage(
            Predeploys.L2_STANDARD_BRIDGE, address(bridge), message, nonce, GAS
        );
        vm.prank(ALICE, ALICE);
        if (way % 4 == 0) bridge.depositERC20(address(token), L2_TOKEN, sent, GAS, "x");
        if (way % 4 == 1) bridge.bridgeERC20(address(token), L2_TOKEN, sent, GAS, "x");
        if (way % 4 == 2) bridge.depositERC20To(address(token), L2_TOKEN, to, sent, GAS, "x");
        if (way % 4 == 3) bridge.bridgeERC20To(address(token), L2_TOKEN, to, sent, GAS, "x");
        equal(bridge.deposits(address(token), L2_TOKEN), sent);
        equal(token.balanceOf(address(bridge)), sent);

        bytes32 hash = fromL2Bridge(0, releaseOf(address(token), L2_TOKEN, back));
        isTrue(messenger.successfulMessages(hash));
        equal(token.balanceOf(CAROL), back);
        equal(bridge.deposits(address(token), L2_TOKEN), sent - back);
    }

    /// A token of L2 that anybody made for it releases nothing of what others put in.
    function test_otherToken_releasesNothing() public {
        sendTokens(10);
        bytes32 hash = fromL2Bridge(0, releaseOf(address(token), address(0xbad), 10));
        isTrue(messenger.failedMessages(hash));
        equal(token.balanceOf(address(bridge)), 10);
    }

    /// The message waits until the token moves again.
    function test_frozenToken_isReleasedLater() public {
        sendTokens(10);
        token.freeze(true);
        bytes memory release = releaseOf(address(token), L2_TOKEN, 10);
        uint256 nonce = uint256(1) << 240 | 1;
        bytes32 hash = fromL2Bridge(0, release);
        isTrue(messenger.failedMessages(hash));
        token.freeze(false);
        messenger.relayMessage(
            nonce, Predeploys.L2_STANDARD_BRIDGE, address(bridge), 0, GAS, release
        );
        equal(token.balanceOf(CAROL), 10);
    }

    /// L2 would owe more than is held here.
    function test_tokenWithAFee_isRefused() public {
        FeeToken fee = new FeeToken(ALICE);
        vm.prank(ALICE);
        fee.approve(address(bridge), 1000);
        vm.expectRevert(
            abi.encodeWithSelector(
                StandardBridge.TokenAmountMismatch.selector, address(fee), 1000, 990
            )
        );
        vm.prank(ALICE);
        bridge.bridgeERC20To(address(fee), L2_TOKEN, ALICE, 1000, GAS, "");
    }

    /// A token native to L2 is minted here and burnt.
    function test_tokenOfL2_isMintedAndBurnt() public {
        OptimismMintableERC20 minted =
            new OptimismMintableERC20(address(bridge), L2_TOKEN, "Token of L2", "TWO", 18);
        fromL2Bridge(0, releaseOf(address(minted), L2_TOKEN, 7));
        equal(minted.balanceOf(CAROL), 7);
        vm.prank(CAROL, CAROL);
        bridge.bridgeERC20(address(minted), L2_TOKEN, 7, GAS, "");
        equal(minted.totalSupply(), 0);
        equal(bridge.deposits(address(minted), L2_TOKEN), 0);
    }

    function testFuzz_finalize_byAnyoneElse_isRefused(address caller, address l2Sender) public {
        vm.assume(caller != address(messenger) && l2Sender != Predeploys.L2_STANDARD_BRIDGE);
        vm.assume(l2Sender != address(0));
        sendTokens(10);
        bytes memory refusal =
            abi.encodeWithSelector(StandardBridge.OnlyOtherBridge.selector, caller);
        vm.prank(caller);
        vm.expectRevert(refusal);
        bridge.finalizeBridgeETH(ALICE, CAROL, 0, "");
        vm.prank(caller);
        vm.expectRevert(refusal);
        bridge.finalizeBridgeERC20(address(token), L2_TOKEN, ALICE, CAROL, 10, "");
        bytes32 hash =
            relayFromL2(l2Sender, address(bridge), 0, releaseOf(address(token), L2_TOKEN, 10));
        isTrue(messenger.failedMessages(hash));
        equal(token.balanceOf(address(bridge)), 10);
    }

    function test_getters() public view {
        equal(bridge.otherBridge(), Predeploys.L2_STANDARD_BRIDGE);
        equal(bridge.l2TokenBridge(), Predeploys.L2_STANDARD_BRIDGE);
        equal(address(bridge.messenger()), address(messenger));
        equal(bridge.MESSENGER(), address(messenger));
    }

    function sendTokens(uint256 amount) private {
        vm.prank(ALICE);
        bridge.bridgeERC20To(address(token), L2_TOKEN, ALICE, amount, GAS, "");
    }

    function releaseOf(address localToken, address remoteToken, uint256 amount)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(
            StandardBridge.finalizeBridgeERC20, (localToken, remoteToken, ALICE, CAROL, amount, "")
        );
    }
}
