// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IInbox
/// @notice The only way from L1 into L2: deposits, batches and forced inclusion. L2 executes what
///         is recorded here, in this order. Layouts: all packed encodings are big endian.
interface IInbox {
    error InboxNotSequencer(address caller, address sequencer);
    /// @notice Batches are posted by an account without code that signs the transaction itself.
    error InboxNotTopLevelCall(address caller);
    /// @notice The batches before are not those that the batch was built on; L1 reorganised.
    error InboxBatchAccMismatch(uint64 index, bytes32 expected, bytes32 actual);
    error InboxBatchIndexMismatch(uint64 expected, uint64 next);
    error InboxDepositsReadBackwards(uint64 requested, uint64 alreadyRead);
    error InboxDepositsReadBeyondEnd(uint64 requested, uint64 depositCount);
    /// @notice The deposits are not those that the batch was built on; L1 reorganised.
    error InboxDepositAccMismatch(uint64 depositsRead, bytes32 expected, bytes32 actual);
    /// @notice The batch must read deposit `index` too: its `dueTime` has passed.
    error InboxDepositOverdue(uint64 index, uint64 dueTime, uint64 time);
    error InboxBatchDepositGasExceeded(uint256 gas, uint256 max);
    error InboxBatchTooLong(uint256 length, uint256 max);
    error InboxBlobCount(uint256 found, uint256 max);
    error InboxNothingToForce(uint64 depositsRead, uint64 requested);
    /// @notice The sequencer has until `dueTime` to read deposit `index`.
    error InboxNotOverdue(uint64 index, uint64 dueTime, uint64 time);
    error InboxDepositGasTooLow(uint64 gasLimit, uint64 min);
    error InboxBlockDepositGasExceeded(uint256 gas, uint256 max);
    error InboxDepositDataTooLong(uint256 length, uint256 max);
    error InboxCreationWithTarget(address to);
    /// @notice Deposits come through the Portal, which holds their ether.
    error InboxNotPortal(address caller, address portal);
    error InboxUnknownIndex(uint64 index, uint64 count);
    error InboxInvalidParameter(string name, uint256 found);

    /// @notice A message from L1 to L2 was appended. `acc` is `depositAcc(index + 1)`.
    event DepositEnqueued(
        uint64 indexed index,
        uint8 indexed kind,
        address indexed from,
        uint64 l1Block,
        uint64 l1Time,
        uint256 l1BaseFee,
        uint256 l1BlobBaseFee,
        bytes payload,
        bytes32 acc
    );

    /// @notice A batch of any kind was appended. `acc` is `batchAcc(index + 1)`.
    event BatchPosted(
        uint64 indexed index,
        uint8 kind,
        uint64 depositsRead,
        uint64 l1Block,
        uint64 l1Time,
        bytes32 dataHash,
        bytes32 acc
    );

    /// @notice The blobs that hold the data of a batch of kind 1, in order.
    event BlobsPosted(uint64 indexed index, bytes32[] versionedHashes);

    /// @notice Enqueues an L2 transaction from `from`, who gets `mint` on L2 first. Only the
    ///         Portal, which holds the ether and says who sends.
    function enqueueDeposit(
        address from,
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external;

    /// @notice Appends a batch whose data is `data`. Only the sequencer, as a top-level call, and
    ///         only behind the batches and the deposits that it was built on.
    function postBatch(
        uint64 expectedIndex,
        bytes32 expectedBatchAcc,
        uint64 depositsRead,
        bytes32 expectedDepositAcc,
        bytes calldata data
    ) external;

    /// @notice Appends a batch whose data are the blobs of this transaction, 1 to 6.
    function postBlobBatch(
        uint64 expectedIndex,
        bytes32 expectedBatchAcc,
        uint64 depositsRead,
        bytes32 expectedDepositAcc
    ) external;

    /// @notice Appends a batch of deposits alone, up to `depositsRead`, when the oldest unread
    ///         deposit is overdue. It reads all that are overdue, or as many as fit. Anyone may
    ///         call.
    function forceInclude(uint64 depositsRead) external;

    /// @notice Number of batches.
    function batchCount() external view returns (uint64);
    /// @notice Number of deposits.
    function depositCount() external view returns (uint64);
    /// @notice Number of deposits that the batches have read.
    function depositsRead() external view returns (uint64);
    /// @notice Hash chain over the first `n` batches.
    function batchAcc(uint64 n) external view returns (bytes32);
    /// @notice Hash chain over the first `n` deposits.
    function depositAcc(uint64 n) external view returns (bytes32);
    /// @notice L1 time (seconds) of deposit `index`, and the L2 gas of it and all before it.
    function depositInfo(uint64 index) external view returns (uint64 l1Time, uint128 gasEnd);
    /// @notice Price of deposit gas now, in 1/1024 of L1 gas for a unit of L2 gas, and the L2 gas
    ///         that is left in this L1 block.
    function depositGasMarket() external view returns (uint64 price, uint64 gasLeft);

    /// @notice Least L2 gas of a deposit with so many bytes of data.
    function minDepositGas(uint64 dataBytes) external pure returns (uint64);

    /// @notice The only account that may post batches.
    function SEQUENCER() external view returns (address);
    /// @notice The only account that may enqueue deposits.
    function PORTAL() external view returns (address);
    /// @notice Seconds after which anyone may force an unread deposit.
    function FORCE_DELAY() external view returns (uint64);
    /// @notice Most L2 gas of the deposits that one batch reads.
    function MAX_BATCH_DEPOSIT_GAS() external view returns (uint64);
    /// @notice Most L2 gas of the deposits that one L1 block enqueues, fee reports aside. At most
    ///         `MAX_BATCH_DEPOSIT_GAS` less the gas of a fee report.
    function MAX_DEPOSIT_GAS_PER_BLOCK() external view returns (uint64);
}
