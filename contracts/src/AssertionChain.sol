// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "./IAssertionChain.sol";
import {IInbox} from "./IInbox.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @title  AssertionChain
/// @notice A tree of staked claims. Of the children of one assertion exactly one is right, because
///         it must read the Inbox up to a point that was fixed when its parent was created. This
///         version confirms what nobody contradicts; what is contradicted waits for the dispute.
contract AssertionChain is IAssertionChain {
    /// @notice Constructor arguments.
    struct Parameters {
        address inbox;
        bytes32 programHash;
        uint64 vmVersion;
        uint64 blocksHeight;
        uint64 spansHeight;
        uint64 stepsHeight;
        uint64 challengePeriod;
        uint64 minInterval;
        uint256 stake;
        bytes32 genesisOutputRoot;
    }

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
    /// @inheritdoc IAssertionChain
    bytes32 public immutable genesisId;

    /// @inheritdoc IAssertionChain
    bytes32 public latestConfirmed;
    /// @inheritdoc IAssertionChain
    mapping(address account => uint256) public credit;
    mapping(bytes32 id => Assertion) internal assertions;

    constructor(Parameters memory parameters) {
        require(
            parameters.blocksHeight > 0 && parameters.blocksHeight <= 32,
            AssertionInvalidParameter("blocksHeight", parameters.blocksHeight)
        );
        require(
            parameters.challengePeriod > 0,
            AssertionInvalidParameter("challengePeriod", parameters.challengePeriod)
        );
        INBOX = parameters.inbox;
        PROGRAM_HASH = parameters.programHash;
        VM_VERSION = parameters.vmVersion;
        BLOCKS_HEIGHT = parameters.blocksHeight;
        SPANS_HEIGHT = parameters.spansHeight;
        STEPS_HEIGHT = parameters.stepsHeight;
        CHALLENGE_PERIOD = parameters.challengePeriod;
        MIN_INTERVAL = parameters.minInterval;
        STAKE = parameters.stake;

        Cursor memory start = Cursor(0, 0, 0);
        (uint64 limit, bytes32 limitAcc) = batchLimit(start);
        bytes32 id = assertionId(
            bytes32(0), parameters.genesisOutputRoot, start, bytes32(0), bytes32(0)
        );
        genesisId = id;
        Assertion storage genesis = assertions[id];
        genesis.outputRoot = parameters.genesisOutputRoot;
        genesis.batchLimit = limit;
        genesis.batchLimitAcc = limitAcc;
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
        require(msg.value == STAKE, AssertionStakeMismatch(msg.value, STAKE));
        Assertion storage above = known(parent);
        bytes32 acc = checkInbox(above, cursor, expectedBatchAcc);
        id = assertionId(parent, outputRoot, cursor, root, acc);
        if (assertions[id].status != Status.None) {
            // Done already, perhaps by somebody who copied this move: nothing lost.
            addCredit(msg.sender, msg.value);
            return id;
        }
        checkCommitment(outputRoot, cursor, root, lastLeafProof);
        link(parent, above, id);
        Assertion storage created = assertions[id];
        (created.batchLimit, created.batchLimitAcc) = batchLimit(cursor);
        created.parent = parent;
        created.root = root;
        created.outputRoot = outputRoot;
        created.cursor = cursor;
        created.proposer = msg.sender;
        created.createdAt = uint64(block.timestamp);
        created.status = Status.Pending;
        emit AssertionProposed(
            id,
            parent,
            msg.sender,
            root,
            outputRoot,
            cursor,
            created.batchLimit,
            created.batchLimitAcc
        );
    }

    /// @inheritdoc IAssertionChain
    function confirm(bytes32 id) external {
        Assertion storage target = known(id);
        if (target.status == Status.Confirmed) return;
        Assertion storage above = assertions[target.parent];
        require(
            above.status == Status.Confirmed, AssertionParentNotConfirmed(id, target.parent)
        );
        // INVARIANT: nothing contradicted is confirmed without a dispute.
        require(target.rivaledAt == 0, AssertionHasRival(id, target.parent, target.rivaledAt));
        uint64 due = target.createdAt + CHALLENGE_PERIOD;
        require(block.timestamp >= due, AssertionNotDue(id, due, uint64(block.timestamp)));
        target.status = Status.Confirmed;
        latestConfirmed = id;
        addCredit(target.proposer, STAKE);
        emit AssertionConfirmed(id, target.outputRoot, target.cursor);
    }

    /// @inheritdoc IAssertionChain
    function withdrawCredit() external returns (uint256 amount) {
        amount = credit[msg.sender];
        credit[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        require(paid, AssertionPaymentFailed(msg.sender, amount));
    }

    /// @inheritdoc IAssertionChain
    function assertion(bytes32 id) external view returns (Assertion memory) {
        return known(id);
    }

    /// @dev What a child of `above` must read, and that L1 still holds what the proposer saw.
    function checkInbox(
        Assertion storage above,
        Cursor calldata cursor,
        bytes32 expectedBatchAcc
    ) internal view returns (bytes32 acc) {
        uint64 limit = above.batchLimit;
        require(
            cursor.batch < limit || (cursor.batch == limit && cursor.block == 0),
            AssertionBeyondLimit(cursor.batch, cursor.block, limit)
        );
        Cursor memory start = above.cursor;
        bool forward = cursor.batch > start.batch
            || (cursor.batch == start.batch && cursor.block > start.block);
        require(
            forward && cursor.depositsRead >= start.depositsRead,
            AssertionBehindParent(start, cursor)
        );
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
    ) internal view {
        require(
            lastLeafProof.length == BLOCKS_HEIGHT,
            AssertionProofLength(lastLeafProof.length, BLOCKS_HEIGHT)
        );
        bytes32 claim = keccak256(
            abi.encodePacked(outputRoot, cursor.batch, cursor.block, cursor.depositsRead)
        );
        uint256 lastIndex = (uint256(1) << BLOCKS_HEIGHT) - 1;
        require(
            MerkleTree.rootOf(claim, lastIndex, lastLeafProof) == root,
            AssertionLastLeafMismatch(root, claim)
        );
    }

    /// @dev Hangs a child under its parent and marks rivals.
    function link(bytes32 parent, Assertion storage above, bytes32 id) internal {
        bytes32 first = above.firstChild;
        if (first == 0) {
            uint64 earliest = above.createdAt + MIN_INTERVAL;
            require(
                block.timestamp >= earliest,
                AssertionTooEarly(parent, earliest, uint64(block.timestamp))
            );
            above.firstChild = id;
            return;
        }
        if (assertions[first].rivaledAt == 0) {
            uint64 due = assertions[first].createdAt + CHALLENGE_PERIOD;
            // INVARIANT: an assertion that may be confirmed stays so.
            require(
                block.timestamp < due,
                AssertionRivalTooLate(first, due, uint64(block.timestamp))
            );
            assertions[first].rivaledAt = uint64(block.timestamp);
        }
        assertions[id].rivaledAt = uint64(block.timestamp);
        emit AssertionRivaled(parent, first, id);
    }

    /// @dev How far a child of an assertion with this cursor must read, and the accumulator there
    ///      if that batch is posted already (zero otherwise).
    function batchLimit(Cursor memory cursor) internal view returns (uint64 limit, bytes32 acc) {
        uint64 posted = IInbox(INBOX).batchCount();
        limit = posted > cursor.batch ? posted : cursor.batch + 1;
        if (limit <= posted) acc = IInbox(INBOX).batchAcc(limit);
    }

    function addCredit(address account, uint256 amount) internal {
        if (amount == 0) return;
        credit[account] += amount;
        emit CreditAdded(account, amount);
    }

    function known(bytes32 id) internal view returns (Assertion storage found) {
        found = assertions[id];
        require(found.status != Status.None, AssertionUnknown(id));
    }

    /// @dev Names everything that a dispute about the assertion needs to agree on.
    function assertionId(
        bytes32 parent,
        bytes32 outputRoot,
        Cursor memory cursor,
        bytes32 root,
        bytes32 batchLimitAcc
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                "gainsay.assertion",
                address(this),
                PROGRAM_HASH,
                VM_VERSION,
                parent,
                outputRoot,
                cursor,
                root,
                batchLimitAcc
            )
        );
    }
}
