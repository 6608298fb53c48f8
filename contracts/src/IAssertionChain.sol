// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IAssertionChain
/// @notice Staked claims about the state that L2 reaches after reading the Inbox so far.
interface IAssertionChain {
    enum Status {
        None,
        Pending,
        Confirmed
    }

    /// @notice How far a chain got in the Inbox.
    struct Cursor {
        uint64 batch;
        uint64 block;
        uint64 depositsRead;
    }

    struct Assertion {
        bytes32 parent;
        bytes32 root;
        bytes32 outputRoot;
        Cursor cursor;
        /// The batches that a child of this assertion must read up to, and the accumulator there.
        uint64 batchLimit;
        bytes32 batchLimitAcc;
        address proposer;
        uint64 createdAt;
        /// When the second child of its parent came; 0 while it has no rival.
        uint64 rivaledAt;
        /// The first child, zero while there is none.
        bytes32 firstChild;
        Status status;
    }

    error AssertionUnknown(bytes32 id);
    error AssertionStakeMismatch(uint256 sent, uint256 expected);
    error AssertionTooEarly(bytes32 parent, uint64 earliest, uint64 time);
    error AssertionBeyondLimit(uint64 batch, uint64 block, uint64 limit);
    error AssertionBehindParent(Cursor parent, Cursor child);
    error AssertionLimitNotPosted(uint64 limit, uint64 batchCount);
    error AssertionBatchAccMismatch(uint64 limit, bytes32 expected, bytes32 actual);
    error AssertionProofLength(uint256 found, uint256 expected);
    error AssertionLastLeafMismatch(bytes32 root, bytes32 claim);
    error AssertionParentNotConfirmed(bytes32 id, bytes32 parent);
    error AssertionRivaledBy(bytes32 id, bytes32 parent);
    error AssertionNotDue(bytes32 id, uint64 due, uint64 time);
    error AssertionLosesToConfirmed(bytes32 parent, bytes32 confirmed);
    error AssertionInvalidParameter(string name, uint256 found);
    error AssertionPaymentFailed(address to, uint256 amount);

    event AssertionProposed(
        bytes32 indexed id,
        bytes32 indexed parent,
        address indexed proposer,
        bytes32 root,
        bytes32 outputRoot,
        Cursor cursor,
        uint64 batchLimit,
        bytes32 batchLimitAcc
    );
    event AssertionRivaled(bytes32 indexed parent, bytes32 first, bytes32 rival);
    event AssertionConfirmed(bytes32 indexed id, bytes32 outputRoot, Cursor cursor);
    event CreditAdded(address indexed account, uint256 amount);
    event CreditWithdrawn(address indexed account, uint256 amount);

    /// @notice Proposes the child of `parent`. `root` commits to the 2^BLOCKS_HEIGHT claims after
    ///         each block, `lastLeafProof` shows that the last of them is the end claim.
    ///         Proposing what stands already is a no-op that credits the stake back.
    function propose(
        bytes32 parent,
        bytes32 outputRoot,
        Cursor calldata cursor,
        bytes32 root,
        bytes32[] calldata lastLeafProof,
        bytes32 expectedBatchAcc
    ) external payable returns (bytes32 id);

    /// @notice Confirms an assertion that was unrivaled for CHALLENGE_PERIOD. Anyone; twice is once.
    function confirm(bytes32 id) external;

    /// @notice Pays out the caller's credit.
    function withdrawCredit() external returns (uint256 amount);

    function credit(address account) external view returns (uint256);
    function assertion(bytes32 id) external view returns (Assertion memory);
    function latestConfirmed() external view returns (bytes32);
    function genesisId() external view returns (bytes32);
    function INBOX() external view returns (address);
    function PROGRAM_HASH() external view returns (bytes32);
    function VM_VERSION() external view returns (uint64);
    function BLOCKS_HEIGHT() external view returns (uint64);
    function SPANS_HEIGHT() external view returns (uint64);
    function STEPS_HEIGHT() external view returns (uint64);
    function CHALLENGE_PERIOD() external view returns (uint64);
    function MIN_INTERVAL() external view returns (uint64);
    function STAKE() external view returns (uint256);
}
