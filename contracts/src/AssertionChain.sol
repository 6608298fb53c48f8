// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EdgeGame} from "./EdgeGame.sol";
import {IAssertionChain} from "./IAssertionChain.sol";
import {IEdgeGame} from "./IEdgeGame.sol";
import {IInbox} from "./IInbox.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {MutualId} from "./game/MutualId.sol";
import {Prices} from "./game/Prices.sol";

/// @title  AssertionChain
/// @notice A tree of staked claims. Of the children of one assertion exactly one is right, because
///         it must read the Inbox up to a point that was fixed when its parent was created. Time
///         confirms an assertion that nobody contradicts; between rivals the EdgeGame decides. A
///         stake lies on each pending leaf of the tree and on nothing else: whoever proposes a line
///         locks one stake, however long the line is, and each wrong branch holds a stake of its
///         own.
contract AssertionChain is IAssertionChain {
    /// @notice Constructor arguments.
    struct Parameters {
        address inbox;
        address stepVerifier;
        bytes32 programHash;
        bytes32 configHash;
        uint64 vmVersion;
        uint64 blocksHeight;
        uint64 spansHeight;
        uint64 stepsHeight;
        uint64 challengePeriod;
        uint64 minInterval;
        uint256 stake;
        uint256 spansStake;
        uint256 stepsStake;
        uint256 gasPrice;
        bytes32 genesisOutputRoot;
    }

    /// @inheritdoc IAssertionChain
    address public immutable GAME;
    /// @inheritdoc IAssertionChain
    address public immutable INBOX;
    /// @inheritdoc IAssertionChain
    bytes32 public immutable PROGRAM_HASH;
    /// @inheritdoc IAssertionChain
    uint64 public immutable VM_VERSION;
    /// @inheritdoc IAssertionChain
    uint64 public immutable BLOCKS_HEIGHT;
    /// @inheritdoc IAssertionChain
    uint64 public immutable SPANS_HEIGHT;
    /// @inheritdoc IAssertionChain
    uint64 public immutable STEPS_HEIGHT;
    /// @inheritdoc IAssertionChain
    uint64 public immutable CHALLENGE_PERIOD;
    /// @inheritdoc IAssertionChain
    uint64 public immutable MIN_INTERVAL;
    /// @inheritdoc IAssertionChain
    uint256 public immutable STAKE;

    /// Wei of each lost stake for who collects it, and for who moved against it.
    uint256 private immutable CLOSING;
    uint256 private immutable POT_SHARE;

    /// @inheritdoc IAssertionChain
    bytes32 public immutable genesisId;

    /// @inheritdoc IAssertionChain
    bytes32 public latestConfirmed;
    /// @inheritdoc IAssertionChain
    bytes32 public haltedBy;
    /// @inheritdoc IAssertionChain
    mapping(address account => uint256) public credit;

    /// `batchLimitAcc` is not stored: the Inbox keeps it for ever.
    mapping(bytes32 id => Assertion) private assertions;

    constructor(Parameters memory parameters) {
        checkHeight("blocksHeight", parameters.blocksHeight);
        checkHeight("spansHeight", parameters.spansHeight);
        checkHeight("stepsHeight", parameters.stepsHeight);
        require(
            parameters.challengePeriod > 0 && parameters.challengePeriod <= type(uint32).max,
            AssertionInvalidParameter("challengePeriod", parameters.challengePeriod)
        );
        require(
            parameters.minInterval <= type(uint32).max,
            AssertionInvalidParameter("minInterval", parameters.minInterval)
        );
        require(parameters.stake > 0, AssertionInvalidParameter("stake", 0));
        // 0 at the cursor of genesis is the end of a chain that halts.
        require(
            parameters.genesisOutputRoot != 0, AssertionInvalidParameter("genesisOutputRoot", 0)
        );
        // INVARIANT: a dispute can be decided by proof. Nothing hashes to zero, and without a
        // program no level below "blocks" can be opened.
        require(parameters.programHash != 0, AssertionInvalidParameter("programHash", 0));
        INBOX = parameters.inbox;
        PROGRAM_HASH = parameters.programHash;
        VM_VERSION = parameters.vmVersion;
        BLOCKS_HEIGHT = parameters.blocksHeight;
        SPANS_HEIGHT = parameters.spansHeight;
        STEPS_HEIGHT = parameters.stepsHeight;
        CHALLENGE_PERIOD = parameters.challengePeriod;
        MIN_INTERVAL = parameters.minInterval;
        STAKE = parameters.stake;
        EdgeGame game = createGame(parameters);
        GAME = address(game);
        // INVARIANT: half of a loser's stake pays all moves that answer it, and the right proposal.
        // PROTOCOL.md GAME-17
        uint256 answers = game.answerPrice(IEdgeGame.Level.Blocks);
        require(
            parameters.stake / 2 >= answers + parameters.gasPrice * Prices.PROPOSAL,
            AssertionInvalidParameter("stake", parameters.stake)
        );
        CLOSING = parameters.gasPrice * Prices.CLOSING;
        POT_SHARE = answers - parameters.gasPrice * Prices.CLOSING;

        // PROTOCOL.md ASSERT-2
        Cursor memory start = Cursor(0, 0, 0);
        bytes32 id = assertionId(0, parameters.genesisOutputRoot, start, 0, 0);
        genesisId = id;
        Assertion storage genesis = assertions[id];
        genesis.outputRoot = parameters.genesisOutputRoot;
        genesis.batchLimit = limitAfter(start);
        genesis.createdAt = uint64(block.timestamp);
        genesis.status = Status.Confirmed;
        latestConfirmed = id;
        emit AssertionConfirmed(id, parameters.genesisOutputRoot, start);
    }

    /// @inheritdoc IAssertionChain
    function propose(
        bytes32 parent,
        bytes32 outputRoot,
        Cursor calldata cursor,
        bytes32 root,
        bytes32[] calldata lastLeafProof,
        bytes32 expectedBatchAcc
    ) external payable returns (bytes32 id) {
        // PROTOCOL.md ASSERT-4
        Assertion storage above = known(parent);
        require(!isHalt(above.outputRoot, above.cursor), AssertionParentHalts(parent));
        if (!isHalt(outputRoot, cursor)) checkCursor(above, cursor);
        bytes32 acc = checkInbox(above.batchLimit, expectedBatchAcc);
        id = assertionId(parent, outputRoot, cursor, root, acc);
        if (assertions[id].status != Status.None) {
            // PROTOCOL.md ASSERT-5 The child exists, perhaps by a copy of this move: one stake is
            // enough.
            if (msg.value > 0) credited(msg.sender, msg.value);
            return id;
        }
        checkCommitment(outputRoot, cursor, root, lastLeafProof);
        checkUndecided(parent, above);
        bool rivaled = checkTime(parent, above);
        takeStake(above);
        uint64 limit = limitAfter(cursor);
        record(assertions[id], parent, root, outputRoot, cursor, limit, rivaled);
        emit AssertionProposed(
            id, parent, msg.sender, root, outputRoot, cursor, limit, accIfPosted(limit)
        );
        if (rivaled) addRival(parent, above.firstChild, id);
        else above.firstChild = id;
    }

    /// @inheritdoc IAssertionChain
    function collect(bytes32 winner, bytes32[] calldata losers) external {
        // PROTOCOL.md ASSERT-8
        confirm(winner);
        Assertion storage won = assertions[winner];
        uint256 half = STAKE / 2;
        uint256 reward = half - CLOSING - POT_SHARE;
        uint256 taken = 0;
        for (uint256 i = 0; i < losers.length; ++i) {
            Assertion storage lost = known(losers[i]);
            if (losers[i] == winner || lost.status == Status.Lost) continue;
            // INVARIANT: a collected assertion can never be confirmed: the line of confirmed
            // assertions goes through its rival, or through a rival of an ancestor.
            require(
                lost.parent == won.parent || assertions[lost.parent].beatenBy == winner,
                AssertionNotBeaten(losers[i], winner)
            );
            // Half is burnt, so that to lose against oneself is not free. Only the leaves of a
            // wrong branch hold stakes: any other stake has moved on to a child, or was credited
            // when a child brought one.
            bool staked = holdsStake(lost);
            lost.status = Status.Lost;
            lost.beatenBy = winner;
            emit AssertionLost(losers[i], winner, staked ? reward : 0, staked ? STAKE - half : 0);
            if (!staked) continue;
            ++taken;
            burn(STAKE - half);
        }
        if (taken == 0) return;
        if (reward > 0) credited(won.proposer, taken * reward);
        if (CLOSING == 0) return;
        credited(msg.sender, taken * CLOSING);
        IEdgeGame(GAME).fill{value: taken * POT_SHARE}(won.parent);
    }

    /// @inheritdoc IAssertionChain
    function addCredit(address account) external payable {
        credited(account, msg.value);
    }

    /// @inheritdoc IAssertionChain
    function withdrawCredit(address to) external returns (uint256 amount) {
        // PROTOCOL.md ASSERT-9
        require(to != address(0), AssertionPaymentFailed(to, 0));
        amount = credit[msg.sender];
        if (amount == 0) return 0;
        credit[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, to, amount);
        (bool paid,) = to.call{value: amount}("");
        require(paid, AssertionPaymentFailed(to, amount));
    }

    /// @inheritdoc IAssertionChain
    function assertion(bytes32 id) external view returns (Assertion memory found) {
        found = assertions[id];
        found.batchLimitAcc = accIfPosted(found.batchLimit);
    }

    /// @inheritdoc IAssertionChain
    function startOf(bytes32 id) external view returns (bytes32 claim, uint64 batchLimit) {
        Assertion storage found = known(id);
        return (claimOf(found.outputRoot, found.cursor), found.batchLimit);
    }

    /// @inheritdoc IAssertionChain
    function confirm(bytes32 id) public {
        Assertion storage target = known(id);
        // PROTOCOL.md ASSERT-7
        if (target.status == Status.Confirmed || target.status == Status.Halted) return;
        // INVARIANT: the confirmed assertions are one line that ends at latestConfirmed.
        require(target.parent == latestConfirmed, AssertionParentNotConfirmed(id, target.parent));
        // INVARIANT: of rivals at most one is confirmed: the game confirms one edge of a place.
        if (target.rivaledAt != 0) {
            IEdgeGame(GAME).confirm(MutualId.ofBlocks(target.parent), target.root);
        } else {
            uint64 due = target.createdAt + CHALLENGE_PERIOD;
            require(block.timestamp >= due, AssertionNotDue(id, due, uint64(block.timestamp)));
        }
        bool staked = holdsStake(target);
        if (isHalt(target.outputRoot, target.cursor)) {
            // PROTOCOL.md ASSERT-11
            // INVARIANT: nothing is confirmed after this. All that is pending is a rival of `id`,
            // or descends from one, and of rivals only one wins.
            target.status = Status.Halted;
            haltedBy = id;
            emit AssertionHalted(id, target.parent);
        } else {
            target.status = Status.Confirmed;
            latestConfirmed = id;
            emit AssertionConfirmed(id, target.outputRoot, target.cursor);
        }
        // INVARIANT: balance = STAKE for each pending leaf + the sum of credits (+ what was forced
        // in by selfdestruct). Here a stake turns into a credit, unless a child holds it already.
        if (staked) credited(target.proposer, STAKE);
    }

    /// @dev Takes the stake for a new child of `above`. A stake on `above` moves to the child if it
    ///      is the sender's; else it is credited to its owner. In both cases the branch holds one
    ///      stake. Ether that is not needed is credited, and missing ether comes from the sender's
    ///      credit: so the move succeeds even if somebody builds on `above`, or confirms it,
    ///      before.
    function takeStake(Assertion storage above) private {
        // PROTOCOL.md ASSERT-12
        uint256 owed = STAKE;
        if (holdsStake(above)) {
            if (above.proposer == msg.sender) owed = 0;
            else credited(above.proposer, STAKE);
        }
        if (msg.value > owed) credited(msg.sender, msg.value - owed);
        if (msg.value >= owed) return;
        uint256 missing = owed - msg.value;
        uint256 available = credit[msg.sender];
        require(
            available >= missing, AssertionStakeMissing(msg.sender, msg.value + available, owed)
        );
        credit[msg.sender] = available - missing;
        emit CreditStaked(msg.sender, missing);
    }

    /// @dev INVARIANT: exactly the pending leaves hold a stake, that of their proposer.
    function holdsStake(Assertion storage found) private view returns (bool) {
        return found.status == Status.Pending && found.firstChild == 0;
    }

    /// @dev A child ends after its parent, and not after the limit that its parent set. Whether it
    ///      may end before the limit (after 2^BLOCKS_HEIGHT blocks) is decided by its rivals.
    function checkCursor(Assertion storage above, Cursor calldata cursor) private view {
        uint64 limit = above.batchLimit;
        require(
            cursor.batch < limit || (cursor.batch == limit && cursor.block == 0),
            AssertionBeyondLimit(cursor.batch, cursor.block, limit)
        );
        Cursor memory start = above.cursor;
        bool ahead = cursor.batch > start.batch
            || (cursor.batch == start.batch && cursor.block > start.block);
        require(
            ahead && cursor.depositsRead >= start.depositsRead, AssertionBehindParent(start, cursor)
        );
    }

    /// @dev The batches up to the limit are posted, and they are those that the proposer executed:
    ///      a reorg of L1 makes the move revert instead of costing a stake.
    function checkInbox(uint64 limit, bytes32 expectedBatchAcc) private view returns (bytes32 acc) {
        uint64 posted = IInbox(INBOX).batchCount();
        require(limit <= posted, AssertionLimitNotPosted(limit, posted));
        acc = IInbox(INBOX).batchAcc(limit);
        require(acc == expectedBatchAcc, AssertionBatchAccMismatch(limit, expectedBatchAcc, acc));
    }

    /// @dev The tree's last leaf is the end claim.
    function checkCommitment(
        bytes32 outputRoot,
        Cursor calldata cursor,
        bytes32 root,
        bytes32[] calldata lastLeafProof
    ) private view {
        require(
            lastLeafProof.length == BLOCKS_HEIGHT,
            AssertionProofLength(lastLeafProof.length, BLOCKS_HEIGHT)
        );
        bytes32 claim = claimOf(outputRoot, cursor);
        uint256 lastIndex = (uint256(1) << BLOCKS_HEIGHT) - 1;
        // INVARIANT: different children of one parent have different roots: the root fixes the
        // claim, the claim fixes output root and cursor. So different children are rival edges.
        require(
            MerkleTree.rootOf(claim, lastIndex, lastLeafProof) == root,
            AssertionLastLeafMismatch(root, claim)
        );
    }

    /// @dev INVARIANT: no stake is taken for a child that can never be confirmed, as far as its
    ///      parent and its grandparent show. So a loser cannot move its stake further while others
    ///      collect it: nothing is added below a lost assertion.
    function checkUndecided(bytes32 parent, Assertion storage above) private view {
        require(!isDecided(parent, above), AssertionParentDecided(parent));
        if (above.status != Status.Pending) return;
        bytes32 higher = above.parent;
        require(!isDecided(higher, assertions[higher]), AssertionParentDecided(parent));
    }

    /// @dev Whether none of its pending children can ever be confirmed.
    function isDecided(bytes32 id, Assertion storage found) private view returns (bool) {
        return found.status == Status.Lost
            || (found.status == Status.Confirmed && (id != latestConfirmed || haltedBy != 0));
    }

    /// @dev Whether a new child of `above` may come now, and whether it comes as a rival.
    function checkTime(bytes32 parent, Assertion storage above) private view returns (bool rival) {
        bytes32 first = above.firstChild;
        if (first == 0) {
            uint64 earliest = above.createdAt + MIN_INTERVAL;
            require(
                block.timestamp >= earliest,
                AssertionTooEarly(parent, earliest, uint64(block.timestamp))
            );
            return false;
        }
        // INVARIANT: once the first child may be confirmed, no rival can come. So the stake of a
        // late rival is never taken.
        uint64 due = assertions[first].createdAt + CHALLENGE_PERIOD;
        require(
            assertions[first].rivaledAt != 0 || block.timestamp < due,
            AssertionRivalTooLate(first, due, uint64(block.timestamp))
        );
        return true;
    }

    /// @dev Field by field: `firstChild` and `batchLimitAcc` stay zero and untouched.
    function record(
        Assertion storage made,
        bytes32 parent,
        bytes32 root,
        bytes32 outputRoot,
        Cursor calldata cursor,
        uint64 limit,
        bool rivaled
    ) private {
        made.parent = parent;
        made.root = root;
        made.outputRoot = outputRoot;
        made.cursor = cursor;
        made.proposer = msg.sender;
        made.createdAt = uint64(block.timestamp);
        made.status = Status.Pending;
        made.batchLimit = limit;
        made.rivaledAt = rivaled ? uint64(block.timestamp) : 0;
    }

    /// @dev Makes the new child a root edge of the dispute, and with the second child also the
    ///      first, which brings the time for which it stood alone.
    function addRival(bytes32 parent, bytes32 first, bytes32 rival) private {
        // PROTOCOL.md ASSERT-6
        Assertion storage oldest = assertions[first];
        if (oldest.rivaledAt == 0) {
            oldest.rivaledAt = uint64(block.timestamp);
            IEdgeGame(GAME).addRoot(parent, first, oldest.root, oldest.createdAt);
        }
        bytes32 root = assertions[rival].root;
        IEdgeGame(GAME).addRoot(parent, rival, root, uint64(block.timestamp));
        emit AssertionRivaled(parent, first, rival);
    }

    /// @dev How far the children of an assertion with this end must read: all batches that exist
    ///      now, and at least one.
    function limitAfter(Cursor memory cursor) private view returns (uint64) {
        // PROTOCOL.md ASSERT-2
        uint64 posted = IInbox(INBOX).batchCount();
        return posted > cursor.batch ? posted : cursor.batch + 1;
    }

    function accIfPosted(uint64 limit) private view returns (bytes32) {
        return limit <= IInbox(INBOX).batchCount() ? IInbox(INBOX).batchAcc(limit) : bytes32(0);
    }

    /// @dev There is no code at address 0, so this runs nobody's code.
    function burn(uint256 amount) private {
        (bool sent,) = address(0).call{value: amount}("");
        assert(sent);
    }

    function credited(address account, uint256 amount) private {
        credit[account] += amount;
        emit CreditAdded(account, amount);
    }

    function known(bytes32 id) private view returns (Assertion storage found) {
        found = assertions[id];
        require(found.status != Status.None, AssertionUnknown(id));
    }

    /// @dev Whether an end is claim 0. No other end looks like it: genesis has this cursor with an
    ///      output root, and all other ends have later cursors.
    function isHalt(bytes32 outputRoot, Cursor memory cursor) private pure returns (bool) {
        // PROTOCOL.md CLAIM-4
        return outputRoot == 0 && cursor.batch == 0 && cursor.block == 0 && cursor.depositsRead == 0;
    }

    function claimOf(bytes32 outputRoot, Cursor memory cursor) private pure returns (bytes32) {
        if (isHalt(outputRoot, cursor)) return 0;
        // PROTOCOL.md CLAIM-3
        return
            keccak256(abi.encodePacked(outputRoot, cursor.batch, cursor.block, cursor.depositsRead));
    }

    /// @dev Creates the game, whose parameters never change.
    function createGame(Parameters memory parameters) private returns (EdgeGame) {
        return new EdgeGame(
            EdgeGame.Parameters({
                inbox: parameters.inbox,
                stepVerifier: parameters.stepVerifier,
                programHash: parameters.programHash,
                configHash: parameters.configHash,
                blocksHeight: parameters.blocksHeight,
                spansHeight: parameters.spansHeight,
                stepsHeight: parameters.stepsHeight,
                challengePeriod: parameters.challengePeriod,
                spansStake: parameters.spansStake,
                stepsStake: parameters.stepsStake,
                gasPrice: parameters.gasPrice
            })
        );
    }

    function checkHeight(string memory name, uint64 height) private pure {
        require(height > 0 && height <= 32, AssertionInvalidParameter(name, height));
    }

    /// @dev A hash of everything that a dispute about the assertion depends on, so that a stake is
    ///      never judged by other rules than those under which it was locked.
    function assertionId(
        bytes32 parent,
        bytes32 outputRoot,
        Cursor memory cursor,
        bytes32 root,
        bytes32 parentLimitAcc
    ) private view returns (bytes32) {
        // PROTOCOL.md ASSERT-1
        return keccak256(
            abi.encode(
                "gainsay.assertion",
                address(this),
                PROGRAM_HASH,
                VM_VERSION,
                BLOCKS_HEIGHT,
                SPANS_HEIGHT,
                STEPS_HEIGHT,
                parent,
                outputRoot,
                cursor,
                root,
                parentLimitAcc
            )
        );
    }
}
