// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GameFacts} from "./GameFacts.sol";

/// @title  ConfirmedGame
/// @notice The code behind each game that `ConfirmedGames` lists: a state of L2 that is final, with
///         the ABI of OP's dispute games as far as tools that withdraw read it. There is nothing to
///         play: the dispute, if there was one, is over, in the EdgeGame.
contract ConfirmedGame {
    /// @notice OP's states of a game. `CHALLENGER_WINS` and `IN_PROGRESS` never occur.
    enum GameStatus {
        IN_PROGRESS,
        CHALLENGER_WINS,
        DEFENDER_WINS
    }

    string public constant version = "1.4.0";

    /// @notice The list that this game is in.
    address public immutable GAMES;
    uint32 private immutable GAME_TYPE;

    constructor(uint32 ofType) {
        GAMES = msg.sender;
        GAME_TYPE = ofType;
    }

    /// @notice The output root.
    function rootClaim() external view returns (bytes32) {
        return facts().rootClaim;
    }

    /// @notice Number of the L2 block whose state it is.
    function l2SequenceNumber() external view returns (uint256) {
        return facts().l2BlockNumber;
    }

    /// @notice See `l2SequenceNumber`: its older name.
    function l2BlockNumber() external view returns (uint256) {
        return facts().l2BlockNumber;
    }

    /// @notice The block number once more, where older tools read it.
    function extraData() external view returns (bytes memory) {
        return abi.encode(uint256(facts().l2BlockNumber));
    }

    /// @notice Type, root claim and extra data.
    function gameData() external view returns (uint32, bytes32, bytes memory) {
        GameFacts.Facts memory own = facts();
        return (GAME_TYPE, own.rootClaim, abi.encode(uint256(own.l2BlockNumber)));
    }

    /// @notice When the assertion was proposed, seconds.
    function createdAt() external view returns (uint64) {
        return facts().createdAt;
    }

    /// @notice When the game was published, which is after its assertion was confirmed, seconds.
    function resolvedAt() external view returns (uint64) {
        return facts().resolvedAt;
    }

    /// @notice Storage root of `L2ToL1MessagePasser` in this state.
    function messagePasserStorageRoot() external view returns (bytes32) {
        return facts().messagePasserStorageRoot;
    }

    /// @notice The type of all games of the list.
    function gameType() external view returns (uint32) {
        return GAME_TYPE;
    }

    /// @notice See `GAMES`: its name in OP's games.
    function anchorStateRegistry() external view returns (address) {
        return GAMES;
    }

    /// @notice Always won by who claimed it.
    function status() external pure returns (GameStatus) {
        return GameStatus.DEFENDER_WINS;
    }

    /// @notice There has never been another type.
    function wasRespectedGameTypeWhenCreated() external pure returns (bool) {
        return true;
    }

    function facts() private view returns (GameFacts.Facts memory) {
        return GameFacts.read(address(this));
    }
}
