// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPortal} from "./IPortal.sol";
import {CrossDomainMessenger} from "./bridge/CrossDomainMessenger.sol";
import {Predeploys} from "./l2/Predeploys.sol";

/// @title L1CrossDomainMessenger
/// @notice The messenger on L1. Its messages leave as deposits; those of L2 come as withdrawals of
///         the messenger there. One that fails here keeps its ether here until somebody replays it.
contract L1CrossDomainMessenger is CrossDomainMessenger {
    string public constant version = "2.6.0";

    /// @notice Carries the messages.
    IPortal public immutable portal;

    constructor(address thePortal) {
        portal = IPortal(thePortal);
        otherMessenger = Predeploys.L2_CROSS_DOMAIN_MESSENGER;
    }

    /// @notice See `portal`: an older name of the getter.
    function PORTAL() external view returns (address) {
        return address(portal);
    }

    function _sendToOtherChain(address to, uint64 gasLimit, bytes memory data) internal override {
        portal.depositTransaction{value: msg.value}(to, msg.value, gasLimit, false, data);
    }

    function _isOtherMessenger() internal view override returns (bool) {
        return msg.sender == address(portal) && portal.l2Sender() == otherMessenger;
    }

    function _isBlocked(address target) internal view override returns (bool) {
        return target == address(this) || target == address(portal);
    }
}
