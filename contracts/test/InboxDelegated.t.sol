// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Inbox} from "../src/Inbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxDelegatedTest
/// @notice Whom a deposit comes from when an account delegates to code by EIP-7702 and somebody
///         else sends the transaction.
contract InboxDelegatedTest is L1Test {
    uint256 internal constant KEY = 0xDE1E6A7E;
    address internal constant RELAYER = address(0x4E1A7);

    /// A real authorization, a real transaction of a relayer, by call and by plain transfer.
    function test_delegatedAccount_drivenByARelayer_isNotAliased() public {
        address owner = vm.addr(KEY);
        vm.deal(owner, 5 ether);
        Depositor code = new Depositor();
        vm.signAndAttachDelegation(address(code), KEY);
        vm.prank(RELAYER, RELAYER);
        Depositor(payable(owner)).depositByCall(inbox, 2 ether);
        equal(keccak256(owner.code), keccak256(bytes.concat(hex"ef0100", bytes20(address(code)))));
        bytes memory payload = payloadOf(owner, 2 ether, 2 ether, 50_000, false, "");
        bytes32 acc = nextDepositAcc(0, 0, owner, 0, payload);
        equal(inbox.depositAcc(1), acc);

        vm.prank(RELAYER, RELAYER);
        Depositor(payable(owner)).depositByTransfer(inbox, 3 ether);
        payload = payloadOf(owner, 3 ether, 3 ether, 100_000, false, "");
        equal(inbox.depositAcc(2), nextDepositAcc(acc, 0, owner, 1, payload));
        equal(owner.balance, 0);
    }

    /// The same code at an address of its own is a contract.
    function test_theDelegate_isAliased() public {
        Depositor code = new Depositor();
        vm.deal(address(code), 1);
        vm.prank(RELAYER, RELAYER);
        code.depositByTransfer(inbox, 1);
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
        inbox.depositTransaction(address(1), 0, 50_000, false, "");
        bytes memory payload = payloadOf(address(1), 0, 0, 50_000, false, "");
        equal(inbox.depositAcc(index + 1), nextDepositAcc(acc, 0, from, index, payload));
    }
}

/// @notice What an account delegates to: it deposits for whoever calls it.
contract Depositor {
    receive() external payable {}

    function depositByCall(Inbox inbox, uint256 amount) external {
        inbox.depositTransaction{value: amount}(address(this), amount, 50_000, false, "");
    }

    function depositByTransfer(Inbox inbox, uint256 amount) external {
        (bool sent,) = address(inbox).call{value: amount}("");
        require(sent);
    }
}
