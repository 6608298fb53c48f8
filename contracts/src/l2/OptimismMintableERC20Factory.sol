// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OptimismMintableERC20} from "./OptimismMintableERC20.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title OptimismMintableERC20Factory (predeploy 0x4200000000000000000000000000000000000012)
/// @notice Makes L2 tokens for tokens of L1. Anyone may call; equal arguments give one token.
contract OptimismMintableERC20Factory {
    /// @notice A token must stand for something.
    error NoRemoteToken();

    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);
    event OptimismMintableERC20Created(
        address indexed localToken, address indexed remoteToken, address deployer
    );

    string public constant version = "1.10.0";

    /// @notice The bridge that may mint and burn the tokens made here.
    address public constant bridge = Predeploys.L2_STANDARD_BRIDGE;

    /// @notice See `createOptimismMintableERC20`: its older name.
    function createStandardL2Token(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    /// @notice Makes an L2 token with 18 decimals for `_remoteToken` of L1.
    function createOptimismMintableERC20(
        address _remoteToken,
        string memory _name,
        string memory _symbol
    ) external returns (address) {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    /// @notice See `bridge`: an older name of the getter.
    function BRIDGE() external pure returns (address) {
        return bridge;
    }

    /// @notice Makes an L2 token for `_remoteToken` of L1.
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
            new OptimismMintableERC20{salt: salt}(bridge, _remoteToken, _name, _symbol, _decimals)
        );
        emit StandardL2TokenCreated(_remoteToken, localToken);
        emit OptimismMintableERC20Created(localToken, _remoteToken, msg.sender);
    }
}
