// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MintableERC20Factory} from "../bridge/MintableERC20Factory.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title OptimismMintableERC20Factory (predeploy 0x4200000000000000000000000000000000000012)
/// @notice Makes L2 tokens for tokens of L1.
contract OptimismMintableERC20Factory is MintableERC20Factory {
    string public constant version = "1.10.0";

    /// @inheritdoc MintableERC20Factory
    function bridge() public pure override returns (address) {
        return Predeploys.L2_STANDARD_BRIDGE;
    }
}
