// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {Board, GameTest, Player} from "./GameTest.sol";
import {TinyProgram} from "./TinyProgram.sol";
import {Tree, Trees} from "./Trees.sol";

/// @title  OpeningsTest
/// @notice What must be proved at height 0. Everything that is proved is corrupted, too.
contract OpeningsTest is GameTest {
    uint256 private constant BLOCK = 2;
    uint256 private constant SPAN = 1;
    uint256 private constant STEP = 3;

    struct Spans {
        IEdgeGame.Position position;
        IEdgeGame.Program program;
        IEdgeGame.Claim agreed;
        bytes32 claim;
        bytes32 root;
        bytes finalState;
        bytes32[] proof;
    }

    struct Steps {
        IEdgeGame.Position position;
        bytes32 agreed;
        bytes32 state;
        bytes32 root;
        bytes32[] proof;
    }

    Player internal good;
    Player internal bad;
    Board internal blocks;
    Board internal spans;
    Board internal steps;

    function setUp() public override {
        super.setUp();
        good = honest();
        bad = liar(1, BLOCK, SPAN, STEP);
        blocks = blocksOf(good);
        spans = spansOf(good, BLOCK, Trees.spansId(blocks.tree.idOf(blocks.start, 0, BLOCK)));
        bytes32 id = Trees.stepsId(spans.tree.idOf(spans.start, 0, SPAN));
        steps = stepsOf(good, spans, SPAN, id);
        propose(good);
        propose(bad);
        // Down to the contradicted claim.
        respond(good, 1);
        respond(bad, ALL);
        respond(good, 1);
    }

    // Spans.

    function test_openSpans_locksAStake() public {
        vm.warp(block.timestamp + 5);
        equal(game.agreedState(spans.start), 0);
        bytes32 id = blocks.tree.idOf(blocks.start, 0, BLOCK);
        bytes32 agreed = states[BLOCK][0];
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeOpened(
            id,
            blocks.tree.leaf(BLOCK),
            spans.start,
            spans.tree.root(),
            IEdgeGame.Level.Spans,
            agreed,
            good.account,
            SPANS_STAKE,
            uint64(block.timestamp)
        );
        openSpans(good, blocks, BLOCK);
        equal(game.agreedState(spans.start), agreed);
        equal(address(game).balance, SPANS_STAKE);
        IEdgeGame.Opening memory opening = game.opening(spans.start, spans.tree.root());
        equal(opening.staker, good.account);
        equal(opening.parentRoot, blocks.tree.leaf(BLOCK));
        isTrue(opening.isOpen);
        IEdgeGame.Edge memory edge = game.edge(spans.start, spans.tree.root());
        equal(edge.createdAt, block.timestamp);
        equal(edge.height, 2);
        isTrue(edge.level == IEdgeGame.Level.Spans);
    }

    /// A player that copies the move pays for it; a player that is late gets the stake back.
    function test_openSpansCopied_takesOneStake() public {
        Spans memory given = spansMove();
        isTrue(sendFrom(bad.account, SPANS_STAKE, callOf(given)) == 0);
        vm.recordLogs();
        openSpans(good, blocks, BLOCK);
        equal(vm.getRecordedLogs().length, 1); // CreditAdded alone
        equal(chain.credit(good.account), SPANS_STAKE);
        equal(address(game).balance, SPANS_STAKE);
        equal(game.opening(spans.start, spans.tree.root()).staker, bad.account);
    }

    function testFuzz_openSpans_withAnotherStake_reverts(uint96 sent) public {
        vm.assume(sent != SPANS_STAKE);
        vm.deal(good.account, sent);
        refuses(sent, callOf(spansMove()), IEdgeGame.EdgeStakeMismatch.selector);
    }

    /// One bit of anything.
    function testFuzz_openSpans_corrupted_reverts(uint256 part, uint256 bit) public {
        Spans memory given = spansMove();
        bytes32 flip = bytes32(1 << bit % 256);
        uint64 flip64 = uint64(1 << bit % 64);
        bytes4 expected = IEdgeGame.EdgeLastLeafMismatch.selector;
        part %= 16;
        if (part == 0) {
            given.position.start ^= flip;
            expected = IAssertionChain.AssertionUnknown.selector;
        } else if (part == 1) {
            given.position.lefts[0] ^= flip;
        } else if (part == 2) {
            given.position.agreedProof[0] ^= flip;
        } else if (part == 3) {
            given.program.codeRoot ^= flip;
            expected = IEdgeGame.EdgeProgramMismatch.selector;
        } else if (part == 4) {
            given.program.memoryRoot ^= flip;
            expected = IEdgeGame.EdgeProgramMismatch.selector;
        } else if (part == 5) {
            given.program.entry ^= flip64;
            expected = IEdgeGame.EdgeProgramMismatch.selector;
        } else if (part == 6) {
            given.agreed.outputRoot ^= flip;
        } else if (part == 7) {
            given.agreed.batch ^= flip64;
        } else if (part == 8) {
            given.agreed.block ^= flip64;
        } else if (part == 9) {
            given.agreed.depositsRead ^= flip64;
        } else if (part == 10) {
            given.claim ^= flip;
            expected = IEdgeGame.EdgeResultMismatch.selector;
        } else if (part == 11) {
            given.root ^= flip;
        } else if (part == 12) {
            given.proof[bit % 2] ^= flip;
        } else if (part == 13) {
            // Of the roots, the input, the counters or the registers; where it changes the run or
            // the output, that is found first.
            uint256 i = bit % 363;
            given.finalState[i] ^= bytes1(uint8(1 << (bit >> 16) % 8));
            bool isResult = (i >= 112 && i < 115) || (i >= 195 && i < 227);
            if (isResult) expected = IEdgeGame.EdgeResultMismatch.selector;
            if (i < 32 || (i >= 64 && i < 96)) expected = IEdgeGame.EdgeRunMismatch.selector;
        } else if (part == 14) {
            // Another leaf: more turns to the right, fewer, or none that the tree has.
            given.position.index ^= flip64;
            expected = flip64 < 4
                ? IEdgeGame.EdgeProofLength.selector
                : IEdgeGame.EdgeIndexTooLarge.selector;
        } else {
            given.finalState = bytes.concat(given.finalState, hex"00");
            expected = IEdgeGame.EdgeStateLength.selector;
        }
        refuses(SPANS_STAKE, callOf(given), expected);
    }

    function testFuzz_openSpans_proofsOfOtherLengths_revert(uint256 part, uint256 length) public {
        Spans memory given = spansMove();
        bytes32[] memory other = new bytes32[](bound(length, 0, 40));
        uint256 right = part % 3 == 2 ? 2 : 1;
        vm.assume(other.length != right);
        if (part % 3 == 0) given.position.lefts = other;
        else if (part % 3 == 1) given.position.agreedProof = other;
        else given.proof = other;
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeProofLength.selector);
    }

    /// The liar's claim has another final state, the right one has no other.
    function test_openSpans_belowAnotherClaim_reverts() public {
        Spans memory given = spansMove();
        given.claim = claimOf(bad, BLOCK);
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeResultMismatch.selector);
    }

    /// L1 is reorganised and has another batch when the move comes: what was right on the batch
    /// before would be a wrong tree on this one. It reverts, and costs no stake.
    function test_openSpans_onAnotherBatch_reverts() public {
        Spans memory given = spansMove();
        bytes memory question = abi.encodeCall(inbox.batchAcc, (2));
        bytes32 other = keccak256("another batch");
        vm.mockCall(address(inbox), question, abi.encode(other));
        bytes32 agreed = blocks.tree.leaf(BLOCK - 1);
        bytes32 input = keccak256(bytes.concat(agreed, other, CONFIG_HASH));
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeRunMismatch.selector,
                program.codeRoot,
                program.codeRoot,
                inputs[BLOCK],
                input
            )
        );
        openSpans(good, blocks, BLOCK);
        isTrue(game.edge(spans.start, spans.tree.root()).createdAt == 0);
        equal(address(game).balance, 0);
        // On the batch that it was computed from it goes through.
        vm.mockCall(address(inbox), question, abi.encode(batchAccs[2]));
        isTrue(sendFrom(good.account, SPANS_STAKE, callOf(given)) == 0);
    }

    /// The end of a run of other code, or on other input, whatever it results in.
    function testFuzz_openSpans_ofAnotherRun_reverts(bytes32 codeRoot, bytes32 input) public {
        vm.assume(codeRoot != program.codeRoot && input != inputs[BLOCK]);
        Spans memory given = spansMove();
        bytes memory right = given.finalState;
        given.finalState = replaced(right, 0, codeRoot);
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeRunMismatch.selector);
        given.finalState = replaced(right, 64, input);
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeRunMismatch.selector);
        given.finalState = right;
        isTrue(sendFrom(good.account, SPANS_STAKE, callOf(given)) == 0);
    }

    /// The first block starts from the parent's claim and nothing else.
    function test_openSpans_firstBlock_startsAtTheParent() public {
        Player memory other = liar(2, 0, 0, 0);
        propose(other);
        respond(other, 2);
        respond(good, 2);
        Spans memory given = spansMove();
        given.position = blocks.tree.position(genesis, 0);
        given.claim = blocks.tree.leaf(0);
        given.agreed = claimBefore(good, 1);
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeAgreedMismatch.selector);
        given.agreed = claimBefore(good, 0);
        given.finalState = finalStates[0];
        Tree memory tree = spansOf(good, 0, 0).tree;
        (given.root, given.proof) = (tree.root(), tree.lastLeafProof());
        isTrue(sendFrom(good.account, SPANS_STAKE, callOf(given)) == 0);
        bytes32 id = Trees.spansId(blocks.tree.idOf(blocks.start, 0, 0));
        equal(game.agreedState(id), states[0][0]);
    }

    function test_openSpans_uncontradicted_reverts() public {
        Spans memory given = spansMove();
        given.position = blocks.tree.position(genesis, BLOCK + 1);
        given.agreed = claimBefore(good, BLOCK + 1);
        given.claim = blocks.tree.leaf(BLOCK + 1);
        given.finalState = finalStates[BLOCK + 1];
        Tree memory tree = spansOf(good, BLOCK + 1, 0).tree;
        (given.root, given.proof) = (tree.root(), tree.lastLeafProof());
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeNotRivaled.selector);
    }

    /// A machine that still runs, that was stopped, or that says that it failed has no output: the
    /// claim is 0, whatever its registers hold.
    function testFuzz_result(uint8 status, uint16 exitCode) public {
        Spans memory given = spansMove();
        given.finalState[112] = bytes1(status);
        given.finalState[113] = bytes1(uint8(exitCode >> 8));
        given.finalState[114] = bytes1(uint8(exitCode));
        if (status == 1 && exitCode == 0) {
            isTrue(sendFrom(good.account, SPANS_STAKE, callOf(given)) == 0);
            return;
        }
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeResultMismatch.selector);
        // As an invalid claim it would do, but it is not the leaf.
        given.claim = 0;
        refuses(SPANS_STAKE, callOf(given), IEdgeGame.EdgeLastLeafMismatch.selector);
    }

    // Steps.

    function test_openSteps_locksAStake() public {
        toSpan();
        bytes32 agreed = states[BLOCK][SPAN << 3];
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeOpened(
            spans.tree.idOf(spans.start, 0, SPAN),
            spans.tree.leaf(SPAN),
            steps.start,
            steps.tree.root(),
            IEdgeGame.Level.Steps,
            agreed,
            good.account,
            STEPS_STAKE,
            uint64(block.timestamp)
        );
        openSteps(good, spans, SPAN);
        equal(game.agreedState(steps.start), agreed);
        IEdgeGame.Edge memory edge = game.edge(steps.start, steps.tree.root());
        equal(edge.height, 3);
        isTrue(edge.level == IEdgeGame.Level.Steps);
        Player memory copier = good;
        copier.account = bad.account;
        openSteps(copier, spans, SPAN);
        equal(chain.credit(bad.account), STEPS_STAKE);
        equal(game.opening(steps.start, steps.tree.root()).staker, good.account);
    }

    function testFuzz_openSteps_corrupted_reverts(uint256 part, uint256 bit) public {
        toSpan();
        Steps memory given = stepsMove();
        bytes32 flip = bytes32(1 << bit % 256);
        bytes4 expected = IEdgeGame.EdgeLastLeafMismatch.selector;
        part %= 7;
        if (part == 0) {
            // The path turns right: it goes on, and ends at an edge that does not exist.
            given.position.start ^= flip;
            expected = IEdgeGame.EdgeUnknown.selector;
        } else if (part == 1) {
            given.position.lefts[0] ^= flip;
        } else if (part == 2) {
            given.agreed ^= flip;
        } else if (part == 3) {
            given.state ^= flip;
        } else if (part == 4) {
            given.root ^= flip;
        } else if (part == 5) {
            given.proof[bit % 3] ^= flip;
        } else {
            // Right but for the edge: nobody claimed it.
            bytes32[] memory leaves = new bytes32[](8);
            for (uint256 i = 0; i < 8; ++i) {
                leaves[i] = flip;
            }
            Tree memory tree = Trees.grow(leaves);
            (given.root, given.proof, given.state) = (tree.root(), tree.lastLeafProof(), flip);
            expected = IEdgeGame.EdgeUnknown.selector;
        }
        refuses(STEPS_STAKE, callOf(given), expected);
    }

    function testFuzz_openSteps_proofsOfOtherLengths_revert(uint256 part, uint256 length) public {
        toSpan();
        Steps memory given = stepsMove();
        bytes32[] memory other = new bytes32[](bound(length, 0, 40));
        uint256 right = part % 3 == 0 ? 1 : part % 3 == 1 ? 0 : 3;
        vm.assume(other.length != right);
        if (part % 3 == 0) given.position.lefts = other;
        else if (part % 3 == 1) given.position.agreedProof = other;
        else given.proof = other;
        refuses(STEPS_STAKE, callOf(given), IEdgeGame.EdgeProofLength.selector);
    }

    function testFuzz_openSteps_withAnotherStake_reverts(uint96 sent) public {
        toSpan();
        vm.assume(sent != STEPS_STAKE);
        vm.deal(good.account, sent);
        refuses(sent, callOf(stepsMove()), IEdgeGame.EdgeStakeMismatch.selector);
    }

    // One step.

    function test_proveStep_winsForEver() public {
        toStep();
        bytes32 id = steps.tree.idOf(steps.start, 0, STEP);
        bytes32 root = steps.tree.leaf(STEP);
        vm.expectEmit(address(game));
        emit IEdgeGame.EdgeProven(id, root, bad.account);
        proveStep(bad, steps, STEP); // a copy: it helps
        equal(game.edge(id, root).timer, type(uint64).max);
        vm.recordLogs();
        proveStep(good, steps, STEP);
        equal(vm.getRecordedLogs().length, 0);
        // It needs no time, and no rival of it ever gets there.
        game.confirm(id, root);
        Board memory liars = spansOf(bad, BLOCK, spans.start);
        bytes32 wrong = stepsOf(bad, liars, SPAN, steps.start).tree.leaf(STEP);
        isTrue(game.edge(id, wrong).createdAt > 0);
        equal(game.edge(id, wrong).timer, 0);
    }

    function testFuzz_proveStep_corrupted_reverts(uint256 part, uint256 bit) public {
        toStep();
        IEdgeGame.Position memory position = steps.tree.position(steps.start, STEP);
        bytes32 agreed = agreedBefore(steps, STEP);
        bytes memory witness = witnessOf(steps, STEP);
        bytes32 flip = bytes32(1 << bit % 256);
        bytes4 expected = IEdgeGame.EdgeLastLeafMismatch.selector;
        part %= 5;
        if (part == 0) {
            position.start ^= flip;
            expected = IEdgeGame.EdgeUnknown.selector;
        } else if (part == 1) {
            position.lefts[1] ^= flip;
        } else if (part == 2) {
            agreed ^= flip;
        } else if (part == 3) {
            // Any byte of the state before the step. It may be that of another instruction, for
            // which the witness has a wrong form.
            witness[bit % 299] ^= bytes1(uint8(1 << (bit >> 16) % 8));
            expected = 0;
        } else {
            position.agreedProof = new bytes32[](1);
            expected = IEdgeGame.EdgeProofLength.selector;
        }
        refuses(0, abi.encodeCall(game.proveStep, (position, agreed, witness)), expected);
    }

    /// The right step somewhere else proves nothing here.
    function test_proveStep_ofAnotherPlace_reverts() public {
        toStep();
        for (uint256 i = 0; i < 8; ++i) {
            if (i == STEP) continue;
            IEdgeGame.Position memory position = steps.tree.position(steps.start, STEP);
            bytes memory move = abi.encodeCall(
                game.proveStep, (position, agreedBefore(steps, i), witnessOf(steps, i))
            );
            bytes4 expected = IEdgeGame.EdgeLastLeafMismatch.selector;
            refuses(0, move, expected);
        }
    }

    function test_proveStep_uncontradicted_reverts() public {
        toStep();
        IEdgeGame.Position memory position = steps.tree.position(steps.start, STEP - 1);
        bytes memory move = abi.encodeCall(
            game.proveStep, (position, agreedBefore(steps, STEP - 1), witnessOf(steps, STEP - 1))
        );
        refuses(0, move, IEdgeGame.EdgeNotRivaled.selector);
    }

    /// Two turns from the root of "steps" on, as if it were that of "spans".
    function test_openSteps_insideOfSteps_reverts() public {
        toSpan();
        openSteps(good, spans, SPAN);
        respond(bad, ALL);
        respond(good, ALL);
        Steps memory given = stepsMove();
        bytes32[] memory lefts = new bytes32[](1);
        lefts[0] = steps.tree.node(1, 0);
        given.position = IEdgeGame.Position(steps.start, 1, lefts, new bytes32[](0));
        given.agreed = lefts[0];
        bytes32[] memory leaves = new bytes32[](8);
        leaves[7] = steps.tree.node(1, 1);
        Tree memory tree = Trees.grow(leaves);
        (given.root, given.proof, given.state) = (tree.root(), tree.lastLeafProof(), leaves[7]);
        refuses(STEPS_STAKE, callOf(given), IEdgeGame.EdgeMisplaced.selector);
    }

    // The moves.

    function toSpan() internal {
        openSpans(good, blocks, BLOCK);
        respond(bad, ALL);
        respond(good, 1);
        respond(bad, ALL);
        respond(good, 1);
        respond(bad, ALL);
    }

    function toStep() internal {
        toSpan();
        openSteps(good, spans, SPAN);
        for (uint256 i = 0; i < 3; ++i) {
            respond(bad, ALL);
            respond(good, 1);
        }
        respond(bad, ALL);
    }

    function spansMove() internal view returns (Spans memory given) {
        given.position = blocks.tree.position(genesis, BLOCK);
        given.program = program;
        given.agreed = claimBefore(good, BLOCK);
        given.claim = blocks.tree.leaf(BLOCK);
        given.root = spans.tree.root();
        given.finalState = finalStates[BLOCK];
        given.proof = spans.tree.lastLeafProof();
    }

    function stepsMove() internal view returns (Steps memory given) {
        given.position = spans.tree.position(spans.start, SPAN);
        given.agreed = spans.tree.leaf(SPAN - 1);
        given.state = spans.tree.leaf(SPAN);
        given.root = steps.tree.root();
        given.proof = steps.tree.lastLeafProof();
    }

    function callOf(Spans memory given) internal view returns (bytes memory) {
        return abi.encodeCall(
            game.openSpans,
            (
                given.position,
                given.program,
                given.agreed,
                given.claim,
                given.root,
                given.finalState,
                given.proof
            )
        );
    }

    function callOf(Steps memory given) internal view returns (bytes memory) {
        return abi.encodeCall(
            game.openSteps, (given.position, given.agreed, given.state, given.root, given.proof)
        );
    }

    /// The move reverts with this error, or with any if it is 0; and takes no ether.
    function refuses(uint256 sent, bytes memory move, bytes4 expected) internal {
        uint256 before = address(game).balance;
        bytes4 found = sendFrom(good.account, sent, move);
        isTrue(found != 0);
        if (expected != 0) equal(bytes32(found), bytes32(expected));
        equal(address(game).balance, before);
    }

    /// `packed` with this word at `offset`.
    function replaced(bytes memory packed, uint256 offset, bytes32 word)
        internal
        pure
        returns (bytes memory other)
    {
        other = bytes.concat(packed);
        for (uint256 i = 0; i < 32; ++i) {
            other[offset + i] = word[i];
        }
    }

    /// The error with which it reverted, 0 if it did not.
    function sendFrom(address account, uint256 sent, bytes memory move) internal returns (bytes4) {
        vm.prank(account);
        (bool accepted, bytes memory returned) = address(game).call{value: sent}(move);
        return accepted ? bytes4(0) : bytes4(returned);
    }
}
