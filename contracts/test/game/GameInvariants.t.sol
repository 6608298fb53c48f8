// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {FuzzSelector} from "../L1Test.sol";
import {Board, GameTest, Lie, Player} from "./GameTest.sol";
import {Tree, Trees} from "./Trees.sol";

/// @title  GameHandler
/// @notice Liars with random trees make random moves at any time, and the honest player is as slow
///         as it may be: by less than one period in all. No call may revert.
contract GameHandler is GameTest {
    struct Opened {
        bytes32 id;
        bytes32 root;
        uint256 player;
    }

    uint256 internal constant LIARS = 6;

    Player[] internal players; // the last one is honest
    Opened[] internal opened;
    uint256 internal time;
    uint256 internal lag;
    mapping(bytes32 edgeId => uint64) internal lastTimers;
    mapping(bytes32 mutualId => bytes32) internal confirmedRoots;

    function setUp() public override {
        super.setUp();
        time = block.timestamp;
        for (uint256 i = 0; i < LIARS; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("liar", i)));
            // The last two are false friends: right claims, wrong insides.
            Lie memory blocks = i < 4 ? Lie(seed % 4, 4) : Lie(NEVER, NEVER);
            Lie memory spans = Lie((seed >> 8) % 4, i == 5 ? 0 : 3);
            Lie memory steps = Lie((seed >> 16) % 8, 7);
            players.push(player(i + 1, blocks, spans, steps));
        }
        players.push(honest());
    }

    modifier present() {
        vm.pauseGasMetering();
        vm.warp(time);
        _;
    }

    // Time and the honest player.

    function wait(uint256 delay, bool lazy) external present {
        delay %= PERIOD / 5;
        if (lazy && lag + delay < PERIOD) lag += delay;
        else honestTurn();
        time += delay;
    }

    function honestTurn() public present {
        Player memory good = players[LIARS];
        if (assertionIds[rootOf(good)] == 0) propose(good);
        respond(good, ALL);
    }

    // The others.

    function liarProposes(uint256 i) external present {
        Player memory p = players[i % 4];
        if (assertionIds[rootOf(p)] != 0) {
            propose(p); // a duplicate
        } else if (mayRival()) {
            propose(p);
        }
    }

    function liarMoves(uint256 i, uint256 moves) external present {
        respond(players[i % LIARS], 1 + moves % 8);
    }

    /// Repeats what somebody did, in the name of somebody else, and out of time.
    function copyCat(uint256 i, uint256 pick) external present {
        Player memory p = players[i % players.length];
        Board memory board = blocksOf(p);
        IEdgeGame.Edge memory edge = game.edge(board.start, board.tree.root());
        if (edge.bisected) {
            game.bisect(board.start, board.tree.node(1, 0), board.tree.node(1, 1));
        }
        if (opened.length == 0) return;
        Opened memory found = opened[pick % opened.length];
        p = players[found.player];
        board = blocksOf(p);
        for (uint256 k = 0; k < 4; ++k) {
            bytes32 id = Trees.spansId(board.tree.idOf(board.start, 0, k));
            if (id != found.id) continue;
            p.account = players[i % LIARS].account;
            openSpans(p, board, k);
        }
    }

    function updateOne(uint256 i) external present {
        updateAll(players[i % players.length]);
    }

    // Ends.

    function confirmRoot(uint256 i) external present {
        Board memory board = blocksOf(players[i % players.length]);
        confirmEdge(board.start, board.tree.root());
    }

    function confirmAssertion(uint256 i) external present {
        bytes32 id = assertionOf(players[i % players.length]);
        if (id == 0) return;
        try chain.confirm(id) {
            equal(id, assertionOf(players[LIARS]));
        } catch {
            isTrue(chain.latestConfirmed() != id);
        }
    }

    /// Settles all that was opened in the place of one opening.
    function settleOne(uint256 pick) external present {
        if (opened.length == 0) return;
        Opened memory winner = opened[pick % opened.length];
        if (!confirmEdge(winner.id, winner.root)) return;
        uint256 count = 0;
        bytes32[] memory losers = new bytes32[](opened.length);
        for (uint256 i = 0; i < opened.length; ++i) {
            if (opened[i].id == winner.id) losers[count++] = opened[i].root;
        }
        bytes32[] memory page = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            page[i] = losers[i];
        }
        game.settle(winner.id, winner.root, page);
    }

    function collectOne(uint256 i) external present {
        bytes32 right = assertionOf(players[LIARS]);
        bytes32 id = assertionOf(players[i % 4]);
        if (id == 0 || right == 0 || chain.latestConfirmed() != right) return;
        bytes32[] memory losers = new bytes32[](1);
        losers[0] = id;
        chain.collect(right, losers);
    }

    function withdraw(uint256 i) external present {
        Player memory p = players[i % players.length];
        uint256 due = chain.credit(p.account);
        uint256 before = p.account.balance;
        vm.prank(p.account);
        chain.withdrawCredit(p.account);
        equal(p.account.balance - before, due);
    }

    // What must hold.

    /// Timers of one player's edges never fall, and never run ahead of what they stand for.
    function checkTimers(uint256 i) external present {
        Player memory p = players[i % players.length];
        Board memory board = blocksOf(p);
        trueTimer(p, board, board.start, board.tree.height, 0);
    }

    function check() external present {
        bytes32 right = rootOf(players[LIARS]);
        bytes32 latest = chain.latestConfirmed();
        isTrue(latest == genesis || latest == assertionIds[right]);
        uint256 open = 0;
        uint256 credits = 0;
        for (uint256 i = 0; i <= LIARS; ++i) {
            bytes32 root = rootOf(players[i]);
            isTrue(root == right || !game.edge(Trees.blocksId(genesis), root).confirmed);
            credits += chain.credit(players[i].account);
            // False friends propose what the honest player does.
            if (i >= 4 && i < LIARS) continue;
            bytes32 id = assertionIds[root];
            if (id == 0) continue;
            if (chain.assertion(id).status == IAssertionChain.Status.Pending) open += STAKE;
        }
        equal(address(chain).balance, open + credits);
        open = 0;
        for (uint256 i = 0; i < opened.length; ++i) {
            if (!game.opening(opened[i].id, opened[i].root).isOpen) continue;
            IEdgeGame.Level level = game.edge(opened[i].id, opened[i].root).level;
            open += level == IEdgeGame.Level.Spans ? SPANS_STAKE : STEPS_STAKE;
        }
        equal(address(game).balance, open);
    }

    /// From any state on, the truth is confirmed within one period, and gets its stakes back.
    function finish() external present {
        honestTurn();
        Player[] memory all = players;
        playOut(all);
        time += PERIOD;
        vm.warp(time);
        for (uint256 i = 0; i < all.length; ++i) {
            updateAll(all[i]);
        }
        bytes32 right = assertionOf(all[LIARS]);
        chain.confirm(right);
        equal(chain.latestConfirmed(), right);
        for (uint256 i = 0; i < opened.length; ++i) {
            if (opened[i].player != LIARS) continue;
            game.settle(opened[i].id, opened[i].root, new bytes32[](0));
            isTrue(!game.opening(opened[i].id, opened[i].root).isOpen);
        }
    }

    function noteOpening(Player memory p, bytes32 id, bytes32 root) internal override {
        opened.push(Opened(id, root, p.seed == 0 ? LIARS : p.seed - 1));
    }

    function mayRival() internal view returns (bool) {
        if (chain.latestConfirmed() != genesis) return false;
        bytes32 first = chain.assertion(genesis).firstChild;
        if (first == 0) return true;
        IAssertionChain.Assertion memory found = chain.assertion(first);
        return found.rivaledAt != 0 || time < found.createdAt + PERIOD;
    }

    /// Succeeds exactly when it must; and never for two rivals.
    function confirmEdge(bytes32 id, bytes32 root) internal returns (bool) {
        IEdgeGame.Edge memory edge = game.edge(id, root);
        bytes32 before = confirmedRoots[id];
        bool due = edge.createdAt != 0 && edge.timer >= PERIOD;
        bool expected = before == root || (due && before == 0);
        try game.confirm(id, root) {
            isTrue(expected);
            confirmedRoots[id] = root;
        } catch {
            isTrue(!expected);
        }
        return expected;
    }

    function trueTimer(
        Player memory p,
        Board memory board,
        bytes32 id,
        uint256 height,
        uint256 index
    ) internal returns (uint64 timer) {
        bytes32 root = board.tree.node(height, index);
        IEdgeGame.Edge memory edge = game.edge(id, root);
        if (edge.createdAt == 0) return 0;
        uint64 end = edge.rivaledAt == 0 ? uint64(block.timestamp) : edge.rivaledAt;
        uint64 own = end > edge.createdAt ? end - edge.createdAt : 0;
        uint64 below = 0;
        if (edge.bisected) {
            bytes32 left = board.tree.node(height - 1, 2 * index);
            below = trueTimer(p, board, Trees.leftId(id), height - 1, 2 * index);
            bytes32 rightId = Trees.rightId(id, left);
            uint64 beside = trueTimer(p, board, rightId, height - 1, 2 * index + 1);
            if (beside < below) below = beside;
        } else if (height == 0 && board.level != IEdgeGame.Level.Steps) {
            below = bestOpened(board, id, root, index);
        }
        bool proven = edge.timer == type(uint64).max && height == 0;
        bool endless = proven || below == type(uint64).max;
        timer = endless ? type(uint64).max : own + below;
        isTrue(edge.timer <= timer);
        bytes32 key = keccak256(abi.encode(id, root));
        isTrue(edge.timer >= lastTimers[key]);
        lastTimers[key] = edge.timer;
    }

    function bestOpened(Board memory board, bytes32 id, bytes32 root, uint256 index)
        internal
        returns (uint64 best)
    {
        bool inBlocks = board.level == IEdgeGame.Level.Blocks;
        bytes32 openedId = inBlocks ? Trees.spansId(id) : Trees.stepsId(id);
        for (uint256 i = 0; i < opened.length; ++i) {
            if (opened[i].id != openedId) continue;
            if (game.opening(openedId, opened[i].root).parentRoot != root) continue;
            Player memory q = players[opened[i].player];
            Board memory above = inBlocks ? blocksOf(q) : spansOf(q, board.blockIndex, board.start);
            Board memory below = boardBelow(q, above, id, index);
            equal(below.tree.root(), opened[i].root);
            uint64 timer = trueTimer(q, below, below.start, below.tree.height, 0);
            if (timer > best) best = timer;
        }
    }
}

/// @title  GameInvariantsTest
/// @notice However anybody plays, while the honest player is late by less than one period in all:
///         nothing wrong is ever confirmed, no ether is lost or made, no timer falls or runs
///         ahead, nothing that should go through reverts, and in the end the truth is confirmed.
contract GameInvariantsTest is GameTest {
    GameHandler internal handler;

    function setUp() public override {
        handler = new GameHandler();
        handler.setUp();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](14);
        selectors[0] = GameHandler.wait.selector;
        selectors[1] = GameHandler.wait.selector;
        selectors[2] = GameHandler.honestTurn.selector;
        selectors[3] = GameHandler.liarProposes.selector;
        selectors[4] = GameHandler.liarMoves.selector;
        selectors[5] = GameHandler.liarMoves.selector;
        selectors[6] = GameHandler.copyCat.selector;
        selectors[7] = GameHandler.updateOne.selector;
        selectors[8] = GameHandler.confirmRoot.selector;
        selectors[9] = GameHandler.confirmAssertion.selector;
        selectors[10] = GameHandler.settleOne.selector;
        selectors[11] = GameHandler.collectOne.selector;
        selectors[12] = GameHandler.withdraw.selector;
        selectors[13] = GameHandler.checkTimers.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    // PROTOCOL.md GAME-14
    function invariant_nothingWrongIsConfirmed_etherIsConserved() public {
        handler.check();
    }

    function afterInvariant() external {
        handler.finish();
        handler.check();
        for (uint256 i = 0; i < 7; ++i) {
            handler.checkTimers(i);
        }
    }
}
