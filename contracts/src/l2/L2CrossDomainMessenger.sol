// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {L2ToL1MessagePasser} from "./L2ToL1MessagePasser.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title L2CrossDomainMessenger (predeploy 0x4200000000000000000000000000000000000007)
/// @notice The messenger on L2. Its messages leave as withdrawals; those of L1 come as deposits of
///         the messenger there, under its alias.
///         Slot 0 is the messenger on L1, set by genesis and by nothing else.
contract L2CrossDomainMessenger is CrossDomainMessenger {
    string public constant version = "2.2.0";

    /// @notice See `otherMessenger`: an older name of the getter.
    function l1CrossDomainMessenger() external view returns (address) {
        return otherMessenger;
    }

    function _sendToOtherChain(address to, uint64 gasLimit, bytes memory data) internal override {
        L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER))
        .initiateWithdrawal{value: msg.value}(
            to, gasLimit, data
        );
    }

    function _isOtherMessenger() internal view override returns (bool) {
        address other = otherMessenger;
        uint160 offset = uint160(0x1111000000000000000000000000000000001111);
        unchecked {
            return other != address(0) && msg.sender == address(uint160(other) + offset);
        }
    }

    function _isBlocked(address target) internal view override returns (bool) {
        return target == address(this) || target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }
}
