// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IConfirmedGames
/// @notice Confirmed assertions as OP's tools look for them: as dispute games with an L2 block
///         number, of which the defender has won. The ABI is that of OP's DisputeGameFactory and
///         AnchorStateRegistry, and `publish`.
interface IConfirmedGames {
    /// @notice One game, as OP's `findLatestGames` answers.
    struct GameSearchResult {
        uint256 index;
        // gameType:4 ‖ timestamp:8 ‖ address:20
        bytes32 metadata;
        uint64 timestamp;
        bytes32 rootClaim;
        bytes extraData;
    }

    /// @notice The assertion is not confirmed, so its state may be a lie. `status` is as in
    ///         `IAssertionChain`.
    error GamesNotConfirmed(bytes32 assertionId, uint8 status);
    /// @notice State root, storage root and header are not those behind the assertion.
    error GamesOutputRootMismatch(bytes32 assertionId, bytes32 expected, bytes32 found);
    /// @notice A later block is listed, and its state serves for all withdrawals up to it.
    error GamesNotNewer(uint64 l2BlockNumber, uint64 latest);
    error GamesUnknownIndex(uint256 index, uint256 count);
    /// @notice Games are published, not created.
    error GamesNotCreatable();

    /// @notice OP's event for a new game.
    event DisputeGameCreated(
        address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim
    );
    /// @notice Game `index` is the state of assertion `assertionId`, at the end of this L2 block.
    event GamePublished(uint256 indexed index, bytes32 indexed assertionId, uint64 l2BlockNumber);

    /// @notice Confirms the assertion, if that is still to be done, and lists its state as a game.
    ///         Anyone. `header` is the RLP of the L2 block's header, the roots are those behind the
    ///         output root.
    function publish(
        bytes32 assertionId,
        bytes32 stateRoot,
        bytes32 messagePasserStorageRoot,
        bytes calldata header
    ) external returns (address game);

    /// @notice Number of games.
    function gameCount() external view returns (uint256);
    /// @notice Game by index, in the order of L2 blocks.
    function gameAtIndex(uint256 index)
        external
        view
        returns (uint32 gameType, uint64 timestamp, address proxy);
    /// @notice The game with this root claim and block number; zeros if there is none.
    function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        view
        returns (address proxy, uint64 timestamp);
    /// @notice Up to `n` games from index `start` downwards.
    function findLatestGames(uint32 gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory found);
    /// @notice The code behind games of this type.
    function gameImpls(uint32 gameType) external view returns (address);
    /// @notice OP's identity of a game.
    function getGameUUID(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        pure
        returns (bytes32);
    /// @notice Stake to create a game: nobody can.
    function initBonds(uint32 gameType) external view returns (uint256);
    /// @notice Reverts: games are published.
    function create(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        payable
        returns (address);

    /// @notice Whether the game is listed here.
    function isGameRegistered(address game) external view returns (bool);
    /// @notice As `isGameRegistered`: what is listed is proper, respected, resolved and final.
    function isGameProper(address game) external view returns (bool);
    /// @notice As `isGameProper`.
    function isGameRespected(address game) external view returns (bool);
    /// @notice As `isGameProper`.
    function isGameResolved(address game) external view returns (bool);
    /// @notice As `isGameProper`.
    function isGameFinalized(address game) external view returns (bool);
    /// @notice As `isGameProper`.
    function isGameClaimValid(address game) external view returns (bool);
    /// @notice Whether the game was removed from the list: none can be.
    function isGameBlacklisted(address game) external view returns (bool);
    /// @notice Whether the game is too old: none is.
    function isGameRetired(address game) external view returns (bool);
    /// @notice The newest listed state; that of genesis while none is listed.
    function getAnchorRoot() external view returns (bytes32 root, uint256 l2SequenceNumber);
    /// @notice As `getAnchorRoot`.
    function anchors(uint32 gameType) external view returns (bytes32 root, uint256 l2SequenceNumber);
    /// @notice The newest game; zero while there is none.
    function anchorGame() external view returns (address);
    /// @notice The type of all games here.
    function respectedGameType() external view returns (uint32);
    /// @notice Games before this time do not count; 0, so that all games count.
    function retirementTimestamp() external view returns (uint64);
    /// @notice Seconds from a game's end to a payout: none.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);
    /// @notice This contract.
    function disputeGameFactory() external view returns (address);
    /// @notice Whether games are held back: never.
    function paused() external view returns (bool);
    /// @notice Version of the ABI.
    function version() external view returns (string memory);
    /// @notice Where the assertions are.
    function ASSERTION_CHAIN() external view returns (address);
}
