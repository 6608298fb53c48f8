// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {StandardBridge} from "../bridge/StandardBridge.sol";
import {ILegacyMintableERC20} from "./OptimismMintableERC20.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title L2StandardBridge (predeploy 0x4200000000000000000000000000000000000010)
/// @notice The bridge on L2, with the functions and events of OP's before Bedrock.
///         Slot 0 is the bridge on L1, set by genesis and by nothing else.
contract L2StandardBridge is StandardBridge {
    /// @notice Precedes each `*Initiated` event, for tools that know the bridge before Bedrock.
    event WithdrawalInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    /// @notice Precedes each `*Finalized` event, for tools that know the bridge before Bedrock.
    event DepositFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    string public constant version = "1.12.0";

    /// @notice Bridges ether (as token 0xDead..0000) or a token that stands for one of L1 to the
    ///         caller's own address on L1.
    function withdraw(
        address _l2Token,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external payable onlyEOA {
        _withdraw(_l2Token, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @notice As `withdraw`, to another account on L1.
    function withdrawTo(
        address _l2Token,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external payable {
        _withdraw(_l2Token, _to, _amount, _minGasLimit, _extraData);
    }

    /// @notice See `otherBridge`: an older name of the getter.
    function l1TokenBridge() external view returns (address) {
        return otherBridge;
    }

    /// @inheritdoc StandardBridge
    function messenger() public pure override returns (CrossDomainMessenger) {
        return CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    }

    function _announceETHInitiated(address from, address to, uint256 amount, bytes memory extraData)
        internal
        override
    {
        emit WithdrawalInitiated(
            address(0), Predeploys.LEGACY_ERC20_ETH, from, to, amount, extraData
        );
    }

    function _announceETHFinalized(address from, address to, uint256 amount, bytes memory extraData)
        internal
        override
    {
        emit DepositFinalized(address(0), Predeploys.LEGACY_ERC20_ETH, from, to, amount, extraData);
    }

    function _announceERC20Initiated(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extraData
    ) internal override {
        emit WithdrawalInitiated(remoteToken, localToken, from, to, amount, extraData);
    }

    function _announceERC20Finalized(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extraData
    ) internal override {
        emit DepositFinalized(remoteToken, localToken, from, to, amount, extraData);
    }

    function _withdraw(
        address l2Token,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) private {
        if (l2Token == Predeploys.LEGACY_ERC20_ETH) {
            if (msg.value != amount) revert WrongValue(msg.value, amount);
            return _initiateETH(to, amount, minGasLimit, extraData);
        }
        if (msg.value != 0) revert WrongValue(msg.value, 0);
        address l1Token = ILegacyMintableERC20(l2Token).l1Token();
        _initiateERC20(l2Token, l1Token, to, amount, minGasLimit, extraData);
    }
}
