// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssertionChain} from "../src/AssertionChain.sol";
import {IAssertionChain} from "../src/IAssertionChain.sol";
import {ClaimTree} from "./ClaimTree.sol";
import {L1Test} from "./L1Test.sol";

/// @title  AssertionTest
/// @notice An AssertionChain on a real Inbox, and commitments to made-up claims.
abstract contract AssertionTest is L1Test {
    struct Proposal {
        bytes32 parent;
        bytes32 outputRoot;
        IAssertionChain.Cursor cursor;
        bytes32 root;
        bytes32[] proof;
        bytes32 batchAcc;
    }

    uint64 internal constant HEIGHT = 3;
    uint64 internal constant PERIOD = 1 days;
    uint64 internal constant INTERVAL = 600;
    uint256 internal constant STAKE = 1 ether;
    bytes32 internal constant GENESIS_OUTPUT = keccak256("genesis");
    address internal constant BOB = address(0xB0B);

    AssertionChain internal chain;
    bytes32 internal genesis;

    function setUp() public virtual override {
        super.setUp();
        chain = new AssertionChain(parameters());
        genesis = chain.genesisId();
        vm.deal(BOB, 1_000_000 ether);
    }

    function parameters() internal view returns (AssertionChain.Parameters memory) {
        return AssertionChain.Parameters({
            inbox: address(inbox),
            stepVerifier: address(0x57E9),
            programHash: keccak256("program"),
            configHash: keccak256("config"),
            vmVersion: 1,
            blocksHeight: HEIGHT,
            spansHeight: 16,
            stepsHeight: 20,
            challengePeriod: PERIOD,
            minInterval: INTERVAL,
            stake: STAKE,
            spansStake: 0.1 ether,
            stepsStake: 0.01 ether,
            gasPrice: 0,
            genesisOutputRoot: GENESIS_OUTPUT
        });
    }

    /// A child of `parent` that ends at its batch limit; `seed` makes it differ from others.
    function childOf(bytes32 parent, uint256 seed) internal view returns (Proposal memory) {
        IAssertionChain.Assertion memory above = chain.assertion(parent);
        uint64 limit = above.batchLimit;
        uint64 read = above.cursor.depositsRead + 1;
        return proposal(parent, IAssertionChain.Cursor(limit, 0, read), seed);
    }

    /// A child of `parent` with this end.
    function proposal(bytes32 parent, IAssertionChain.Cursor memory cursor, uint256 seed)
        internal
        view
        returns (Proposal memory made)
    {
        return proposalTo(parent, keccak256(abi.encode("output", seed)), cursor, seed);
    }

    /// A child of `parent` with this end and this output root.
    function proposalTo(
        bytes32 parent,
        bytes32 outputRoot,
        IAssertionChain.Cursor memory cursor,
        uint256 seed
    ) internal view returns (Proposal memory made) {
        made.parent = parent;
        made.outputRoot = outputRoot;
        made.cursor = cursor;
        made.batchAcc = chain.assertion(parent).batchLimitAcc;
        bytes32[] memory claims = new bytes32[](2 ** HEIGHT);
        for (uint256 i = 0; i < claims.length; ++i) {
            claims[i] = keccak256(abi.encode("claim", seed, i));
        }
        claims[claims.length - 1] = keccak256(
            bytes.concat(
                made.outputRoot,
                bytes8(cursor.batch),
                bytes8(cursor.block),
                bytes8(cursor.depositsRead)
            )
        );
        made.root = ClaimTree.root(claims);
        made.proof = ClaimTree.proof(claims, claims.length - 1);
    }

    /// Proposes, and sends a stake whether it is needed or not.
    function propose(address proposer, Proposal memory made) internal returns (bytes32) {
        return proposeWith(proposer, STAKE, made);
    }

    /// Proposes with a chosen value.
    function proposeWith(address proposer, uint256 value, Proposal memory made)
        internal
        returns (bytes32)
    {
        vm.prank(proposer, proposer);
        return chain.propose{value: value}(
            made.parent, made.outputRoot, made.cursor, made.root, made.proof, made.batchAcc
        );
    }

    /// `propose` must revert with `expected`.
    function refuses(Proposal memory made, bytes memory expected) internal {
        vm.expectRevert(expected);
        propose(ALICE, made);
    }

    /// Waits out the minimum interval after the newest assertion.
    function waitInterval() internal {
        vm.warp(block.timestamp + INTERVAL);
    }

    /// A batch is posted, and a child of genesis may come.
    function start() internal {
        postAll();
        waitInterval();
    }

    function assertionOf(bytes32 id) internal view returns (IAssertionChain.Assertion memory) {
        return chain.assertion(id);
    }
}
