// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {IAssertionChain} from "./IAssertionChain.sol";
import {IConfirmedGames} from "./IConfirmedGames.sol";
import {ConfirmedGame} from "./bridge/ConfirmedGame.sol";
import {GameFacts} from "./bridge/GameFacts.sol";

/// @title  ConfirmedGames
/// @notice Lists confirmed assertions, and nothing else, as dispute games. So a tool of OP's never
///         picks a wrong game. An assertion has no block number; the header behind its output root
///         proves the number. There is no owner: what is listed stays, what is wrong cannot be
///         listed.
contract ConfirmedGames is IConfirmedGames {
    /// @dev One slot.
    struct Listed {
        address game;
        uint64 timestamp;
    }

    /// @notice "gain" in ASCII: none of OP's types, whose games can be played.
    uint32 public constant GAME_TYPE = 0x6761696e;
    /// @inheritdoc IConfirmedGames
    string public constant version = "1.2.0";

    /// https://github.com/ethereum/execution-specs, `Header`
    uint256 private constant HEADER_NUMBER = 8;

    /// @inheritdoc IConfirmedGames
    address public immutable ASSERTION_CHAIN;
    address private immutable IMPLEMENTATION;

    Listed[] private list;

    constructor(address assertionChain) {
        ASSERTION_CHAIN = assertionChain;
        IMPLEMENTATION = address(new ConfirmedGame(GAME_TYPE));
    }

    /// @inheritdoc IConfirmedGames
    function publish(
        bytes32 assertionId,
        bytes32 stateRoot,
        bytes32 messagePasserStorageRoot,
        bytes calldata header
    ) external returns (address game) {
        IAssertionChain.Assertion memory assertion = confirmed(assertionId);
        bytes32 found = keccak256(
            abi.encodePacked(bytes32(0), stateRoot, messagePasserStorageRoot, keccak256(header))
        );
        // PROTOCOL.md BRIDGE-3
        // INVARIANT: a game is exactly the state that its assertion claims.
        require(
            found == assertion.outputRoot,
            GamesOutputRootMismatch(assertionId, assertion.outputRoot, found)
        );
        uint64 number = blockNumber(header);
        uint256 index = list.length;
        if (index > 0) {
            uint64 latest = GameFacts.read(list[index - 1].game).l2BlockNumber;
            // INVARIANT: games are in the order of their blocks, each once.
            require(number > latest, GamesNotNewer(number, latest));
        }
        uint64 time = uint64(block.timestamp);
        game = GameFacts.create(
            IMPLEMENTATION,
            GameFacts.Facts(found, messagePasserStorageRoot, number, assertion.createdAt, time)
        );
        list.push(Listed(game, time));
        emit DisputeGameCreated(game, GAME_TYPE, found);
        emit GamePublished(index, assertionId, number);
    }

    /// @inheritdoc IConfirmedGames
    function create(uint32, bytes32, bytes calldata) external payable returns (address) {
        revert GamesNotCreatable();
    }

    /// @inheritdoc IConfirmedGames
    function gameCount() external view returns (uint256) {
        return list.length;
    }

    /// @inheritdoc IConfirmedGames
    function gameAtIndex(uint256 index)
        external
        view
        returns (uint32 gameType, uint64 timestamp, address proxy)
    {
        require(index < list.length, GamesUnknownIndex(index, list.length));
        Listed storage listed = list[index];
        return (GAME_TYPE, listed.timestamp, listed.game);
    }

    /// @inheritdoc IConfirmedGames
    function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        view
        returns (address proxy, uint64 timestamp)
    {
        if (gameType != GAME_TYPE || extraData.length != 32) return (address(0), 0);
        (bool is_, Listed memory listed) = gameOf(uint256(bytes32(extraData)));
        if (!is_ || GameFacts.read(listed.game).rootClaim != rootClaim) return (address(0), 0);
        return (listed.game, listed.timestamp);
    }

    /// @inheritdoc IConfirmedGames
    function findLatestGames(uint32 gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory found)
    {
        if (gameType != GAME_TYPE || start >= list.length) return found;
        uint256 count = n > start ? start + 1 : n;
        found = new GameSearchResult[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 index = start - i;
            Listed memory listed = list[index];
            GameFacts.Facts memory facts = GameFacts.read(listed.game);
            uint256 id =
                uint256(GAME_TYPE) << 224 | uint256(listed.timestamp) << 160 | uint160(listed.game);
            found[i] = GameSearchResult(
                index,
                bytes32(id),
                listed.timestamp,
                facts.rootClaim,
                abi.encode(uint256(facts.l2BlockNumber))
            );
        }
    }

    /// @inheritdoc IConfirmedGames
    function gameImpls(uint32 gameType) external view returns (address) {
        return gameType == GAME_TYPE ? IMPLEMENTATION : address(0);
    }

    /// @inheritdoc IConfirmedGames
    function isGameProper(address game) external view returns (bool) {
        return isGameRegistered(game);
    }

    /// @inheritdoc IConfirmedGames
    function isGameRespected(address game) external view returns (bool) {
        return isGameRegistered(game);
    }

    /// @inheritdoc IConfirmedGames
    function isGameResolved(address game) external view returns (bool) {
        return isGameRegistered(game);
    }

    /// @inheritdoc IConfirmedGames
    function isGameFinalized(address game) external view returns (bool) {
        return isGameRegistered(game);
    }

    /// @inheritdoc IConfirmedGames
    function isGameClaimValid(address game) external view returns (bool) {
        return isGameRegistered(game);
    }

    /// @inheritdoc IConfirmedGames
    function anchors(uint32) external view returns (bytes32, uint256) {
        return getAnchorRoot();
    }

    /// @inheritdoc IConfirmedGames
    function anchorGame() external view returns (address) {
        return list.length == 0 ? address(0) : list[list.length - 1].game;
    }

    /// @inheritdoc IConfirmedGames
    function disputeGameFactory() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IConfirmedGames
    function isGameBlacklisted(address) external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IConfirmedGames
    function isGameRetired(address) external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IConfirmedGames
    function respectedGameType() external pure returns (uint32) {
        return GAME_TYPE;
    }

    /// @inheritdoc IConfirmedGames
    function retirementTimestamp() external pure returns (uint64) {
        return 0;
    }

    /// @inheritdoc IConfirmedGames
    function disputeGameFinalityDelaySeconds() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IConfirmedGames
    function initBonds(uint32) external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IConfirmedGames
    function paused() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IConfirmedGames
    function getGameUUID(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(gameType, rootClaim, extraData));
    }

    /// @inheritdoc IConfirmedGames
    function isGameRegistered(address game) public view returns (bool) {
        if (!GameFacts.hasShape(game)) return false;
        (bool is_, Listed memory listed) = gameOf(GameFacts.read(game).l2BlockNumber);
        return is_ && listed.game == game;
    }

    /// @inheritdoc IConfirmedGames
    function getAnchorRoot() public view returns (bytes32 root, uint256 l2SequenceNumber) {
        if (list.length == 0) {
            IAssertionChain chain = IAssertionChain(ASSERTION_CHAIN);
            return (chain.assertion(chain.genesisId()).outputRoot, 0);
        }
        GameFacts.Facts memory latest = GameFacts.read(list[list.length - 1].game);
        return (latest.rootClaim, latest.l2BlockNumber);
    }

    /// @dev The assertion, confirmed now or before.
    function confirmed(bytes32 id) private returns (IAssertionChain.Assertion memory assertion) {
        IAssertionChain chain = IAssertionChain(ASSERTION_CHAIN);
        chain.confirm(id);
        assertion = chain.assertion(id);
        // PROTOCOL.md BRIDGE-2
        // INVARIANT: only what can no longer be contradicted is listed. `confirm` also returns for
        // a halt, which has no state.
        require(
            assertion.status == IAssertionChain.Status.Confirmed,
            GamesNotConfirmed(id, uint8(assertion.status))
        );
    }

    /// @dev The game of this L2 block, found by halving the list.
    function gameOf(uint256 l2Block) private view returns (bool found, Listed memory listed) {
        (uint256 low, uint256 high) = (0, list.length);
        while (low < high) {
            uint256 middle = (low + high) / 2;
            listed = list[middle];
            uint256 number = GameFacts.read(listed.game).l2BlockNumber;
            if (number == l2Block) return (true, listed);
            if (number < l2Block) low = middle + 1;
            else high = middle;
        }
        return (false, Listed(address(0), 0));
    }

    /// @dev The header's hash was checked, so the bytes are a header, and its number is a uint64.
    function blockNumber(bytes memory header) private pure returns (uint64) {
        Memory.Slice[] memory fields = RLP.decodeList(header);
        return uint64(RLP.readUint256(fields[HEADER_NUMBER]));
    }
}
