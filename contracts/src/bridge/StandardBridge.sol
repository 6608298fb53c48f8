// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "../l2/OptimismMintableERC20.sol";

/// @title StandardBridge
/// @notice What the bridges of L1 and L2 have in common: each moves ether and ERC-20 tokens by
///         messages to the other. Tokens that stand for a token of the other chain are minted and
///         burnt; tokens native to this one are held here. Tokens that take a fee on transfer are
///         refused; those that rebase are not supported.
///         Slot 0 is the other bridge, slot 1 is `deposits`.
abstract contract StandardBridge {
    /// @notice There is no bridge on the other chain.
    error NoOtherBridge();
    /// @notice A contract called a function that pays its caller on the other chain, where the
    ///         contract may not exist. The functions with a recipient are for it.
    error OnlyEOA(address caller);
    /// @notice The call is not a message of the other bridge.
    error OnlyOtherBridge(address caller);
    /// @notice The ether attached differs from the amount.
    error WrongValue(uint256 attached, uint256 expected);
    /// @notice `localToken` stands for another token.
    error WrongRemoteToken(address localToken, address remoteToken);
    /// @notice The recipient refused the ether.
    error EtherTransferFailed(address to, uint256 amount);
    /// @notice The token refused the transfer.
    error TokenTransferFailed(address token);
    /// @notice Fewer or more tokens arrived than were sent: the other chain would owe another amount
    ///         than is held here.
    error TokenAmountMismatch(address token, uint256 sent, uint256 arrived);

    event ETHBridgeInitiated(
        address indexed from, address indexed to, uint256 amount, bytes extraData
    );
    event ETHBridgeFinalized(
        address indexed from, address indexed to, uint256 amount, bytes extraData
    );
    event ERC20BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event ERC20BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    /// Gas limit on the other chain of what a plain transfer to this contract sends there.
    uint32 private constant RECEIVE_DEFAULT_GAS_LIMIT = 200_000;
    /// ERC-165 grants this much gas to its question.
    uint256 private constant ERC165_GAS = 30_000;

    /// @notice The bridge on the other chain.
    address public otherBridge;

    /// @notice Tokens native to this chain held here, by the token of the other one that stands for
    ///         them.
    mapping(address localToken => mapping(address remoteToken => uint256)) public deposits;

    modifier onlyEOA() {
        if (msg.sender != tx.origin && !_isDelegatedEOA(msg.sender)) revert OnlyEOA(msg.sender);
        _;
    }

    modifier onlyOtherBridge() {
        // PROTOCOL.md BRIDGE-11
        // INVARIANT: only the other bridge releases ether or makes tokens here.
        if (
            msg.sender != address(messenger()) || otherBridge == address(0)
                || messenger().xDomainMessageSender() != otherBridge
        ) revert OnlyOtherBridge(msg.sender);
        _;
    }

    /// @notice Bridges the ether sent to the sender's own address there.
    receive() external payable onlyEOA {
        _initiateETH(msg.sender, msg.value, RECEIVE_DEFAULT_GAS_LIMIT, "");
    }

    /// @notice Bridges the ether sent to the caller's own address there.
    /// @param _minGasLimit Gas that the payout gets at least.
    /// @param _extraData Put into the events and nothing else.
    function bridgeETH(uint32 _minGasLimit, bytes calldata _extraData) external payable onlyEOA {
        _initiateETH(msg.sender, msg.value, _minGasLimit, _extraData);
    }

    /// @notice As `bridgeETH`, to another account there.
    function bridgeETHTo(address _to, uint32 _minGasLimit, bytes calldata _extraData)
        external
        payable
    {
        _initiateETH(_to, msg.value, _minGasLimit, _extraData);
    }

    /// @notice Bridges tokens of the caller to its own address there.
    /// @param _localToken The token here.
    /// @param _remoteToken The token there.
    /// @param _amount How many.
    /// @param _minGasLimit Gas that the payout gets at least.
    /// @param _extraData Put into the events and nothing else.
    function bridgeERC20(
        address _localToken,
        address _remoteToken,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external onlyEOA {
        _initiateERC20(_localToken, _remoteToken, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @notice As `bridgeERC20`, to another account there.
    function bridgeERC20To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _initiateERC20(_localToken, _remoteToken, _to, _amount, _minGasLimit, _extraData);
    }

    /// @notice Pays out ether that was bridged on the other chain.
    function finalizeBridgeETH(
        address _from,
        address _to,
        uint256 _amount,
        bytes calldata _extraData
    ) external payable onlyOtherBridge {
        if (msg.value != _amount) revert WrongValue(msg.value, _amount);
        _announceETHFinalized(_from, _to, _amount, _extraData);
        emit ETHBridgeFinalized(_from, _to, _amount, _extraData);
        // Ether for this contract or the messenger fails here: neither takes it from a contract.
        (bool sent,) = _to.call{value: _amount}("");
        if (!sent) revert EtherTransferFailed(_to, _amount);
    }

    /// @notice Mints, or releases, tokens that were bridged on the other chain.
    function finalizeBridgeERC20(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes calldata _extraData
    ) external onlyOtherBridge {
        if (_isMintable(_localToken)) {
            _requirePair(_localToken, _remoteToken);
            IOptimismMintableERC20(_localToken).mint(_to, _amount);
        } else {
            deposits[_localToken][_remoteToken] -= _amount;
            _callToken(
                _localToken, abi.encodeWithSignature("transfer(address,uint256)", _to, _amount)
            );
        }
        _announceERC20Finalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
        emit ERC20BridgeFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @notice See `otherBridge`: an older name of the getter.
    function OTHER_BRIDGE() external view returns (address) {
        return otherBridge;
    }

    /// @notice See `messenger`: an older name of the getter.
    function MESSENGER() external view returns (address) {
        return address(messenger());
    }

    /// @notice Whether bridging is held back: never.
    function paused() external pure returns (bool) {
        return false;
    }

    /// @notice The messenger on this chain.
    function messenger() public view virtual returns (CrossDomainMessenger);

    function _initiateETH(address to, uint256 amount, uint32 minGasLimit, bytes memory extraData)
        internal
    {
        _announceETHInitiated(msg.sender, to, amount, extraData);
        emit ETHBridgeInitiated(msg.sender, to, amount, extraData);
        _sendToOtherBridge(
            amount,
            abi.encodeCall(this.finalizeBridgeETH, (msg.sender, to, amount, extraData)),
            minGasLimit
        );
    }

    function _initiateERC20(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) internal {
        if (_isMintable(localToken)) {
            _requirePair(localToken, remoteToken);
            IOptimismMintableERC20(localToken).burn(msg.sender, amount);
        } else {
            uint256 before = _held(localToken);
            _callToken(
                localToken,
                abi.encodeWithSignature(
                    "transferFrom(address,address,uint256)", msg.sender, address(this), amount
                )
            );
            uint256 arrived = _held(localToken) - before;
            // INVARIANT: what the other chain owes is held here.
            if (arrived != amount) revert TokenAmountMismatch(localToken, amount, arrived);
            deposits[localToken][remoteToken] += amount;
        }
        _announceERC20Initiated(localToken, remoteToken, msg.sender, to, amount, extraData);
        emit ERC20BridgeInitiated(localToken, remoteToken, msg.sender, to, amount, extraData);
        // What is remote here is local there.
        _sendToOtherBridge(
            0,
            abi.encodeCall(
                this.finalizeBridgeERC20,
                (remoteToken, localToken, msg.sender, to, amount, extraData)
            ),
            minGasLimit
        );
    }

    /// Emits the event of tools that know the bridge before Bedrock.
    function _announceETHInitiated(address from, address to, uint256 amount, bytes memory extraData)
        internal
        virtual;

    /// As `_announceETHInitiated`.
    function _announceETHFinalized(address from, address to, uint256 amount, bytes memory extraData)
        internal
        virtual;

    /// As `_announceETHInitiated`.
    function _announceERC20Initiated(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extraData
    ) internal virtual;

    /// As `_announceETHInitiated`.
    function _announceERC20Finalized(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes memory extraData
    ) internal virtual;

    function _sendToOtherBridge(uint256 value, bytes memory message, uint32 minGasLimit) private {
        address other = otherBridge;
        // INVARIANT: nothing leaves towards a bridge that does not exist.
        if (other == address(0)) revert NoOtherBridge();
        messenger().sendMessage{value: value}(other, message, minGasLimit);
    }

    /// Calls an ERC-20, which may return nothing instead of true.
    function _callToken(address token, bytes memory data) private {
        (bool success, bytes memory result) = token.call(data);
        if (!success || token.code.length == 0) revert TokenTransferFailed(token);
        if (result.length != 0 && !abi.decode(result, (bool))) revert TokenTransferFailed(token);
    }

    /// How many of the tokens this contract holds.
    function _held(address token) private view returns (uint256) {
        (bool success, bytes memory result) =
            token.staticcall(abi.encodeWithSignature("balanceOf(address)", address(this)));
        if (!success || result.length < 32) revert TokenTransferFailed(token);
        return abi.decode(result, (uint256));
    }

    function _requirePair(address localToken, address remoteToken) private view {
        bool legacy = _supports(localToken, type(ILegacyMintableERC20).interfaceId);
        address expected = legacy
            ? ILegacyMintableERC20(localToken).l1Token()
            : IOptimismMintableERC20(localToken).remoteToken();
        // INVARIANT: a token made here burns and mints against the one token it stands for.
        if (remoteToken != expected) revert WrongRemoteToken(localToken, remoteToken);
    }

    function _isMintable(address token) private view returns (bool) {
        // 0xffffffff is ERC-165's probe for contracts that answer yes to everything.
        return !_supports(token, 0xffffffff) && _supports(token, 0x01ffc9a7)
            && (_supports(token, type(ILegacyMintableERC20).interfaceId)
                || _supports(token, type(IOptimismMintableERC20).interfaceId));
    }

    function _supports(address token, bytes4 interfaceId) private view returns (bool) {
        (bool success, bytes memory result) = token.staticcall{gas: ERC165_GAS}(
            abi.encodeWithSignature("supportsInterface(bytes4)", interfaceId)
        );
        return success && result.length >= 32 && abi.decode(result, (uint256)) != 0;
    }

    /// Whether the account is an EOA that delegates to code by EIP-7702.
    function _isDelegatedEOA(address account) private view returns (bool) {
        bytes memory code = account.code;
        return code.length == 23 && code[0] == 0xef && code[1] == 0x01 && code[2] == 0x00;
    }
}
