// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {Inbox} from "../src/Inbox.sol";
import {FuzzSelector, L1Test} from "./L1Test.sol";

/// @title  InboxInvariantsTest
/// @notice What holds after any sequence of deposits, batches, forced batches and waiting.
contract InboxInvariantsTest {
    InboxHandler private handler;

    function setUp() public {
        handler = new InboxHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](6);
        targets[0].selectors[0] = handler.wait.selector;
        targets[0].selectors[1] = handler.enqueueTransaction.selector;
        targets[0].selectors[2] = handler.fillBlock.selector;
        targets[0].selectors[3] = handler.postCalldata.selector;
        targets[0].selectors[4] = handler.postBlobs.selector;
        targets[0].selectors[5] = handler.force.selector;
    }

    function invariant_hashChains_areThoseOfTheModel() public view {
        handler.checkHashChains();
    }

    function invariant_gas_addsUp() public view {
        handler.checkDeposits();
    }

    function invariant_someBatch_canAlwaysBePosted() public {
        handler.checkBatchCanBePosted();
    }

    function invariant_unreadDeposits_canBeForcedInTheEnd() public {
        handler.checkDepositsCanBeForced();
    }

    function invariant_theSequencer_catchesUp() public {
        handler.checkSequencerCatchesUp();
    }
}

/// @title  InboxHandler
/// @notice Acts on an Inbox whose limits are tight, next to a model of it that keeps every deposit,
///         adds up gas one by one and says beforehand whether a move must succeed.
contract InboxHandler is L1Test {
    struct Deposit {
        uint64 time;
        uint64 gas;
    }

    uint64 private constant DELAY = 100;
    uint64 private constant BATCH_MAX = 1_000_000;
    uint64 private constant BLOCK_MAX = 700_000;

    uint256 private time = 1_800_000_000;
    uint256 private number = 25_000_000;
    Deposit[] private deposits;
    uint64 private read;
    bytes32[] private depositAccs;
    bytes32[] private batchAccs;

    constructor() {
        setUp();
        inbox = new Inbox(Inbox.Parameters(SEQUENCER, PORTAL, DELAY, BATCH_MAX, BLOCK_MAX));
        depositAccs.push(0);
        batchAccs.push(0);
    }

    function wait(uint256 blocks, uint256 fee) external {
        blocks = bound(blocks, 1, 6);
        number += blocks;
        time += 12 * blocks;
        resume();
        vm.fee(bound(fee, 7, 1_000 gwei));
    }

    function enqueueTransaction(
        address from,
        address to,
        uint96 mint,
        uint256 value,
        uint64 extraGas,
        bytes calldata data
    ) external {
        resume();
        (, uint64 gasLeft) = inbox.depositGasMarket();
        uint64 gas = uint64(21_000 + 40 * data.length);
        if (gas > gasLeft) return;
        gas += extraGas % (gasLeft - gas + 1);
        bool isCreation = to == address(0);
        vm.prank(PORTAL);
        inbox.enqueueDeposit(from, to, mint, value, gas, isCreation, data);
        bytes memory payload = payloadOf(to, mint, value, gas, isCreation, data);
        enqueued(0, from, gas, payload);
    }

    /// All the gas that is left in this L1 block.
    function fillBlock() external {
        resume();
        (, uint64 gas) = inbox.depositGasMarket();
        if (gas < 21_000) return;
        deposit(gas);
        enqueued(0, ALICE, gas, payloadOf(ALICE, 0, 0, gas, false, ""));
    }

    function postCalldata(uint256 to, bytes calldata data) external {
        resume();
        uint64 end = anyEnd(to);
        bytes memory call = abi.encodeCall(
            IInbox.postBatch, (batches(), batchAccs[batches()], end, accAt(end), data)
        );
        posted(call, 0, end, keccak256(data), true);
    }

    function postBlobs(uint256 to, uint256 count) external {
        resume();
        bytes32[] memory hashes = new bytes32[](bound(count, 0, 7));
        bytes memory packed;
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(count, i));
            packed = bytes.concat(packed, hashes[i]);
        }
        vm.blobhashes(hashes);
        uint64 end = anyEnd(to);
        bytes memory call = abi.encodeCall(
            IInbox.postBlobBatch, (batches(), batchAccs[batches()], end, accAt(end))
        );
        posted(call, 1, end, keccak256(packed), hashes.length > 0 && hashes.length <= 6);
    }

    function force(uint256 to) external {
        resume();
        uint64 end = anyEnd(to);
        bool allowed = end > read && end <= deposits.length && isOverdue(read) && fits(end);
        if (allowed && isOverdue(end)) allowed = !fits(end + 1);
        vm.prank(ALICE);
        (bool done,) = address(inbox).call(abi.encodeCall(IInbox.forceInclude, (end)));
        isTrue(done == allowed);
        if (done) appended(2, end, 0);
    }

    function checkHashChains() external view {
        equal(inbox.depositCount(), deposits.length);
        equal(inbox.batchCount(), batches());
        equal(inbox.depositsRead(), read);
        for (uint64 i = 0; i < depositAccs.length; ++i) {
            equal(inbox.depositAcc(i), depositAccs[i]);
        }
        for (uint64 n = 0; n < batchAccs.length; ++n) {
            equal(inbox.batchAcc(n), batchAccs[n]);
        }
    }

    /// No deposit is too large for a batch.
    function checkDeposits() external view {
        equal(address(inbox).balance, 0);
        uint256 total = 0;
        for (uint64 i = 0; i < deposits.length; ++i) {
            isTrue(deposits[i].gas <= BATCH_MAX);
            total += deposits[i].gas;
            (uint64 l1Time, uint128 gasEnd) = inbox.depositInfo(i);
            equal(l1Time, deposits[i].time);
            equal(gasEnd, total);
        }
    }

    /// Whatever happened, the batch that reads all that fits can be posted, at any time.
    function checkBatchCanBePosted() external {
        resume();
        postFull();
        vm.warp(time + DELAY + 1);
        postFull();
    }

    /// Without the sequencer, all deposits are read in the end.
    function checkDepositsCanBeForced() external {
        vm.roll(number);
        vm.warp(time + DELAY + 1);
        while (read < deposits.length) {
            uint64 end = fullEnd();
            isTrue(end > read);
            inbox.forceInclude(end);
            read = end;
        }
        equal(inbox.depositsRead(), deposits.length);
    }

    /// Each batch reads more gas than its own fee report adds, so that the backlog ends.
    function checkSequencerCatchesUp() external {
        resume();
        uint256 batchesMax = 2;
        for (uint256 i = read; i < deposits.length; ++i) {
            batchesMax += deposits[i].gas / (BATCH_MAX - BLOCK_MAX - FEE_REPORT_GAS) + 1;
        }
        while (read < deposits.length) {
            isTrue(batchesMax-- > 0);
            if (fullEnd() == deposits.length) return;
            postFull();
        }
    }

    function postFull() private {
        read = fullEnd();
        post(read, "");
        deposits.push(Deposit(uint64(block.timestamp), FEE_REPORT_GAS));
    }

    /// Forge may have set the clocks back.
    function resume() private {
        vm.warp(time);
        vm.roll(number);
    }

    function posted(bytes memory call, uint8 kind, uint64 end, bytes32 hash, bool dataAllowed)
        private
    {
        bool mayEnd = end >= read && end <= deposits.length && fits(end);
        // An overdue deposit may wait only if it does not fit.
        if (mayEnd && end < deposits.length && isOverdue(end)) mayEnd = !fits(end + 1);
        vm.prank(SEQUENCER, SEQUENCER);
        (bool done,) = address(inbox).call(call);
        isTrue(done == (dataAllowed && mayEnd));
        if (!done) return;
        appended(kind, end, hash);
        enqueued(1, address(inbox), FEE_REPORT_GAS, "");
    }

    function enqueued(uint8 kind, address from, uint64 gas, bytes memory payload) private {
        uint64 index = uint64(deposits.length);
        depositAccs.push(nextDepositAcc(depositAccs[index], kind, from, index, payload));
        deposits.push(Deposit(uint64(time), gas));
    }

    function appended(uint8 kind, uint64 end, bytes32 dataHash) private {
        uint64 n = batches();
        batchAccs.push(nextBatchAcc(batchAccs[n], kind, n, end, dataHash, depositAccs[end]));
        read = end;
    }

    function batches() private view returns (uint64) {
        return uint64(batchAccs.length) - 1;
    }

    function accAt(uint64 end) private view returns (bytes32) {
        return end < depositAccs.length ? depositAccs[end] : bytes32(0);
    }

    /// From one before the last end to one after the last deposit; often as far as fits.
    function anyEnd(uint256 seed) private view returns (uint64) {
        if (seed % 3 == 0) return fullEnd();
        return uint64(bound(seed, read == 0 ? 0 : read - 1, deposits.length + 1));
    }

    function fullEnd() private view returns (uint64 end) {
        end = read;
        while (end < deposits.length && fits(end + 1)) ++end;
    }

    function fits(uint64 end) private view returns (bool) {
        uint256 gas = 0;
        for (uint256 i = read; i < end; ++i) {
            gas += deposits[i].gas;
        }
        return gas <= BATCH_MAX;
    }

    function isOverdue(uint64 index) private view returns (bool) {
        return index < deposits.length && time > uint256(deposits[index].time) + DELAY;
    }
}
