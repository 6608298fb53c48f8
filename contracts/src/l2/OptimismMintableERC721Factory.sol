// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OptimismMintableERC721} from "./OptimismMintableERC721.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title OptimismMintableERC721Factory (predeploy 0x4200000000000000000000000000000000000017)
/// @notice Makes L2 collections for collections of L1. Anyone may call; equal arguments give one.
///         Slot 0 is the chain id of L1, set by genesis and by nothing else.
contract OptimismMintableERC721Factory {
    /// @notice A collection must stand for something.
    error NoRemoteToken();

    event OptimismMintableERC721Created(
        address indexed localToken, address indexed remoteToken, address deployer
    );

    string public constant version = "1.4.1";

    /// @notice The bridge that may mint and burn the tokens of collections made here.
    address public constant bridge = Predeploys.L2_ERC721_BRIDGE;

    /// @notice Chain id of L1.
    uint256 public remoteChainID;

    /// @notice Whether a collection was made here.
    mapping(address localToken => bool) public isOptimismMintableERC721;

    /// @notice Makes a collection for `_remoteToken` of L1.
    /// @return localToken The collection; its address depends on the three arguments alone.
    function createOptimismMintableERC721(
        address _remoteToken,
        string memory _name,
        string memory _symbol
    ) external returns (address localToken) {
        if (_remoteToken == address(0)) revert NoRemoteToken();
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol));
        localToken = address(
            new OptimismMintableERC721{salt: salt}(
                bridge, remoteChainID, _remoteToken, _name, _symbol
            )
        );
        isOptimismMintableERC721[localToken] = true;
        emit OptimismMintableERC721Created(localToken, _remoteToken, msg.sender);
    }

    /// @notice See `bridge`: an older name of the getter.
    function BRIDGE() external pure returns (address) {
        return bridge;
    }

    /// @notice See `remoteChainID`: an older name of the getter.
    function REMOTE_CHAIN_ID() external view returns (uint256) {
        return remoteChainID;
    }
}
