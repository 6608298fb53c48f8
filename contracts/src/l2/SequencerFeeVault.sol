// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title SequencerFeeVault (predeploy 0x4200000000000000000000000000000000000011)
/// @notice Collects the priority fees: it is the beneficiary of every L2 block.
contract SequencerFeeVault is FeeVault {
    /// @notice See `recipient`: the getter's name before Bedrock.
    function l1FeeWallet() external view returns (address) {
        return recipient;
    }
}
