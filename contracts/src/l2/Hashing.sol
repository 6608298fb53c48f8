// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hashing
/// @notice The message hashes of the OP Stack; L1 and L2 compute the same ones.
library Hashing {
    /// @notice Version in the upper two bytes of every message nonce.
    uint256 internal constant MESSAGE_VERSION = 1;

    /// @notice Key of a withdrawal in `L2ToL1MessagePasser.sentMessages`.
    function hashWithdrawal(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 gasLimit,
        bytes memory data
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(nonce, sender, target, value, gasLimit, data));
    }

    /// @notice Calldata of `relayMessage` on the other chain's messenger.
    function encodeRelayMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes memory message
    ) internal pure returns (bytes memory) {
        return abi.encodeWithSignature(
            "relayMessage(uint256,address,address,uint256,uint256,bytes)",
            nonce,
            sender,
            target,
            value,
            minGasLimit,
            message
        );
    }

    /// @notice OP's hashCrossDomainMessageV1: identity of a message between the messengers.
    function hashCrossDomainMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes memory message
    ) internal pure returns (bytes32) {
        return keccak256(encodeRelayMessage(nonce, sender, target, value, minGasLimit, message));
    }

    /// @notice Puts the message version above a 240-bit nonce.
    function versionedNonce(uint240 nonce) internal pure returns (uint256) {
        return MESSAGE_VERSION << 240 | nonce;
    }
}
