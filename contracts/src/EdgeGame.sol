// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IAssertionChain} from "./IAssertionChain.sol";
import {IEdgeGame} from "./IEdgeGame.sol";
import {IInbox} from "./IInbox.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {Execution} from "./game/Execution.sol";
import {MutualId} from "./game/MutualId.sol";
import {Positions} from "./game/Positions.sol";
import {Prices} from "./game/Prices.sol";
import {EdgeRecord, MutualRecord, PAID, Timers} from "./game/Timers.sol";

/// @title  EdgeGame
/// @notice Decides which of several rival assertions is right. An honest player who answers each
///         rival wins against any opponent. If the agreed state is right, then a wrong edge has a
///         wrong half, to which the player has a right rival; so it goes on down to one
///         instruction, of which only the right result can be proven. The timer of a wrong root
///         edge therefore counts only the seconds that the honest player takes to answer, and the
///         timer of the right one all others.
/// @dev    It has no owner, its parameters never change, and no move reverts for being late. Its
///         AssertionChain creates it: another program needs another pair of contracts.
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
        uint256 gasPrice;
    }

    /// @dev Wei owed to accounts, so that each account gets one payment.
    struct Debt {
        address account;
        uint256 amount;
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
    uint256 public immutable GAS_PRICE;

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
        GAS_PRICE = parameters.gasPrice;
        // INVARIANT: half of a loser's stake pays all moves that answer it, so that the other half
        // is burnt in any case.
        // PROTOCOL.md GAME-17
        uint256 spans = parameters.gasPrice * Prices.answers(parameters.spansHeight, false);
        uint256 steps = parameters.gasPrice * Prices.answers(parameters.stepsHeight, true);
        require(
            parameters.spansStake / 2 >= spans,
            EdgeInvalidParameter("spansStake", parameters.spansStake)
        );
        require(
            parameters.stepsStake / 2 >= steps,
            EdgeInvalidParameter("stepsStake", parameters.stepsStake)
        );
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
    function fill(bytes32 parentAssertion) external payable {
        require(msg.sender == CHAIN, EdgeNotAssertionChain(msg.sender));
        fillPot(MutualId.ofBlocks(parentAssertion), msg.value);
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
        // INVARIANT: each tree of spans is about a run on the batch that L1 has now. A reorg of L1
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
        // Only one root can be proven at a place. A second proof returns here, without an
        // execution.
        if (mutuals[mutualId].proven) return;
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
    function conclude(
        TimerUpdate[] calldata updates,
        Settlement[] calldata settlements,
        Line[] calldata lines
    ) external {
        update(updates);
        Debt memory debt;
        for (uint256 i = 0; i < settlements.length; ++i) {
            Settlement calldata next = settlements[i];
            settleInto(debt, next.mutualId, next.winner, next.losers);
        }
        for (uint256 i = 0; i < lines.length; ++i) {
            payInto(debt, lines[i]);
        }
        payOut(debt);
    }

    /// @inheritdoc IEdgeGame
    function settle(bytes32 mutualId, bytes32 winner, bytes32[] calldata losers) external {
        Debt memory debt;
        settleInto(debt, mutualId, winner, losers);
        payOut(debt);
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
        found.bisected = isBisected(stored);
        found.confirmed = stored.confirmed;
    }

    /// @inheritdoc IEdgeGame
    function opening(bytes32 mutualId, bytes32 root) external view returns (Opening memory) {
        return openings[edgeId(mutualId, root)];
    }

    /// @inheritdoc IEdgeGame
    function pot(bytes32 mutualId) external view returns (uint256) {
        return mutuals[mutualId].pot;
    }

    /// @inheritdoc IEdgeGame
    function answerPrice(Level level) external view returns (uint256) {
        return priceOf(level);
    }

    /// @inheritdoc IEdgeGame
    function update(TimerUpdate[] calldata updates) public {
        for (uint256 i = 0; i < updates.length; ++i) {
            TimerUpdate calldata next = updates[i];
            (bytes32 id, EdgeRecord memory found) = known(next.mutualId, next.root);
            // PROTOCOL.md GAME-11
            uint64 timer =
                Timers.plus(Timers.unrivaled(found, mutuals[next.mutualId]), below(found, next));
            // INVARIANT: a cached timer never falls.
            uint32 stored = Timers.stored(timer);
            if (stored <= found.cached) continue;
            edges[id].cached = stored;
            emit TimerUpdated(next.mutualId, next.root, timer);
        }
    }

    /// @inheritdoc IEdgeGame
    function bisect(bytes32 mutualId, bytes32 left, bytes32 right) public {
        bytes32 root = Hashes.efficientKeccak256(left, right);
        (bytes32 id, EdgeRecord memory found) = known(mutualId, root);
        if (isBisected(found)) return;
        // PROTOCOL.md GAME-5
        require(found.height > 0, EdgeMisplaced(mutualId, root, found.level, 0));
        requireRival(mutualId, root);
        edges[id].mover = msg.sender;
        uint64 time = uint64(block.timestamp);
        add(MutualId.ofLeft(mutualId), left, found.level, found.height - 1, time);
        add(MutualId.ofRight(mutualId, left), right, found.level, found.height - 1, time);
        emit EdgeBisected(mutualId, root, left, right, msg.sender);
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

    /// @dev Closes stakes of one level.
    function settleInto(
        Debt memory debt,
        bytes32 mutualId,
        bytes32 winner,
        bytes32[] calldata losers
    ) private {
        // PROTOCOL.md GAME-13
        confirm(mutualId, winner);
        Opening storage won = openings[edgeId(mutualId, winner)];
        address staker = won.staker;
        require(staker != address(0), EdgeNotOpened(mutualId, winner));
        Level level = edges[edgeId(mutualId, winner)].level;
        uint256 stake = stakeOf(level);
        // INVARIANT: the balance is the sum of the open stakes and of the pots (+ what was forced
        // in by selfdestruct). Each stake leaves in the call that closes it, or becomes a part of a
        // pot.
        uint256 amount = 0;
        if (won.isOpen) {
            won.isOpen = false;
            amount = stake;
            emit StakeReturned(mutualId, winner, staker, stake);
        }
        uint256 price = priceOf(level);
        uint256 taken = 0;
        for (uint256 i = 0; i < losers.length; ++i) {
            Opening storage lost = openings[edgeId(mutualId, losers[i])];
            require(lost.staker != address(0), EdgeNotOpened(mutualId, losers[i]));
            // Closed already, or the winner's own.
            if (!lost.isOpen) continue;
            lost.isOpen = false;
            ++taken;
            // Half is burnt, so that to lose against oneself is not free.
            uint256 reward = stake / 2 - price;
            amount += reward;
            emit StakeTaken(mutualId, losers[i], staker, reward, stake - stake / 2);
            burn(stake - stake / 2);
        }
        owe(debt, staker, amount);
        if (taken == 0 || price == 0) return;
        uint256 closing = GAS_PRICE * Prices.CLOSING;
        fillPot(mutualId, taken * (price - closing));
        owe(debt, msg.sender, taken * closing);
    }

    /// @dev Pays the moves on one line of a tree that has won: all edges of such a tree are right.
    function payInto(Debt memory debt, Line calldata line) private {
        // PROTOCOL.md GAME-17
        bytes32[] memory nodes = Positions.nodesAbove(line);
        uint256 depth = line.siblings.length;
        require(
            edges[edgeId(line.mutualId, nodes[0])].confirmed,
            EdgeNotConfirmed(line.mutualId, nodes[0])
        );
        uint256 price = GAS_PRICE * Prices.BISECTION;
        (bytes32 mutualId, uint256 total) = (line.mutualId, 0);
        for (uint256 i = 0; i < depth; ++i) {
            EdgeRecord storage above = edges[edgeId(mutualId, nodes[i])];
            address mover = above.mover;
            if (mover > PAID) {
                above.mover = PAID;
                total += price;
                owe(debt, mover, price);
            }
            mutualId = line.index >> (depth - 1 - i) & 1 == 0
                ? MutualId.ofLeft(mutualId)
                : MutualId.ofRight(mutualId, line.siblings[depth - 1 - i]);
        }
        total += payLeafInto(debt, line, mutualId);
        MutualRecord storage mutual = mutuals[line.mutualId];
        require(total <= mutual.pot, EdgePotTooSmall(line.mutualId, mutual.pot, total));
        mutual.pot -= uint96(total);
        emit LinePaid(line.mutualId, mutualId, line.node, line.opened, total);
    }

    /// @dev Pays what was done at the end of a line, if that is an edge of height 0.
    function payLeafInto(Debt memory debt, Line calldata line, bytes32 mutualId)
        private
        returns (uint256 price)
    {
        (bytes32 id, EdgeRecord memory leaf) = known(mutualId, line.node);
        address mover = leaf.mover;
        if (leaf.height > 0 || mover == PAID) return 0;
        if (line.opened != 0) {
            bytes32 openedId = belowOf(leaf.level, mutualId);
            bytes32 opened = edgeId(openedId, line.opened);
            // INVARIANT: of all trees opened here the winner alone is paid.
            require(edges[opened].confirmed, EdgeNotConfirmed(openedId, line.opened));
            require(
                openings[opened].parentRoot == line.node, EdgeNotOpenedBelow(line.node, line.opened)
            );
            mover = openings[opened].staker;
        }
        if (mover == address(0)) return 0;
        edges[id].mover = PAID;
        price = GAS_PRICE * (leaf.level == Level.Steps ? Prices.PROOF : Prices.OPENING);
        owe(debt, mover, price);
    }

    function owe(Debt memory debt, address account, uint256 amount) private {
        if (debt.account != account) {
            payOut(debt);
            (debt.account, debt.amount) = (account, 0);
        }
        debt.amount += amount;
    }

    function payOut(Debt memory debt) private {
        if (debt.amount == 0) return;
        IAssertionChain(CHAIN).addCredit{value: debt.amount}(debt.account);
    }

    function fillPot(bytes32 mutualId, uint256 amount) private {
        mutuals[mutualId].pot += uint96(amount);
        emit PotFilled(mutualId, amount);
    }

    /// @dev Locks a stake on the root edge of a level, unless that is done already.
    function open(bytes32 parentId, bytes32 parentRoot, Level level, bytes32 root, bytes32 agreed)
        private
    {
        uint256 stake = stakeOf(level);
        require(msg.value == stake, EdgeStakeMismatch(msg.value, stake));
        contradictedLeaf(parentId, parentRoot, level == Level.Spans ? Level.Blocks : Level.Spans);
        bytes32 mutualId = belowOf(level == Level.Spans ? Level.Blocks : Level.Spans, parentId);
        bytes32 id = edgeId(mutualId, root);
        // PROTOCOL.md GAME-9
        if (edges[id].createdAt != 0) {
            // The edge is open, perhaps by a copy of this move: one stake is enough.
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

    /// @dev Records that a contradicted edge of height 0 has won, which is final.
    function prove(bytes32 mutualId, bytes32 root, Level level) private {
        EdgeRecord storage proven = contradictedLeaf(mutualId, root, level);
        if (mutuals[mutualId].proven) return;
        mutuals[mutualId].proven = true;
        proven.cached = Timers.stored(Timers.INFINITE);
        proven.mover = msg.sender;
        emit EdgeProven(mutualId, root, msg.sender);
    }

    /// @dev Adds an edge unless it exists.
    function add(bytes32 mutualId, bytes32 root, Level level, uint8 height, uint64 createdAt)
        private
    {
        EdgeRecord storage made = edges[edgeId(mutualId, root)];
        if (made.createdAt != 0) return;
        (made.createdAt, made.level, made.height) = (uint40(createdAt), level, height);
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

    /// @dev Seconds that count for an edge in addition to its own, from the edges below it.
    function below(EdgeRecord memory found, TimerUpdate calldata next)
        private
        view
        returns (uint64)
    {
        if (isBisected(found)) {
            bytes32 computed = Hashes.efficientKeccak256(next.left, next.right);
            require(computed == next.root, EdgeChildrenMismatch(next.root, computed));
            return Timers.min(
                timerOf(MutualId.ofLeft(next.mutualId), next.left),
                timerOf(MutualId.ofRight(next.mutualId, next.left), next.right)
            );
        }
        if (found.height > 0 || found.level == Level.Steps || next.left == 0) return 0;
        bytes32 openedId = belowOf(found.level, next.mutualId);
        uint64 timer = timerOf(openedId, next.left);
        require(
            openings[edgeId(openedId, next.left)].parentRoot == next.root,
            EdgeNotOpenedBelow(next.root, next.left)
        );
        return timer;
    }

    /// @dev The known timer, which is at most the true one: see `Timers`.
    function timerOf(bytes32 mutualId, bytes32 root) private view returns (uint64) {
        (, EdgeRecord memory found) = known(mutualId, root);
        uint64 own = Timers.unrivaled(found, mutuals[mutualId]);
        uint64 cached = Timers.loaded(found.cached);
        return own > cached ? own : cached;
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

    /// @dev Most wei that all moves against one tree of a loser cost together.
    function priceOf(Level level) private view returns (uint256) {
        uint256 height = level == Level.Blocks
            ? BLOCKS_HEIGHT
            : level == Level.Spans ? SPANS_HEIGHT : STEPS_HEIGHT;
        return GAS_PRICE * Prices.answers(height, level == Level.Steps);
    }

    /// @dev There is no code at address 0, so this runs nobody's code.
    function burn(uint256 amount) private {
        (bool sent,) = address(0).call{value: amount}("");
        assert(sent);
    }

    function isBisected(EdgeRecord memory found) private pure returns (bool) {
        return found.height > 0 && found.mover != address(0);
    }

    /// @dev The place of what is opened below a height-0 edge of "blocks" or "spans".
    function belowOf(Level level, bytes32 mutualId) private pure returns (bytes32) {
        return level == Level.Blocks ? MutualId.ofSpans(mutualId) : MutualId.ofSteps(mutualId);
    }

    function edgeId(bytes32 mutualId, bytes32 root) private pure returns (bytes32) {
        // PROTOCOL.md GAME-2
        return Hashes.efficientKeccak256(mutualId, root);
    }
}
