// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {Prices} from "../../src/game/Prices.sol";
import {Isa, Name} from "../vm/Isa.sol";
import {Leaf, SparseTree} from "../vm/SparseTree.sol";
import {Machine, MachineBuilder} from "../vm/MachineBuilder.sol";
import {Reference} from "../vm/Reference.sol";
import {Vm as MeterVm} from "../vm/VmTest.sol";
import {GameTest, Player} from "./GameTest.sol";
import {TinyProgram} from "./TinyProgram.sol";
import {Trees} from "./Trees.sol";

/// @notice A tree of full height of which three leaves are not zero: the one before the first lie,
///         the one that is contradicted, and the last.
struct Commitment {
    uint256 height;
    uint256 index;
    Leaf[] leaves;
}

/// @title  DisputeGasTest
/// @notice A whole dispute over trees of full height, each move in a transaction of its own, all
///         costs included. The right assertion is a stranger's; a watcher makes all moves for it,
///         and always before the liar, so that it pays for all storage.
contract DisputeGasTest is GameTest {
    event log_named_uint(string key, uint256 value);

    MeterVm private constant meter = MeterVm(address(vm));
    uint256 private constant BLOCK = 0x2a0;
    uint256 private constant SPAN = 0xaa00;
    uint256 private constant STEP = 0xaaa00;
    uint256 private constant PRICE = 50 gwei;
    address private constant STRANGER = address(0x57);

    Player private good;
    Player private bad;
    string[] private moves;
    mapping(string move => uint256) private counts;
    mapping(string move => uint256) private gas;
    IEdgeGame.TimerUpdate[] private path;

    function heights() internal pure override returns (uint64, uint64, uint64) {
        return (10, 16, 20);
    }

    function tellTheTruth() internal override {}

    function gasPrice() internal pure override returns (uint256) {
        return PRICE;
    }

    /// Just enough: half of each pays all answers to it, and the right proposal.
    function stakes() internal pure override returns (uint256[3] memory) {
        uint256 gasOfBlocks = Prices.answers(10, false) + Prices.PROPOSAL;
        return [
            2 * PRICE * gasOfBlocks,
            2 * PRICE * Prices.answers(16, false),
            2 * PRICE * Prices.answers(20, true)
        ];
    }

    /// forge-config: default.isolate = true
    function test_wholeDispute_isWithinBudget() public {
        good = honest();
        bad = liar(1, 0, 0, 0);
        vm.deal(STRANGER, 100 ether);
        storeMachine();
        dispute();
        collectAll();
        uint256 transactions = 0;
        uint256 total = 0;
        for (uint256 i = 0; i < moves.length; ++i) {
            transactions += counts[moves[i]];
            total += gas[moves[i]];
            emit log_named_uint(
                string.concat(moves[i], ", times ", decimal(counts[moves[i]]), ", gas each"),
                gas[moves[i]] / counts[moves[i]]
            );
        }
        emit log_named_uint("transactions of the honest player", transactions);
        emit log_named_uint("gas of the honest player", total);
        isTrue(transactions <= 60);
        isTrue(total <= 8_200_000);
        paysEverybody(total - gas["propose, as a rival"]);
        movesAreCovered();
    }

    /// Nobody but the liar loses, at this gas price, and the liar loses at least half of its
    /// stakes.
    function paysEverybody(uint256 watcherGas) private {
        uint256[3] memory staked = stakes();
        uint256 lost = staked[0] + staked[1] + staked[2];
        uint256 gained = good.account.balance - 100 ether;
        emit log_named_uint("gas of the watcher", watcherGas);
        emit log_named_uint("wei that the watcher gained", gained);
        isTrue(gained >= watcherGas * PRICE);
        isTrue(chain.credit(STRANGER) >= staked[0] + gas["propose, as a rival"] * PRICE);
        equal(bad.account.balance, 100 ether - lost);
        equal(chain.credit(bad.account), 0);
        // What nobody has earned stays in the pots: it is nobody's.
        isTrue(gained + chain.credit(STRANGER) - staked[0] + address(game).balance <= lost / 2);
        equal(address(0).balance, lost - lost / 2);
        equal(address(chain).balance, chain.credit(STRANGER));
    }

    /// Each price is above the gas measured here: the test fails if a move costs more.
    function movesAreCovered() private {
        uint256 afterwards = (gas["conclude, spans and steps"] + gas["conclude, blocks"]) / 48;
        isTrue(gas["bisect"] / counts["bisect"] + afterwards <= Prices.BISECTION);
        isTrue(gas["openSpans"] + 2 * afterwards <= Prices.OPENING);
        isTrue(gas["openSteps"] + 2 * afterwards <= Prices.OPENING);
        isTrue(gas["propose, as a rival"] <= Prices.PROPOSAL);
        isTrue(gas["collect, which confirms"] + gas["withdrawCredit"] <= Prices.CLOSING);
    }

    function dispute() private {
        Commitment memory right = blocks(good);
        Commitment memory wrong = blocks(bad);
        proposeTree(bad.account, bad, wrong);
        proposeTree(STRANGER, good, right);
        metered("propose, as a rival");
        bytes32 id = descend(Trees.blocksId(genesis), right, wrong);
        open(good, id, right, spans(good));
        metered("openSpans");
        open(bad, id, wrong, spans(bad));
        path.push(IEdgeGame.TimerUpdate(id, claim(good, BLOCK), node(spans(good), 16, 0), 0));
        bytes32 spansId = Trees.spansId(id);
        id = descend(spansId, spans(good), spans(bad));
        openBelow(good, spansId, spans(good), steps(good));
        metered("openSteps");
        openBelow(bad, spansId, spans(bad), steps(bad));
        path.push(IEdgeGame.TimerUpdate(id, leaf(spans(good)), node(steps(good), 20, 0), 0));
        bytes32 stepsId = Trees.stepsId(id);
        descend(stepsId, steps(good), steps(bad));
        bytes memory witness = loadMachine().witness(Reference.step(loadMachine().copy(), ""), "");
        IEdgeGame.Position memory position = positionOf(stepsId, steps(good));
        bytes32 agreed = loadMachine().stateHash();
        vm.prank(good.account);
        game.proveStep(position, agreed, witness);
        metered("proveStep");
        settleLevels(spansId, stepsId);
    }

    function settleLevels(bytes32 spansId, bytes32 stepsId) private {
        vm.warp(block.timestamp + PERIOD);
        IEdgeGame.TimerUpdate[] memory updates = new IEdgeGame.TimerUpdate[](path.length);
        for (uint256 i = 0; i < updates.length; ++i) {
            updates[i] = path[updates.length - 1 - i];
        }
        bytes32[] memory losers = new bytes32[](1);
        losers[0] = node(spans(bad), 16, 0);
        IEdgeGame.Settlement[] memory all = new IEdgeGame.Settlement[](2);
        all[0] = IEdgeGame.Settlement(spansId, node(spans(good), 16, 0), losers);
        losers = new bytes32[](1);
        losers[0] = node(steps(bad), 20, 0);
        all[1] = IEdgeGame.Settlement(stepsId, node(steps(good), 20, 0), losers);
        IEdgeGame.Line[] memory lines = new IEdgeGame.Line[](2);
        lines[0] = lineOf(spansId, spans(good), node(steps(good), 20, 0));
        lines[1] = lineOf(stepsId, steps(good), 0);
        vm.prank(good.account);
        game.conclude(updates, all, lines);
        metered("conclude, spans and steps");
    }

    function collectAll() private {
        bytes32[] memory losers = new bytes32[](1);
        losers[0] = chain.assertion(genesis).firstChild;
        bytes32 right = rival;
        vm.prank(good.account);
        chain.collect(right, losers);
        metered("collect, which confirms");
        IEdgeGame.Line[] memory lines = new IEdgeGame.Line[](1);
        lines[0] = lineOf(Trees.blocksId(genesis), blocks(good), node(spans(good), 16, 0));
        vm.prank(good.account);
        game.conclude(new IEdgeGame.TimerUpdate[](0), new IEdgeGame.Settlement[](0), lines);
        metered("conclude, blocks");
        vm.prank(good.account);
        chain.withdrawCredit(good.account);
        metered("withdrawCredit");
    }

    /// From the root of a tree down to the leaf that is disputed.
    function lineOf(bytes32 id, Commitment memory tree, bytes32 opened)
        private
        pure
        returns (IEdgeGame.Line memory)
    {
        bytes32[] memory beside = siblings(tree, tree.index, tree.height);
        return IEdgeGame.Line(id, uint64(tree.index), leaf(tree), beside, opened);
    }

    bytes32 private rival;

    function proposeTree(address account, Player memory p, Commitment memory tree) private {
        bytes32 acc = inbox.batchAcc(2);
        bytes32[] memory proof = siblings(tree, 1023, 10);
        uint256 stake = stakes()[0];
        vm.prank(account);
        rival = chain.propose{value: stake}(
            genesis, output(p, 1023), IAssertionChain.Cursor(1, 0, 1), node(tree, 10, 0), proof, acc
        );
    }

    /// Both bisect down to the leaf that they disagree about.
    function descend(bytes32 id, Commitment memory right, Commitment memory wrong)
        private
        returns (bytes32)
    {
        for (uint256 height = right.height; height > 0; --height) {
            uint256 index = right.index >> height;
            bytes32 left = node(right, height - 1, 2 * index);
            bytes32 beside = node(right, height - 1, 2 * index + 1);
            vm.prank(good.account);
            game.bisect(id, left, beside);
            metered("bisect");
            path.push(IEdgeGame.TimerUpdate(id, node(right, height, index), left, beside));
            vm.prank(bad.account);
            game.bisect(
                id, node(wrong, height - 1, 2 * index), node(wrong, height - 1, 2 * index + 1)
            );
            id = (right.index >> (height - 1)) % 2 == 0 ? Trees.leftId(id) : Trees.rightId(id, left);
        }
        return id;
    }

    function open(Player memory p, bytes32, Commitment memory above, Commitment memory tree)
        private
    {
        IEdgeGame.Position memory position = positionOf(genesis, above);
        bytes memory finalState = haltedWith(claim(p, BLOCK), input());
        bytes32[] memory proof = siblings(tree, 2 ** 16 - 1, 16);
        bytes32 root = node(tree, 16, 0);
        bytes memory call = abi.encodeCall(
            game.openSpans,
            (
                position,
                program,
                IEdgeGame.Claim(output(good, BLOCK - 1), 1, 0, 1),
                claim(p, BLOCK),
                root,
                finalState,
                proof
            )
        );
        uint256 stake = stakes()[1];
        vm.prank(p.account);
        (bool success,) = address(game).call{value: stake}(call);
        isTrue(success);
    }

    function openBelow(
        Player memory p,
        bytes32 start,
        Commitment memory above,
        Commitment memory tree
    ) private {
        IEdgeGame.Position memory position = positionOf(start, above);
        bytes32[] memory proof = siblings(tree, 2 ** 20 - 1, 20);
        bytes32 root = node(tree, 20, 0);
        uint256 stake = stakes()[2];
        vm.prank(p.account);
        game.openSteps{value: stake}(position, keccak256("span before"), leaf(above), root, proof);
    }

    function metered(string memory move) private {
        if (counts[move] == 0) moves.push(move);
        ++counts[move];
        gas[move] += meter.lastCallGas().gasTotalUsed;
    }

    // Commitments.

    function output(Player memory p, uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("output", i < BLOCK ? 0 : p.seed, i));
    }

    function claim(Player memory p, uint256 i) private pure returns (bytes32) {
        return keccak256(bytes.concat(output(p, i), TinyProgram.CURSOR));
    }

    function blocks(Player memory p) private pure returns (Commitment memory) {
        return commit(10, BLOCK, claim(p, BLOCK - 1), claim(p, BLOCK), claim(p, 1023));
    }

    /// Of the run that is disputed: both agree on the claim before the block.
    function input() private view returns (bytes32) {
        bytes32 agreed = claim(good, BLOCK - 1);
        return keccak256(bytes.concat(agreed, batchAccs[2], CONFIG_HASH));
    }

    function spans(Player memory p) private view returns (Commitment memory) {
        bytes32 last = keccak256(haltedWith(claim(p, BLOCK), input()));
        bytes32 state = keccak256(abi.encode("span", p.seed));
        return commit(16, SPAN, keccak256("span before"), state, last);
    }

    function steps(Player memory p) private view returns (Commitment memory) {
        Machine memory loaded = loadMachine();
        bytes32 agreed = loaded.stateHash();
        Reference.step(loaded, "");
        bytes32 post = p.seed == 0 ? loaded.stateHash() : keccak256("wrong step");
        return commit(20, STEP, agreed, post, leaf(spans(p)));
    }

    function commit(uint256 height, uint256 index, bytes32 agreed, bytes32 state, bytes32 last)
        private
        pure
        returns (Commitment memory made)
    {
        (made.height, made.index) = (height, index);
        made.leaves = new Leaf[](3);
        made.leaves[0] = Leaf(index - 1, agreed);
        made.leaves[1] = Leaf(index, state);
        made.leaves[2] = Leaf(2 ** height - 1, last);
    }

    function leaf(Commitment memory tree) private pure returns (bytes32) {
        return tree.leaves[1].value;
    }

    function node(Commitment memory tree, uint256 height, uint256 index)
        private
        pure
        returns (bytes32)
    {
        return SparseTree.node(tree.leaves, height, index);
    }

    function siblings(Commitment memory tree, uint256 index, uint256 height)
        private
        pure
        returns (bytes32[] memory)
    {
        return SparseTree.siblings(tree.leaves, height, 0, index);
    }

    function positionOf(bytes32 start, Commitment memory tree)
        private
        pure
        returns (IEdgeGame.Position memory found)
    {
        found.start = start;
        found.index = uint64(tree.index);
        uint256 height = 0;
        for (uint256 below = tree.height; below > 0; --below) {
            if ((tree.index >> (below - 1)) % 2 == 0) continue;
            height = below - 1;
            bytes32 left = node(tree, height, (tree.index >> height) - 1);
            found.lefts = Trees.append(found.lefts, left);
        }
        found.agreedProof = siblings(tree, tree.index - 1, height);
    }

    // The machine before the step that decides: a store, with code and memory of full depth.

    function storeMachine() private {
        Machine memory made = MachineBuilder.about(Isa.sType(Name.Sd, 5, 10, 0));
        made.x[5] = 0x20000;
        made.x[10] = type(uint64).max / 3;
        made.codeEnd = made.codeStart + 2 ** 21;
        made.code[0].index = 0;
        for (uint256 i = 0; i < 16; ++i) {
            made.code = MachineBuilder.append(made.code, Leaf(2 ** i, keccak256("code")));
        }
        made.data = MachineBuilder.append(made.data, Leaf(0x1000, keccak256("data")));
        for (uint256 i = 0; i < 25; ++i) {
            uint256 index = 0x1000 ^ 2 ** i;
            made.data = MachineBuilder.append(made.data, Leaf(index, keccak256("data")));
        }
        machineBytes = abi.encode(made);
    }

    bytes private machineBytes;

    function loadMachine() private view returns (Machine memory) {
        return abi.decode(machineBytes, (Machine));
    }

    function decimal(uint256 value) private pure returns (string memory text) {
        do {
            text = string.concat(string(abi.encodePacked(uint8(48 + value % 10))), text);
            value /= 10;
        } while (value > 0);
    }
}
