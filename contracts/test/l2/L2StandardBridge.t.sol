// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {L2CrossDomainMessenger} from "../../src/l2/L2CrossDomainMessenger.sol";
import {CrossDomainMessenger} from "../../src/bridge/CrossDomainMessenger.sol";
import {StandardBridge} from "../../src/bridge/StandardBridge.sol";
import {L2StandardBridge} from "../../src/l2/L2StandardBridge.sol";
import {OptimismMintableERC20} from "../../src/l2/OptimismMintableERC20.sol";
import {OptimismMintableERC20Factory} from "../../src/l2/OptimismMintableERC20Factory.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {L2Test} from "./L2Test.sol";

/// @notice A token native to L2 that, like USDT, returns nothing and refuses by reverting.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    constructor(address owner, uint256 supply) {
        balanceOf[owner] = supply;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice A token whose transfers fail by returning false.
contract RefusingToken {
    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @notice Calls the bridge as a contract.
contract ContractCaller {
    function bridgeETH(L2StandardBridge bridge) external payable {
        bridge.bridgeETH{value: msg.value}(0, "");
    }
}

/// @notice What leaves L2 is burnt or held before the message goes out, and what arrives is minted
///         or released by a message of the bridge on L1 alone.
contract L2StandardBridgeTest is L2Test {
    address private constant L1_TOKEN = address(0x7044e1);
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    uint32 private constant GAS = 123_456;

    OptimismMintableERC20 private token;

    function setUp() public override {
        super.setUp();
        token = OptimismMintableERC20(
            factory.createOptimismMintableERC20(L1_TOKEN, "Token of L1", "TOK")
        );
    }

    function testFuzz_bridgeETHTo_sendsTheMessageOfOp(uint96 value, bytes calldata extra) external {
        vm.deal(ALICE, value);
        vm.expectEmit(address(bridge));
        emit L2StandardBridge.WithdrawalInitiated(
            address(0), Predeploys.LEGACY_ERC20_ETH, ALICE, BOB, value, extra
        );
        vm.expectEmit(address(bridge));
        emit StandardBridge.ETHBridgeInitiated(ALICE, BOB, value, extra);
        expectMessage(
            abi.encodeWithSignature(
                "finalizeBridgeETH(address,address,uint256,bytes)", ALICE, BOB, value, extra
            )
        );
        vm.prank(ALICE);
        bridge.bridgeETHTo{value: value}(BOB, GAS, extra);
        equal(address(passer).balance, value);
        equal(address(bridge).balance, 0);
    }

    function test_allEtherPaths_leaveThroughThePasser() external {
        address ether_ = Predeploys.LEGACY_ERC20_ETH;
        vm.deal(ALICE, 10 ether);
        vm.prank(ALICE, ALICE);
        bridge.bridgeETH{value: 1 ether}(GAS, "");
        vm.prank(ALICE, ALICE);
        bridge.withdraw{value: 2 ether}(ether_, 2 ether, GAS, "");
        vm.prank(ALICE);
        bridge.withdrawTo{value: 3 ether}(ether_, BOB, 3 ether, GAS, "");
        vm.prank(ALICE, ALICE);
        (bool success,) = address(bridge).call{value: 4 ether}("");
        isTrue(success);
        equal(address(passer).balance, 10 ether);

        vm.deal(ALICE, 1 ether);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(StandardBridge.WrongValue.selector, 1 ether, 2 ether)
        );
        bridge.withdrawTo{value: 1 ether}(ether_, BOB, 2 ether, GAS, "");
    }

    function test_contracts_mustNameARecipient() external {
        ContractCaller caller = new ContractCaller();
        vm.deal(address(this), 1 ether);
        bytes memory refusal =
            abi.encodeWithSelector(StandardBridge.OnlyEOA.selector, address(caller));
        vm.expectRevert(refusal);
        caller.bridgeETH{value: 1 ether}(bridge);
        vm.prank(address(caller));
        vm.expectRevert(refusal);
        bridge.withdraw(address(token), 0, GAS, "");
        vm.prank(address(caller));
        vm.expectRevert(refusal);
        bridge.bridgeERC20(address(token), L1_TOKEN, 0, GAS, "");
        // An EOA that delegates by EIP-7702 is still an EOA.
        vm.etch(address(caller), abi.encodePacked(hex"ef0100", address(this)));
        vm.prank(address(caller));
        bridge.bridgeERC20(address(token), L1_TOKEN, 0, GAS, "");
    }

    function testFuzz_mintableToken_roundTrip(uint128 minted, uint128 sent) external {
        vm.assume(sent <= minted);
        mintFromL1(ALICE, minted);
        equal(token.balanceOf(ALICE), minted);
        equal(token.totalSupply(), minted);

        vm.expectEmit(address(bridge));
        emit L2StandardBridge.WithdrawalInitiated(L1_TOKEN, address(token), ALICE, BOB, sent, "x");
        vm.expectEmit(address(bridge));
        emit StandardBridge.ERC20BridgeInitiated(address(token), L1_TOKEN, ALICE, BOB, sent, "x");
        expectMessage(
            abi.encodeWithSignature(
                "finalizeBridgeERC20(address,address,address,address,uint256,bytes)",
                L1_TOKEN,
                address(token),
                ALICE,
                BOB,
                sent,
                "x"
            )
        );
        vm.prank(ALICE);
        bridge.bridgeERC20To(address(token), L1_TOKEN, BOB, sent, GAS, "x");
        equal(token.balanceOf(ALICE), minted - sent);
        equal(token.totalSupply(), minted - sent);
        equal(bridge.deposits(address(token), L1_TOKEN), 0);
    }

    function test_withdraw_ofMintableToken_findsItsL1Token() external {
        mintFromL1(ALICE, 5);
        vm.prank(ALICE, ALICE);
        bridge.withdraw(address(token), 5, GAS, "");
        equal(token.totalSupply(), 0);

        vm.deal(ALICE, 1);
        vm.prank(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(StandardBridge.WrongValue.selector, 1, 0));
        bridge.withdraw{value: 1}(address(token), 0, GAS, "");
    }

    function test_mintableToken_againstAnotherRemoteToken_reverts() external {
        mintFromL1(ALICE, 5);
        address other = address(0xbad);
        bytes memory refusal =
            abi.encodeWithSelector(StandardBridge.WrongRemoteToken.selector, address(token), other);
        vm.prank(ALICE);
        vm.expectRevert(refusal);
        bridge.bridgeERC20To(address(token), other, BOB, 5, GAS, "");

        // The same from L1: the message fails and nothing is minted.
        fromBridge(
            abi.encodeCall(
                bridge.finalizeBridgeERC20, (address(token), other, ALICE, ALICE, 7, "")
            ),
            0
        );
        equal(token.totalSupply(), 5);
    }

    function testFuzz_nativeToken_isHeldAndReleased(uint128 supply, uint128 sent, uint128 back)
        external
    {
        vm.assume(sent <= supply && back <= sent);
        SilentToken native = new SilentToken(ALICE, supply);
        vm.prank(ALICE);
        bridge.bridgeERC20To(address(native), L1_TOKEN, BOB, sent, GAS, "");
        equal(native.balanceOf(address(bridge)), sent);
        equal(bridge.deposits(address(native), L1_TOKEN), sent);
        // The slot of the mapping of mappings, for a proof of it.
        bytes32 slot =
            keccak256(abi.encode(L1_TOKEN, keccak256(abi.encode(address(native), uint256(1)))));
        equal(vm.load(address(bridge), slot), bytes32(uint256(sent)));

        fromBridge(
            abi.encodeCall(
                bridge.finalizeBridgeERC20, (address(native), L1_TOKEN, BOB, BOB, back, "")
            ),
            0
        );
        equal(native.balanceOf(BOB), back);
        equal(bridge.deposits(address(native), L1_TOKEN), sent - back);
    }

    /// A token of L1 that was never sent for this token releases nothing of what others put in.
    function test_nativeToken_releasesOnlyItsOwnDeposits() external {
        SilentToken native = new SilentToken(ALICE, 10);
        vm.prank(ALICE);
        bridge.bridgeERC20To(address(native), L1_TOKEN, BOB, 10, GAS, "");
        fromBridge(
            abi.encodeCall(
                bridge.finalizeBridgeERC20, (address(native), address(0xbad), BOB, BOB, 10, "")
            ),
            0
        );
        equal(native.balanceOf(BOB), 0);
        equal(native.balanceOf(address(bridge)), 10);
    }

    function test_tokenThatRefuses_reverts() external {
        address[2] memory tokens = [address(new RefusingToken()), address(0xe0a)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(StandardBridge.TokenTransferFailed.selector, tokens[i])
            );
            bridge.bridgeERC20To(tokens[i], L1_TOKEN, BOB, 1, GAS, "");
        }
    }

    function testFuzz_finalizeBridgeETH_paysOut(uint96 value, bytes calldata extra) external {
        vm.expectEmit(address(bridge));
        emit L2StandardBridge.DepositFinalized(
            address(0), Predeploys.LEGACY_ERC20_ETH, ALICE, BOB, value, extra
        );
        vm.expectEmit(address(bridge));
        emit StandardBridge.ETHBridgeFinalized(ALICE, BOB, value, extra);
        fromBridge(abi.encodeCall(bridge.finalizeBridgeETH, (ALICE, BOB, value, extra)), value);
        equal(BOB.balance, value);
    }

    function test_finalizeBridgeETH_toSystemContracts_fails() external {
        address[2] memory blocked = [address(bridge), address(messenger)];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 held = address(messenger).balance;
            fromBridge(
                abi.encodeCall(bridge.finalizeBridgeETH, (ALICE, blocked[i], 1 ether, "")), 1 ether
            );
            // The message failed, so its ether waits in the messenger.
            equal(address(messenger).balance, held + 1 ether);
        }
    }

    function testFuzz_finalize_byAnyoneElse_reverts(address caller, address l1Sender) external {
        vm.assume(caller != address(messenger) && l1Sender != L1_BRIDGE && l1Sender != address(0));
        bytes memory refusal =
            abi.encodeWithSelector(StandardBridge.OnlyOtherBridge.selector, caller);
        vm.prank(caller);
        vm.expectRevert(refusal);
        bridge.finalizeBridgeETH(ALICE, BOB, 0, "");
        vm.prank(caller);
        vm.expectRevert(refusal);
        bridge.finalizeBridgeERC20(address(token), L1_TOKEN, ALICE, BOB, 1, "");

        // Through the messenger, but not from the bridge on L1.
        relay(
            l1Sender,
            abi.encodeCall(
                bridge.finalizeBridgeERC20, (address(token), L1_TOKEN, ALICE, BOB, 1, "")
            ),
            0
        );
        equal(token.totalSupply(), 0);
    }

    function test_withoutOtherBridge_reverts() external {
        setSlot(address(bridge), 0, 0);
        vm.deal(ALICE, 1 ether);
        vm.prank(ALICE);
        vm.expectRevert(StandardBridge.NoOtherBridge.selector);
        bridge.bridgeETHTo{value: 1 ether}(BOB, GAS, "");
        equal(ALICE.balance, 1 ether);
    }

    function test_getters_readGenesisSlot() external view {
        equal(bridge.otherBridge(), L1_BRIDGE);
        equal(bridge.OTHER_BRIDGE(), L1_BRIDGE);
        equal(bridge.l1TokenBridge(), L1_BRIDGE);
        equal(address(bridge.messenger()), address(messenger));
        equal(bridge.MESSENGER(), address(messenger));
        isTrue(!bridge.paused());
    }

    function mintFromL1(address to, uint256 amount) private {
        fromBridge(
            abi.encodeCall(
                bridge.finalizeBridgeERC20, (address(token), L1_TOKEN, to, to, amount, "")
            ),
            0
        );
    }

    function fromBridge(bytes memory message, uint256 value) private {
        relay(L1_BRIDGE, message, value);
    }

    function relay(address l1Sender, bytes memory message, uint256 value) private {
        vm.deal(aliased(L1_MESSENGER), value);
        vm.prank(aliased(L1_MESSENGER));
        messenger.relayMessage{value: value}(
            1 << 240, l1Sender, address(bridge), value, 500_000, message
        );
    }

    function expectMessage(bytes memory message) private {
        uint256 nonce = messenger.messageNonce();
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessage(L1_BRIDGE, address(bridge), message, nonce, GAS);
    }
}
