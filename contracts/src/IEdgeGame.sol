// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IEdgeGame
/// @notice The dispute between rival assertions: edges over binary trees, all against all, down to
///         one instruction.
///
/// An edge is a mutual id `m` and a root `r`: a commitment to 2^height states which follow
/// one agreed state. Edges with one `m` and different roots are rivals. Everything is
/// addressed by content; `‖` is packed concatenation, `H` is keccak256:
///
/// | what                                   | is                                     |
/// |----------------------------------------|----------------------------------------|
/// | node of a tree                         | H(left:32 ‖ right:32); a leaf is itself|
/// | m of the root edges of "blocks"        | H("blocks" ‖ parentAssertion:32)       |
/// | m of a left child                      | H(m:32 ‖ 0x00)                         |
/// | m of a right child                     | H(m:32 ‖ 0x01 ‖ left:32)               |
/// | m of the edges opened below a height 0 | H("spans" ‖ m:32), H("steps" ‖ m:32)   |
/// | edge id                                | H(m:32 ‖ r:32)                         |
///
/// The agreed state of a left child is that of its parent, the agreed state of a right
/// child is the last leaf of `left`. Both follow from `m` alone, so nobody proves them
/// when an edge is bisected and nothing stores them: they are proved where they are used,
/// at height 0, by a `Position`. An honest player knows every tree whose root it agreed to.
/// Nobody else's position matters.
interface IEdgeGame {
    /// @notice The leaves: claims after each block; machine states, one every 2^STEPS_HEIGHT
    ///         instructions of one block; machine states, one an instruction.
    enum Level {
        Blocks,
        Spans,
        Steps
    }

    /// @notice An edge, as `edge` returns it.
    struct Edge {
        // 0 if there is no such edge.
        uint64 createdAt;
        // When its mutual id got a second edge; 0 while it has one. For a later edge this is not
        // after `createdAt`.
        uint64 rivaledAt;
        // Seconds that count for it now, without the edges below it: at least the cached ones.
        // type(uint64).max once it is proven.
        uint64 timer;
        Level level;
        uint8 height;
        bool bisected;
        bool confirmed;
    }

    /// @notice The stake on a root edge of "spans" or "steps", as `opening` returns it.
    struct Opening {
        // Root of the height-0 edge below which it was opened.
        bytes32 parentRoot;
        address staker;
        // Whether the stake is locked.
        bool isOpen;
    }

    /// @notice One bisection: see `bisect`.
    struct Bisection {
        bytes32 mutualId;
        bytes32 left;
        bytes32 right;
    }

    /// @notice Where a height-0 edge is in its level, and what precedes its leaf.
    struct Position {
        // "blocks": id of the parent assertion. Else: m of the level's root edges.
        bytes32 start;
        // Which leaf of the level's trees it is, from 0. Its bits are the turns from the level's
        // root edge down, the highest one first: 0 goes left, 1 goes right.
        uint64 index;
        // For each turn to the right, from the root edge down: the root of the left child there.
        bytes32[] lefts;
        // Siblings, upwards, of the last leaf of the last of `lefts`, as many as that child is
        // high. That leaf is the agreed state. None if no turn goes right.
        bytes32[] agreedProof;
    }

    /// @notice What a claim is the hash of: outputRoot:32 ‖ batch:8 ‖ block:8 ‖ depositsRead:8.
    struct Claim {
        bytes32 outputRoot;
        uint64 batch;
        uint64 block;
        uint64 depositsRead;
    }

    /// @notice What PROGRAM_HASH is the hash of: codeRoot:32 ‖ memoryRoot:32 ‖ entry:8.
    struct Program {
        // Root over the program's text.
        bytes32 codeRoot;
        // Root of the memory with the program loaded.
        bytes32 memoryRoot;
        // Address of the first instruction.
        uint64 entry;
    }

    /// @notice One settlement: see `settle`.
    struct Settlement {
        bytes32 mutualId;
        bytes32 winner;
        bytes32[] losers;
    }

    /// @notice One edge whose timer is to be cached, after those below it.
    struct TimerUpdate {
        bytes32 mutualId;
        bytes32 root;
        // A bisected edge: its children. At height 0: `left` is the root of an edge opened below
        // it (0 if none), `right` is not read.
        bytes32 left;
        bytes32 right;
    }

    /// @notice A line of edges in a tree that has won, from its root down: who moved there is paid.
    struct Line {
        // The place of the tree's root edge.
        bytes32 mutualId;
        // Of the line's end among the edges of its height. Its bits are the turns, the highest
        // first.
        uint64 index;
        // The root of the edge at the end, which exists. All edges above it are bisected.
        bytes32 node;
        // Siblings, upwards, of the end and of all above it but the tree's root.
        bytes32[] siblings;
        // Root of the tree opened below the end, if that is a leaf and its opening is to be paid;
        // or 0.
        bytes32 opened;
    }

    error EdgeUnknown(bytes32 mutualId, bytes32 root);
    /// @notice Only a contradicted edge may be bisected or opened: else time would count twice.
    error EdgeNotRivaled(bytes32 mutualId, bytes32 root);
    /// @notice The move needs another level or height.
    error EdgeMisplaced(bytes32 mutualId, bytes32 root, Level level, uint8 height);
    error EdgeChildrenMismatch(bytes32 root, bytes32 computed);
    error EdgeProofLength(uint256 found, uint256 expected);
    /// @notice No tree of this height has so many leaves.
    error EdgeIndexTooLarge(uint256 index, uint256 height);
    /// @notice `leaf` is not the last one of the tree with this root.
    error EdgeLastLeafMismatch(bytes32 root, bytes32 leaf);
    /// @notice No turn goes right, so that the agreed state is the start of the level, `expected`.
    error EdgeAgreedMismatch(bytes32 found, bytes32 expected);
    /// @notice The machine's final state has the result `computed` (0 if it did not halt with exit
    ///         code 0), the edge claims `claim`.
    error EdgeResultMismatch(bytes32 claim, bytes32 computed);
    error EdgeProgramMismatch(bytes32 found, bytes32 expected);
    /// @notice The final state is of a run of other code or on another input: L1 has another batch
    ///         now, or this is no run of the program on the block.
    error EdgeRunMismatch(
        bytes32 foundCodeRoot, bytes32 codeRoot, bytes32 foundInput, bytes32 input
    );
    error EdgeStateLength(uint256 found, uint256 expected);
    /// @notice `opened` was not opened below the edge with `root`.
    error EdgeNotOpenedBelow(bytes32 root, bytes32 opened);
    /// @notice No stake was ever locked on this edge.
    error EdgeNotOpened(bytes32 mutualId, bytes32 root);
    error EdgeNotDue(bytes32 mutualId, bytes32 root, uint64 timer, uint64 challengePeriod);
    /// @notice Another edge with this mutual id was confirmed first, and that is final.
    error EdgeRivalConfirmed(bytes32 mutualId, bytes32 root);
    /// @notice Nobody is paid for moves in a tree that has not won.
    error EdgeNotConfirmed(bytes32 mutualId, bytes32 root);
    /// @notice Losers whose stakes pay these moves are still to be settled or collected.
    error EdgePotTooSmall(bytes32 mutualId, uint256 pot, uint256 due);
    error EdgeStakeMismatch(uint256 sent, uint256 expected);
    error EdgeNotAssertionChain(address caller);
    error EdgeInvalidParameter(string name, uint256 found);

    // Every edge follows from these three events: a bisection makes two, unless they exist.

    /// @notice A contradicted assertion became a root edge of "blocks", with the time of the
    ///         assertion. The first two come together, in the block of the second.
    event RootAdded(
        bytes32 indexed mutualId,
        bytes32 indexed root,
        bytes32 indexed parentAssertion,
        bytes32 assertion,
        uint64 createdAt
    );
    /// @notice `root` = H(left ‖ right) was bisected by `mover`.
    event EdgeBisected(
        bytes32 indexed mutualId, bytes32 indexed root, bytes32 left, bytes32 right, address mover
    );
    /// @notice The root edge (`openedId`, `openedRoot`) of `level` was opened at `time` below the
    ///         height-0 edge (`mutualId`, `root`). `agreed` is the state before its first leaf.
    event EdgeOpened(
        bytes32 indexed mutualId,
        bytes32 indexed root,
        bytes32 indexed openedId,
        bytes32 openedRoot,
        Level level,
        bytes32 agreed,
        address staker,
        uint256 stake,
        uint64 time
    );
    /// @notice One instruction leads from the agreed state to `root`, or both are claim 0: the
    ///         timer is infinite. `mover` has shown it.
    event EdgeProven(bytes32 indexed mutualId, bytes32 indexed root, address mover);
    /// @notice The edge's cached timer rose to `timer` seconds.
    event TimerUpdated(bytes32 indexed mutualId, bytes32 indexed root, uint64 timer);
    /// @notice The edge has won over its rivals, for ever.
    event EdgeConfirmed(bytes32 indexed mutualId, bytes32 indexed root);
    /// @notice The stake on a confirmed edge went back to the account that paid it.
    event StakeReturned(
        bytes32 indexed mutualId, bytes32 indexed root, address staker, uint256 amount
    );
    /// @notice The stake on `loser` was taken: `reward` to the winner's staker, `burnt` to nobody,
    ///         the rest to the caller of `settle` and to the pot.
    event StakeTaken(
        bytes32 indexed mutualId,
        bytes32 indexed loser,
        address winner,
        uint256 reward,
        uint256 burnt
    );

    /// @notice Wei of losers came into the pot of those who moved for the tree that won at
    ///         `mutualId`.
    event PotFilled(bytes32 indexed mutualId, uint256 amount);
    /// @notice All moves on a line down to the edge (`endId`, `node`) were paid, with `amount` out
    ///         of the pot of the root edges at `mutualId`; at a leaf also its proof, or the opening
    ///         of `opened` if that is not 0.
    event LinePaid(
        bytes32 indexed mutualId,
        bytes32 indexed endId,
        bytes32 indexed node,
        bytes32 opened,
        uint256 amount
    );

    /// @notice Makes a contradicted assertion a root edge. Only the AssertionChain may call.
    function addRoot(bytes32 parentAssertion, bytes32 assertion, bytes32 root, uint64 createdAt)
        external;

    /// @notice Takes what losing children of an assertion pay to those who moved for the right one.
    ///         Only the AssertionChain may call.
    function fill(bytes32 parentAssertion) external payable;

    /// @notice Splits the edge with root H(left ‖ right) in two of half its length. A second call
    ///         changes nothing.
    function bisect(bytes32 mutualId, bytes32 left, bytes32 right) external;

    /// @notice Several bisections, in order.
    function bisectMany(Bisection[] calldata bisections) external;

    /// @notice Below the height-0 edge of "blocks" at `position` with root `claim`: commits to the
    ///         run of the program on that block. `root` is that of the tree over 2^SPANS_HEIGHT
    ///         states, `finalState` the packed last one, whose code and input are the program's on
    ///         that block and whose result is `claim`. `agreed` is the claim before the block.
    ///         Locks SPANS_STAKE; doing it again credits that back.
    function openSpans(
        Position calldata position,
        Program calldata program,
        Claim calldata agreed,
        bytes32 claim,
        bytes32 root,
        bytes calldata finalState,
        bytes32[] calldata lastLeafProof
    ) external payable;

    /// @notice Below the height-0 edge of "spans" at `position` with root `state`: commits to the
    ///         2^STEPS_HEIGHT states up to `state` that follow `agreed`. Locks STEPS_STAKE; doing
    ///         it again credits that back.
    function openSteps(
        Position calldata position,
        bytes32 agreed,
        bytes32 state,
        bytes32 root,
        bytes32[] calldata lastLeafProof
    ) external payable;

    /// @notice Executes one instruction on `agreed`: the height-0 edge of "steps" at `position`
    ///         whose root is the state after it has won. A second call changes nothing.
    function proveStep(Position calldata position, bytes32 agreed, bytes calldata witness) external;

    /// @notice After a block on which the program fails there is nothing to run: the height-0 edge
    ///         of "blocks" at `position`, behind the agreed claim 0, with the root 0 has won. A
    ///         second call changes nothing.
    function proveZero(Position calldata position) external;

    /// @notice Caches timers, in the order given. A cached timer never falls, so that the caller
    ///         may split the updates over several calls.
    function update(TimerUpdate[] calldata updates) external;

    /// @notice Confirms an edge whose timer has reached CHALLENGE_PERIOD. A second call changes
    ///         nothing.
    function confirm(bytes32 mutualId, bytes32 root) external;

    /// @notice Confirms the root edge `winner` of "spans" or "steps", gives its stake back and
    ///         takes those of `losers`: half is burnt; of the rest, `answerPrice` is for those who
    ///         moved and for the caller, and what is left for the winner's staker. All goes to
    ///         credit in the AssertionChain, but for the pot. A settled stake stays as it is, so
    ///         calls may be split and repeated.
    function settle(bytes32 mutualId, bytes32 winner, bytes32[] calldata losers) external;

    /// @notice Ends a dispute: caches timers, settles, and pays the moves on lines of trees that
    ///         have won, at the prices of `Prices`, in this order. Each move is paid once, to the
    ///         account that made it, whoever calls.
    function conclude(
        TimerUpdate[] calldata updates,
        Settlement[] calldata settlements,
        Line[] calldata lines
    ) external;

    /// @notice The edge; all zero if there is none.
    function edge(bytes32 mutualId, bytes32 root) external view returns (Edge memory);
    /// @notice The stake on a root edge of "spans" or "steps".
    function opening(bytes32 mutualId, bytes32 root) external view returns (Opening memory);
    /// @notice Wei left for the accounts that moved in the level whose root edges are at this
    ///         place.
    function pot(bytes32 mutualId) external view returns (uint256);
    /// @notice Wei of each loser's stake that pay the moves against its tree at this level.
    function answerPrice(Level level) external view returns (uint256);
    /// @notice The state before the first leaf of root edges of "spans" or "steps"; 0 if none.
    function agreedState(bytes32 mutualId) external view returns (bytes32);

    /// @notice The AssertionChain whose assertions are disputed here; it holds all credit.
    function CHAIN() external view returns (address);
    /// @notice The Inbox that the program reads.
    function INBOX() external view returns (address);
    /// @notice The contract that executes one instruction.
    function STEP_VERIFIER() external view returns (address);
    /// @notice Commitment to the program that computes the right claim; not zero.
    function PROGRAM_HASH() external view returns (bytes32);
    /// @notice Hash of the L2 chain's parameters, part of the program's input.
    function CONFIG_HASH() external view returns (bytes32);
    /// @notice Height of root edges of "blocks".
    function BLOCKS_HEIGHT() external view returns (uint64);
    /// @notice Height of root edges of "spans".
    function SPANS_HEIGHT() external view returns (uint64);
    /// @notice Height of root edges of "steps".
    function STEPS_HEIGHT() external view returns (uint64);
    /// @notice Seconds after which an edge is confirmed.
    function CHALLENGE_PERIOD() external view returns (uint64);
    /// @notice Wei to lock for an edge of "spans".
    function SPANS_STAKE() external view returns (uint256);
    /// @notice Wei to lock for an edge of "steps".
    function STEPS_STAKE() external view returns (uint256);
    /// @notice Wei for each gas of `Prices`.
    function GAS_PRICE() external view returns (uint256);
}
