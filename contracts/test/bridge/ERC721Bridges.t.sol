// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {L1ERC721Bridge} from "../../src/L1ERC721Bridge.sol";
import {L1MintableERC20Factory} from "../../src/L1MintableERC20Factory.sol";
import {CrossDomainMessenger} from "../../src/bridge/CrossDomainMessenger.sol";
import {ERC721Bridge} from "../../src/bridge/ERC721Bridge.sol";
import {MintableERC20Factory} from "../../src/bridge/MintableERC20Factory.sol";
import {L2ERC721Bridge} from "../../src/l2/L2ERC721Bridge.sol";
import {OptimismMintableERC20} from "../../src/l2/OptimismMintableERC20.sol";
import {OptimismMintableERC721} from "../../src/l2/OptimismMintableERC721.sol";
import {OptimismMintableERC721Factory} from "../../src/l2/OptimismMintableERC721Factory.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {BridgeTest} from "./BridgeTest.sol";

/// @notice A collection of L1.
contract L1Collection is ERC721("Collection of L1", "ONE") {
    function mint(address to, uint256 id) external {
        _mint(to, id);
    }
}

/// @title  ERC721BridgesTest
/// @notice A token of L1 is held there or has no copy on L2, never neither. Here both bridges stand
///         in one chain: what one sends is handed to the other, as its messenger would.
contract ERC721BridgesTest is BridgeTest {
    address private constant CAROL = address(0xCA401);
    uint256 private constant L1_ID = 900;

    L1ERC721Bridge private l1;
    L2ERC721Bridge private l2 = L2ERC721Bridge(Predeploys.L2_ERC721_BRIDGE);
    OptimismMintableERC721Factory private factory =
        OptimismMintableERC721Factory(Predeploys.OPTIMISM_MINTABLE_ERC721_FACTORY);
    L1Collection private collection;
    OptimismMintableERC721 private copies;

    function setUp() public override {
        super.setUp();
        l1 = new L1ERC721Bridge(address(messenger));
        vm.etch(address(l2), address(new L2ERC721Bridge()).code);
        vm.etch(address(factory), address(new OptimismMintableERC721Factory()).code);
        // As genesis does.
        vm.store(address(l2), 0, bytes32(uint256(uint160(address(l1)))));
        vm.store(address(factory), 0, bytes32(L1_ID));
        collection = new L1Collection();
        copies = OptimismMintableERC721(
            factory.createOptimismMintableERC721(address(collection), "Copies", "TWO")
        );
        collection.mint(ALICE, 7);
        vm.prank(ALICE);
        collection.approve(address(l1), 7);
    }

    function test_token_goesToL2AndComesBack() public {
        bytes memory message = abi.encodeCall(
            ERC721Bridge.finalizeBridgeERC721,
            (address(copies), address(collection), ALICE, ALICE, 7, "x")
        );
        uint256 nonce = messenger.messageNonce();
        vm.expectEmit(address(l1));
        emit ERC721Bridge.ERC721BridgeInitiated(
            address(collection), address(copies), ALICE, ALICE, 7, "x"
        );
        vm.expectEmit(address(messenger));
        emit CrossDomainMessenger.SentMessage(address(l2), address(l1), message, nonce, GAS);
        vm.prank(ALICE, ALICE);
        l1.bridgeERC721(address(collection), address(copies), 7, GAS, "x");
        equal(collection.ownerOf(7), address(l1));
        isTrue(l1.deposits(address(collection), address(copies), 7));

        onL2(message);
        equal(copies.ownerOf(7), ALICE);
        equal(
            keccak256(bytes(copies.tokenURI(7))),
            keccak256(
                bytes(
                    string.concat(
                        "ethereum:", hexOf(address(collection)), "@900/tokenURI?uint256=7"
                    )
                )
            )
        );

        // Its messenger takes what the bridge of L2 sends.
        vm.mockCall(
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            abi.encodePacked(CrossDomainMessenger.sendMessage.selector),
            ""
        );
        vm.prank(ALICE);
        l2.bridgeERC721To(address(copies), address(collection), CAROL, 7, GAS, "");
        equal(copies.totalSupply(), 0);
        bytes32 hash = relayFromL2(address(l2), address(l1), 0, backOf(address(copies), 7));
        isTrue(messenger.successfulMessages(hash));
        equal(collection.ownerOf(7), CAROL);
        isTrue(!l1.deposits(address(collection), address(copies), 7));
    }

    /// Neither by another collection of L2, nor twice, nor by another sender.
    function test_whatWasNotSent_isNotReleased() public {
        vm.prank(ALICE, ALICE);
        l1.bridgeERC721(address(collection), address(copies), 7, GAS, "");
        bytes32 hash = relayFromL2(address(l2), address(l1), 0, backOf(address(0xbad), 7));
        isTrue(messenger.failedMessages(hash));
        hash = relayFromL2(ALICE, address(l1), 0, backOf(address(copies), 7));
        isTrue(messenger.failedMessages(hash));
        relayFromL2(address(l2), address(l1), 0, backOf(address(copies), 7));
        hash = relayFromL2(address(l2), address(l1), 0, backOf(address(copies), 7));
        isTrue(messenger.failedMessages(hash));
        equal(collection.ownerOf(7), CAROL);
        vm.expectRevert(
            abi.encodeWithSelector(ERC721Bridge.OnlyOtherBridge.selector, address(this))
        );
        l1.finalizeBridgeERC721(address(collection), address(copies), ALICE, CAROL, 7, "");
    }

    function test_copies_areMadeAndBurntByTheBridgeAlone() public {
        bytes memory refusal =
            abi.encodeWithSelector(OptimismMintableERC721.OnlyBridge.selector, address(this));
        vm.expectRevert(refusal);
        copies.safeMint(ALICE, 1);
        vm.expectRevert(refusal);
        copies.burn(ALICE, 1);
        onL2(mintOf(address(collection), 3));
        vm.expectRevert(abi.encodeWithSelector(L2ERC721Bridge.NotOwner.selector, address(this), 3));
        l2.bridgeERC721To(address(copies), address(collection), ALICE, 3, GAS, "");
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                L2ERC721Bridge.WrongRemoteToken.selector, address(copies), address(0xbad)
            )
        );
        l2.bridgeERC721To(address(copies), address(0xbad), ALICE, 3, GAS, "");
    }

    function test_mintForAnotherCollection_isRefused() public {
        mockL1Sender(address(l1));
        vm.expectRevert(
            abi.encodeWithSelector(
                L2ERC721Bridge.WrongRemoteToken.selector, address(copies), address(0xbad)
            )
        );
        vm.prank(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        l2.finalizeBridgeERC721(address(copies), address(0xbad), ALICE, ALICE, 3, "");
    }

    function test_nobodyAndNothing_areRefused() public {
        vm.expectRevert(ERC721Bridge.ZeroAddress.selector);
        l1.bridgeERC721To(address(collection), address(0), ALICE, 7, GAS, "");
        vm.expectRevert(ERC721Bridge.ZeroAddress.selector);
        l1.bridgeERC721To(address(collection), address(copies), address(0), 7, GAS, "");
        vm.expectRevert(abi.encodeWithSelector(ERC721Bridge.OnlyEOA.selector, address(this)));
        l1.bridgeERC721(address(collection), address(copies), 7, GAS, "");
        vm.store(address(l2), 0, 0);
        vm.expectRevert(ERC721Bridge.NoOtherBridge.selector);
        l2.bridgeERC721To(address(copies), address(collection), ALICE, 7, GAS, "");
    }

    function test_factory_knowsWhatItMade() public {
        isTrue(factory.isOptimismMintableERC721(address(copies)));
        equal(copies.BRIDGE(), address(l2));
        equal(copies.REMOTE_TOKEN(), address(collection));
        equal(copies.REMOTE_CHAIN_ID(), L1_ID);
        vm.expectRevert(OptimismMintableERC721Factory.NoRemoteToken.selector);
        factory.createOptimismMintableERC721(address(0), "", "");
    }

    /// Tokens on L1 for tokens of L2.
    function test_tokenFactoryOfL1_givesTokensToTheBridgeOfL1() public {
        L1MintableERC20Factory tokens = new L1MintableERC20Factory(address(bridge));
        address token = tokens.createOptimismMintableERC20(address(0x7044e2), "Two", "TWO");
        equal(OptimismMintableERC20(token).BRIDGE(), address(bridge));
        equal(OptimismMintableERC20(token).REMOTE_TOKEN(), address(0x7044e2));
        vm.expectRevert(MintableERC20Factory.NoRemoteToken.selector);
        tokens.createOptimismMintableERC20(address(0), "", "");
    }

    function onL2(bytes memory message) private {
        mockL1Sender(address(l1));
        vm.prank(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        (bool done,) = address(l2).call(message);
        isTrue(done);
    }

    function mockL1Sender(address sender) private {
        vm.mockCall(
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            abi.encodePacked(CrossDomainMessenger.xDomainMessageSender.selector),
            abi.encode(sender)
        );
    }

    function mintOf(address l1Collection, uint256 id) private view returns (bytes memory) {
        return abi.encodeCall(
            ERC721Bridge.finalizeBridgeERC721, (address(copies), l1Collection, ALICE, ALICE, id, "")
        );
    }

    function backOf(address l2Collection, uint256 id) private view returns (bytes memory) {
        return abi.encodeCall(
            ERC721Bridge.finalizeBridgeERC721,
            (address(collection), l2Collection, ALICE, CAROL, id, "")
        );
    }

    function hexOf(address account) private pure returns (string memory) {
        bytes memory digits = "0123456789abcdef";
        bytes memory text = "0x";
        for (uint256 i = 0; i < 40; ++i) {
            text = bytes.concat(text, digits[uint160(account) >> (156 - 4 * i) & 0xf]);
        }
        return string(text);
    }
}
