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
contract Inbox is IInbox {
    /// @notice Constructor arguments.
    struct Parameters {
        address sequencer;
        uint64 forceDelay;
        uint64 maxBatchDepositGas;
        uint64 maxDepositGasPerBlock;
    }

    /// @dev What is kept of a deposit beside its accumulator: one slot.
    struct DepositRecord {
        uint64 l1Time;
        uint128 gasEnd;
    }

    /// @dev The market for deposit gas: one slot, as of the last block with a deposit.
    struct GasMarket {
        uint64 l1Block;
        uint64 gasUsed;
        uint64 price;
    }

    uint8 internal constant BATCH_CALLDATA = 0;
    uint8 internal constant BATCH_BLOBS = 1;
    uint8 internal constant BATCH_FORCED = 2;
    uint8 internal constant DEPOSIT_TRANSACTION = 0;
    uint8 internal constant DEPOSIT_FEE_REPORT = 1;

    /// @notice Bytes of calldata that one batch may have.
    uint256 public constant MAX_CALLDATA_BYTES = 117_964;
    /// @notice Blobs that one batch may have.
    uint256 public constant MAX_BLOBS = 6;
    /// @notice L2 gas of the deposit that reports L1's prices.
    uint64 public constant FEE_REPORT_GAS = 200_000;
    /// @notice Bytes of data that one deposit may have, as in OP's portal.
    uint256 public constant MAX_DEPOSIT_DATA = 120_000;
    /// @notice L2 gas of a plain ether deposit, as in OP's portal.
    uint64 public constant RECEIVE_GAS = 100_000;
    /// @notice The lowest price of deposit gas: 64/1024 of L1 gas for a unit of L2 gas.
    uint64 public constant MIN_GAS_PRICE = 64;
    uint64 internal constant PRICE_UNIT = 1024;
    uint160 internal constant ALIAS_OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @inheritdoc IInbox
    address public immutable SEQUENCER;
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
    GasMarket internal market;
    mapping(uint64 count => bytes32) internal batchAccs;
    mapping(uint64 count => bytes32) internal depositAccs;
    mapping(uint64 index => DepositRecord) internal depositRecords;

    constructor(Parameters memory parameters) {
        require(
            parameters.sequencer != address(0), InboxInvalidParameter("sequencer", 0)
        );
        // INVARIANT: any deposit, and a fee report beside it, fits one batch.
        require(
            parameters.maxBatchDepositGas >= 2 * FEE_REPORT_GAS,
            InboxInvalidParameter("maxBatchDepositGas", parameters.maxBatchDepositGas)
        );
        require(
            parameters.maxDepositGasPerBlock >= RECEIVE_GAS
                && parameters.maxDepositGasPerBlock <= parameters.maxBatchDepositGas,
            InboxInvalidParameter("maxDepositGasPerBlock", parameters.maxDepositGasPerBlock)
        );
        SEQUENCER = parameters.sequencer;
        FORCE_DELAY = parameters.forceDelay;
        MAX_BATCH_DEPOSIT_GAS = parameters.maxBatchDepositGas;
        MAX_DEPOSIT_GAS_PER_BLOCK = parameters.maxDepositGasPerBlock;
        market.price = MIN_GAS_PRICE;
    }

    /// @notice Deposits the ether to the sender's own address on L2.
    receive() external payable {
        deposit(msg.sender, msg.value, RECEIVE_GAS, false, "");
    }

    /// @inheritdoc IInbox
    function depositTransaction(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external payable {
        deposit(to, value, gasLimit, isCreation, data);
    }

    /// @inheritdoc IInbox
    function postBatch(
        uint64 expectedIndex,
        uint64 newDepositsRead,
        bytes32 expectedDepositAcc,
        bytes calldata data
    ) external {
        require(
            data.length <= MAX_CALLDATA_BYTES, InboxBatchTooLong(data.length, MAX_CALLDATA_BYTES)
        );
        checkSequencer(expectedIndex, newDepositsRead, expectedDepositAcc);
        appendBatch(BATCH_CALLDATA, newDepositsRead, keccak256(data));
        enqueueFeeReport();
    }

    /// @inheritdoc IInbox
    function postBlobBatch(
        uint64 expectedIndex,
        uint64 newDepositsRead,
        bytes32 expectedDepositAcc
    ) external {
        bytes32[] memory hashes = blobHashes();
        checkSequencer(expectedIndex, newDepositsRead, expectedDepositAcc);
        emit BlobsPosted(batchCount, hashes);
        appendBatch(BATCH_BLOBS, newDepositsRead, keccak256(abi.encodePacked(hashes)));
        enqueueFeeReport();
    }

    /// @inheritdoc IInbox
    /// @dev No fee report follows: anyone may call this, and the price of L1 is the sequencer's
    ///      to report; the next posted batch does.
    function forceInclude(uint64 newDepositsRead) external {
        uint64 read = depositsRead;
        require(
            newDepositsRead > read && read < depositCount,
            InboxNothingToForce(read, newDepositsRead)
        );
        uint64 due = depositRecords[read].l1Time + FORCE_DELAY;
        require(due < block.timestamp, InboxNotOverdue(read, due, uint64(block.timestamp)));
        checkDepositRange(newDepositsRead);
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

    function deposit(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes memory data
    ) internal {
        uint256 gasBefore = gasleft();
        require(!isCreation || to == address(0), InboxCreationWithTarget(to));
        require(
            data.length <= MAX_DEPOSIT_DATA, InboxDepositDataTooLong(data.length, MAX_DEPOSIT_DATA)
        );
        uint64 minGas = uint64(data.length) * 40 + 21_000;
        require(gasLimit >= minGas, InboxDepositGasTooLow(gasLimit, minGas));
        uint64 price = takeGas(gasLimit);
        // A contract cannot sign on L2: its address there is another one. An EOA is itself.
        address from = msg.sender;
        if (from != tx.origin) {
            unchecked {
                from = address(uint160(from) + ALIAS_OFFSET);
            }
        }
        bytes memory payload =
            abi.encodePacked(to, msg.value, value, gasLimit, isCreation, data);
        enqueue(DEPOSIT_TRANSACTION, from, gasLimit, payload);
        burn(uint256(gasLimit) * price / PRICE_UNIT, gasBefore);
    }

    /// @dev Pays for L2 gas by burning L1 gas, which the sender's wallet estimates as any other.
    function burn(uint256 gas, uint256 gasBefore) internal view {
        uint256 spent = gasBefore - gasleft();
        uint256 end = gas > spent ? gasleft() - min(gas - spent, gasleft()) : 0;
        if (gas <= spent) return;
        while (gasleft() > end + 200) {}
    }

    /// @dev Takes gas from the market of this L1 block; returns its price.
    function takeGas(uint64 gasLimit) internal returns (uint64 price) {
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

    /// @dev The market in this L1 block. The price moves by at most an eighth a block towards a
    ///      use of a quarter of the maximum.
    function marketNow() internal view returns (GasMarket memory current) {
        current = market;
        if (current.l1Block == block.number) return current;
        uint64 target = MAX_DEPOSIT_GAS_PER_BLOCK / 4;
        if (current.gasUsed > target) {
            uint256 rise = uint256(current.price) * (current.gasUsed - target) / target / 24;
            current.price += uint64(rise == 0 ? 1 : rise);
            // Blocks since then without a deposit bring it down again.
            current.l1Block += 1;
        }
        uint256 idle = block.number - current.l1Block;
        for (uint256 i = 0; i < idle && i < 64 && current.price > MIN_GAS_PRICE; ++i) {
            current.price -= current.price / 8;
        }
        if (idle >= 64 || current.price < MIN_GAS_PRICE) current.price = MIN_GAS_PRICE;
        current.l1Block = uint64(block.number);
        current.gasUsed = 0;
    }

    function enqueueFeeReport() internal {
        enqueue(DEPOSIT_FEE_REPORT, address(this), FEE_REPORT_GAS, "");
    }

    function enqueue(uint8 kind, address from, uint64 gas, bytes memory payload) internal {
        uint64 index = depositCount;
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

    function checkSequencer(
        uint64 expectedIndex,
        uint64 newDepositsRead,
        bytes32 expectedDepositAcc
    ) internal view {
        require(msg.sender == SEQUENCER, InboxNotSequencer(msg.sender, SEQUENCER));
        // INVARIANT: the batch data is the input of a top-level transaction, where readers find it.
        // An EOA with code (EIP-7702) could call itself and hide it.
        require(
            msg.sender == tx.origin && msg.sender.code.length == 0,
            InboxNotTopLevelCall(msg.sender)
        );
        require(
            expectedIndex == batchCount, InboxBatchIndexMismatch(expectedIndex, batchCount)
        );
        checkDepositRange(newDepositsRead);
        // A reorg of L1 may have changed deposits under a batch that was built on them.
        bytes32 acc = depositAccs[newDepositsRead];
        require(
            acc == expectedDepositAcc,
            InboxDepositAccMismatch(newDepositsRead, expectedDepositAcc, acc)
        );
        if (newDepositsRead == depositCount) return;
        uint64 due = depositRecords[newDepositsRead].l1Time + FORCE_DELAY;
        // INVARIANT: no batch of the sequencer leaves out an overdue deposit that it has room for.
        bool hasRoom = gasBetween(depositsRead, newDepositsRead + 1) <= MAX_BATCH_DEPOSIT_GAS;
        require(
            due >= block.timestamp || !hasRoom,
            InboxDepositOverdue(newDepositsRead, due, uint64(block.timestamp))
        );
    }

    function checkDepositRange(uint64 newDepositsRead) internal view {
        require(
            newDepositsRead >= depositsRead,
            InboxDepositsReadBackwards(newDepositsRead, depositsRead)
        );
        require(
            newDepositsRead <= depositCount,
            InboxDepositsReadBeyondEnd(newDepositsRead, depositCount)
        );
        // INVARIANT: the deposits of one batch fit one L2 block.
        uint256 gas = gasBetween(depositsRead, newDepositsRead);
        require(
            gas <= MAX_BATCH_DEPOSIT_GAS, InboxBatchDepositGasExceeded(gas, MAX_BATCH_DEPOSIT_GAS)
        );
    }

    /// @dev L2 gas of the deposits [from, to).
    function gasBetween(uint64 from, uint64 to) internal view returns (uint256) {
        uint256 start = from == 0 ? 0 : depositRecords[from - 1].gasEnd;
        uint256 end = to == 0 ? 0 : depositRecords[to - 1].gasEnd;
        return end - start;
    }

    function appendBatch(uint8 kind, uint64 newDepositsRead, bytes32 dataHash) internal {
        uint64 index = batchCount;
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

    function blobHashes() internal view returns (bytes32[] memory hashes) {
        uint256 count = 0;
        while (count <= MAX_BLOBS && blobhash(count) != 0) ++count;
        require(count > 0 && count <= MAX_BLOBS, InboxBlobCount(count, MAX_BLOBS));
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) hashes[i] = blobhash(i);
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
