// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";

/// @title ERC721Bridge
/// @notice What the bridges of L1 and L2 for single tokens have in common. A token of L1 is held
///         there while its copy lives on L2; there are no copies on L1.
///         Slot 0 is the other bridge.
abstract contract ERC721Bridge {
    /// @notice There is no bridge on the other chain.
    error NoOtherBridge();
    /// @notice A contract called a function that pays its caller on the other chain, where the
    ///         contract may not exist. `bridgeERC721To` is for it.
    error OnlyEOA(address caller);
    /// @notice The call is not a message of the other bridge.
    error OnlyOtherBridge(address caller);
    /// @notice The token would go to nobody, or stand for nothing.
    error ZeroAddress();

    event ERC721BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );
    event ERC721BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );

    /// @notice The bridge on the other chain.
    address public otherBridge;

    modifier onlyOtherBridge() {
        // PROTOCOL.md BRIDGE-11
        // INVARIANT: only the other bridge releases or makes tokens here.
        if (
            msg.sender != address(messenger()) || otherBridge == address(0)
                || messenger().xDomainMessageSender() != otherBridge
        ) revert OnlyOtherBridge(msg.sender);
        _;
    }

    /// @notice Bridges a token of the caller to its own address there.
    /// @param _localToken The collection here.
    /// @param _remoteToken The collection there.
    /// @param _tokenId Which token.
    /// @param _minGasLimit Gas that the payout gets at least.
    /// @param _extraData Put into the events and nothing else.
    function bridgeERC721(
        address _localToken,
        address _remoteToken,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        if (msg.sender != tx.origin && !_isDelegatedEOA(msg.sender)) {
            revert OnlyEOA(msg.sender);
        }
        _bridge(_localToken, _remoteToken, msg.sender, _tokenId, _minGasLimit, _extraData);
    }

    /// @notice As `bridgeERC721`, to another account there.
    function bridgeERC721To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _bridge(_localToken, _remoteToken, _to, _tokenId, _minGasLimit, _extraData);
    }

    /// @notice Releases, or makes, a token that was bridged on the other chain.
    function finalizeBridgeERC721(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _tokenId,
        bytes calldata _extraData
    ) external onlyOtherBridge {
        _release(_localToken, _remoteToken, _to, _tokenId);
        emit ERC721BridgeFinalized(_localToken, _remoteToken, _from, _to, _tokenId, _extraData);
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

    /// Takes the token of the caller before the message leaves.
    function _take(address localToken, address remoteToken, uint256 tokenId) internal virtual;

    /// Gives the token to `to`.
    function _release(address localToken, address remoteToken, address to, uint256 tokenId)
        internal
        virtual;

    function _bridge(
        address localToken,
        address remoteToken,
        address to,
        uint256 tokenId,
        uint32 minGasLimit,
        bytes calldata extraData
    ) private {
        address other = otherBridge;
        // INVARIANT: nothing leaves towards a bridge that does not exist.
        if (other == address(0)) revert NoOtherBridge();
        if (remoteToken == address(0) || to == address(0)) revert ZeroAddress();
        _take(localToken, remoteToken, tokenId);
        emit ERC721BridgeInitiated(localToken, remoteToken, msg.sender, to, tokenId, extraData);
        // What is remote here is local there.
        messenger()
            .sendMessage(
                other,
                abi.encodeCall(
                    this.finalizeBridgeERC721,
                    (remoteToken, localToken, msg.sender, to, tokenId, extraData)
                ),
                minGasLimit
            );
    }

    /// Whether the account is an EOA that delegates to code by EIP-7702.
    function _isDelegatedEOA(address account) private view returns (bool) {
        bytes memory code = account.code;
        return code.length == 23 && code[0] == 0xef && code[1] == 0x01 && code[2] == 0x00;
    }
}
