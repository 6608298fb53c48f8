// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OptimismMintableERC20} from "../../src/l2/OptimismMintableERC20.sol";
import {MintableERC20Factory} from "../../src/bridge/MintableERC20Factory.sol";
import {OptimismMintableERC20Factory} from "../../src/l2/OptimismMintableERC20Factory.sol";
import {L2Test} from "./L2Test.sol";

/// @notice Tokens of the factory: only the bridge mints and burns, only owners move.
contract OptimismMintableERC20Test is L2Test {
    address private constant L1_TOKEN = address(0x7044e1);
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);

    OptimismMintableERC20 private token;

    function setUp() public override {
        super.setUp();
        token = OptimismMintableERC20(
            factory.createOptimismMintableERC20WithDecimals(L1_TOKEN, "Token", "TOK", 6)
        );
    }

    function testFuzz_factory_setsWhatTheBridgesAskFor(
        address remote,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external {
        vm.assume(remote != address(0));
        vm.assume(remote != L1_TOKEN);
        bytes32 salt = keccak256(abi.encode(remote, name, symbol, decimals));
        bytes memory creation = abi.encodePacked(
            type(OptimismMintableERC20).creationCode,
            abi.encode(address(bridge), remote, name, symbol, decimals)
        );
        address expected = address(
            uint160(
                uint256(
                    keccak256(
                        abi.encodePacked(bytes1(0xff), address(factory), salt, keccak256(creation))
                    )
                )
            )
        );
        vm.expectEmit(address(factory));
        emit MintableERC20Factory.StandardL2TokenCreated(remote, expected);
        vm.expectEmit(address(factory));
        emit MintableERC20Factory.OptimismMintableERC20Created(expected, remote, BOB);
        vm.prank(BOB);
        address made =
            factory.createOptimismMintableERC20WithDecimals(remote, name, symbol, decimals);
        equal(made, expected);

        OptimismMintableERC20 t = OptimismMintableERC20(made);
        equal(t.REMOTE_TOKEN(), remote);
        equal(t.remoteToken(), remote);
        equal(t.l1Token(), remote);
        equal(t.BRIDGE(), address(bridge));
        equal(t.bridge(), address(bridge));
        equal(t.l2Bridge(), address(bridge));
        equal(t.decimals(), decimals);
        equal(keccak256(bytes(t.name())), keccak256(bytes(name)));
        equal(keccak256(bytes(t.symbol())), keccak256(bytes(symbol)));
    }

    function test_factory_olderNamesMake18Decimals() external {
        address one = factory.createStandardL2Token(address(1), "One", "ONE");
        address two = factory.createOptimismMintableERC20(address(2), "Two", "TWO");
        equal(OptimismMintableERC20(one).decimals(), 18);
        equal(OptimismMintableERC20(two).decimals(), 18);
        equal(factory.bridge(), address(bridge));
        equal(factory.BRIDGE(), address(bridge));
    }

    function test_factory_withoutRemoteToken_reverts() external {
        vm.expectRevert(MintableERC20Factory.NoRemoteToken.selector);
        factory.createOptimismMintableERC20(address(0), "Zero", "ZERO");
    }

    /// OP's interface ids, by which bridges and explorers know such tokens.
    function test_supportsInterface() external view {
        isTrue(token.supportsInterface(0x01ffc9a7));
        isTrue(token.supportsInterface(0x1d1d8b63));
        isTrue(token.supportsInterface(0xec4fc8e3));
        isTrue(!token.supportsInterface(0xffffffff));
        isTrue(!token.supportsInterface(0x80ac58cd));
    }

    function testFuzz_mintAndBurn_byAnyoneElse_revert(address caller, uint256 amount) external {
        vm.assume(caller != address(bridge));
        bytes memory refusal =
            abi.encodeWithSelector(OptimismMintableERC20.OnlyBridge.selector, caller);
        vm.prank(caller);
        vm.expectRevert(refusal);
        token.mint(caller, amount);
        vm.prank(caller);
        vm.expectRevert(refusal);
        token.burn(caller, amount);
    }

    function testFuzz_transfers_keepTheSupply(uint256 minted, uint256 moved, uint256 spent)
        external
    {
        moved = minted == type(uint256).max ? moved : moved % (minted + 1);
        spent = moved == type(uint256).max ? spent : spent % (moved + 1);
        mint(ALICE, minted);
        vm.prank(ALICE);
        isTrue(token.transfer(BOB, moved));
        vm.prank(BOB);
        isTrue(token.approve(ALICE, spent));
        vm.prank(ALICE);
        isTrue(token.transferFrom(BOB, ALICE, spent));
        equal(token.balanceOf(BOB), moved - spent);
        equal(token.balanceOf(ALICE), minted - moved + spent);
        equal(token.totalSupply(), minted);
        uint256 left = spent == type(uint256).max ? spent : 0;
        equal(token.allowance(BOB, ALICE), left);
    }

    function testFuzz_moreThanOwnedOrAllowed_reverts(uint128 minted, uint128 extra) external {
        vm.assume(extra != 0);
        mint(ALICE, minted);
        uint256 asked = uint256(minted) + extra;
        bytes memory poor = abi.encodeWithSelector(
            OptimismMintableERC20.InsufficientBalance.selector, ALICE, uint256(minted), asked
        );
        vm.prank(ALICE);
        vm.expectRevert(poor);
        token.transfer(BOB, asked);
        vm.prank(address(bridge));
        vm.expectRevert(poor);
        token.burn(ALICE, asked);
        vm.prank(ALICE);
        token.approve(BOB, asked - 1);
        vm.prank(BOB);
        vm.expectRevert(
            abi.encodeWithSelector(
                OptimismMintableERC20.InsufficientAllowance.selector, ALICE, BOB, asked - 1, asked
            )
        );
        token.transferFrom(ALICE, BOB, asked);
    }

    function test_zeroRecipient_reverts() external {
        mint(ALICE, 1);
        vm.prank(ALICE);
        vm.expectRevert(OptimismMintableERC20.ZeroRecipient.selector);
        token.transfer(address(0), 1);
        vm.prank(address(bridge));
        vm.expectRevert(OptimismMintableERC20.ZeroRecipient.selector);
        token.mint(address(0), 1);
    }

    function mint(address to, uint256 amount) private {
        vm.prank(address(bridge));
        token.mint(to, amount);
    }
}
