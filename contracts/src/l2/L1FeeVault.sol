// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title L1FeeVault (predeploy 0x420000000000000000000000000000000000001A)
/// @notice Collects the L1 data fees.
contract L1FeeVault is FeeVault {}
