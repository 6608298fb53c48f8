// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Predeploys} from "./Predeploys.sol";

/// @title L1Block (predeploy 0x4200000000000000000000000000000000000015)
/// @notice What L2 knows of L1: the last fee report of the L1 Inbox and the fee scalars.
///         op-revm charges the L1 data fee from these slots, so the layout is consensus:
///
///         | slot | bytes of the big-endian word                                             |
///         |------|--------------------------------------------------------------------------|
///         | 0    | 16..24 timestamp, 24..32 number                                          |
///         | 1    | basefee                                                                  |
///         | 2    | hash (always zero: a fee report does not carry the L1 block hash)        |
///         | 3    | 16..20 baseFeeScalar, 20..24 blobBaseFeeScalar, 24..32 sequenceNumber    |
///         | 4..6 | batcherHash, l1FeeOverhead, l1FeeScalar (always zero: before Ecotone)    |
///         | 7    | blobBaseFee                                                              |
///         | 8    | 18..20 daFootprintGasScalar, 20..24 operatorFeeScalar, 24..32 its constant |
///
///         Genesis sets slots 1, 3 and 7; fee reports change 0, 1 and 7 alone. Slot 8 stays zero.
contract L1Block {
    /// @notice The caller is not the depositor account.
    error NotDepositor();

    string public constant version = "1.8.0";

    /// @notice Number of the L1 block of the last fee report.
    uint64 public number;
    /// @notice Timestamp of the L1 block of the last fee report, in seconds.
    uint64 public timestamp;
    /// @notice L1 base fee, in wei.
    uint256 public basefee;
    /// @notice Always zero.
    bytes32 public hash;
    /// @notice Always zero: an L2 block is not tied to one L1 block.
    uint64 public sequenceNumber;
    /// @notice Scalar of the L1 blob base fee, with 6 decimals.
    uint32 public blobBaseFeeScalar;
    /// @notice Scalar of the L1 base fee, with 6 decimals.
    uint32 public baseFeeScalar;
    /// @notice Always zero: batches are authenticated by the L1 Inbox.
    bytes32 public batcherHash;
    /// @notice Always zero.
    uint256 public l1FeeOverhead;
    /// @notice Always zero.
    uint256 public l1FeeScalar;
    /// @notice L1 blob base fee, in wei.
    uint256 public blobBaseFee;
    /// @notice Constant part of the operator fee, in wei: zero, there is no such fee.
    uint64 public operatorFeeConstant;
    /// @notice Scalar of the operator fee: zero, there is no such fee.
    uint32 public operatorFeeScalar;
    /// @notice Scalar of the data availability footprint: zero, batches are bounded by the Inbox.
    uint16 public daFootprintGasScalar;

    /// @notice Takes the fee report of an L1 block. Only the depositor account may call.
    /// @param _number Number of the L1 block.
    /// @param _timestamp Timestamp of the L1 block, in seconds.
    /// @param _basefee Base fee of the L1 block, in wei.
    /// @param _blobBaseFee Blob base fee of the L1 block, in wei.
    function setL1BlockValues(
        uint64 _number,
        uint64 _timestamp,
        uint256 _basefee,
        uint256 _blobBaseFee
    ) external {
        // INVARIANT: only the protocol moves the prices that the L1 data fee is charged by.
        if (msg.sender != Predeploys.DEPOSITOR) revert NotDepositor();
        number = _number;
        timestamp = _timestamp;
        basefee = _basefee;
        blobBaseFee = _blobBaseFee;
    }

    /// @notice The account that delivers fee reports.
    function DEPOSITOR_ACCOUNT() external pure returns (address) {
        return Predeploys.DEPOSITOR;
    }

    /// @notice The gas token and its decimals: ether, under the placeholder address OP uses.
    function gasPayingToken() external pure returns (address, uint8) {
        return (0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, 18);
    }

    /// @notice Name of the gas token.
    function gasPayingTokenName() external pure returns (string memory) {
        return "Ether";
    }

    /// @notice Symbol of the gas token.
    function gasPayingTokenSymbol() external pure returns (string memory) {
        return "ETH";
    }

    /// @notice Whether gas is paid in something other than ether: never.
    function isCustomGasToken() external pure returns (bool) {
        return false;
    }
}
