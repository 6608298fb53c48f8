// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IAssertionChain
/// @notice Staked claims about the state that L2 reaches after reading the Inbox so far.
interface IAssertionChain {
    enum Status {
        None,
        Pending,
        Confirmed,
        // A rival of it or of an ancestor was confirmed, and the stake on it, if any, is taken.
        Lost,
        // Its end is claim 0, and it has won: the program fails on one of its blocks. Nothing
        // follows it, and nothing else can follow its parent.
        Halted
    }

    /// @notice How far a chain got in the Inbox: batches [0, batch), the first `block` blocks of
    ///         batch `batch`, and deposits [0, depositsRead) are consumed.
    struct Cursor {
        uint64 batch;
        uint64 block;
        uint64 depositsRead;
    }

    /// @notice One assertion, as `assertion` returns it. One whose end is claim 0, because the
    ///         program fails on a block, has output root 0 and cursor (0, 0, 0). A stake lies on it
    ///         if it is pending and has no child.
    struct Assertion {
        bytes32 parent;
        // Root of the Merkle tree over the claims after each block.
        bytes32 root;
        bytes32 outputRoot;
        // The first child; zero while there is none.
        bytes32 firstChild;
        Cursor cursor;
        address proposer;
        uint64 createdAt;
        Status status;
        // The batches that a child of this assertion must read up to.
        uint64 batchLimit;
        // When its first rival came (for a later rival: when it came itself); 0 while it has none.
        uint64 rivaledAt;
        // The Inbox's accumulator at `batchLimit`; zero while fewer batches than that are posted.
        bytes32 batchLimitAcc;
        // Of a lost assertion: the confirmed one whose proposer got half of a stake on it.
        bytes32 beatenBy;
    }

    /// @notice No assertion has this id.
    error AssertionUnknown(bytes32 id);
    /// @notice What `account` sent and its credit are less than the stake that the proposal needs.
    error AssertionStakeMissing(address account, uint256 available, uint256 expected);
    error AssertionTooEarly(bytes32 parent, uint64 earliest, uint64 time);
    error AssertionBeyondLimit(uint64 batch, uint64 block, uint64 limit);
    error AssertionBehindParent(Cursor parent, Cursor child);
    error AssertionLimitNotPosted(uint64 limit, uint64 batchCount);
    error AssertionBatchAccMismatch(uint64 limit, bytes32 expected, bytes32 actual);
    error AssertionProofLength(uint256 found, uint256 expected);
    error AssertionLastLeafMismatch(bytes32 root, bytes32 claim);
    error AssertionParentNotConfirmed(bytes32 id, bytes32 parent);
    error AssertionNotDue(bytes32 id, uint64 due, uint64 time);
    /// @notice `first`, the parent's first child, stood unrivaled for CHALLENGE_PERIOD: it has won.
    error AssertionRivalTooLate(bytes32 first, uint64 due, uint64 time);
    /// @notice A stake on a child of `parent` would be lost: `parent` or its own parent is lost, or
    ///         has another child that is confirmed already.
    error AssertionParentDecided(bytes32 parent);
    /// @notice `parent` ends in claim 0: nothing follows it.
    error AssertionParentHalts(bytes32 parent);
    /// @notice `id` is no rival of `winner`, nor the child of one that was collected.
    error AssertionNotBeaten(bytes32 id, bytes32 winner);
    error AssertionInvalidParameter(string name, uint256 found);
    error AssertionPaymentFailed(address to, uint256 amount);

    /// @notice A new assertion, with a stake of `proposer` on it. If `parent` was a pending leaf,
    ///         the stake on that has moved here if it was the proposer's, and is credited to its
    ///         owner if not. `batchLimit` and `batchLimitAcc` are as in `Assertion`: where its own
    ///         children must end.
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
    /// @notice A second or later child of `parent` came. `first` is the first child.
    event AssertionRivaled(bytes32 indexed parent, bytes32 first, bytes32 rival);
    /// @notice The state is final: withdrawals may be proved against `outputRoot`.
    event AssertionConfirmed(bytes32 indexed id, bytes32 outputRoot, Cursor cursor);
    /// @notice The program fails on a block after `parent`, for ever: no state behind `parent` is
    ///         ever final, nothing more can be withdrawn. `id` is the assertion that says so.
    event AssertionHalted(bytes32 indexed id, bytes32 indexed parent);
    /// @notice `id` can never be confirmed, and the stake on it, if there was one, was taken:
    ///         `reward` to the proposer of `winner`, `burnt` to nobody.
    event AssertionLost(bytes32 indexed id, bytes32 indexed winner, uint256 reward, uint256 burnt);
    /// @notice Ether became withdrawable by `account`.
    event CreditAdded(address indexed account, uint256 amount);
    /// @notice `amount` of the credit of `account` became a part of a stake.
    event CreditStaked(address indexed account, uint256 amount);
    /// @notice `account` took its credit, and had it paid to `to`.
    event CreditWithdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice Proposes the child of `parent`. `root` commits to the 2^BLOCKS_HEIGHT claims after
    ///         each block, `lastLeafProof` shows that the last of them is the end claim.
    ///         An output root 0 with a cursor (0, 0, 0) stands for the end claim 0.
    ///         The caller's stake on `parent` moves to the child; without one, STAKE is taken from
    ///         the ether sent and, as far as that is less, from the caller's credit. What is sent
    ///         beyond that is credited. Proposing what stands already is a no-op that credits all.
    function propose(
        bytes32 parent,
        bytes32 outputRoot,
        Cursor calldata cursor,
        bytes32 root,
        bytes32[] calldata lastLeafProof,
        bytes32 expectedBatchAcc
    ) external payable returns (bytes32 id);

    /// @notice Confirms what was unrivaled for CHALLENGE_PERIOD, or what has won its dispute: the
    ///         timer of its root edge has reached CHALLENGE_PERIOD. One that ends in claim 0
    ///         becomes Halted by that. Anyone may call. A second call changes nothing.
    function confirm(bytes32 id) external;

    /// @notice Confirms `winner` and takes the stakes that lie on `losers`, rivals of it and what
    ///         builds on such a rival, parents first: half is burnt; of the rest, what
    ///         `EdgeGame.answerPrice` says is for those who moved against it and for the caller,
    ///         and what is left for the proposer of `winner`. What is lost already is left alone.
    function collect(bytes32 winner, bytes32[] calldata losers) external;

    /// @notice Makes the ether sent withdrawable by `account`.
    function addCredit(address account) external payable;

    /// @notice Pays the caller's credit to `to`; nothing happens when there is none. `to` may be
    ///         another account, for a caller that can receive no ether, or that should hold none.
    function withdrawCredit(address to) external returns (uint256 amount);

    /// @notice Wei that `account` may withdraw.
    function credit(address account) external view returns (uint256);
    /// @notice The assertion with this id; its status is `None` when there is none.
    function assertion(bytes32 id) external view returns (Assertion memory);
    /// @notice Where children of `id` start: its end claim, and the number of batches they read up
    ///         to.
    function startOf(bytes32 id) external view returns (bytes32 claim, uint64 batchLimit);
    /// @notice The assertion that ends the chain because the program fails on a block; 0 while
    ///         there is none.
    function haltedBy() external view returns (bytes32);
    /// @notice The end of the line of confirmed assertions.
    function latestConfirmed() external view returns (bytes32);
    /// @notice The assertion of block 0, confirmed from the start.
    function genesisId() external view returns (bytes32);

    /// @notice The EdgeGame that decides between rivals.
    function GAME() external view returns (address);
    /// @notice The Inbox that assertions read.
    function INBOX() external view returns (address);
    /// @notice Commitment to the program that computes the right claim.
    function PROGRAM_HASH() external view returns (bytes32);
    /// @notice Rules of the machine that runs the program.
    function VM_VERSION() external view returns (uint64);
    /// @notice An assertion commits to 2^BLOCKS_HEIGHT claims.
    function BLOCKS_HEIGHT() external view returns (uint64);
    /// @notice The run of one block is committed to in 2^SPANS_HEIGHT spans.
    function SPANS_HEIGHT() external view returns (uint64);
    /// @notice A span is 2^STEPS_HEIGHT instructions.
    function STEPS_HEIGHT() external view returns (uint64);
    /// @notice Seconds that an assertion must stand unrivaled.
    function CHALLENGE_PERIOD() external view returns (uint64);
    /// @notice Seconds between an assertion and its first child.
    function MIN_INTERVAL() external view returns (uint64);
    /// @notice Wei that lie on each pending leaf.
    function STAKE() external view returns (uint256);
}
