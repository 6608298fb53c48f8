// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {Portal} from "../../src/Portal.sol";
import {PortalTest} from "./PortalTest.sol";

/// @title  PortalSendersTest
/// @notice Whom a deposit comes from: an account, a contract, or an account that delegates to code
///         by EIP-7702 while somebody else sends the transaction.
contract PortalSendersTest is PortalTest {
    uint256 internal constant KEY = 0xDE1E6A7E;
    address internal constant RELAYER = address(0x4E1A7);

    /// What OP's tools read, and what derivation reads, of the same deposit.
    function testFuzz_deposit_isAnnouncedAndEnqueued(
        address to,
        uint96 mint,
        uint256 value,
        bytes memory data
    ) public {
        vm.assume(data.length <= 10_000);
        uint64 gas = portal.minimumGasLimit(uint64(data.length));
        bytes memory payload = payloadOf(to, mint, value, gas, false, data);
        bytes memory opaque =
            bytes.concat(bytes32(uint256(mint)), bytes32(value), bytes8(gas), bytes1(0), data);
        vm.deal(ALICE, mint);
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(ALICE, to, 0, opaque);
        vm.prank(ALICE, ALICE);
        portal.depositTransaction{value: mint}(to, value, gas, false, data);
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, ALICE, 0, payload));
        equal(address(portal).balance, mint);
        equal(address(inbox).balance, 0);
    }

    function test_donation_isNoDeposit() public {
        portal.donateETH{value: 5}();
        equal(address(portal).balance, 5);
        equal(inbox.depositCount(), 0);
    }

    function testFuzz_contractSender_isAliased(address sender, address origin) public {
        vm.assume(sender != origin);
        vm.prank(sender, origin);
        portal.depositTransaction(address(1), 0, 50_000, false, "");
        bytes memory payload = payloadOf(address(1), 0, 0, 50_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, aliased(sender), 0, payload));
    }

    function test_eoaWithDelegatedCode_isNotAliased() public {
        vm.etch(ALICE, hex"ef01000000000000000000000000000000000000000001");
        expectFrom(ALICE, ALICE);
    }

    function test_receive_depositsToTheSender() public {
        vm.prank(ALICE, ALICE);
        (bool sent,) = address(portal).call{value: 3 ether}("");
        isTrue(sent);
        bytes memory payload = payloadOf(ALICE, 3 ether, 3 ether, 100_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, ALICE, 0, payload));
    }

    function test_receive_fromAContract_depositsToItsAlias() public {
        vm.prank(ALICE, SEQUENCER);
        (bool sent,) = address(portal).call{value: 1}("");
        isTrue(sent);
        bytes memory payload = payloadOf(aliased(ALICE), 1, 1, 100_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, aliased(ALICE), 0, payload));
    }

    /// A real authorization, a real transaction of a relayer, by call and by plain transfer.
    function test_delegatedAccount_drivenByARelayer_isNotAliased() public {
        address owner = vm.addr(KEY);
        vm.deal(owner, 5 ether);
        Depositor code = new Depositor();
        vm.signAndAttachDelegation(address(code), KEY);
        vm.prank(RELAYER, RELAYER);
        Depositor(payable(owner)).depositByCall(portal, 2 ether);
        equal(keccak256(owner.code), keccak256(bytes.concat(hex"ef0100", bytes20(address(code)))));
        bytes memory payload = payloadOf(owner, 2 ether, 2 ether, 50_000, false, "");
        bytes32 acc = nextDepositAcc(0, 0, owner, 0, payload);
        equal(inbox.depositAcc(1), acc);

        vm.prank(RELAYER, RELAYER);
        Depositor(payable(owner)).depositByTransfer(portal, 3 ether);
        payload = payloadOf(owner, 3 ether, 3 ether, 100_000, false, "");
        equal(inbox.depositAcc(2), nextDepositAcc(acc, 0, owner, 1, payload));
        equal(owner.balance, 0);
    }

    /// The same code at an address of its own is a contract.
    function test_theDelegate_isAliased() public {
        Depositor code = new Depositor();
        vm.deal(address(code), 1);
        vm.prank(RELAYER, RELAYER);
        code.depositByTransfer(portal, 1);
        address l2 = aliased(address(code));
        bytes memory payload = payloadOf(l2, 1, 1, 100_000, false, "");
        equal(inbox.depositAcc(1), nextDepositAcc(0, 0, l2, 0, payload));
    }

    /// Any other code is a contract's. (Forge, as L1, makes no code of another length that begins
    /// with 0xef01.)
    function testFuzz_onlyADelegationIsOne(address account, bytes20 target, bytes memory code)
        public
    {
        vm.assume(uint160(account) > 0xffff && account.code.length == 0);
        vm.assume(code.length < 2 || bytes2(code) != 0xef01);
        vm.etch(account, bytes.concat(hex"ef0100", target));
        expectFrom(account, account);
        vm.etch(account, bytes.concat(hex"ef0200", target));
        expectFrom(account, aliased(account));
        vm.etch(account, bytes.concat(target, hex"ef0100"));
        expectFrom(account, aliased(account));
        vm.etch(account, code);
        expectFrom(account, aliased(account));
    }

    function expectFrom(address sender, address from) internal {
        uint64 index = inbox.depositCount();
        bytes32 acc = inbox.depositAcc(index);
        vm.prank(sender, RELAYER);
        portal.depositTransaction(address(1), 0, 50_000, false, "");
        bytes memory payload = payloadOf(address(1), 0, 0, 50_000, false, "");
        equal(inbox.depositAcc(index + 1), nextDepositAcc(acc, 0, from, index, payload));
    }
}

/// @notice What an account delegates to: it deposits for whoever calls it.
contract Depositor {
    receive() external payable {}

    function depositByCall(Portal portal, uint256 amount) external {
        portal.depositTransaction{value: amount}(address(this), amount, 50_000, false, "");
    }

    function depositByTransfer(Portal portal, uint256 amount) external {
        (bool sent,) = address(portal).call{value: amount}("");
        require(sent);
    }
}
