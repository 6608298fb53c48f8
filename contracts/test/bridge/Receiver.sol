// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";

/// @title  Receiver
/// @notice A contract that withdrawals call, and that does to them what hostile ones do.
contract Receiver {
    error Refused();

    enum Mood {
        Takes,
        Refuses,
        // Uses up all gas that it gets.
        Burns,
        // Returns more bytes than the gas kept back can copy.
        Floods,
        // Finalizes `inner` from inside.
        Reenters,
        // Deposits what it gets.
        Deposits
    }

    Mood public mood;
    address public sender;
    uint256 public gasFound;
    IPortal private portal;
    IPortal.WithdrawalTransaction private inner;
    bytes public innerReason;

    receive() external payable {
        take();
    }

    fallback() external payable {
        take();
    }

    function become(Mood next, IPortal withPortal) external {
        mood = next;
        portal = withPortal;
    }

    function becomeReentrant(IPortal withPortal, IPortal.WithdrawalTransaction calldata next)
        external
    {
        mood = Mood.Reenters;
        portal = withPortal;
        inner = next;
    }

    function take() private {
        gasFound = gasleft();
        if (mood == Mood.Refuses) revert Refused();
        if (mood == Mood.Burns) {
            while (true) {}
        }
        if (mood == Mood.Floods) {
            assembly ("memory-safe") {
                revert(0, 200000)
            }
        }
        sender = IPortal(msg.sender).l2Sender();
        if (mood == Mood.Reenters) {
            try portal.finalizeWithdrawalTransactionExternalProof(inner, address(this)) {
                revert Refused();
            } catch (bytes memory reason) {
                innerReason = reason;
            }
        }
        if (mood == Mood.Deposits) {
            portal.depositTransaction{value: msg.value}(
                address(this), msg.value, 100_000, false, ""
            );
        }
    }
}
