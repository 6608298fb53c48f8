// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {Inbox} from "../src/Inbox.sol";
import {L1Test} from "./L1Test.sol";

/// @title  InboxHandler
/// @notice Sends the Inbox arbitrary moves, right and wrong, and keeps a model of it. A move must
///         succeed exactly when the model says so.
contract InboxHandler is L1Test {
    uint64 internal constant SMALL_BATCH_GAS = 1_000_000;
    uint64 internal constant SMALL_BLOCK_GAS = 500_000;

    uint64 public read;
    uint256 public minted;
    bytes32[] public depositAccs = [bytes32(0)];
    bytes32[] public batchAccs = [bytes32(0)];
    uint256[] public gasEnds = [0];
    uint256[] internal times;
    uint256 internal gasInBlock;
    uint256 internal time;
    uint256 internal number;

    function setUp() public override {
        super.setUp();
        inbox =
            new Inbox(Inbox.Parameters(SEQUENCER, FORCE_DELAY, SMALL_BATCH_GAS, SMALL_BLOCK_GAS));
        (time, number) = (block.timestamp, block.number);
    }

    modifier present() {
        vm.warp(time);
        vm.roll(number);
        _;
    }

    function wait(uint256 secondsPassed, uint256 blocks) external {
        time += secondsPassed % FORCE_DELAY;
        number += 1 + blocks % 40;
        gasInBlock = 0;
    }

    function depositTransaction(uint256 gas, uint96 value, bool fromContract, uint256 length)
        external
        present
    {
        bytes memory data = new bytes(length % 200);
        uint64 gasLimit = uint64(bound(gas, 10_000, SMALL_BLOCK_GAS));
        bool allowed =
            gasLimit >= 21_000 + 40 * data.length && gasInBlock + gasLimit <= SMALL_BLOCK_GAS;
        vm.deal(ALICE, value);
        vm.prank(ALICE, fromContract ? address(this) : ALICE);
        (bool done,) = address(inbox).call{value: value}(
            abi.encodeCall(IInbox.depositTransaction, (ALICE, 1, gasLimit, false, data))
        );
        isTrue(done == allowed);
        if (!done) return;
        gasInBlock += gasLimit;
        minted += value;
        address from = fromContract ? aliased(ALICE) : ALICE;
        extend(0, from, gasLimit, payloadOf(ALICE, value, 1, gasLimit, false, data));
    }

    function postBatch(uint256 newRead, bytes calldata data) external present {
        uint64 to = target(newRead);
        bytes32 acc = to < depositAccs.length ? depositAccs[to] : bytes32(0);
        bool allowed = inRange(to) && !(isOverdue(to) && gasOf(to + 1) <= SMALL_BATCH_GAS);
        uint64 index = uint64(batchAccs.length) - 1;
        vm.prank(SEQUENCER, SEQUENCER);
        (bool done,) = address(inbox).call(abi.encodeCall(IInbox.postBatch, (index, to, acc, data)));
        isTrue(done == allowed);
        if (!done) return;
        append(0, to, keccak256(data));
        extend(1, address(inbox), FEE_REPORT_GAS, "");
    }

    function forceInclude(uint256 newRead) external present {
        uint64 to = target(newRead);
        bool allowed = to > read && inRange(to) && isOverdue(read);
        (bool done,) = address(inbox).call(abi.encodeCall(IInbox.forceInclude, (to)));
        isTrue(done == allowed);
        if (done) append(2, to, bytes32(0));
    }

    function depositCount() public view returns (uint64) {
        return uint64(times.length);
    }

    function batchCount() public view returns (uint64) {
        return uint64(batchAccs.length) - 1;
    }

    function theInbox() external view returns (Inbox) {
        return inbox;
    }

    /// Mostly around the present position, sometimes before it or past the end.
    function target(uint256 seed) internal view returns (uint64) {
        uint256 low = read == 0 ? 0 : read - 1;
        return uint64(bound(seed, low, depositCount() + 1));
    }

    function inRange(uint64 to) internal view returns (bool) {
        return to >= read && to <= depositCount() && gasOf(to) <= SMALL_BATCH_GAS;
    }

    function isOverdue(uint64 index) internal view returns (bool) {
        return index < depositCount() && time > times[index] + FORCE_DELAY;
    }

    function gasOf(uint64 to) internal view returns (uint256) {
        return gasEnds[to] - gasEnds[read];
    }

    function extend(uint8 kind, address from, uint64 gas, bytes memory payload) internal {
        uint64 index = depositCount();
        depositAccs.push(nextDepositAcc(depositAccs[index], kind, from, index, payload));
        gasEnds.push(gasEnds[index] + gas);
        times.push(time);
    }

    function append(uint8 kind, uint64 to, bytes32 dataHash) internal {
        uint64 index = batchCount();
        batchAccs.push(nextBatchAcc(batchAccs[index], kind, index, to, dataHash, depositAccs[to]));
        read = to;
    }
}

/// @title  InboxInvariantsTest
/// @notice After any moves the Inbox is what the model is.
contract InboxInvariantsTest is L1Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    InboxHandler internal handler;

    function setUp() public override {
        handler = new InboxHandler();
        handler.setUp();
        inbox = handler.theInbox();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = InboxHandler.wait.selector;
        selectors[1] = InboxHandler.depositTransaction.selector;
        selectors[2] = InboxHandler.depositTransaction.selector;
        selectors[3] = InboxHandler.postBatch.selector;
        selectors[4] = InboxHandler.postBatch.selector;
        selectors[5] = InboxHandler.forceInclude.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_hashChains_areTheModels() public view {
        uint64 batches = handler.batchCount();
        uint64 deposits = handler.depositCount();
        equal(inbox.batchCount(), batches);
        equal(inbox.depositCount(), deposits);
        equal(inbox.depositsRead(), handler.read());
        for (uint64 n = 0; n <= batches; ++n) {
            equal(inbox.batchAcc(n), handler.batchAccs(n));
        }
        for (uint64 i = 0; i <= deposits; ++i) {
            equal(inbox.depositAcc(i), handler.depositAccs(i));
        }
    }

    function invariant_etherIsWhatWasMinted() public view {
        equal(address(inbox).balance, handler.minted());
    }

    /// So whoever waits is never stuck: the next deposit alone always fits a forced batch.
    function invariant_everyDepositFitsABatch() public view {
        uint128 start = 0;
        for (uint64 i = 0; i < inbox.depositCount(); ++i) {
            (, uint128 end) = inbox.depositInfo(i);
            equal(end, handler.gasEnds(i + 1));
            isTrue(end > start && end - start <= inbox.MAX_BATCH_DEPOSIT_GAS());
            start = end;
        }
    }

    function invariant_depositGasHasAPrice() public view {
        (uint64 price, uint64 left) = inbox.depositGasMarket();
        isTrue(price >= 64 && left <= inbox.MAX_DEPOSIT_GAS_PER_BLOCK());
    }
}
