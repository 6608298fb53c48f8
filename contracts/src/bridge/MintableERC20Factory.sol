// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OptimismMintableERC20} from "../l2/OptimismMintableERC20.sol";

/// @title MintableERC20Factory
/// @notice What the factories of L1 and L2 have in common: each makes tokens that stand for tokens of
///         the other chain. Anyone may call; equal arguments give one token.
abstract contract MintableERC20Factory {
    /// @notice A token must stand for something.
    error NoRemoteToken();

    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);
    event OptimismMintableERC20Created(
        address indexed localToken, address indexed remoteToken, address deployer
    );

    /// @notice See `createOptimismMintableERC20`: its older name.
    function createStandardL2Token(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    /// @notice Makes a token with 18 decimals for `_remoteToken`.
    function createOptimismMintableERC20(
        address _remoteToken,
        string memory _name,
        string memory _symbol
    ) external returns (address) {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    /// @notice See `bridge`: an older name of the getter.
    function BRIDGE() external view returns (address) {
        return bridge();
    }

    /// @notice Makes a token for `_remoteToken` of the other chain.
    /// @return localToken The token; its address depends on the four arguments alone.
    function createOptimismMintableERC20WithDecimals(
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _decimals
    ) public returns (address localToken) {
        if (_remoteToken == address(0)) revert NoRemoteToken();
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol, _decimals));
        localToken = address(
            new OptimismMintableERC20{salt: salt}(bridge(), _remoteToken, _name, _symbol, _decimals)
        );
        emit StandardL2TokenCreated(_remoteToken, localToken);
        emit OptimismMintableERC20Created(localToken, _remoteToken, msg.sender);
    }

    /// @notice The bridge that may mint and burn the tokens made here.
    function bridge() public view virtual returns (address);
}
