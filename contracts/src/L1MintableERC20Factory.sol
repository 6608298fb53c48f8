// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MintableERC20Factory} from "./bridge/MintableERC20Factory.sol";

/// @title L1MintableERC20Factory
/// @notice Makes L1 tokens for tokens that are native to L2.
contract L1MintableERC20Factory is MintableERC20Factory {
    string public constant version = "1.10.0";

    address private immutable BRIDGE_ON_L1;

    constructor(address bridgeOnL1) {
        BRIDGE_ON_L1 = bridgeOnL1;
    }

    /// @inheritdoc MintableERC20Factory
    function bridge() public view override returns (address) {
        return BRIDGE_ON_L1;
    }
}
