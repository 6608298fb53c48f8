// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "./IAssertionChain.sol";
import {IEdgeGame} from "./IEdgeGame.sol";
import {IInbox} from "./IInbox.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {Execution} from "./game/Execution.sol";
import {MutualId} from "./game/MutualId.sol";
import {Positions} from "./game/Positions.sol";
import {EdgeRecord, MutualRecord, Timers} from "./game/Timers.sol";

/// @title  EdgeGame
/// @notice Decides which of rival assertions is right. An honest player who answers each rival with
///         its own move wins, against any opponent: of rival edges whose agreed state is right,
///         a wrong one has a wrong half, which has a right rival, down to one instruction that
///         cannot be proven; so a wrong root edge collects no more time than the honest player
///         took to answer, and the right one all the rest.
/// @dev    Nobody owns it, nothing can be changed, no move is ever too late. It is created by its
///         AssertionChain and ends with it: another program is another pair of contracts.
contract EdgeGame is IEdgeGame {
    using Positions for Position;

    /// @notice Constructor arguments.
    struct Parameters {
        address inbox;
        address stepVerifier;
        bytes32 programHash;
        bytes32 configHash;
        uint64 blocksHeight;
        uint64 spansHeight;
        uint64 stepsHeight;
        uint64 challengePeriod;
        uint256 spansStake;
        uint256 stepsStake;
    }

    /// @inheritdoc IEdgeGame
    address public immutable CHAIN;
    /// @inheritdoc IEdgeGame
    address public immutable INBOX;
    /// @inheritdoc IEdgeGame
    address public immutable STEP_VERIFIER;
    /// @inheritdoc IEdgeGame
    bytes32 public immutable PROGRAM_HASH;
    /// @inheritdoc IEdgeGame
    bytes32 public immutable CONFIG_HASH;
    /// @inheritdoc IEdgeGame
    uint64 public immutable BLOCKS_HEIGHT;
    /// @inheritdoc IEdgeGame
    uint64 public immutable SPANS_HEIGHT;
    /// @inheritdoc IEdgeGame
    uint64 public immutable STEPS_HEIGHT;
    /// @inheritdoc IEdgeGame
    uint64 public immutable CHALLENGE_PERIOD;
    /// @inheritdoc IEdgeGame
    uint256 public immutable SPANS_STAKE;
    /// @inheritdoc IEdgeGame
    uint256 public immutable STEPS_STAKE;

    /// @inheritdoc IEdgeGame
    mapping(bytes32 mutualId => bytes32) public agreedState;

    mapping(bytes32 id => EdgeRecord) private edges;
    mapping(bytes32 mutualId => MutualRecord) private mutuals;
    mapping(bytes32 id => Opening) private openings;

    constructor(Parameters memory parameters) {
        require(parameters.spansStake > 0, EdgeInvalidParameter("spansStake", 0));
        require(parameters.stepsStake > 0, EdgeInvalidParameter("stepsStake", 0));
        CHAIN = msg.sender;
        INBOX = parameters.inbox;
        STEP_VERIFIER = parameters.stepVerifier;
        PROGRAM_HASH = parameters.programHash;
        CONFIG_HASH = parameters.configHash;
        BLOCKS_HEIGHT = parameters.blocksHeight;
        SPANS_HEIGHT = parameters.spansHeight;
        STEPS_HEIGHT = parameters.stepsHeight;
        CHALLENGE_PERIOD = parameters.challengePeriod;
        SPANS_STAKE = parameters.spansStake;
        STEPS_STAKE = parameters.stepsStake;
    }

    /// @inheritdoc IEdgeGame
    function addRoot(bytes32 parentAssertion, bytes32 assertion, bytes32 root, uint64 createdAt)
        external
    {
        require(msg.sender == CHAIN, EdgeNotAssertionChain(msg.sender));
        bytes32 mutualId = MutualId.ofBlocks(parentAssertion);
        add(mutualId, root, Level.Blocks, uint8(BLOCKS_HEIGHT), createdAt);
        emit RootAdded(mutualId, root, parentAssertion, assertion, createdAt);
    }

    /// @inheritdoc IEdgeGame
    function bisectMany(Bisection[] calldata bisections) external {
        for (uint256 i = 0; i < bisections.length; ++i) {
            bisect(bisections[i].mutualId, bisections[i].left, bisections[i].right);
        }
    }

    /// @inheritdoc IEdgeGame
    function openSpans(
        Position calldata position,
        Program calldata program,
        Claim calldata agreed,
        bytes32 claim,
        bytes32 root,
        bytes calldata finalState,
        bytes32[] calldata lastLeafProof
    ) external payable {
        (bytes32 mutualId, bytes32 input) = enterBlock(position, program, agreed);
        // INVARIANT: a tree of spans is one of a run on the batch that L1 has now. A reorg of L1
        // makes the move revert instead of costing a stake.
        Execution.requireRunOf(finalState, program.codeRoot, input);
        Execution.requireResult(finalState, claim);
        Positions.requireLength(lastLeafProof.length, SPANS_HEIGHT);
        Positions.requireLastLeaf(root, keccak256(finalState), lastLeafProof);
        open(mutualId, claim, Level.Spans, root, Execution.initialState(program, input));
    }

    /// @inheritdoc IEdgeGame
    function openSteps(
        Position calldata position,
        bytes32 agreed,
        bytes32 state,
        bytes32 root,
        bytes32[] calldata lastLeafProof
    ) external payable {
        bytes32 first = agreedState[position.start];
        bytes32 mutualId = position.locate(position.start, first, agreed, SPANS_HEIGHT);
        Positions.requireLength(lastLeafProof.length, STEPS_HEIGHT);
        // PROTOCOL.md GAME-8
        Positions.requireLastLeaf(root, state, lastLeafProof);
        open(mutualId, state, Level.Steps, root, agreed);
    }

    /// @inheritdoc IEdgeGame
    function proveStep(Position calldata position, bytes32 agreed, bytes calldata witness)
        external
    {
        bytes32 first = agreedState[position.start];
        bytes32 mutualId = position.locate(position.start, first, agreed, STEPS_HEIGHT);
        // PROTOCOL.md GAME-10
        bytes32 root = IStepVerifier(STEP_VERIFIER).step(agreed, witness);
        prove(mutualId, root, Level.Steps);
    }

    /// @inheritdoc IEdgeGame
    function proveZero(Position calldata position) external {
        // PROTOCOL.md GAME-16
        (bytes32 first,) = IAssertionChain(CHAIN).startOf(position.start);
        bytes32 blocksId = MutualId.ofBlocks(position.start);
        // INVARIANT: no claim hashes to 0, so that nothing can be opened here, and nothing but 0
        // is ever proven.
        prove(position.locate(blocksId, first, 0, BLOCKS_HEIGHT), 0, Level.Blocks);
    }

    /// @inheritdoc IEdgeGame
    function update(TimerUpdate[] calldata updates) external {
        for (uint256 i = 0; i < updates.length; ++i) {
            TimerUpdate calldata next = updates[i];
            (bytes32 id, EdgeRecord memory found) = known(next.mutualId, next.root);
            // PROTOCOL.md GAME-11
            uint64 timer =
                Timers.plus(Timers.unrivaled(found, mutuals[next.mutualId]), below(found, next));
            // INVARIANT: a cached timer never falls.
            if (timer <= found.cached) continue;
            edges[id].cached = timer;
            emit TimerUpdated(next.mutualId, next.root, timer);
        }
    }

    /// @inheritdoc IEdgeGame
    function settleMany(Settlement[] calldata settlements) external {
        for (uint256 i = 0; i < settlements.length; ++i) {
            Settlement calldata next = settlements[i];
            settle(next.mutualId, next.winner, next.losers);
        }
    }

    /// @inheritdoc IEdgeGame
    function edge(bytes32 mutualId, bytes32 root) external view returns (Edge memory found) {
        EdgeRecord memory stored = edges[edgeId(mutualId, root)];
        if (stored.createdAt == 0) return found;
        found.createdAt = stored.createdAt;
        found.rivaledAt = mutuals[mutualId].rivaledAt;
        found.timer = timerOf(mutualId, root);
        found.level = stored.level;
        found.height = stored.height;
        found.bisected = stored.bisected;
        found.confirmed = stored.confirmed;
    }

    /// @inheritdoc IEdgeGame
    function opening(bytes32 mutualId, bytes32 root) external view returns (Opening memory) {
        return openings[edgeId(mutualId, root)];
    }

    /// @inheritdoc IEdgeGame
    function bisect(bytes32 mutualId, bytes32 left, bytes32 right) public {
        bytes32 root = keccak256(abi.encodePacked(left, right));
        (bytes32 id, EdgeRecord memory found) = known(mutualId, root);
        if (found.bisected) return;
        // PROTOCOL.md GAME-5
        require(found.height > 0, EdgeMisplaced(mutualId, root, found.level, 0));
        requireRival(mutualId, root);
        edges[id].bisected = true;
        uint64 time = uint64(block.timestamp);
        add(MutualId.ofLeft(mutualId), left, found.level, found.height - 1, time);
        add(MutualId.ofRight(mutualId, left), right, found.level, found.height - 1, time);
        emit EdgeBisected(mutualId, root, left, right, time);
    }

    /// @inheritdoc IEdgeGame
    function confirm(bytes32 mutualId, bytes32 root) public {
        (bytes32 id, EdgeRecord memory found) = known(mutualId, root);
        if (found.confirmed) return;
        // INVARIANT: of all edges with one mutual id at most one is ever confirmed.
        require(!mutuals[mutualId].decided, EdgeRivalConfirmed(mutualId, root));
        uint64 timer = timerOf(mutualId, root);
        // PROTOCOL.md GAME-12
        require(timer >= CHALLENGE_PERIOD, EdgeNotDue(mutualId, root, timer, CHALLENGE_PERIOD));
        edges[id].confirmed = true;
        mutuals[mutualId].decided = true;
        emit EdgeConfirmed(mutualId, root);
    }

    /// @inheritdoc IEdgeGame
    function settle(bytes32 mutualId, bytes32 winner, bytes32[] calldata losers) public {
        // PROTOCOL.md GAME-13
        confirm(mutualId, winner);
        Opening storage won = openings[edgeId(mutualId, winner)];
        address staker = won.staker;
        require(staker != address(0), EdgeNotOpened(mutualId, winner));
        uint256 stake = stakeOf(edges[edgeId(mutualId, winner)].level);
        // INVARIANT: the balance is the sum of the open stakes (+ what was forced in by
        // selfdestruct). Each one leaves in the call that closes it.
        uint256 amount = 0;
        if (won.isOpen) {
            won.isOpen = false;
            amount = stake;
            emit StakeReturned(mutualId, winner, staker, stake);
        }
        for (uint256 i = 0; i < losers.length; ++i) {
            Opening storage lost = openings[edgeId(mutualId, losers[i])];
            require(lost.staker != address(0), EdgeNotOpened(mutualId, losers[i]));
            // Closed already, or the winner's own.
            if (!lost.isOpen) continue;
            lost.isOpen = false;
            // Half is burnt, so that to lose against oneself is not free.
            uint256 reward = stake / 2;
            amount += reward;
            emit StakeTaken(mutualId, losers[i], staker, reward, stake - reward);
            burn(stake - reward);
        }
        if (amount > 0) IAssertionChain(CHAIN).addCredit{value: amount}(staker);
    }

    /// @dev Locks a stake on the root edge of a level, unless that is done already.
    function open(bytes32 parentId, bytes32 parentRoot, Level level, bytes32 root, bytes32 agreed)
        private
    {
        uint256 stake = stakeOf(level);
        require(msg.value == stake, EdgeStakeMismatch(msg.value, stake));
        contradictedLeaf(parentId, parentRoot, level == Level.Spans ? Level.Blocks : Level.Spans);
        bytes32 mutualId =
            level == Level.Spans ? MutualId.ofSpans(parentId) : MutualId.ofSteps(parentId);
        bytes32 id = edgeId(mutualId, root);
        // PROTOCOL.md GAME-9
        if (edges[id].createdAt != 0) {
            // Done already, perhaps by somebody who copied this move: one stake is enough.
            IAssertionChain(CHAIN).addCredit{value: stake}(msg.sender);
            return;
        }
        agreedState[mutualId] = agreed;
        // INVARIANT: the tree's last leaf fixes `parentRoot`, so an edge is opened below one edge.
        openings[id] = Opening(parentRoot, msg.sender, true);
        uint64 time = uint64(block.timestamp);
        uint64 height = level == Level.Spans ? SPANS_HEIGHT : STEPS_HEIGHT;
        add(mutualId, root, level, uint8(height), time);
        emit EdgeOpened(
            parentId, parentRoot, mutualId, root, level, agreed, msg.sender, stake, time
        );
    }

    /// @dev A contradicted edge of height 0 has won for ever.
    function prove(bytes32 mutualId, bytes32 root, Level level) private {
        EdgeRecord storage proven = contradictedLeaf(mutualId, root, level);
        if (proven.cached == Timers.INFINITE) return;
        proven.cached = Timers.INFINITE;
        emit EdgeProven(mutualId, root);
    }

    /// @dev Adds an edge unless it exists.
    function add(bytes32 mutualId, bytes32 root, Level level, uint8 height, uint64 createdAt)
        private
    {
        EdgeRecord storage made = edges[edgeId(mutualId, root)];
        if (made.createdAt != 0) return;
        (made.createdAt, made.level, made.height) = (createdAt, level, height);
        MutualRecord storage mutual = mutuals[mutualId];
        if (!mutual.exists) mutual.exists = true;
        else if (mutual.rivaledAt == 0) mutual.rivaledAt = uint64(block.timestamp);
    }

    /// @dev The place of a height-0 edge of "blocks", and the program's input on that block.
    function enterBlock(Position calldata position, Program calldata program, Claim calldata agreed)
        private
        view
        returns (bytes32 mutualId, bytes32 input)
    {
        bytes32 programHash =
            keccak256(abi.encodePacked(program.codeRoot, program.memoryRoot, program.entry));
        require(programHash == PROGRAM_HASH, EdgeProgramMismatch(programHash, PROGRAM_HASH));
        bytes32 agreedClaim = keccak256(
            abi.encodePacked(agreed.outputRoot, agreed.batch, agreed.block, agreed.depositsRead)
        );
        (bytes32 first, uint64 limit) = IAssertionChain(CHAIN).startOf(position.start);
        bytes32 blocksId = MutualId.ofBlocks(position.start);
        mutualId = position.locate(blocksId, first, agreedClaim, BLOCKS_HEIGHT);
        // The assertion's children could only be proposed once all batches up to the limit stood.
        // PROTOCOL.md PROGRAM-2
        bytes32 acc = agreed.batch < limit ? IInbox(INBOX).batchAcc(agreed.batch + 1) : bytes32(0);
        input = keccak256(abi.encodePacked(agreedClaim, acc, CONFIG_HASH));
    }

    /// @dev What counts for an edge besides its own time.
    function below(EdgeRecord memory found, TimerUpdate calldata next)
        private
        view
        returns (uint64)
    {
        if (found.bisected) {
            bytes32 computed = keccak256(abi.encodePacked(next.left, next.right));
            require(computed == next.root, EdgeChildrenMismatch(next.root, computed));
            return Timers.min(
                timerOf(MutualId.ofLeft(next.mutualId), next.left),
                timerOf(MutualId.ofRight(next.mutualId, next.left), next.right)
            );
        }
        if (found.height > 0 || found.level == Level.Steps || next.left == 0) return 0;
        bytes32 openedId = found.level == Level.Blocks
            ? MutualId.ofSpans(next.mutualId)
            : MutualId.ofSteps(next.mutualId);
        uint64 timer = timerOf(openedId, next.left);
        require(
            openings[edgeId(openedId, next.left)].parentRoot == next.root,
            EdgeNotOpenedBelow(next.root, next.left)
        );
        return timer;
    }

    /// @dev At most the true timer: see `Timers`.
    function timerOf(bytes32 mutualId, bytes32 root) private view returns (uint64) {
        (, EdgeRecord memory found) = known(mutualId, root);
        uint64 own = Timers.unrivaled(found, mutuals[mutualId]);
        return own > found.cached ? own : found.cached;
    }

    /// @dev A height-0 edge of this level that has a rival.
    function contradictedLeaf(bytes32 mutualId, bytes32 root, Level level)
        private
        view
        returns (EdgeRecord storage)
    {
        (bytes32 id, EdgeRecord memory found) = known(mutualId, root);
        require(
            found.level == level && found.height == 0,
            EdgeMisplaced(mutualId, root, found.level, found.height)
        );
        requireRival(mutualId, root);
        return edges[id];
    }

    /// @dev INVARIANT: an edge gets nothing below it before it has a rival: else the time of both
    ///      would count.
    function requireRival(bytes32 mutualId, bytes32 root) private view {
        // PROTOCOL.md GAME-4
        require(mutuals[mutualId].rivaledAt != 0, EdgeNotRivaled(mutualId, root));
    }

    function known(bytes32 mutualId, bytes32 root)
        private
        view
        returns (bytes32 id, EdgeRecord memory found)
    {
        id = edgeId(mutualId, root);
        found = edges[id];
        require(found.createdAt != 0, EdgeUnknown(mutualId, root));
    }

    function stakeOf(Level level) private view returns (uint256) {
        return level == Level.Spans ? SPANS_STAKE : STEPS_STAKE;
    }

    /// @dev There is no code at address 0, so this runs nobody's code.
    function burn(uint256 amount) private {
        (bool sent,) = address(0).call{value: amount}("");
        assert(sent);
    }

    function edgeId(bytes32 mutualId, bytes32 root) private pure returns (bytes32) {
        // PROTOCOL.md GAME-2
        return keccak256(abi.encodePacked(mutualId, root));
    }
}
