// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssertionChain} from "../../src/AssertionChain.sol";
import {EdgeGame} from "../../src/EdgeGame.sol";
import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {PreimageOracle} from "../../src/PreimageOracle.sol";
import {StepVerifier} from "../../src/StepVerifier.sol";
import {L1Test} from "../L1Test.sol";
import {Machine} from "../vm/MachineBuilder.sol";
import {TinyProgram} from "./TinyProgram.sol";
import {Tree, Trees} from "./Trees.sol";

/// @notice Leaves [from, until) are lies.
struct Lie {
    uint256 from;
    uint256 until;
}

/// @notice Somebody who claims the truth but for lies, and plays it to the end.
struct Player {
    uint256 seed;
    address account;
    Lie blocks;
    Lie spans;
    Lie steps;
}

/// @notice A tree of a player's and where it belongs.
struct Board {
    IEdgeGame.Level level;
    // The block and the span of which it holds the inside.
    uint256 blockIndex;
    uint256 spanIndex;
    // Mutual id of the tree's root.
    bytes32 start;
    Tree tree;
}

/// @title  GameTest
/// @notice The contracts around a real program, and players of all kinds. Every move of a player
///         follows from its own trees and from what the contract shows of its own edges.
abstract contract GameTest is L1Test {
    using Trees for Tree;

    uint256 internal constant NEVER = type(uint256).max;
    uint256 internal constant ALL = type(uint256).max;
    uint64 internal constant PERIOD = 1 days;
    uint64 internal constant INTERVAL = 600;
    uint256 internal constant STAKE = 1 ether;
    uint256 internal constant SPANS_STAKE = 0.1 ether;
    uint256 internal constant STEPS_STAKE = 0.01 ether;
    bytes32 internal constant GENESIS_OUTPUT = keccak256("genesis");
    bytes32 internal constant CONFIG_HASH = keccak256("config");

    AssertionChain internal chain;
    EdgeGame internal game;
    bytes32 internal genesis;
    IEdgeGame.Program internal program;
    /// Batches posted before the chain was deployed: those that a child of genesis must read.
    uint256 internal batches = 2;

    /// The truth: the program's input on each block and its states.
    bytes32[] internal inputs;
    /// The Inbox's accumulators up to the batch limit of genesis; zero behind it.
    mapping(uint64 count => bytes32) internal batchAccs;
    mapping(uint256 blockIndex => bytes32[]) internal states;
    mapping(uint256 blockIndex => bytes) internal finalStates;
    /// Which bits of a claim's first byte make the program fail that computes it; and the first block
    /// on which it does.
    int32 internal failMask = 0;
    uint256 internal failsAt = NEVER;
    /// What was proposed.
    mapping(bytes32 root => bytes32) internal assertionIds;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < batches; ++i) {
            postAll();
            batchAccs[inbox.batchCount()] = inbox.batchAcc(inbox.batchCount());
        }
        Machine memory machine = TinyProgram.load(0, failMask);
        program = IEdgeGame.Program(
            TinyProgram.codeRoot(machine), machine.memoryRoot(), uint64(machine.pc)
        );
        deployChain();
        tellTheTruth();
        vm.warp(block.timestamp + INTERVAL);
    }

    function heights() internal view virtual returns (uint64, uint64, uint64) {
        return (2, 2, 3);
    }

    /// For an assertion, a tree of spans, a tree of steps.
    function stakes() internal view virtual returns (uint256[3] memory) {
        return [STAKE, SPANS_STAKE, STEPS_STAKE];
    }

    /// At which movers are paid: by default not at all, so that stakes are seen alone.
    function gasPrice() internal view virtual returns (uint256) {
        return 0;
    }

    function deployChain() internal {
        (uint64 blocks, uint64 spans, uint64 steps) = heights();
        chain = new AssertionChain(
            AssertionChain.Parameters({
                inbox: address(inbox),
                stepVerifier: address(new StepVerifier(new PreimageOracle())),
                programHash: keccak256(
                    bytes.concat(program.codeRoot, program.memoryRoot, bytes8(program.entry))
                ),
                configHash: CONFIG_HASH,
                vmVersion: 1,
                blocksHeight: blocks,
                spansHeight: spans,
                stepsHeight: steps,
                challengePeriod: PERIOD,
                minInterval: INTERVAL,
                stake: stakes()[0],
                spansStake: stakes()[1],
                stepsStake: stakes()[2],
                gasPrice: gasPrice(),
                genesisOutputRoot: GENESIS_OUTPUT
            })
        );
        game = EdgeGame(chain.GAME());
        genesis = chain.genesisId();
    }

    /// Runs the program on every block.
    function tellTheTruth() internal virtual {
        (uint64 blocks, uint64 spans, uint64 steps) = heights();
        bytes32 claim = keccak256(bytes.concat(GENESIS_OUTPUT, bytes24(0)));
        for (uint256 i = 0; i < 2 ** blocks; ++i) {
            // All claims but genesis have read one batch.
            uint64 next = i == 0 ? 1 : 2;
            bytes32 input = keccak256(bytes.concat(claim, batchAccs[next], CONFIG_HASH));
            inputs.push(input);
            states[i] = TinyProgram.trace(input, failMask, 2 ** (spans + steps));
            Machine memory last = TinyProgram.runFor(input, failMask, TinyProgram.STEPS);
            finalStates[i] = TinyProgram.packed(last);
            claim = keccak256(bytes.concat(input, TinyProgram.CURSOR));
            if (uint8(claim[0]) & uint32(failMask) != 0) {
                failsAt = i;
                return;
            }
        }
    }

    // Players.

    function honest() internal returns (Player memory) {
        return player(0, Lie(NEVER, NEVER), Lie(NEVER, NEVER), Lie(NEVER, NEVER));
    }

    function player(uint256 seed, Lie memory blocks, Lie memory spans, Lie memory steps)
        internal
        returns (Player memory made)
    {
        made = Player(seed, address(uint160(0x10000 + seed)), blocks, spans, steps);
        if (made.account.balance == 0) vm.deal(made.account, 100 ether);
    }

    /// Lies from these places on, and to the end.
    function liar(uint256 seed, uint256 blockIndex, uint256 span, uint256 step)
        internal
        returns (Player memory)
    {
        return player(seed, Lie(blockIndex, NEVER), Lie(span, NEVER), Lie(step, NEVER));
    }

    // What a player claims.

    function outputOf(Player memory p, uint256 i) internal view returns (bytes32) {
        if (isLie(p.blocks, i)) return keccak256(abi.encode("output", p.seed, i));
        return i < failsAt ? inputs[i] : bytes32(0);
    }

    function claimOf(Player memory p, uint256 i) internal view virtual returns (bytes32) {
        if (i >= failsAt && !isLie(p.blocks, i)) return 0;
        return keccak256(bytes.concat(outputOf(p, i), TinyProgram.CURSOR));
    }

    function blocksOf(Player memory p) internal view returns (Board memory board) {
        board.start = Trees.blocksId(genesis);
        (uint64 height,,) = heights();
        bytes32[] memory leaves = new bytes32[](2 ** height);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = claimOf(p, i);
        }
        board.tree = Trees.grow(leaves);
    }

    function spansOf(Player memory p, uint256 blockIndex, bytes32 start)
        internal
        view
        returns (Board memory board)
    {
        (, uint64 height, uint64 steps) = heights();
        (board.level, board.blockIndex, board.start) = (IEdgeGame.Level.Spans, blockIndex, start);
        bytes32[] memory leaves = new bytes32[](2 ** height);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = isLie(p.spans, i)
                ? keccak256(abi.encode("span", p.seed, blockIndex, i))
                : states[blockIndex][(i + 1) << steps];
        }
        leaves[leaves.length - 1] = keccak256(finalStateOf(p, blockIndex));
        board.tree = Trees.grow(leaves);
    }

    function stepsOf(Player memory p, Board memory spans, uint256 spanIndex, bytes32 start)
        internal
        view
        returns (Board memory board)
    {
        (,, uint64 height) = heights();
        (board.level, board.blockIndex) = (IEdgeGame.Level.Steps, spans.blockIndex);
        (board.spanIndex, board.start) = (spanIndex, start);
        bytes32[] memory leaves = new bytes32[](2 ** height);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = isLie(p.steps, i)
                ? keccak256(abi.encode("step", p.seed, spans.blockIndex, spanIndex, i))
                : states[spans.blockIndex][(spanIndex << height) + i + 1];
        }
        leaves[leaves.length - 1] = spans.tree.leaf(spanIndex);
        board.tree = Trees.grow(leaves);
    }

    /// The last state of a run that results in the player's claim.
    function finalStateOf(Player memory p, uint256 blockIndex)
        internal
        view
        virtual
        returns (bytes memory)
    {
        bytes32 claim = claimOf(p, blockIndex);
        if (claim == 0 && blockIndex == failsAt) return finalStates[blockIndex];
        // It runs for ever.
        if (claim == 0) {
            return TinyProgram.packed(TinyProgram.load(inputOf(p, blockIndex), failMask));
        }
        if (!isLie(p.blocks, blockIndex)) {
            return finalStates[blockIndex];
        }
        return haltedWith(claim, inputOf(p, blockIndex));
    }

    /// The program's input on a block, after the claim that the player has before it.
    function inputOf(Player memory p, uint256 index) internal view returns (bytes32) {
        IEdgeGame.Claim memory before = claimBefore(p, index);
        bytes32 agreed = keccak256(
            bytes.concat(
                before.outputRoot,
                bytes8(before.batch),
                bytes8(before.block),
                bytes8(before.depositsRead)
            )
        );
        return keccak256(bytes.concat(agreed, batchAccs[before.batch + 1], CONFIG_HASH));
    }

    /// A state of a run on this input that nothing leads to, with this output.
    function haltedWith(bytes32 output, bytes32 input) internal view returns (bytes memory) {
        Machine memory machine = TinyProgram.load(input, failMask);
        machine.status = 1;
        for (uint256 i = 0; i < 32; ++i) {
            machine.x[11 + i / 8] |= uint64(uint8(output[i])) << uint64(8 * (i % 8));
        }
        return TinyProgram.packed(machine);
    }

    function isLie(Lie memory lie, uint256 i) internal pure returns (bool) {
        return lie.from <= i && i < lie.until;
    }

    // Moves.

    function propose(Player memory p) internal returns (bytes32) {
        Tree memory tree = blocksOf(p).tree;
        return proposeTree(p.account, outputOf(p, 2 ** tree.height - 1), tree);
    }

    function proposeTree(address account, bytes32 output, Tree memory tree)
        internal
        returns (bytes32 id)
    {
        bytes32 acc = chain.assertion(genesis).batchLimitAcc;
        if (tree.lastLeaf() == 0) output = 0;
        vm.prank(account, account);
        id = chain.propose{value: stakes()[0]}(
            genesis, output, endCursor(tree), tree.root(), tree.lastLeafProof(), acc
        );
        assertionIds[tree.root()] = id;
    }

    /// Of claim 0, or of every other claim.
    function endCursor(Tree memory tree) internal pure returns (IAssertionChain.Cursor memory) {
        if (tree.lastLeaf() == 0) return IAssertionChain.Cursor(0, 0, 0);
        return IAssertionChain.Cursor(1, 0, 1);
    }

    function assertionOf(Player memory p) internal view returns (bytes32) {
        return assertionIds[rootOf(p)];
    }

    /// Answers all rivals, with at most `budget` moves; returns what is left of that.
    function respond(Player memory p, uint256 budget) internal returns (uint256) {
        return this.respondFreely(p, budget);
    }

    /// A call of its own, so that its memory is freed.
    function respondFreely(Player memory p, uint256 budget) external returns (uint256) {
        vm.pauseGasMetering();
        Board memory board = blocksOf(p);
        return respond(p, board, board.start, board.tree.height, 0, budget);
    }

    function respond(
        Player memory p,
        Board memory board,
        bytes32 id,
        uint256 height,
        uint256 index,
        uint256 budget
    ) internal returns (uint256) {
        if (budget == 0) return 0;
        IEdgeGame.Edge memory edge = game.edge(id, board.tree.node(height, index));
        if (edge.createdAt == 0 || edge.rivaledAt == 0) return budget;
        if (height == 0) return descend(p, board, id, index, budget);
        bytes32 left = board.tree.node(height - 1, 2 * index);
        if (!edge.bisected) {
            vm.prank(p.account);
            game.bisect(id, left, board.tree.node(height - 1, 2 * index + 1));
            --budget;
        }
        budget = respond(p, board, Trees.leftId(id), height - 1, 2 * index, budget);
        bytes32 right = Trees.rightId(id, left);
        return respond(p, board, right, height - 1, 2 * index + 1, budget);
    }

    /// Opens or proves a contradicted leaf.
    function descend(Player memory p, Board memory board, bytes32 id, uint256 index, uint256 budget)
        internal
        returns (uint256)
    {
        if (board.level == IEdgeGame.Level.Steps) {
            if (!isTrueStep(board, index)) return budget;
            if (game.edge(id, board.tree.leaf(index)).timer == type(uint64).max) return budget;
            proveStep(p, board, index);
            return budget - 1;
        }
        if (board.level == IEdgeGame.Level.Blocks) {
            if (index > 0 && board.tree.leaf(index - 1) == 0) {
                return proveZero(p, board, id, index, budget);
            }
            if (!openable(p, index)) return budget;
        }
        Board memory below = boardBelow(p, board, id, index);
        if (game.edge(below.start, below.tree.root()).createdAt == 0) {
            if (board.level == IEdgeGame.Level.Blocks) openSpans(p, board, index);
            else openSteps(p, board, index);
            noteOpening(p, below.start, below.tree.root());
            --budget;
        }
        return respond(p, below, below.start, below.tree.height, 0, budget);
    }

    /// Behind claim 0 there is nothing to open.
    function proveZero(
        Player memory p,
        Board memory board,
        bytes32 id,
        uint256 index,
        uint256 budget
    ) internal returns (uint256) {
        if (board.tree.leaf(index) != 0 || game.edge(id, 0).timer == type(uint64).max) {
            return budget;
        }
        IEdgeGame.Position memory position = board.tree.position(genesis, index);
        vm.prank(p.account);
        game.proveZero(position);
        return budget - 1;
    }

    /// For those who keep books.
    function noteOpening(Player memory p, bytes32 id, bytes32 root) internal virtual {}

    /// Whether a player tries to open a block.
    function openable(Player memory, uint256) internal view virtual returns (bool) {
        return true;
    }

    function boardBelow(Player memory p, Board memory board, bytes32 id, uint256 index)
        internal
        view
        returns (Board memory)
    {
        if (board.level == IEdgeGame.Level.Blocks) {
            return spansOf(p, index, Trees.spansId(id));
        }
        return stepsOf(p, board, index, Trees.stepsId(id));
    }

    function openSpans(Player memory p, Board memory board, uint256 index) internal {
        Tree memory tree = spansOf(p, index, 0).tree;
        IEdgeGame.Position memory position = board.tree.position(genesis, index);
        bytes memory finalState = finalStateOf(p, index);
        IEdgeGame.Claim memory agreed = claimBefore(p, index);
        vm.prank(p.account);
        game.openSpans{value: stakes()[1]}(
            position,
            program,
            agreed,
            board.tree.leaf(index),
            tree.root(),
            finalState,
            tree.lastLeafProof()
        );
    }

    function claimBefore(Player memory p, uint256 index)
        internal
        view
        returns (IEdgeGame.Claim memory)
    {
        if (index == 0) return IEdgeGame.Claim(GENESIS_OUTPUT, 0, 0, 0);
        return IEdgeGame.Claim(outputOf(p, index - 1), 1, 0, 1);
    }

    function openSteps(Player memory p, Board memory board, uint256 index) internal {
        Tree memory tree = stepsOf(p, board, index, 0).tree;
        IEdgeGame.Position memory position = board.tree.position(board.start, index);
        bytes32 agreed = agreedBefore(board, index);
        vm.prank(p.account);
        game.openSteps{value: stakes()[2]}(
            position, agreed, board.tree.leaf(index), tree.root(), tree.lastLeafProof()
        );
    }

    function proveStep(Player memory p, Board memory board, uint256 index) internal {
        IEdgeGame.Position memory position = board.tree.position(board.start, index);
        bytes32 agreed = agreedBefore(board, index);
        bytes memory witness = witnessOf(board, index);
        vm.prank(p.account);
        game.proveStep(position, agreed, witness);
    }

    /// The state before a leaf of "spans" or "steps".
    function agreedBefore(Board memory board, uint256 index) internal view returns (bytes32) {
        return index == 0 ? game.agreedState(board.start) : board.tree.leaf(index - 1);
    }

    function isTrueStep(Board memory board, uint256 index) internal view returns (bool) {
        return board.tree.leaf(index) == states[board.blockIndex][stepsBefore(board, index) + 1];
    }

    function witnessOf(Board memory board, uint256 index) internal view returns (bytes memory) {
        return TinyProgram.witness(
            TinyProgram.runFor(inputs[board.blockIndex], failMask, stepsBefore(board, index))
        );
    }

    function stepsBefore(Board memory board, uint256 index) internal pure returns (uint256) {
        return (board.spanIndex << board.tree.height) + index;
    }

    // Timers.

    /// Caches the timers of all edges of a player, from the deepest on.
    function updateAll(Player memory p) internal {
        this.updateFreely(p);
    }

    /// A call of its own, so that its memory is freed.
    function updateFreely(Player memory p) external {
        vm.pauseGasMetering();
        Board memory board = blocksOf(p);
        updateAll(p, board, board.start, board.tree.height, 0);
    }

    function updateAll(
        Player memory p,
        Board memory board,
        bytes32 id,
        uint256 height,
        uint256 index
    ) internal {
        bytes32 root = board.tree.node(height, index);
        IEdgeGame.Edge memory edge = game.edge(id, root);
        if (edge.createdAt == 0) return;
        (bytes32 left, bytes32 right) = (bytes32(0), bytes32(0));
        if (edge.bisected) {
            left = board.tree.node(height - 1, 2 * index);
            right = board.tree.node(height - 1, 2 * index + 1);
            updateAll(p, board, Trees.leftId(id), height - 1, 2 * index);
            updateAll(p, board, Trees.rightId(id, left), height - 1, 2 * index + 1);
        } else if (height == 0 && board.level != IEdgeGame.Level.Steps) {
            Board memory below = boardBelow(p, board, id, index);
            if (game.edge(below.start, below.tree.root()).createdAt != 0) {
                left = below.tree.root();
                updateAll(p, below, below.start, below.tree.height, 0);
            }
        }
        update(id, root, left, right);
    }

    function update(bytes32 id, bytes32 root, bytes32 left, bytes32 right) internal {
        IEdgeGame.TimerUpdate[] memory updates = new IEdgeGame.TimerUpdate[](1);
        updates[0] = IEdgeGame.TimerUpdate(id, root, left, right);
        game.update(updates);
    }

    /// All players move until none has a move left.
    function playOut(Player[] memory players) internal {
        bool moved = true;
        while (moved) {
            moved = false;
            for (uint256 i = 0; i < players.length; ++i) {
                if (respond(players[i], ALL) != ALL) moved = true;
            }
        }
    }

    function begin(Player memory good, Player memory bad, bool badFirst) internal {
        if (badFirst) propose(bad);
        propose(good);
        if (!badFirst) propose(bad);
    }

    /// Within one period the right assertion is confirmed, however other players update edges.
    function wins(Player memory good, Player[] memory players) internal {
        vm.warp(block.timestamp + PERIOD);
        for (uint256 i = 0; i < players.length; ++i) {
            updateAll(players[i]);
        }
        bytes32 right = rootOf(good);
        isTrue(timerOf(good) >= PERIOD);
        for (uint256 i = 0; i < players.length; ++i) {
            if (rootOf(players[i]) == right) continue;
            isTrue(timerOf(players[i]) < PERIOD);
            (bool confirmed,) =
                address(chain).call(abi.encodeCall(chain.confirm, (assertionOf(players[i]))));
            isTrue(!confirmed);
        }
        bytes32 id = assertionOf(good);
        chain.confirm(id);
        equal(chain.latestConfirmed(), id);
        isTrue(chain.assertion(id).status == IAssertionChain.Status.Confirmed);
    }

    function pair(Player memory a, Player memory b) internal pure returns (Player[] memory both) {
        both = new Player[](2);
        (both[0], both[1]) = (a, b);
    }

    function rootOf(Player memory p) internal view returns (bytes32) {
        return blocksOf(p).tree.root();
    }

    /// The timer of a player's root edge as the contract knows it.
    function timerOf(Player memory p) internal view returns (uint64) {
        Board memory board = blocksOf(p);
        return game.edge(board.start, board.tree.root()).timer;
    }
}
