// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssertionChain} from "../src/AssertionChain.sol";
import {IAssertionChain} from "../src/IAssertionChain.sol";
import {AssertionTest} from "./AssertionTest.sol";
import {FuzzSelector} from "./L1Test.sol";

/// @title  AssertionHandler
/// @notice Proposes, contradicts, repeats, confirms and withdraws at any time, and keeps a model of
///         what must come of it. A move must succeed exactly when the model says so.
contract AssertionHandler is AssertionTest {
    struct Model {
        bytes32 parent;
        bytes32 firstChild;
        uint256 createdAt;
        uint256 rivaledAt;
        bool confirmed;
    }

    bytes32[] public ids;
    mapping(bytes32 id => Model) public models;
    mapping(address account => uint256) public credits;
    uint256 public forced;
    uint256 internal time;

    function setUp() public override {
        super.setUp();
        time = block.timestamp;
        ids.push(genesis);
        models[genesis].createdAt = time;
        models[genesis].confirmed = true;
    }

    modifier present() {
        vm.warp(time);
        _;
    }

    function wait(uint256 secondsPassed) external {
        time += secondsPassed % PERIOD;
    }

    function postBatches(uint256 batches) external present {
        for (uint256 i = 0; i <= batches % 3; ++i) {
            postAll();
        }
    }

    /// Few different seeds, so that duplicates and rivals are frequent.
    function proposeChild(uint256 parentSeed, uint256 seed, bool early, bool bob) external present {
        bytes32 parent = pick(parentSeed);
        while (inbox.batchCount() < assertionOf(parent).batchLimit) {
            postAll();
        }
        Proposal memory made = childOf(parent, seed % 3);
        if (early) {
            // It stops within the batch, as after 2^HEIGHT blocks.
            IAssertionChain.Cursor memory cursor = assertionOf(parent).cursor;
            cursor.block += 8;
            made = proposal(parent, cursor, seed % 3);
        }
        address proposer = bob ? BOB : ALICE;
        vm.deal(proposer, STAKE);
        vm.prank(proposer, proposer);
        try chain.propose{value: STAKE}(
            parent, made.outputRoot, made.cursor, made.root, made.proof, made.batchAcc
        ) returns (
            bytes32 id
        ) {
            if (models[id].createdAt != 0) {
                credits[proposer] += STAKE;
                return;
            }
            isTrue(mayPropose(parent));
            hang(parent, id);
        } catch {
            isTrue(!mayPropose(parent));
        }
    }

    function confirmOne(uint256 seed) external present {
        bytes32 id = pick(seed);
        Model storage model = models[id];
        bool allowed = model.confirmed
            || (models[model.parent].confirmed
                && model.rivaledAt == 0
                && time >= model.createdAt + PERIOD);
        address proposer = assertionOf(id).proposer;
        try chain.confirm(id) {
            isTrue(allowed);
            if (!model.confirmed) credits[proposer] += STAKE;
            model.confirmed = true;
        } catch {
            isTrue(!allowed);
        }
    }

    function withdraw(bool bob) external present {
        address account = bob ? BOB : ALICE;
        uint256 before = account.balance;
        vm.prank(account);
        equal(chain.withdrawCredit(), credits[account]);
        equal(account.balance - before, credits[account]);
        credits[account] = 0;
    }

    /// As by selfdestruct, or as the coinbase's reward.
    function forceEther(uint96 amount) external {
        forced += amount;
        vm.deal(address(chain), address(chain).balance + amount);
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function theChain() external view returns (AssertionChain) {
        return chain;
    }

    function hang(bytes32 parent, bytes32 id) internal {
        ids.push(id);
        models[id].parent = parent;
        models[id].createdAt = time;
        bytes32 first = models[parent].firstChild;
        if (first == 0) {
            models[parent].firstChild = id;
            return;
        }
        models[id].rivaledAt = time;
        if (models[first].rivaledAt == 0) models[first].rivaledAt = time;
    }

    function mayPropose(bytes32 parent) internal view returns (bool) {
        bytes32 first = models[parent].firstChild;
        if (first == 0) return time >= models[parent].createdAt + INTERVAL;
        return models[first].rivaledAt != 0 || time < models[first].createdAt + PERIOD;
    }

    /// Mostly one of the newest few, so that lines get long.
    function pick(uint256 seed) internal view returns (bytes32) {
        uint256 last = ids.length - 1;
        uint256 back = seed % 4 == 0 ? (seed >> 8) % ids.length : (seed >> 8) % 3;
        return ids[back > last ? 0 : last - back];
    }
}

/// @title  AssertionInvariantsTest
/// @notice Whatever is done: no ether is lost or made, and confirmed assertions are one line that
///         nobody contradicted.
contract AssertionInvariantsTest is AssertionTest {
    AssertionHandler internal handler;

    function setUp() public override {
        handler = new AssertionHandler();
        handler.setUp();
        chain = handler.theChain();
        genesis = chain.genesisId();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = AssertionHandler.wait.selector;
        selectors[1] = AssertionHandler.wait.selector;
        selectors[2] = AssertionHandler.proposeChild.selector;
        selectors[3] = AssertionHandler.proposeChild.selector;
        selectors[4] = AssertionHandler.confirmOne.selector;
        selectors[5] = AssertionHandler.withdraw.selector;
        selectors[6] = AssertionHandler.postBatches.selector;
        selectors[7] = AssertionHandler.forceEther.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    // PROTOCOL.md ASSERT-10
    function invariant_balance_isOpenStakesAndCredits() public view {
        uint256 open = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            if (assertionOf(handler.ids(i)).status == IAssertionChain.Status.Pending) {
                open += STAKE;
            }
        }
        equal(chain.credit(ALICE), handler.credits(ALICE));
        equal(chain.credit(BOB), handler.credits(BOB));
        uint256 credits = chain.credit(ALICE) + chain.credit(BOB);
        equal(address(chain).balance, open + credits + handler.forced());
    }

    function invariant_confirmed_areOneLineWithoutRivals() public view {
        uint256 confirmed = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            IAssertionChain.Assertion memory found = assertionOf(handler.ids(i));
            if (found.status != IAssertionChain.Status.Confirmed) continue;
            equal(found.rivaledAt, 0);
            ++confirmed;
        }
        bytes32 id = chain.latestConfirmed();
        for (uint256 i = 1; i < confirmed; ++i) {
            IAssertionChain.Assertion memory found = assertionOf(id);
            isTrue(found.status == IAssertionChain.Status.Confirmed);
            id = found.parent;
            IAssertionChain.Assertion memory above = assertionOf(id);
            isTrue(isAhead(found.cursor, above.cursor));
            isTrue(found.cursor.batch <= above.batchLimit);
        }
        equal(id, genesis);
    }

    /// The limit of an assertion lies ahead of it, and its children never pass it.
    function invariant_limits_areKept() public view {
        for (uint256 i = 1; i < handler.count(); ++i) {
            IAssertionChain.Assertion memory found = assertionOf(handler.ids(i));
            IAssertionChain.Assertion memory above = assertionOf(found.parent);
            isTrue(found.batchLimit > found.cursor.batch);
            isTrue(found.batchLimit >= above.batchLimit);
            isTrue(isAhead(found.cursor, above.cursor));
            isTrue(
                found.cursor.batch < above.batchLimit
                    || (found.cursor.batch == above.batchLimit && found.cursor.block == 0)
            );
        }
    }

    function invariant_clocks_areTheModels() public view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 id = handler.ids(i);
            (
                bytes32 parent,
                bytes32 firstChild,
                uint256 createdAt,
                uint256 rivaledAt,
                bool confirmed
            ) = handler.models(id);
            IAssertionChain.Assertion memory found = assertionOf(id);
            equal(found.parent, parent);
            equal(found.firstChild, firstChild);
            equal(found.createdAt, createdAt);
            equal(found.rivaledAt, rivaledAt);
            isTrue((found.status == IAssertionChain.Status.Confirmed) == confirmed);
        }
    }

    function isAhead(IAssertionChain.Cursor memory end, IAssertionChain.Cursor memory start)
        internal
        pure
        returns (bool)
    {
        return end.batch > start.batch || (end.batch == start.batch && end.block > start.block);
    }
}
