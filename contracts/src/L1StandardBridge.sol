// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "./bridge/CrossDomainMessenger.sol";
import {StandardBridge} from "./bridge/StandardBridge.sol";
import {Predeploys} from "./l2/Predeploys.sol";

/// @title L1StandardBridge
/// @notice The bridge on L1, with the functions and events of OP's before Bedrock. It holds the
///         tokens of L1 that stand on L2; their ether lies in the Portal.
contract L1StandardBridge is StandardBridge {
    event ETHDepositInitiated(
        address indexed from, address indexed to, uint256 amount, bytes extraData
    );
    event ETHWithdrawalFinalized(
        address indexed from, address indexed to, uint256 amount, bytes extraData
    );
    event ERC20DepositInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event ERC20WithdrawalFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    string public constant version = "2.3.0";

    CrossDomainMessenger private immutable MESSENGER_ON_L1;

    constructor(address messengerOnL1) {
        MESSENGER_ON_L1 = CrossDomainMessenger(messengerOnL1);
        otherBridge = Predeploys.L2_STANDARD_BRIDGE;
    }

    /// @notice As `bridgeETH`.
    function depositETH(uint32 _minGasLimit, bytes calldata _extraData) external payable onlyEOA {
        _initiateETH(msg.sender, msg.value, _minGasLimit, _extraData);
    }

    /// @notice As `bridgeETHTo`.
    function depositETHTo(address _to, uint32 _minGasLimit, bytes calldata _extraData)
        external
        payable
    {
        _initiateETH(_to, msg.value, _minGasLimit, _extraData);
    }

    /// @notice As `bridgeERC20`.
    function depositERC20(
        address _l1Token,
        address _l2Token,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external onlyEOA {
        _initiateERC20(_l1Token, _l2Token, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @notice As `bridgeERC20To`.
    function depositERC20To(
        address _l1Token,
        address _l2Token,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _initiateERC20(_l1Token, _l2Token, _to, _amount, _minGasLimit, _extraData);
    }

    /// @notice See `otherBridge`: an older name of the getter.
    function l2TokenBridge() external view returns (address) {
        return otherBridge;
    }

    /// @inheritdoc StandardBridge
    function messenger() public view override returns (CrossDomainMessenger) {
        return MESSENGER_ON_L1;
    }

    function _announceETHInitiated(address from, address to, uint256 amount, bytes memory extraData)
        internal
        override
    {
        emit ETHDepositInitiated(from, to, amount, extraData);
    }

    function _announceETHFinalized(address from, address to, uint256 amount, bytes memory extraData)
        internal
        override
    {
        emit ETHWithdrawalFinalized(from, to, amount, extraData);
    }

    function _announceERC20Initiated(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extraData
    ) internal override {
        emit ERC20DepositInitiated(localToken, remoteToken, from, to, amount, extraData);
    }

    function _announceERC20Finalized(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extraData
    ) internal override {
        emit ERC20WithdrawalFinalized(localToken, remoteToken, from, to, amount, extraData);
    }
}
