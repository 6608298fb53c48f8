// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssertionChain} from "../src/AssertionChain.sol";
import {IAssertionChain} from "../src/IAssertionChain.sol";
import {IEdgeGame} from "../src/IEdgeGame.sol";
import {MutualId} from "../src/game/MutualId.sol";
import {AssertionTest} from "./AssertionTest.sol";
import {FuzzSelector} from "./L1Test.sol";

/// @title  AssertionHandler
/// @notice Actors propose, contradict, repeat, confirm, collect and withdraw at any time, and an
///         honest one with a single stake makes its next right move before time passes. Keeps a
///         model of what must come of it: a move must succeed exactly when the model says so.
contract AssertionHandler is AssertionTest {
    struct Model {
        bytes32 parent;
        bytes32 firstChild;
        uint256 createdAt;
        uint256 rivaledAt;
        address proposer;
        // Whether it is the right child of a right parent: what the game decides for.
        bool right;
        bool confirmed;
        bool lost;
    }

    uint256 internal constant ACTORS = 5;
    address internal constant HONEST = address(0x60001);
    uint256 internal constant RIGHT = 0; // the seed of right claims

    bytes32[] public ids;
    mapping(bytes32 id => Model) public models;
    mapping(address account => uint256) public credits;
    mapping(bytes32 parent => bytes32) internal rightChild;
    bytes32 internal confirmedTip;
    uint256 public forced;
    uint256 internal time;

    function setUp() public override {
        super.setUp();
        time = block.timestamp;
        ids.push(genesis);
        models[genesis].createdAt = time;
        models[genesis].right = true;
        models[genesis].confirmed = true;
        confirmedTip = genesis;
        vm.deal(HONEST, STAKE);
    }

    modifier present() {
        vm.warp(time);
        _;
    }

    /// The honest actor has had its turn before time passes.
    function wait(uint256 secondsPassed) external {
        honestTurn(secondsPassed % 2 == 0);
        time += secondsPassed % PERIOD;
    }

    function postBatches(uint256 batches) external present {
        for (uint256 i = 0; i <= batches % 3; ++i) {
            postAll();
        }
    }

    /// With all its ether or with none, it can propose the right child of the tip of the right line.
    function honestTurn(bool sends) public present {
        bytes32 tip = rightTip();
        uint256 value = sends ? HONEST.balance : 0;
        if (value + chain.credit(HONEST) < STAKE && !holdsStake(tip, HONEST)) {
            value = HONEST.balance;
        }
        if (mayPropose(tip)) {
            proposeAs(HONEST, value, tip, RIGHT, false);
            isTrue(rightChild[tip] != 0);
        }
    }

    /// Few different seeds, so that duplicates and rivals are frequent.
    function proposeChild(uint256 parentSeed, uint256 seed, bool early, uint256 i, uint256 value)
        external
        present
    {
        address proposer = actor(i);
        value = value % 3 == 0 ? 0 : value % 3 == 1 ? STAKE : value % (2 * STAKE);
        vm.deal(proposer, value);
        proposeAs(proposer, value, pick(parentSeed), seed % 3, early);
    }

    /// As liars do that run ahead: their own newest line goes on.
    function runAhead(uint256 i, uint256 seed) external present {
        address proposer = actor(i);
        for (uint256 k = ids.length; k > 0; --k) {
            if (!holdsStake(ids[k - 1], proposer)) continue;
            proposeAs(proposer, 0, ids[k - 1], 1 + seed % 2, false);
            return;
        }
    }

    function confirmOne(uint256 seed) external present {
        confirmNow(pick(seed));
    }

    /// Collects what lost to a confirmed assertion, from the top of its wrong branches down as far
    /// as chance says.
    function collectSome(uint256 seed, uint256 limit) external present {
        bytes32 winner = ids[seed % ids.length];
        if (!models[winner].confirmed || winner == genesis) return;
        bytes32[] memory losers = new bytes32[](1 + limit % 8);
        uint256 found = 0;
        for (uint256 i = 1; i < ids.length && found < losers.length; ++i) {
            if (isBeatenBy(ids[i], winner) && !models[ids[i]].lost) losers[found++] = ids[i];
        }
        collect(winner, losers, found);
    }

    function withdraw(uint256 i) external present {
        address account = i % 4 == 0 ? HONEST : actor(i);
        uint256 before = account.balance;
        vm.prank(account);
        equal(chain.withdrawCredit(account), credits[account]);
        equal(account.balance - before, credits[account]);
        credits[account] = 0;
    }

    /// As by selfdestruct, or as the coinbase's reward.
    function forceEther(uint96 amount) external {
        forced += amount;
        vm.deal(address(chain), address(chain).balance + amount);
    }

    /// From any state on, everything that can be decided is, and nobody who was right has lost.
    function finish() external {
        honestTurn(true);
        time += PERIOD;
        vm.warp(time);
        for (uint256 i = 1; i < ids.length; ++i) {
            if (models[ids[i]].right) confirmNow(ids[i]);
        }
        equal(confirmedTip, rightTip());
        for (uint256 i = 1; i < ids.length; ++i) {
            Model memory model = models[ids[i]];
            if (model.right || model.lost) continue;
            bytes32 winner = beater(ids[i]);
            if (winner == 0) continue;
            bytes32[] memory one = new bytes32[](1);
            one[0] = ids[i];
            collect(winner, one, 1);
        }
        // What is left hangs below the tip: no right child of it has come.
        for (uint256 i = 1; i < ids.length; ++i) {
            Model memory model = models[ids[i]];
            isTrue(model.confirmed || model.lost || beater(ids[i]) == 0);
        }
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function theChain() external view returns (AssertionChain) {
        return chain;
    }

    function actor(uint256 i) public pure returns (address) {
        return address(uint160(0x70000 + i % ACTORS));
    }

    function accounts() external pure returns (address[] memory all) {
        all = new address[](ACTORS + 1);
        for (uint256 i = 0; i < ACTORS; ++i) {
            all[i] = actor(i);
        }
        all[ACTORS] = HONEST;
    }

    /// Wei that the honest actor has, wherever they are.
    function honestWealth() external view returns (uint256 wealth) {
        wealth = HONEST.balance + credits[HONEST];
        for (uint256 i = 1; i < ids.length; ++i) {
            if (holdsStake(ids[i], HONEST)) wealth += STAKE;
        }
    }

    function proposeAs(address proposer, uint256 value, bytes32 parent, uint256 seed, bool early)
        internal
    {
        while (inbox.batchCount() < assertionOf(parent).batchLimit) {
            postAll();
        }
        Proposal memory made = childOf(parent, seed);
        if (early) {
            // It stops within the batch, as after 2^HEIGHT blocks.
            IAssertionChain.Cursor memory cursor = assertionOf(parent).cursor;
            cursor.block += 8;
            made = proposal(parent, cursor, seed);
        }
        uint256 owed = holdsStake(parent, proposer) ? 0 : STAKE;
        bool pays = value + credits[proposer] >= owed;
        vm.prank(proposer, proposer);
        try chain.propose{value: value}(
            parent, made.outputRoot, made.cursor, made.root, made.proof, made.batchAcc
        ) returns (
            bytes32 id
        ) {
            credits[proposer] += value;
            if (models[id].createdAt != 0) return;
            isTrue(mayPropose(parent) && pays);
            credits[proposer] -= owed;
            if (owed > 0 && holdsStake(parent)) credits[models[parent].proposer] += STAKE;
            models[id].proposer = proposer;
            models[id].right = models[parent].right && seed == RIGHT && !early;
            hang(parent, id);
            if (!models[id].right) return;
            // The game decides for what is right, once it is disputed.
            rightChild[parent] = id;
            bytes32 mutualId = MutualId.ofBlocks(parent);
            vm.mockCall(chain.GAME(), abi.encodeCall(IEdgeGame.confirm, (mutualId, made.root)), "");
        } catch {
            isTrue(!mayPropose(parent) || !pays);
        }
    }

    function confirmNow(bytes32 id) internal {
        Model storage model = models[id];
        bool due = model.rivaledAt == 0 ? time >= model.createdAt + PERIOD : model.right;
        bool allowed = model.confirmed || (model.parent == confirmedTip && due);
        bool staked = holdsStake(id);
        try chain.confirm(id) {
            isTrue(allowed);
            if (model.confirmed) return;
            // Nothing wrong is ever confirmed: the honest actor was there in time.
            isTrue(model.right);
            if (staked) credits[model.proposer] += STAKE;
            model.confirmed = true;
            confirmedTip = id;
        } catch {
            isTrue(!allowed);
        }
    }

    function collect(bytes32 winner, bytes32[] memory losers, uint256 found) internal {
        bytes32[] memory page = new bytes32[](found);
        uint256 staked = 0;
        for (uint256 i = 0; i < found; ++i) {
            page[i] = losers[i];
            if (holdsStake(losers[i])) ++staked;
            models[losers[i]].lost = true;
        }
        uint256 burnt = address(0).balance;
        chain.collect(winner, page);
        equal(address(0).balance - burnt, staked * STAKE / 2);
        credits[models[winner].proposer] += staked * STAKE / 2;
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
        bytes32 above = models[parent].parent;
        if (isDecided(parent)) return false;
        if (!models[parent].confirmed && isDecided(above)) return false;
        bytes32 first = models[parent].firstChild;
        if (first == 0) return time >= models[parent].createdAt + INTERVAL;
        return models[first].rivaledAt != 0 || time < models[first].createdAt + PERIOD;
    }

    function isDecided(bytes32 id) internal view returns (bool) {
        return models[id].lost || (models[id].confirmed && id != confirmedTip);
    }

    /// The confirmed assertion to which the top of this one's wrong branch has lost; 0 if none.
    function beater(bytes32 id) internal view returns (bytes32) {
        while (!models[models[id].parent].right) id = models[id].parent;
        bytes32 winner = rightChild[models[id].parent];
        return winner != id && models[winner].confirmed ? winner : bytes32(0);
    }

    function isBeatenBy(bytes32 id, bytes32 winner) internal view returns (bool) {
        return !models[id].right && beater(id) == winner;
    }

    function holdsStake(bytes32 id) internal view returns (bool) {
        return !models[id].confirmed && !models[id].lost && models[id].firstChild == 0;
    }

    function holdsStake(bytes32 id, address account) internal view returns (bool) {
        return holdsStake(id) && models[id].proposer == account;
    }

    /// The end of the line of right assertions.
    function rightTip() internal view returns (bytes32 tip) {
        tip = genesis;
        while (rightChild[tip] != 0) tip = rightChild[tip];
    }

    /// Mostly one of the newest few, so that lines get long.
    function pick(uint256 seed) internal view returns (bytes32) {
        uint256 last = ids.length - 1;
        uint256 back = seed % 4 == 0 ? (seed >> 8) % ids.length : (seed >> 8) % 3;
        return ids[back > last ? 0 : last - back];
    }
}

/// @title  AssertionInvariantsTest
/// @notice Whatever is done: no ether is lost or made, a stake lies on each pending leaf and nowhere
///         else, who is honest needs one stake and keeps it, and confirmed assertions are one line.
contract AssertionInvariantsTest is AssertionTest {
    AssertionHandler internal handler;

    function setUp() public override {
        handler = new AssertionHandler();
        handler.setUp();
        chain = handler.theChain();
        genesis = chain.genesisId();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = AssertionHandler.wait.selector;
        selectors[1] = AssertionHandler.proposeChild.selector;
        selectors[2] = AssertionHandler.proposeChild.selector;
        selectors[3] = AssertionHandler.runAhead.selector;
        selectors[4] = AssertionHandler.honestTurn.selector;
        selectors[5] = AssertionHandler.confirmOne.selector;
        selectors[6] = AssertionHandler.collectSome.selector;
        selectors[7] = AssertionHandler.withdraw.selector;
        selectors[8] = AssertionHandler.postBatches.selector;
        selectors[9] = AssertionHandler.forceEther.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    // PROTOCOL.md ASSERT-10
    function invariant_balance_isStakesOfPendingLeavesAndCredits() public view {
        uint256 open = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            IAssertionChain.Assertion memory found = assertionOf(handler.ids(i));
            if (found.status == IAssertionChain.Status.Pending && found.firstChild == 0) {
                open += STAKE;
            }
        }
        uint256 credits = 0;
        address[] memory accounts = handler.accounts();
        for (uint256 i = 0; i < accounts.length; ++i) {
            equal(chain.credit(accounts[i]), handler.credits(accounts[i]));
            credits += chain.credit(accounts[i]);
        }
        equal(address(chain).balance, open + credits + handler.forced());
    }

    // PROTOCOL.md ASSERT-12
    function invariant_whoIsHonest_keepsItsOneStake() public view {
        isTrue(handler.honestWealth() >= STAKE);
    }

    function afterInvariant() external {
        handler.finish();
        invariant_balance_isStakesOfPendingLeavesAndCredits();
        invariant_whoIsHonest_keepsItsOneStake();
    }

    function invariant_confirmed_areOneRightLine() public view {
        uint256 confirmed = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            IAssertionChain.Assertion memory found = assertionOf(handler.ids(i));
            if (found.status != IAssertionChain.Status.Confirmed) continue;
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
                address proposer,
                bool right,
                bool confirmed,
                bool lost
            ) = handler.models(id);
            IAssertionChain.Assertion memory found = assertionOf(id);
            equal(found.parent, parent);
            equal(found.firstChild, firstChild);
            equal(found.createdAt, createdAt);
            equal(found.rivaledAt, rivaledAt);
            equal(found.proposer, proposer);
            isTrue((found.status == IAssertionChain.Status.Confirmed) == confirmed);
            isTrue((found.status == IAssertionChain.Status.Lost) == lost);
            isTrue(right || !confirmed);
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
