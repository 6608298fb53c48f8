// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "./IInbox.sol";

/// @title  Inbox
/// @notice Two hash chains that fix what L2 executes: deposits and batches. It judges no content:
///         garbage is a batch without transactions. Layouts (big endian, packed):
///
///         depositAcc[i+1] = keccak(depositAcc[i] ‖ keccak(kind:1 ‖ from:20 ‖ l1Block:8 ‖ l1Time:8
///             ‖ i:8 ‖ l1BaseFee:32 ‖ l1BlobBaseFee:32 ‖ keccak(payload):32))
///         batchAcc[n+1]   = keccak(batchAcc[n] ‖ kind:1 ‖ index:8 ‖ depositsRead:8 ‖ l1Block:8
///             ‖ l1Time:8 ‖ dataHash:32 ‖ depositAcc[depositsRead]:32)
///
///         | deposit kind    | payload                                                            |
///         |-----------------|--------------------------------------------------------------------|
///         | 0 transaction   | to:20 ‖ mint:32 ‖ value:32 ‖ gasLimit:8 ‖ isCreation:1 ‖ data      |
///         | 1 fee report    | empty                                                              |
///
///         | batch kind      | dataHash                                                           |
///         |-----------------|--------------------------------------------------------------------|
///         | 0 calldata      | keccak(data)                                                       |
///         | 1 blobs         | keccak(versionedHash_0 ‖ .. ‖ versionedHash_k)                     |
///         | 2 forced        | 0                                                                  |
///
///         It calls no other contract, so that nothing can reenter it. It holds no ether: the
///         Portal holds what deposits mint.
contract Inbox is IInbox {
    /// @notice Constructor arguments.
    struct Parameters {
        address sequencer;
        address portal;
        uint64 forceDelay;
        uint64 maxBatchDepositGas;
        uint64 maxDepositGasPerBlock;
    }

    /// @dev What is kept of a deposit besides its accumulator: one slot.
    struct DepositRecord {
        uint64 l1Time;
        // L2 gas of this deposit and all before it.
        uint128 gasEnd;
    }

    /// @dev The market for deposit gas, as of the last L1 block with a deposit: one slot.
    struct GasMarket {
        uint64 l1Block;
        uint64 gasUsed;
        uint64 price;
    }

    /// @notice Most bytes of calldata of one batch.
    uint256 public constant MAX_CALLDATA_BYTES = 117_964;
    /// @notice Most blobs of one batch.
    uint256 public constant MAX_BLOBS = 6;
    /// @notice Most bytes of data of one deposit, as in OP's portal.
    uint256 public constant MAX_DEPOSIT_DATA_BYTES = 120_000;
    /// @notice Least L2 gas of a deposit without data; each byte adds `MIN_DEPOSIT_GAS_PER_BYTE`.
    ///         Together at least what EIP-7623 charges for calldata.
    uint64 public constant MIN_DEPOSIT_GAS = 21_000;
    /// @notice Least L2 gas of one byte of a deposit's data.
    uint64 public constant MIN_DEPOSIT_GAS_PER_BYTE = 40;
    /// @notice L2 gas of the deposit that reports L1's fees.
    uint64 public constant FEE_REPORT_GAS = 200_000;
    /// @notice L2 gas of a plain ether deposit, as in OP's portal: the least that an L1 block
    ///         takes.
    uint64 public constant RECEIVE_GAS = 100_000;
    /// @notice Deposit gas is priced in 1/`PRICE_UNIT` of L1 gas.
    uint64 public constant PRICE_UNIT = 1024;
    /// @notice The lowest price of deposit gas: 64/1024 of L1 gas for a unit of L2 gas.
    uint64 public constant MIN_PRICE = 64;

    uint8 private constant BATCH_CALLDATA = 0;
    uint8 private constant BATCH_BLOBS = 1;
    uint8 private constant BATCH_FORCED = 2;
    uint8 private constant DEPOSIT_TRANSACTION = 0;
    uint8 private constant DEPOSIT_FEE_REPORT = 1;

    /// @inheritdoc IInbox
    address public immutable SEQUENCER;
    /// @inheritdoc IInbox
    address public immutable PORTAL;
    /// @inheritdoc IInbox
    uint64 public immutable FORCE_DELAY;
    /// @inheritdoc IInbox
    uint64 public immutable MAX_BATCH_DEPOSIT_GAS;
    /// @inheritdoc IInbox
    uint64 public immutable MAX_DEPOSIT_GAS_PER_BLOCK;

    /// @inheritdoc IInbox
    uint64 public batchCount;
    /// @inheritdoc IInbox
    uint64 public depositCount;
    /// @inheritdoc IInbox
    uint64 public depositsRead;

    GasMarket private market;
    mapping(uint64 count => bytes32) private batchAccs;
    mapping(uint64 count => bytes32) private depositAccs;
    mapping(uint64 index => DepositRecord) private depositRecords;

    constructor(Parameters memory parameters) {
        // PROTOCOL.md INBOX-15
        require(parameters.sequencer != address(0), InboxInvalidParameter("sequencer", 0));
        require(parameters.portal != address(0), InboxInvalidParameter("portal", 0));
        require(
            parameters.forceDelay <= type(uint32).max,
            InboxInvalidParameter("forceDelay", parameters.forceDelay)
        );
        // INVARIANT: each deposit fits one batch together with a fee report. So no deposit blocks
        // those behind it; and a batch that has no gas left for one has read more gas than its own
        // fee report adds, so that the sequencer can always catch up.
        require(
            parameters.maxBatchDepositGas >= 2 * FEE_REPORT_GAS,
            InboxInvalidParameter("maxBatchDepositGas", parameters.maxBatchDepositGas)
        );
        require(
            parameters.maxDepositGasPerBlock >= RECEIVE_GAS
                && parameters.maxDepositGasPerBlock
                    <= parameters.maxBatchDepositGas - FEE_REPORT_GAS,
            InboxInvalidParameter("maxDepositGasPerBlock", parameters.maxDepositGasPerBlock)
        );
        SEQUENCER = parameters.sequencer;
        PORTAL = parameters.portal;
        FORCE_DELAY = parameters.forceDelay;
        MAX_BATCH_DEPOSIT_GAS = parameters.maxBatchDepositGas;
        MAX_DEPOSIT_GAS_PER_BLOCK = parameters.maxDepositGasPerBlock;
        market = GasMarket(uint64(block.number), 0, MIN_PRICE);
    }

    /// @inheritdoc IInbox
    /// @dev Charges the price of the L2 gas in L1 gas. The gas of the call itself is a part of it.
    function enqueueDeposit(
        address from,
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external {
        uint256 gasBefore = gasleft();
        // PROTOCOL.md INBOX-16
        // INVARIANT: what is minted on L2 is held by the Portal.
        require(msg.sender == PORTAL, InboxNotPortal(msg.sender, PORTAL));
        // PROTOCOL.md INBOX-7
        require(!isCreation || to == address(0), InboxCreationWithTarget(to));
        require(
            data.length <= MAX_DEPOSIT_DATA_BYTES,
            InboxDepositDataTooLong(data.length, MAX_DEPOSIT_DATA_BYTES)
        );
        uint64 gasMin = minDepositGas(uint64(data.length));
        require(gasLimit >= gasMin, InboxDepositGasTooLow(gasLimit, gasMin));
        uint64 price = takeGas(gasLimit);
        // PROTOCOL.md INBOX-2
        bytes memory payload = abi.encodePacked(to, mint, value, gasLimit, isCreation, data);
        enqueue(DEPOSIT_TRANSACTION, from, gasLimit, payload);
        burn(uint256(gasLimit) * price / PRICE_UNIT, gasBefore);
    }

    /// @inheritdoc IInbox
    function postBatch(
        uint64 expectedIndex,
        bytes32 expectedBatchAcc,
        uint64 newDepositsRead,
        bytes32 expectedDepositAcc,
        bytes calldata data
    ) external {
        checkSequencer(expectedIndex);
        require(
            data.length <= MAX_CALLDATA_BYTES, InboxBatchTooLong(data.length, MAX_CALLDATA_BYTES)
        );
        checkDeposits(newDepositsRead, expectedDepositAcc);
        checkParent(expectedBatchAcc);
        appendBatch(BATCH_CALLDATA, newDepositsRead, keccak256(data));
        enqueueFeeReport();
    }

    /// @inheritdoc IInbox
    function postBlobBatch(
        uint64 expectedIndex,
        bytes32 expectedBatchAcc,
        uint64 newDepositsRead,
        bytes32 expectedDepositAcc
    ) external {
        checkSequencer(expectedIndex);
        bytes32[] memory hashes = blobHashes();
        checkDeposits(newDepositsRead, expectedDepositAcc);
        checkParent(expectedBatchAcc);
        emit BlobsPosted(expectedIndex, hashes);
        appendBatch(BATCH_BLOBS, newDepositsRead, keccak256(abi.encodePacked(hashes)));
        enqueueFeeReport();
    }

    /// @inheritdoc IInbox
    /// @dev Enqueues no fee report. Anyone may call this, and a report would be an unread deposit
    ///      which in time allows the next call: an endless chain of batches that nobody needs, each
    ///      with a fee of the caller's choosing. Without it every call uses up a deposit that
    ///      somebody paid for, and fees on L2 stay as the sequencer last reported them.
    function forceInclude(uint64 newDepositsRead) external {
        (uint64 read, uint64 count) = (depositsRead, depositCount);
        // PROTOCOL.md INBOX-14
        require(newDepositsRead > read && read < count, InboxNothingToForce(read, newDepositsRead));
        require(isOverdue(read), InboxNotOverdue(read, dueTime(read), uint64(block.timestamp)));
        checkDepositRange(read, newDepositsRead, count);
        // INVARIANT: many small overdue deposits give one forced batch, not one each: each forced
        // batch makes the sequencer's next post revert.
        checkNoneOverdue(read, newDepositsRead, count);
        appendBatch(BATCH_FORCED, newDepositsRead, bytes32(0));
    }

    /// @inheritdoc IInbox
    function batchAcc(uint64 n) external view returns (bytes32) {
        require(n <= batchCount, InboxUnknownIndex(n, batchCount));
        return batchAccs[n];
    }

    /// @inheritdoc IInbox
    function depositAcc(uint64 n) external view returns (bytes32) {
        require(n <= depositCount, InboxUnknownIndex(n, depositCount));
        return depositAccs[n];
    }

    /// @inheritdoc IInbox
    function depositInfo(uint64 index) external view returns (uint64 l1Time, uint128 gasEnd) {
        require(index < depositCount, InboxUnknownIndex(index, depositCount));
        DepositRecord memory record = depositRecords[index];
        return (record.l1Time, record.gasEnd);
    }

    /// @inheritdoc IInbox
    function depositGasMarket() external view returns (uint64 price, uint64 gasLeft) {
        GasMarket memory current = marketNow();
        return (current.price, MAX_DEPOSIT_GAS_PER_BLOCK - current.gasUsed);
    }

    /// @inheritdoc IInbox
    function minDepositGas(uint64 dataBytes) public pure returns (uint64) {
        return dataBytes * MIN_DEPOSIT_GAS_PER_BYTE + MIN_DEPOSIT_GAS;
    }

    /// @dev Uses L1 gas until `amount` of it is used since `gasBefore`; reverts if there is less.
    function burn(uint256 amount, uint256 gasBefore) private view {
        while (gasBefore - gasleft() < amount) {}
    }

    /// @dev Takes L2 gas from the market of this L1 block; returns its price.
    function takeGas(uint64 gasLimit) private returns (uint64 price) {
        GasMarket memory current = marketNow();
        uint256 used = uint256(current.gasUsed) + gasLimit;
        // INVARIANT: the deposits of one L1 block have at most MAX_DEPOSIT_GAS_PER_BLOCK L2 gas.
        require(
            used <= MAX_DEPOSIT_GAS_PER_BLOCK,
            InboxBlockDepositGasExceeded(used, MAX_DEPOSIT_GAS_PER_BLOCK)
        );
        current.gasUsed = uint64(used);
        market = current;
        return current.price;
    }

    /// @dev The market in this L1 block. As in EIP-1559 each block moves the price towards a use of
    ///      a quarter of the maximum, by at most an eighth. The price stays small, because a
    ///      deposit that costs more gas than an L1 block has cannot raise it further. So the loop
    ///      stays short.
    function marketNow() private view returns (GasMarket memory) {
        // PROTOCOL.md INBOX-9
        GasMarket memory last = market;
        if (last.l1Block == block.number) return last;
        uint256 target = MAX_DEPOSIT_GAS_PER_BLOCK / 4;
        uint256 price = last.price;
        if (last.gasUsed > target) {
            uint256 span = MAX_DEPOSIT_GAS_PER_BLOCK - target;
            price += price * (last.gasUsed - target) / span / 8;
        } else {
            price -= price * (target - last.gasUsed) / target / 8;
        }
        uint256 emptyBlocks = block.number - last.l1Block - 1;
        for (; emptyBlocks > 0 && price > MIN_PRICE; --emptyBlocks) {
            price -= price / 8;
        }
        if (price < MIN_PRICE) price = MIN_PRICE;
        return GasMarket(uint64(block.number), 0, uint64(price));
    }

    /// @dev Not metered: only the sequencer causes it, once a batch.
    function enqueueFeeReport() private {
        // PROTOCOL.md INBOX-10
        enqueue(DEPOSIT_FEE_REPORT, address(this), FEE_REPORT_GAS, "");
    }

    function enqueue(uint8 kind, address from, uint64 gas, bytes memory payload) private {
        uint64 index = depositCount;
        // PROTOCOL.md INBOX-1
        bytes32 leaf = keccak256(
            abi.encodePacked(
                kind,
                from,
                uint64(block.number),
                uint64(block.timestamp),
                index,
                block.basefee,
                block.blobbasefee,
                keccak256(payload)
            )
        );
        bytes32 acc = keccak256(abi.encodePacked(depositAccs[index], leaf));
        uint128 gasStart = index == 0 ? 0 : depositRecords[index - 1].gasEnd;
        depositRecords[index] = DepositRecord(uint64(block.timestamp), gasStart + gas);
        depositAccs[index + 1] = acc;
        depositCount = index + 1;
        emit DepositEnqueued(
            index,
            kind,
            from,
            uint64(block.number),
            uint64(block.timestamp),
            block.basefee,
            block.blobbasefee,
            payload,
            acc
        );
    }

    function checkSequencer(uint64 expectedIndex) private view {
        // PROTOCOL.md INBOX-11
        require(msg.sender == SEQUENCER, InboxNotSequencer(msg.sender, SEQUENCER));
        // INVARIANT: the batch data is the input of a top-level transaction, where readers find it.
        // An EOA with code (EIP-7702) could call itself and hide it.
        require(
            msg.sender == tx.origin && msg.sender.code.length == 0, InboxNotTopLevelCall(msg.sender)
        );
        require(expectedIndex == batchCount, InboxBatchIndexMismatch(expectedIndex, batchCount));
    }

    /// @dev A reorg of L1 may have put another batch of the same index before this one: its blocks,
    ///      executed behind others than those they were built on, would be other blocks.
    function checkParent(bytes32 expectedBatchAcc) private view {
        uint64 index = batchCount;
        bytes32 acc = batchAccs[index];
        require(acc == expectedBatchAcc, InboxBatchAccMismatch(index, expectedBatchAcc, acc));
    }

    /// @dev Whether a batch of the sequencer may end at this deposit.
    function checkDeposits(uint64 newDepositsRead, bytes32 expectedDepositAcc) private view {
        (uint64 read, uint64 count) = (depositsRead, depositCount);
        checkDepositRange(read, newDepositsRead, count);
        // A reorg of L1 may have changed the deposits that the batch was built on.
        bytes32 acc = depositAccs[newDepositsRead];
        require(
            acc == expectedDepositAcc,
            InboxDepositAccMismatch(newDepositsRead, expectedDepositAcc, acc)
        );
        checkNoneOverdue(read, newDepositsRead, count);
    }

    /// @dev Reverts if the batch leaves an overdue deposit unread although it has gas left for it.
    function checkNoneOverdue(uint64 read, uint64 newDepositsRead, uint64 count) private view {
        // PROTOCOL.md INBOX-13
        if (newDepositsRead == count || !isOverdue(newDepositsRead)) return;
        // INVARIANT: an overdue deposit is left out only when the batch is full.
        require(
            gasBetween(read, newDepositsRead + 1) > MAX_BATCH_DEPOSIT_GAS,
            InboxDepositOverdue(newDepositsRead, dueTime(newDepositsRead), uint64(block.timestamp))
        );
    }

    /// @dev The clock of both rules: at any moment either the sequencer may leave a deposit unread,
    ///      or anyone may force it.
    function isOverdue(uint64 index) private view returns (bool) {
        return block.timestamp > dueTime(index);
    }

    /// @dev The last second in which the sequencer may leave a deposit unread.
    function dueTime(uint64 index) private view returns (uint64) {
        return depositRecords[index].l1Time + FORCE_DELAY;
    }

    function checkDepositRange(uint64 read, uint64 newDepositsRead, uint64 count) private view {
        // PROTOCOL.md INBOX-12
        require(newDepositsRead >= read, InboxDepositsReadBackwards(newDepositsRead, read));
        require(newDepositsRead <= count, InboxDepositsReadBeyondEnd(newDepositsRead, count));
        // INVARIANT: the deposits of one batch fit one L2 block.
        uint256 gas = gasBetween(read, newDepositsRead);
        require(
            gas <= MAX_BATCH_DEPOSIT_GAS, InboxBatchDepositGasExceeded(gas, MAX_BATCH_DEPOSIT_GAS)
        );
    }

    /// @dev L2 gas of the deposits [from, to).
    function gasBetween(uint64 from, uint64 to) private view returns (uint256) {
        if (from == to) return 0;
        uint256 start = from == 0 ? 0 : depositRecords[from - 1].gasEnd;
        return depositRecords[to - 1].gasEnd - start;
    }

    function appendBatch(uint8 kind, uint64 newDepositsRead, bytes32 dataHash) private {
        uint64 index = batchCount;
        // PROTOCOL.md INBOX-3
        bytes32 acc = keccak256(
            abi.encodePacked(
                batchAccs[index],
                kind,
                index,
                newDepositsRead,
                uint64(block.number),
                uint64(block.timestamp),
                dataHash,
                depositAccs[newDepositsRead]
            )
        );
        batchAccs[index + 1] = acc;
        batchCount = index + 1;
        depositsRead = newDepositsRead;
        emit BatchPosted(
            index,
            kind,
            newDepositsRead,
            uint64(block.number),
            uint64(block.timestamp),
            dataHash,
            acc
        );
    }

    function blobHashes() private view returns (bytes32[] memory hashes) {
        uint256 count = 0;
        while (blobhash(count) != 0) ++count;
        require(count > 0 && count <= MAX_BLOBS, InboxBlobCount(count, MAX_BLOBS));
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = blobhash(i);
        }
    }
}
