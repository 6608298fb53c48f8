// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssertionChain} from "../src/AssertionChain.sol";
import {IAssertionChain} from "../src/IAssertionChain.sol";
import {AssertionTest} from "./AssertionTest.sol";
import {ClaimTree} from "./ClaimTree.sol";

/// @title  AssertionChainTest
/// @notice What may be proposed: limits, cursors, commitments, stakes, times.
contract AssertionChainTest is AssertionTest {
    function test_genesis_isConfirmed() public view {
        IAssertionChain.Assertion memory found = assertionOf(genesis);
        isTrue(found.status == IAssertionChain.Status.Confirmed);
        equal(found.outputRoot, GENESIS_OUTPUT);
        equal(found.cursor.batch, 0);
        equal(found.batchLimit, 1);
        equal(found.batchLimitAcc, 0);
        equal(chain.latestConfirmed(), genesis);
        isTrue(assertionOf(keccak256("none")).status == IAssertionChain.Status.None);
    }

    /// Deployed on an Inbox in use: the first child reads all that is there.
    function test_genesis_afterBatches_isLimitedByThem() public {
        for (uint256 i = 0; i < 3; ++i) {
            postAll();
        }
        chain = new AssertionChain(parameters());
        genesis = chain.genesisId();
        equal(assertionOf(genesis).batchLimit, 3);
        equal(assertionOf(genesis).batchLimitAcc, inbox.batchAcc(3));
        waitInterval();
        postAll();
        equal(childOf(genesis, 1).cursor.batch, 3);
        bytes32 id = propose(ALICE, childOf(genesis, 1));
        equal(assertionOf(id).batchLimit, 4);
    }

    function test_immutables() public view {
        equal(chain.INBOX(), address(inbox));
        equal(chain.PROGRAM_HASH(), keccak256("program"));
        equal(chain.VM_VERSION(), 1);
        equal(chain.BLOCKS_HEIGHT(), HEIGHT);
        equal(chain.SPANS_HEIGHT(), 16);
        equal(chain.STEPS_HEIGHT(), 20);
        equal(chain.CHALLENGE_PERIOD(), PERIOD);
        equal(chain.MIN_INTERVAL(), INTERVAL);
        equal(chain.STAKE(), STAKE);
    }

    function test_proposal_isStored() public {
        start();
        Proposal memory made = childOf(genesis, 1);
        bytes32 id = propose(ALICE, made);
        IAssertionChain.Assertion memory found = assertionOf(id);
        equal(found.parent, genesis);
        equal(found.root, made.root);
        equal(found.outputRoot, made.outputRoot);
        equal(found.cursor.batch, 1);
        equal(found.cursor.block, 0);
        equal(found.cursor.depositsRead, 1);
        equal(found.proposer, ALICE);
        equal(found.createdAt, block.timestamp);
        equal(found.rivaledAt, 0);
        equal(found.firstChild, 0);
        isTrue(found.status == IAssertionChain.Status.Pending);
        equal(assertionOf(genesis).firstChild, id);
        equal(address(chain).balance, STAKE);
    }

    /// A dispute is about all of this, so a change of any of it is another assertion.
    function test_id_namesAllThatADisputeRestsOn() public {
        start();
        Proposal memory made = childOf(genesis, 1);
        bytes32 expected = keccak256(
            abi.encode(
                "gainsay.assertion",
                address(chain),
                keccak256("program"),
                1,
                HEIGHT,
                16,
                20,
                genesis,
                made.outputRoot,
                made.cursor,
                made.root,
                inbox.batchAcc(1)
            )
        );
        equal(propose(ALICE, made), expected);
    }

    /// The same end by another tree is another assertion, hence a rival.
    function test_otherTree_isARival() public {
        start();
        Proposal memory made = childOf(genesis, 1);
        Proposal memory other = childOf(genesis, 2);
        other.outputRoot = made.outputRoot;
        bytes32[] memory claims = new bytes32[](2 ** HEIGHT);
        claims[claims.length - 1] =
            keccak256(bytes.concat(made.outputRoot, bytes8(uint64(1)), bytes16(uint128(1))));
        other.root = ClaimTree.root(claims);
        other.proof = ClaimTree.proof(claims, claims.length - 1);
        bytes32 first = propose(ALICE, made);
        bytes32 rival = propose(BOB, other);
        isTrue(first != rival);
        equal(assertionOf(rival).rivaledAt, block.timestamp);
        equal(chain.credit(BOB), 0);
    }

    function test_proposal_isAnnounced() public {
        start();
        Proposal memory made = childOf(genesis, 1);
        vm.recordLogs();
        bytes32 id = propose(ALICE, made);
        bytes32[] memory topics = vm.getRecordedLogs()[0].topics;
        equal(topics[0], IAssertionChain.AssertionProposed.selector);
        equal(topics[1], id);
        equal(topics[2], genesis);
        equal(topics[3], bytes32(uint256(uint160(ALICE))));
    }

    /// limit = max(batches when the parent was created, batches it consumed + 1), for ever.
    function testFuzz_limit_isFixedAtCreation(uint8 before, uint8 later) public {
        before = uint8(bound(before, 1, 20));
        for (uint256 i = 0; i < before; ++i) {
            postAll();
        }
        waitInterval();
        bytes32 id = propose(ALICE, childOf(genesis, 1));
        // The child read one batch: at least the second is next.
        uint64 limit = before > 2 ? before : 2;
        equal(assertionOf(id).batchLimit, limit);
        for (uint256 i = 0; i < later % 8; ++i) {
            postAll();
        }
        equal(assertionOf(id).batchLimit, limit);
        bool posted = inbox.batchCount() >= limit;
        equal(assertionOf(id).batchLimitAcc, posted ? inbox.batchAcc(limit) : bytes32(0));
    }

    function test_limitNotPosted_reverts() public {
        start();
        bytes32 id = propose(ALICE, childOf(genesis, 1));
        waitInterval();
        refuses(
            childOf(id, 2),
            abi.encodeWithSelector(IAssertionChain.AssertionLimitNotPosted.selector, 2, 1)
        );
        postAll();
        propose(ALICE, childOf(id, 2));
    }

    /// A reorg of L1 replaced a batch that the proposer executed.
    function testFuzz_otherBatch_makesTheProposalRevert(bytes32 seen) public {
        start();
        bytes32 actual = inbox.batchAcc(1);
        vm.assume(seen != actual);
        Proposal memory made = childOf(genesis, 1);
        made.batchAcc = seen;
        refuses(
            made,
            abi.encodeWithSelector(
                IAssertionChain.AssertionBatchAccMismatch.selector, 1, seen, actual
            )
        );
    }

    function testFuzz_cursorBeyondLimit_reverts(uint64 batch, uint64 blockInBatch) public {
        start();
        vm.assume(batch > 1 || (batch == 1 && blockInBatch > 0));
        IAssertionChain.Cursor memory cursor = IAssertionChain.Cursor(batch, blockInBatch, 1);
        refuses(
            proposal(genesis, cursor, 1),
            abi.encodeWithSelector(
                IAssertionChain.AssertionBeyondLimit.selector, batch, blockInBatch, 1
            )
        );
    }

    function test_cursorNotAheadOfTheParent_reverts() public {
        postAll();
        postAll();
        postAll();
        waitInterval();
        // It stops within batch 0, as after 2^HEIGHT blocks.
        bytes32 id = propose(ALICE, proposal(genesis, IAssertionChain.Cursor(0, 8, 1), 1));
        equal(assertionOf(id).batchLimit, 3);
        waitInterval();
        behind(id, IAssertionChain.Cursor(0, 0, 1));
        behind(id, IAssertionChain.Cursor(0, 7, 1));
        behind(id, IAssertionChain.Cursor(0, 8, 1));
        behind(id, IAssertionChain.Cursor(1, 0, 0));
        propose(ALICE, proposal(id, IAssertionChain.Cursor(0, 9, 1), 2));
    }

    function test_genesisCursorAgain_reverts() public {
        start();
        behind(genesis, IAssertionChain.Cursor(0, 0, 0));
    }

    function behind(bytes32 parent, IAssertionChain.Cursor memory cursor) internal {
        refuses(
            proposal(parent, cursor, 2),
            abi.encodeWithSelector(
                IAssertionChain.AssertionBehindParent.selector, assertionOf(parent).cursor, cursor
            )
        );
    }

    function testFuzz_wrongLastLeaf_reverts(uint8 part, uint256 bit) public {
        start();
        Proposal memory made = childOf(genesis, 1);
        bytes32 flipped = bytes32(1 << (bit % 256));
        part = uint8(bound(part, 0, HEIGHT + 1));
        if (part < HEIGHT) made.proof[part] ^= flipped;
        else if (part == HEIGHT) made.root ^= flipped;
        else made.outputRoot ^= flipped;
        bytes32 claim =
            keccak256(bytes.concat(made.outputRoot, bytes8(uint64(1)), bytes16(uint128(1))));
        refuses(
            made,
            abi.encodeWithSelector(
                IAssertionChain.AssertionLastLeafMismatch.selector, made.root, claim
            )
        );
    }

    function testFuzz_proofOfAnotherHeight_reverts(uint8 length) public {
        start();
        length = uint8(bound(length, 0, 40));
        vm.assume(length != HEIGHT);
        Proposal memory made = childOf(genesis, 1);
        made.proof = new bytes32[](length);
        refuses(
            made,
            abi.encodeWithSelector(IAssertionChain.AssertionProofLength.selector, length, HEIGHT)
        );
    }

    function test_unknownParent_reverts() public {
        start();
        Proposal memory made = childOf(genesis, 1);
        made.parent = keccak256("none");
        refuses(
            made, abi.encodeWithSelector(IAssertionChain.AssertionUnknown.selector, made.parent)
        );
    }

    function test_minimumInterval_atTheExactSecond() public {
        postAll();
        uint64 earliest = uint64(block.timestamp) + INTERVAL;
        vm.warp(earliest - 1);
        Proposal memory made = childOf(genesis, 1);
        refuses(
            made,
            abi.encodeWithSelector(
                IAssertionChain.AssertionTooEarly.selector, genesis, earliest, earliest - 1
            )
        );
        vm.warp(earliest);
        propose(ALICE, made);
    }

    /// What is proposed twice stands once, and the second stake can be taken back.
    function test_duplicate_isANoOp() public {
        start();
        Proposal memory made = childOf(genesis, 1);
        bytes32 id = propose(ALICE, made);
        vm.warp(block.timestamp + 1);
        vm.recordLogs();
        equal(propose(BOB, made), id);
        equal(vm.getRecordedLogs().length, 1); // CreditAdded alone
        equal(assertionOf(id).proposer, ALICE);
        equal(assertionOf(id).rivaledAt, 0);
        equal(chain.credit(BOB), STAKE);
        uint256 before = BOB.balance;
        vm.prank(BOB);
        equal(chain.withdrawCredit(BOB), STAKE);
        equal(BOB.balance, before + STAKE);
        equal(address(chain).balance, STAKE);
        // Also once it is confirmed, and though a new rival would be too late.
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(id);
        equal(propose(BOB, made), id);
        equal(chain.credit(BOB), STAKE);
    }

    function testFuzz_parameters_areChecked(uint64 height) public {
        vm.assume(height == 0 || height > 32);
        AssertionChain.Parameters memory given = parameters();
        given.blocksHeight = height;
        invalid("blocksHeight", height, given);
        given = parameters();
        given.spansHeight = height;
        invalid("spansHeight", height, given);
        given = parameters();
        given.stepsHeight = height;
        invalid("stepsHeight", height, given);
        given = parameters();
        given.challengePeriod = 0;
        invalid("challengePeriod", 0, given);
        given.challengePeriod = 1 << 32;
        invalid("challengePeriod", 1 << 32, given);
        given = parameters();
        given.minInterval = 1 << 32;
        invalid("minInterval", 1 << 32, given);
        given = parameters();
        given.stake = 0;
        invalid("stake", 0, given);
        given = parameters();
        given.programHash = 0;
        invalid("programHash", 0, given);
        given = parameters();
        given.genesisOutputRoot = 0;
        invalid("genesisOutputRoot", 0, given);
    }

    function invalid(string memory name, uint256 found, AssertionChain.Parameters memory given)
        internal
    {
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionInvalidParameter.selector, name, found)
        );
        new AssertionChain(given);
    }
}
