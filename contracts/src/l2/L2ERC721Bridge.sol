// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {ERC721Bridge} from "../bridge/ERC721Bridge.sol";
import {IOptimismMintableERC721, OptimismMintableERC721} from "./OptimismMintableERC721.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title L2ERC721Bridge (predeploy 0x4200000000000000000000000000000000000014)
/// @notice Makes the copies on L2 of tokens that L1 holds, and burns those that go back.
///         Slot 0 is the bridge on L1, set by genesis and by nothing else.
contract L2ERC721Bridge is ERC721Bridge {
    /// @notice The collection here does not stand for the one of L1.
    error WrongRemoteToken(address localToken, address remoteToken);
    /// @notice The token belongs to somebody else.
    error NotOwner(address caller, uint256 tokenId);

    string public constant version = "1.8.0";

    /// @inheritdoc ERC721Bridge
    function messenger() public pure override returns (CrossDomainMessenger) {
        return CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    }

    function _take(address localToken, address remoteToken, uint256 tokenId) internal override {
        OptimismMintableERC721 token = OptimismMintableERC721(localToken);
        if (token.ownerOf(tokenId) != msg.sender) revert NotOwner(msg.sender, tokenId);
        // INVARIANT: a copy goes back to the one collection that it stands for.
        if (token.remoteToken() != remoteToken) revert WrongRemoteToken(localToken, remoteToken);
        token.burn(msg.sender, tokenId);
    }

    function _release(address localToken, address remoteToken, address to, uint256 tokenId)
        internal
        override
    {
        bool mintable = IERC165(localToken)
            .supportsInterface(type(IOptimismMintableERC721).interfaceId);
        if (!mintable || IOptimismMintableERC721(localToken).remoteToken() != remoteToken) {
            revert WrongRemoteToken(localToken, remoteToken);
        }
        IOptimismMintableERC721(localToken).safeMint(to, tokenId);
    }
}
