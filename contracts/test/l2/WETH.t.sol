// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Predeploys} from "../../src/l2/Predeploys.sol";
import {WETH} from "../../src/l2/WETH.sol";
import {L2Test, Vm} from "./L2Test.sol";

/// @notice Calls WETH as four users would, in any order.
contract WETHUsers {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    WETH private constant weth = WETH(payable(Predeploys.WETH));

    address[4] public users = [address(0xa11ce), address(0xb0b), address(0xca401), address(0xd4fe)];

    function deposit(uint8 who, uint96 amount, uint8 path) external {
        address user = users[who % 4];
        vm.deal(user, amount);
        vm.prank(user);
        if (path % 3 == 0) {
            weth.deposit{value: amount}();
        } else {
            bytes memory data = path % 3 == 1 ? bytes("") : bytes("no such function");
            (bool success,) = address(weth).call{value: amount}(data);
            require(success, "deposit refused");
        }
    }

    function withdraw(uint8 who, uint256 amount) external {
        address user = users[who % 4];
        uint256 had = user.balance;
        amount = amount % (weth.balanceOf(user) + 1);
        vm.prank(user);
        weth.withdraw(amount);
        require(user.balance == had + amount, "paid out wrong");
    }

    function transfer(uint8 from, uint8 to, uint256 amount) external {
        address user = users[from % 4];
        amount = amount % (weth.balanceOf(user) + 1);
        vm.prank(user);
        weth.transfer(users[to % 4], amount);
    }

    function transferFrom(uint8 from, uint8 by, uint8 to, uint256 amount) external {
        address owner = users[from % 4];
        address spender = users[by % 4];
        amount = amount % (weth.balanceOf(owner) + 1);
        vm.prank(owner);
        weth.approve(spender, amount);
        vm.prank(spender);
        weth.transferFrom(owner, users[to % 4], amount);
        uint256 left = owner == spender ? amount : 0;
        require(weth.allowance(owner, spender) == left, "allowance wrong");
    }
}

/// @notice Every token is backed by a wei and moves only by its owner's will.
contract WETHTest is L2Test {
    WETHUsers private users;

    function setUp() public override {
        super.setUp();
        users = new WETHUsers();
    }

    /// Read by forge: the contracts whose functions an invariant run calls.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(users);
    }

    /// forge-config: default.invariant.runs = 32
    /// forge-config: default.invariant.depth = 64
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_everyTokenIsBacked() external view {
        uint256 sum;
        for (uint256 i = 0; i < 4; ++i) {
            sum += weth.balanceOf(users.users(i));
        }
        equal(sum, weth.totalSupply());
        equal(sum, address(weth).balance);
    }

    function testFuzz_withdraw_aboveBalance_reverts(uint96 amount, uint96 extra) external {
        vm.assume(extra != 0);
        vm.deal(address(this), amount);
        weth.deposit{value: amount}();
        uint256 asked = uint256(amount) + extra;
        vm.expectRevert(
            abi.encodeWithSelector(
                WETH.InsufficientBalance.selector, address(this), uint256(amount), asked
            )
        );
        weth.withdraw(asked);
        vm.expectRevert(
            abi.encodeWithSelector(
                WETH.InsufficientBalance.selector, address(this), uint256(amount), asked
            )
        );
        weth.transfer(address(1), asked);
    }

    function testFuzz_transferFrom_needsAllowance(address thief, uint96 amount, uint96 allowed)
        external
    {
        vm.assume(thief != address(this) && allowed < amount);
        vm.deal(address(this), amount);
        weth.deposit{value: amount}();
        weth.approve(thief, allowed);
        vm.prank(thief);
        vm.expectRevert(
            abi.encodeWithSelector(
                WETH.InsufficientAllowance.selector,
                address(this),
                thief,
                uint256(allowed),
                uint256(amount)
            )
        );
        weth.transferFrom(address(this), thief, amount);
    }

    function test_endlessAllowance_staysEndless() external {
        vm.deal(address(this), 2 ether);
        weth.deposit{value: 2 ether}();
        weth.approve(address(0xb0b), type(uint256).max);
        vm.prank(address(0xb0b));
        weth.transferFrom(address(this), address(0xb0b), 2 ether);
        equal(weth.allowance(address(this), address(0xb0b)), type(uint256).max);
        equal(weth.balanceOf(address(0xb0b)), 2 ether);
    }

    /// A withdrawing contract that calls back finds its balance already reduced.
    function test_withdraw_reentered_paysOnce() external {
        vm.deal(address(0xb0b), 5 ether);
        vm.prank(address(0xb0b));
        weth.deposit{value: 5 ether}();
        Reentrant attacker = new Reentrant();
        vm.deal(address(attacker), 1 ether);
        attacker.attack();
        equal(address(attacker).balance, 1 ether);
        equal(weth.totalSupply(), 5 ether);
    }

    function test_metadata() external view {
        equal(keccak256(bytes(weth.name())), keccak256("Wrapped Ether"));
        equal(keccak256(bytes(weth.symbol())), keccak256("WETH"));
        equal(weth.decimals(), 18);
    }
}

contract Reentrant {
    WETH private constant WETH9 = WETH(payable(Predeploys.WETH));

    receive() external payable {
        (bool again,) = address(WETH9).call(abi.encodeCall(WETH.withdraw, (1 ether)));
        require(!again, "paid twice");
    }

    function attack() external {
        WETH9.deposit{value: 1 ether}();
        WETH9.withdraw(1 ether);
    }
}
