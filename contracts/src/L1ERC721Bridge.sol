// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {CrossDomainMessenger} from "./bridge/CrossDomainMessenger.sol";
import {ERC721Bridge} from "./bridge/ERC721Bridge.sol";
import {Predeploys} from "./l2/Predeploys.sol";

/// @title L1ERC721Bridge
/// @notice Holds the tokens of L1 whose copies live on L2.
contract L1ERC721Bridge is ERC721Bridge {
    /// @notice The token was not bridged to this collection of L2.
    error NotHeld(address localToken, address remoteToken, uint256 tokenId);

    string public constant version = "2.4.0";

    CrossDomainMessenger private immutable MESSENGER_ON_L1;

    /// @notice Tokens held here, by the collection of L2 that has the copy.
    mapping(
        address localToken => mapping(address remoteToken => mapping(uint256 tokenId => bool))
    ) public deposits;

    constructor(address messengerOnL1) {
        MESSENGER_ON_L1 = CrossDomainMessenger(messengerOnL1);
        otherBridge = Predeploys.L2_ERC721_BRIDGE;
    }

    /// @inheritdoc ERC721Bridge
    function messenger() public view override returns (CrossDomainMessenger) {
        return MESSENGER_ON_L1;
    }

    function _take(address localToken, address remoteToken, uint256 tokenId) internal override {
        deposits[localToken][remoteToken][tokenId] = true;
        IERC721(localToken).transferFrom(msg.sender, address(this), tokenId);
    }

    function _release(address localToken, address remoteToken, address to, uint256 tokenId)
        internal
        override
    {
        // INVARIANT: a collection of L2 releases only what was bridged to it.
        if (!deposits[localToken][remoteToken][tokenId]) {
            revert NotHeld(localToken, remoteToken, tokenId);
        }
        deposits[localToken][remoteToken][tokenId] = false;
        IERC721(localToken).safeTransferFrom(address(this), to, tokenId);
    }
}
