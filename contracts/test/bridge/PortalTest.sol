// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {ConfirmedGames} from "../../src/ConfirmedGames.sol";
import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IPortal} from "../../src/IPortal.sol";
import {Portal} from "../../src/Portal.sol";
import {AssertionTest} from "../AssertionTest.sol";
import {StorageTrie} from "./StorageTrie.sol";

/// @title  PortalTest
/// @notice A Portal on a real Inbox and AssertionChain, and made-up blocks of L2 that hold
///         withdrawals.
abstract contract PortalTest is AssertionTest {
    /// What is behind an output root.
    struct L2Block {
        uint64 number;
        bytes32 stateRoot;
        bytes32 storageRoot;
        bytes header;
    }

    Portal internal portal;
    ConfirmedGames internal games;
    /// Withdrawals of the L2 chain so far.
    bytes32[] internal initiated;
    uint256 private outputs;

    function setUp() public virtual override {
        super.setUp();
        games = new ConfirmedGames(address(chain));
        portal = new Portal(address(inbox), address(games));
    }

    /// The contract after the Inbox, the AssertionChain and the games.
    function portalAddress() internal view override returns (address) {
        return vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3);
    }

    /// Alice, an EOA, deposits without data.
    function deposit(uint64 gasLimit) internal override {
        vm.prank(ALICE, ALICE);
        portal.depositTransaction(ALICE, 0, gasLimit, false, "");
    }

    /// Alice pays `amount` in, as an EOA.
    function depositEther(uint256 amount) internal {
        vm.deal(ALICE, amount);
        vm.prank(ALICE, ALICE);
        portal.depositTransaction{value: amount}(ALICE, amount, 100_000, false, "");
    }

    /// A withdrawal without data; initiated on L2 if `initiate`.
    function withdrawal(uint256 nonce, address target, uint256 value)
        internal
        pure
        returns (IPortal.WithdrawalTransaction memory)
    {
        return IPortal.WithdrawalTransaction(nonce, ALICE, target, value, 100_000, "");
    }

    function hashOf(IPortal.WithdrawalTransaction memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(it.nonce, it.sender, it.target, it.value, it.gasLimit, it.data));
    }

    /// L2 executes the withdrawal.
    function initiate(IPortal.WithdrawalTransaction memory it) internal {
        initiated.push(hashOf(it));
    }

    /// A block of L2 with all withdrawals so far.
    function blockOf(uint64 number) internal view returns (L2Block memory made) {
        made.number = number;
        made.stateRoot = keccak256(abi.encode("state", number, initiated));
        made.storageRoot = initiated.length == 0 ? bytes32(uint256(1)) : StorageTrie.root(initiated);
        bytes[] memory fields = new bytes[](21);
        for (uint256 i = 0; i < fields.length; ++i) {
            fields[i] = RLP.encode(keccak256(abi.encode("header", i)));
        }
        fields[3] = RLP.encode(made.stateRoot);
        fields[7] = RLP.encode(uint256(0));
        fields[8] = RLP.encode(uint256(number));
        fields[11] = RLP.encode(uint256(number) + 1_700_000_000);
        made.header = RLP.encode(fields);
    }

    function outputRootOf(L2Block memory it) internal pure returns (bytes32) {
        return
            keccak256(bytes.concat(bytes32(0), it.stateRoot, it.storageRoot, keccak256(it.header)));
    }

    function outputProofOf(L2Block memory it)
        internal
        pure
        returns (IPortal.OutputRootProof memory)
    {
        return IPortal.OutputRootProof(0, it.stateRoot, it.storageRoot, keccak256(it.header));
    }

    /// Alice claims that `parent` is followed by this state.
    function assertBlock(bytes32 parent, L2Block memory it) internal returns (bytes32 id) {
        postAll();
        waitInterval();
        IAssertionChain.Assertion memory above = chain.assertion(parent);
        IAssertionChain.Cursor memory end =
            IAssertionChain.Cursor(above.batchLimit, 0, above.cursor.depositsRead + 1);
        return propose(BOB, proposalTo(parent, outputRootOf(it), end, ++outputs));
    }

    function publish(bytes32 id, L2Block memory it) internal returns (uint256 index) {
        index = games.gameCount();
        games.publish(id, it.stateRoot, it.storageRoot, it.header);
    }

    /// A block with all withdrawals so far is asserted, confirmed and listed.
    function confirmBlock(uint64 number) internal returns (L2Block memory made, uint256 index) {
        made = blockOf(number);
        bytes32 id = assertBlock(chain.latestConfirmed(), made);
        vm.warp(block.timestamp + PERIOD);
        index = publish(id, made);
    }

    function proofOf(IPortal.WithdrawalTransaction memory it)
        internal
        view
        returns (bytes[] memory)
    {
        return StorageTrie.proof(initiated, hashOf(it));
    }

    /// One withdrawal in one call, as a relayer sends it.
    function relay(uint256 game, IPortal.WithdrawalTransaction memory it)
        internal
        returns (bool paid)
    {
        (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs) = oneOf(it);
        return portal.proveAndFinalize(game, all, proofs)[0];
    }

    function oneOf(IPortal.WithdrawalTransaction memory it)
        internal
        view
        returns (IPortal.WithdrawalTransaction[] memory all, bytes[][] memory proofs)
    {
        all = new IPortal.WithdrawalTransaction[](1);
        all[0] = it;
        proofs = new bytes[][](1);
        proofs[0] = proofOf(it);
    }
}
