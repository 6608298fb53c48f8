// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {
    ERC721Enumerable
} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title IOptimismMintableERC721
/// @notice What OP's bridge asks of a collection that it mints.
interface IOptimismMintableERC721 {
    function safeMint(address _to, uint256 _tokenId) external;
    function burn(address _from, uint256 _tokenId) external;
    function REMOTE_CHAIN_ID() external view returns (uint256);
    function REMOTE_TOKEN() external view returns (address);
    function BRIDGE() external view returns (address);
    function remoteChainId() external view returns (uint256);
    function remoteToken() external view returns (address);
    function bridge() external view returns (address);
}

/// @title OptimismMintableERC721
/// @notice A collection that stands on L2 for one of L1. The bridge mints what L1 holds and burns
///         what goes back. Made by the factory, not by genesis, so it may have immutables.
contract OptimismMintableERC721 is ERC721Enumerable, IOptimismMintableERC721 {
    /// @notice Only the bridge may mint and burn.
    error OnlyBridge(address caller);

    event Mint(address indexed account, uint256 tokenId);
    event Burn(address indexed account, uint256 tokenId);

    string public constant version = "1.3.1";

    /// @notice The chain of the collection that this one stands for.
    uint256 public immutable REMOTE_CHAIN_ID;
    /// @notice The collection that this one stands for.
    address public immutable REMOTE_TOKEN;
    /// @notice The bridge on this chain.
    address public immutable BRIDGE;

    modifier onlyBridge() {
        if (msg.sender != BRIDGE) revert OnlyBridge(msg.sender);
        _;
    }

    constructor(
        address _bridge,
        uint256 _remoteChainId,
        address _remoteToken,
        string memory _name,
        string memory _symbol
    ) ERC721(_name, _symbol) {
        BRIDGE = _bridge;
        REMOTE_CHAIN_ID = _remoteChainId;
        REMOTE_TOKEN = _remoteToken;
    }

    /// @notice Makes a token. Only the bridge may call.
    function safeMint(address _to, uint256 _tokenId) external onlyBridge {
        _safeMint(_to, _tokenId);
        emit Mint(_to, _tokenId);
    }

    /// @notice Destroys a token. Only the bridge may call.
    function burn(address _from, uint256 _tokenId) external onlyBridge {
        _burn(_tokenId);
        emit Burn(_from, _tokenId);
    }

    /// @notice See `REMOTE_CHAIN_ID`.
    function remoteChainId() external view returns (uint256) {
        return REMOTE_CHAIN_ID;
    }

    /// @notice See `REMOTE_TOKEN`.
    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @notice See `BRIDGE`.
    function bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 id) public view override(ERC721Enumerable) returns (bool) {
        return id == type(IOptimismMintableERC721).interfaceId || super.supportsInterface(id);
    }

    /// Where L1's collection answers `tokenURI(uint256)`: https://eips.ethereum.org/EIPS/eip-681
    function _baseURI() internal view override returns (string memory) {
        return string.concat(
            "ethereum:",
            Strings.toHexString(REMOTE_TOKEN),
            "@",
            Strings.toString(REMOTE_CHAIN_ID),
            "/tokenURI?uint256="
        );
    }
}
