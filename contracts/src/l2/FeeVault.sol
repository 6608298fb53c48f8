// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {L2ToL1MessagePasser} from "./L2ToL1MessagePasser.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title FeeVault
/// @notice Collects one kind of fee until anyone sends it on to the recipient that genesis set.
///         The same code stands at four predeploys, one for each kind of fee:
///         0x42..11 priority fees, 0x42..19 base fees, 0x42..1A L1 data fees, 0x42..1B operator
///         fees (zero). Nothing writes slots 1 and 2 after genesis.
///
///         | slot | bytes of the big-endian word                    |
///         |------|-------------------------------------------------|
///         | 0    | totalProcessed                                  |
///         | 1    | minWithdrawalAmount                             |
///         | 2    | 11 withdrawalNetwork (0 L1, 1 L2), 12..32 recipient |
abstract contract FeeVault {
    /// @notice Where the recipient gets the fees.
    enum WithdrawalNetwork {
        L1,
        L2
    }

    /// @notice The vault holds less than its minimum.
    error BelowMinWithdrawalAmount(uint256 balance, uint256 minWithdrawalAmount);
    /// @notice Genesis set no recipient.
    error NoRecipient();
    /// @notice The recipient on L2 refused the fees.
    error TransferFailed(address recipient, uint256 value);

    /// @notice Fees were sent on. Kept for tools that know the vaults before Bedrock.
    event Withdrawal(uint256 value, address to, address from);
    /// @notice Fees were sent on.
    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);

    string public constant version = "1.6.0";

    /// L1 gas limit of the withdrawal.
    uint256 private constant WITHDRAWAL_MIN_GAS = 400_000;

    /// @notice Wei sent on so far.
    uint256 public totalProcessed;
    /// @notice Least balance that can be withdrawn, in wei.
    uint256 public minWithdrawalAmount;
    /// @notice Receives the fees.
    address public recipient;
    /// @notice Where `recipient` receives them.
    WithdrawalNetwork public withdrawalNetwork;

    /// @notice Takes fees; anyone may add to them.
    receive() external payable {}

    /// @notice Sends the whole balance on to the recipient. Anyone may call.
    /// @return value Wei sent on.
    function withdraw() external returns (uint256 value) {
        value = address(this).balance;
        address to = recipient;
        WithdrawalNetwork network = withdrawalNetwork;
        uint256 least = minWithdrawalAmount;
        if (value < least) revert BelowMinWithdrawalAmount(value, least);
        // INVARIANT: fees go to the recipient of genesis and never to nobody.
        if (to == address(0)) revert NoRecipient();

        totalProcessed += value;
        emit Withdrawal(value, to, msg.sender);
        emit Withdrawal(value, to, msg.sender, network);

        if (network == WithdrawalNetwork.L2) {
            (bool sent,) = to.call{value: value}("");
            if (!sent) revert TransferFailed(to, value);
        } else {
            L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER))
            .initiateWithdrawal{value: value}(
                to, WITHDRAWAL_MIN_GAS, ""
            );
        }
    }

    /// @notice See `recipient`: the getter's name in OP's first vaults.
    function RECIPIENT() external view returns (address) {
        return recipient;
    }

    /// @notice See `minWithdrawalAmount`: the getter's name in OP's first vaults.
    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256) {
        return minWithdrawalAmount;
    }

    /// @notice See `withdrawalNetwork`: the getter's name in OP's first vaults.
    function WITHDRAWAL_NETWORK() external view returns (WithdrawalNetwork) {
        return withdrawalNetwork;
    }
}
