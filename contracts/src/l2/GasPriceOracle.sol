// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FastLz} from "./FastLz.sol";
import {L1Block} from "./L1Block.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title GasPriceOracle (predeploy 0x420000000000000000000000000000000000000F)
/// @notice Tells wallets what a transaction pays besides L2 gas. The fee is OP's since Fjord:
///         https://specs.optimism.io/protocol/fjord/exec-engine.html#fees
///
///         estimatedSizeScaled = max(100e6, 836_500 * fastLzSize - 42_585_600)
///         l1Fee = estimatedSizeScaled * (16 * baseFeeScalar * l1BaseFee
///                                        + blobBaseFeeScalar * blobBaseFee) / 1e12
///
///         The protocol charges by the signed transaction; this contract sees it unsigned and adds
///         68 bytes for the signature, which no compression shortens.
contract GasPriceOracle {
    string public constant version = "1.6.0";

    /// @notice Decimals of the fee scalars.
    uint256 public constant DECIMALS = 6;

    uint256 private constant COST_INTERCEPT = 42_585_600;
    uint256 private constant COST_FASTLZ_COEF = 836_500;
    uint256 private constant MIN_TRANSACTION_SIZE_SCALED = 100e6;
    uint256 private constant SIGNATURE_SIZE = 68;

    L1Block private constant L1_BLOCK = L1Block(Predeploys.L1_BLOCK);

    /// @notice L1 data fee of a transaction, in wei.
    /// @param _data The transaction, RLP encoded without its signature.
    function getL1Fee(bytes memory _data) external view returns (uint256) {
        return _l1Fee(FastLz.compressedLength(_data) + SIGNATURE_SIZE);
    }

    /// @notice Bound on the L1 data fee that 99.99% of transactions keep, in wei; takes less gas.
    /// @param _unsignedTxSize Bytes of the transaction, RLP encoded without its signature.
    function getL1FeeUpperBound(uint256 _unsignedTxSize) external view returns (uint256) {
        uint256 size = _unsignedTxSize + SIGNATURE_SIZE;
        return _l1Fee(size + size / 255 + 16);
    }

    /// @notice L1 gas of a transaction: 16 for every byte of its estimated compressed size.
    /// @param _data The transaction, RLP encoded without its signature.
    function getL1GasUsed(bytes memory _data) external pure returns (uint256) {
        return _estimatedSizeScaled(FastLz.compressedLength(_data) + SIGNATURE_SIZE) * 16 / 1e6;
    }

    /// @notice Operator fee of a transaction, in wei: zero as long as its scalars in L1Block are.
    /// @param _gasUsed L2 gas of the transaction.
    function getOperatorFee(uint256 _gasUsed) external view returns (uint256) {
        return _gasUsed * L1_BLOCK.operatorFeeScalar() * 100 + L1_BLOCK.operatorFeeConstant();
    }

    /// @notice L1 base fee, in wei.
    function l1BaseFee() external view returns (uint256) {
        return L1_BLOCK.basefee();
    }

    /// @notice L1 blob base fee, in wei.
    function blobBaseFee() external view returns (uint256) {
        return L1_BLOCK.blobBaseFee();
    }

    /// @notice Scalar of the L1 base fee.
    function baseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.baseFeeScalar();
    }

    /// @notice Scalar of the L1 blob base fee.
    function blobBaseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.blobBaseFeeScalar();
    }

    /// @notice L2 base fee, in wei.
    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    /// @notice L2 base fee, in wei.
    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    /// @notice Decimals of the fee scalars.
    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }

    /// @notice The fee rules of Ecotone, Fjord, Isthmus and Jovian are live from genesis.
    function isEcotone() external pure returns (bool) {
        return true;
    }

    /// @notice See `isEcotone`.
    function isFjord() external pure returns (bool) {
        return true;
    }

    /// @notice See `isEcotone`.
    function isIsthmus() external pure returns (bool) {
        return true;
    }

    /// @notice See `isEcotone`.
    function isJovian() external pure returns (bool) {
        return true;
    }

    function _l1Fee(uint256 fastLzSize) private view returns (uint256) {
        uint256 calldataPrice = 16 * uint256(L1_BLOCK.baseFeeScalar()) * L1_BLOCK.basefee();
        uint256 blobPrice = uint256(L1_BLOCK.blobBaseFeeScalar()) * L1_BLOCK.blobBaseFee();
        return _estimatedSizeScaled(fastLzSize) * (calldataPrice + blobPrice) / 1e12;
    }

    /// Bytes the transaction adds to a Brotli-compressed batch, times 1e6.
    function _estimatedSizeScaled(uint256 fastLzSize) private pure returns (uint256) {
        uint256 scaled = COST_FASTLZ_COEF * fastLzSize;
        if (scaled < COST_INTERCEPT + MIN_TRANSACTION_SIZE_SCALED) {
            return MIN_TRANSACTION_SIZE_SCALED;
        }
        return scaled - COST_INTERCEPT;
    }
}
