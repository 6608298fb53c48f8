// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title OperatorFeeVault (predeploy 0x420000000000000000000000000000000000001b)
/// @notice Collects the operator fees, which are zero; op-revm credits it regardless.
contract OperatorFeeVault is FeeVault {}
