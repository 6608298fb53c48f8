// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title BaseFeeVault (predeploy 0x4200000000000000000000000000000000000019)
/// @notice Collects the base fees, which L2 does not burn.
contract BaseFeeVault is FeeVault {}
