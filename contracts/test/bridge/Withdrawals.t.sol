// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IConfirmedGames} from "../../src/IConfirmedGames.sol";
import {IInbox} from "../../src/IInbox.sol";
import {IPortal} from "../../src/IPortal.sol";
import {Portal} from "../../src/Portal.sol";
import {PortalTest} from "./PortalTest.sol";

/// @title  WithdrawalsTest
/// @notice What is paid, once, by one call or by OP's two; and what is refused, each for its reason.
contract WithdrawalsTest is PortalTest {
    address private constant CAROL = address(0xCA401);

    IPortal.WithdrawalTransaction private first;
    L2Block private block1;
    uint256 private game;

    function setUp() public override {
        super.setUp();
        depositEther(100 ether);
        first = withdrawal(1, CAROL, 3 ether);
        initiate(first);
        for (uint256 i = 2; i < 10; ++i) {
            initiate(withdrawal(i, CAROL, i));
        }
        (block1, game) = confirmBlock(10);
    }

    function test_oneCall_provesAndPays() public {
        bytes32 hash = hashOf(first);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalProven(hash, ALICE, CAROL);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(hash, true);
        isTrue(relay(game, first));
        equal(CAROL.balance, 3 ether);
        equal(address(portal).balance, 97 ether);
        isTrue(portal.finalizedWithdrawals(hash));
        equal(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
    }

    /// Whatever the others are, each is proven and paid.
    function testFuzz_everyWithdrawalOfABlock_isPaid(uint256 count, uint256 seed) public {
        count = bound(count, 1, 12);
        for (uint256 i = 0; i < count; ++i) {
            initiate(withdrawal(seed ^ i << 100, CAROL, i));
        }
        (, uint256 index) = confirmBlock(20);
        uint256 paid = 0;
        for (uint256 i = 0; i < count; ++i) {
            isTrue(relay(index, withdrawal(seed ^ i << 100, CAROL, i)));
            paid += i;
        }
        equal(CAROL.balance, paid);
    }

    function test_opsTwoCalls_payWithoutAWait() public {
        bytes32 hash = hashOf(first);
        equal(portal.numProofSubmitters(hash), 0);
        vm.expectRevert(IPortal.OptimismPortal_Unproven.selector);
        portal.checkWithdrawal(hash, BOB);
        prove(BOB, first);
        prove(BOB, first);
        equal(portal.numProofSubmitters(hash), 1);
        equal(portal.proofSubmitters(hash, 0), BOB);
        (address proxy, uint64 time) = portal.provenWithdrawals(hash, BOB);
        (,, address listed) = games.gameAtIndex(game);
        equal(proxy, listed);
        equal(time, block.timestamp);
        portal.checkWithdrawal(hash, BOB);
        equal(portal.proofMaturityDelaySeconds() + portal.disputeGameFinalityDelaySeconds(), 0);
        vm.prank(BOB);
        portal.finalizeWithdrawalTransaction(first);
        equal(CAROL.balance, 3 ether);
        vm.expectRevert(IPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.checkWithdrawal(hash, BOB);
    }

    function test_anyone_finalizesWithTheProofOfAnother() public {
        prove(BOB, first);
        vm.expectRevert(IPortal.OptimismPortal_Unproven.selector);
        portal.finalizeWithdrawalTransaction(first);
        portal.finalizeWithdrawalTransactionExternalProof(first, BOB);
        equal(CAROL.balance, 3 ether);
    }

    /// A proof by somebody else neither resets a proof nor stands in its way.
    function test_proofs_areKeptBySubmitter() public {
        prove(BOB, first);
        (, uint64 time) = portal.provenWithdrawals(hashOf(first), BOB);
        mine(5);
        prove(ALICE, first);
        (, uint64 later) = portal.provenWithdrawals(hashOf(first), BOB);
        equal(later, time);
        equal(portal.numProofSubmitters(hashOf(first)), 2);
        vm.prank(BOB);
        portal.finalizeWithdrawalTransaction(first);
    }

    function test_second_finalize_isRefused() public {
        prove(BOB, first);
        prove(ALICE, first);
        relay(game, first);
        vm.expectRevert(IPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransactionExternalProof(first, BOB);
        vm.expectRevert(IPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransactionExternalProof(first, ALICE);
        // A batch goes on without it.
        isTrue(relay(game, first));
        equal(CAROL.balance, 3 ether);
    }

    /// On the way to it the trie ends, or belongs to another withdrawal.
    function testFuzz_neverInitiated_isRefused(uint256 nonce) public {
        vm.assume(nonce > 20);
        IPortal.WithdrawalTransaction memory false_ = withdrawal(nonce, CAROL, 100 ether);
        refusedByTrie(false_, proofOf(false_));
        refusedByTrie(false_, proofOf(first));
        refusedByTrie(false_, new bytes[](0));
    }

    function testFuzz_alteredWithdrawal_isRefused(uint256 field, uint256 by) public {
        IPortal.WithdrawalTransaction memory altered = first;
        field = field % 6;
        by = bound(by, 1, type(uint64).max);
        if (field == 0) altered.nonce += by;
        if (field == 1) altered.sender = address(uint160(by));
        if (field == 2) altered.target = address(uint160(by));
        if (field == 3) altered.value += by;
        if (field == 4) altered.gasLimit += by;
        if (field == 5) altered.data = abi.encode(by);
        refusedByTrie(altered, proofOf(first));
    }

    /// Every node is needed, and every byte of it.
    function testFuzz_corruptedProof_isRefused(uint256 node, uint256 index, uint8 flip) public {
        bytes[] memory proof = proofOf(first);
        node = node % proof.length;
        index = index % proof[node].length;
        proof[node][index] ^= bytes1(flip == 0 ? 1 : flip);
        refusedByTrie(first, proof);
    }

    /// It was initiated after the block that the game stands for.
    function test_earlierBlock_isRefused() public {
        IPortal.WithdrawalTransaction memory late = withdrawal(77, CAROL, 1);
        initiate(late);
        (, uint256 later) = confirmBlock(20);
        refusedByTrie(late, proofOf(late));
        isTrue(relay(later, late));
    }

    function test_partsOfAnotherBlock_areRefused() public {
        IPortal.OutputRootProof memory parts = outputProofOf(block1);
        bytes[] memory proof = proofOf(first);
        for (uint256 i = 0; i < 4; ++i) {
            IPortal.OutputRootProof memory wrong = outputProofOf(block1);
            if (i == 0) wrong.version = bytes32(uint256(1));
            if (i == 1) wrong.stateRoot = parts.messagePasserStorageRoot;
            if (i == 2) wrong.messagePasserStorageRoot = parts.stateRoot;
            if (i == 3) wrong.latestBlockhash = parts.stateRoot;
            vm.expectRevert(IPortal.OptimismPortal_InvalidOutputRootProof.selector);
            portal.proveWithdrawalTransaction(first, game, wrong, proof);
        }
    }

    /// A chain where the withdrawal was initiated, with contracts of its own, has its own games.
    function test_gameOfAnotherChain_isRefused() public {
        (Portal ours, uint256 ourGame) = (portal, game);
        delete initiated;
        super.setUp();
        IPortal.WithdrawalTransaction memory foreign = withdrawal(1000, CAROL, 50 ether);
        initiate(foreign);
        initiate(first);
        confirmBlock(10);
        (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs) = oneOf(foreign);
        vm.expectRevert(IPortal.OptimismPortal_InvalidMerkleProof.selector);
        ours.proveAndFinalize(ourGame, all, proofs);
        vm.expectRevert(abi.encodeWithSelector(IConfirmedGames.GamesUnknownIndex.selector, 1, 1));
        ours.proveAndFinalize(ourGame + 1, all, proofs);
    }

    function test_pendingAssertion_isRefused() public {
        IPortal.WithdrawalTransaction memory lie = withdrawal(1000, CAROL, 100 ether);
        initiate(lie);
        L2Block memory claimed = blockOf(20);
        bytes32 id = assertBlock(chain.latestConfirmed(), claimed);
        uint64 due = uint64(block.timestamp) + PERIOD;
        vm.warp(due - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionNotDue.selector, id, due, uint64(due - 1)
            )
        );
        games.publish(id, claimed.stateRoot, claimed.storageRoot, claimed.header);
        vm.expectRevert(abi.encodeWithSelector(IConfirmedGames.GamesUnknownIndex.selector, 1, 1));
        portal.proveAndFinalize(1, new IPortal.WithdrawalTransaction[](0), new bytes[][](0));
    }

    function test_proofsMustBeAsManyAsWithdrawals() public {
        (IPortal.WithdrawalTransaction[] memory all,) = oneOf(first);
        vm.expectRevert(abi.encodeWithSelector(IPortal.PortalProofCount.selector, 1, 2));
        portal.proveAndFinalize(game, all, new bytes[][](2));
    }

    /// Neither may be called in the Portal's name: each deposit of its own would mint ether.
    function test_callsIntoPortalAndInbox_areRefused() public {
        IPortal.WithdrawalTransaction memory mint = withdrawal(50, address(inbox), 0);
        mint.data = abi.encodeCall(
            IInbox.enqueueDeposit, (ALICE, ALICE, 1e30, 0, uint64(100_000), false, "")
        );
        IPortal.WithdrawalTransaction memory self = withdrawal(51, address(portal), 1 ether);
        initiate(mint);
        initiate(self);
        (L2Block memory made, uint256 index) = confirmBlock(20);
        for (uint256 i = 0; i < 2; ++i) {
            IPortal.WithdrawalTransaction memory it = i == 0 ? mint : self;
            bytes[] memory proof = proofOf(it);
            vm.expectRevert(IPortal.OptimismPortal_BadTarget.selector);
            this.relayWith(index, it, proof);
            vm.expectRevert(IPortal.OptimismPortal_BadTarget.selector);
            portal.proveWithdrawalTransaction(it, index, outputProofOf(made), proof);
        }
        equal(inbox.depositCount(), 1 + inbox.batchCount());
    }

    function test_portal_isThatOfItsInboxAndGames() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPortal.PortalInboxMismatch.selector, address(inbox), address(portal)
            )
        );
        new Portal(address(inbox), address(games));
    }

    /// The call of `relay` as one message call, for `expectRevert`.
    function relayWith(uint256 index, IPortal.WithdrawalTransaction memory it, bytes[] memory proof)
        external
    {
        IPortal.WithdrawalTransaction[] memory all = new IPortal.WithdrawalTransaction[](1);
        all[0] = it;
        bytes[][] memory proofs = new bytes[][](1);
        proofs[0] = proof;
        portal.proveAndFinalize(index, all, proofs);
    }

    function prove(address submitter, IPortal.WithdrawalTransaction memory it) private {
        bytes[] memory proof = proofOf(it);
        vm.prank(submitter);
        portal.proveWithdrawalTransaction(it, game, outputProofOf(block1), proof);
    }

    /// By the Portal, or by the reader of RLP where the node does not parse.
    function refusedByTrie(IPortal.WithdrawalTransaction memory it, bytes[] memory proof) private {
        try this.relayWith(game, it, proof) {
            isTrue(false);
        } catch (bytes memory reason) {
            bytes4 why = bytes4(reason);
            isTrue(
                why == IPortal.OptimismPortal_InvalidMerkleProof.selector
                    || why == RLP.RLPInvalidEncoding.selector
            );
        }
        isTrue(!portal.finalizedWithdrawals(hashOf(it)));
        equal(CAROL.balance, 0);
    }
}
