// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/IInbox.sol";
import {Inbox} from "../src/Inbox.sol";

/// @notice The forge cheatcodes these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    /// An authorization of EIP-7702.
    struct SignedDelegation {
        uint8 v;
        bytes32 r;
        bytes32 s;
        uint64 nonce;
        address implementation;
    }

    function addr(uint256 privateKey) external pure returns (address);
    function assume(bool condition) external pure;
    /// In forge 1.7.1 this sets the excess blob gas, from which the fee follows.
    function blobBaseFee(uint256 excessBlobGas) external;
    function blobhashes(bytes32[] calldata hashes) external;
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    /// The account and its storage are cold again.
    function cool(address account) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata data) external;
    function fee(uint256 baseFee) external;
    function expectRevert(bytes4 selector) external;
    function getCode(string calldata artifact) external view returns (bytes memory);
    function getNonce(address account) external view returns (uint64);
    function getRecordedLogs() external returns (Log[] memory);
    function mockCall(address callee, bytes calldata data, bytes calldata returned) external;
    function pauseGasMetering() external;
    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function recordLogs() external;
    function resumeGasMetering() external;
    function roll(uint256 blockNumber) external;
    /// The next transaction carries the authorization.
    function signAndAttachDelegation(address implementation, uint256 privateKey)
        external
        returns (SignedDelegation memory);
    function store(address account, bytes32 slot, bytes32 value) external;
    function warp(uint256 timestamp) external;
}

/// @notice What an invariant test lets forge call: some functions of one contract.
struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @title  L1Test
/// @notice An L1 with an Inbox, and the protocol's layouts written a second time, byte by byte.
abstract contract L1Test {
    error Different(bytes32 found, bytes32 expected);

    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    address internal constant SEQUENCER = address(0x5E9);
    /// Stands for the Portal where only the Inbox is tested.
    address internal constant PORTAL = address(0x9047A1);
    address internal constant ALICE = address(0xA11CE);
    uint64 internal constant FORCE_DELAY = 3600;
    uint64 internal constant BATCH_GAS = 20_000_000;
    uint64 internal constant BLOCK_GAS = 8_000_000;
    uint64 internal constant FEE_REPORT_GAS = 200_000;

    Inbox internal inbox;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(25_000_000);
        vm.fee(7 gwei);
        vm.blobBaseFee(50_000_000);
        vm.deal(ALICE, 1_000_000 ether);
        inbox = new Inbox(
            Inbox.Parameters(SEQUENCER, portalAddress(), FORCE_DELAY, BATCH_GAS, BLOCK_GAS)
        );
    }

    /// Who may enqueue deposits.
    function portalAddress() internal virtual returns (address) {
        return PORTAL;
    }

    /// Mines: `blocks` later, 12 seconds each.
    function mine(uint256 blocks) internal {
        vm.roll(block.number + blocks);
        vm.warp(block.timestamp + 12 * blocks);
    }

    /// The sequencer posts calldata that reads the first `read` deposits.
    function post(uint64 read, bytes memory data) internal {
        uint64 index = inbox.batchCount();
        (bytes32 parent, bytes32 acc) = (inbox.batchAcc(index), inbox.depositAcc(read));
        vm.prank(SEQUENCER, SEQUENCER);
        inbox.postBatch(index, parent, read, acc, data);
    }

    /// The sequencer posts a batch that reads everything there is.
    function postAll() internal {
        post(inbox.depositCount(), "batch");
    }

    /// Alice deposits without data.
    function deposit(uint64 gasLimit) internal virtual {
        vm.prank(PORTAL);
        inbox.enqueueDeposit(ALICE, ALICE, 0, 0, gasLimit, false, "");
    }

    /// A deposit's payload.
    function payloadOf(
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes memory data
    ) internal pure returns (bytes memory) {
        return bytes.concat(
            bytes20(to),
            bytes32(mint),
            bytes32(value),
            bytes8(gasLimit),
            isCreation ? bytes1(0x01) : bytes1(0x00),
            data
        );
    }

    /// The deposit accumulator after a deposit in the present L1 block.
    function nextDepositAcc(
        bytes32 acc,
        uint8 kind,
        address from,
        uint64 index,
        bytes memory payload
    ) internal view returns (bytes32) {
        bytes memory header = bytes.concat(
            bytes1(kind),
            bytes20(from),
            bytes8(uint64(block.number)),
            bytes8(uint64(block.timestamp))
        );
        bytes memory rest = bytes.concat(
            bytes8(index), bytes32(block.basefee), bytes32(block.blobbasefee), keccak256(payload)
        );
        return keccak256(bytes.concat(acc, keccak256(bytes.concat(header, rest))));
    }

    /// The deposit accumulator after the Inbox reported the fees of the present L1 block.
    function nextFeeReportAcc(bytes32 acc, uint64 index) internal view returns (bytes32) {
        return nextDepositAcc(acc, 1, address(inbox), index, "");
    }

    /// The batch accumulator after a batch in the present L1 block.
    function nextBatchAcc(
        bytes32 acc,
        uint8 kind,
        uint64 index,
        uint64 read,
        bytes32 dataHash,
        bytes32 depositAcc
    ) internal view returns (bytes32) {
        bytes memory header = bytes.concat(
            bytes1(kind),
            bytes8(index),
            bytes8(read),
            bytes8(uint64(block.number)),
            bytes8(uint64(block.timestamp))
        );
        return keccak256(bytes.concat(acc, header, dataHash, depositAcc));
    }

    /// The address under which a contract of L1 appears on L2.
    function aliased(address l1Contract) internal pure returns (address) {
        uint256 sum = uint256(uint160(l1Contract))
            + uint256(uint160(0x1111000000000000000000000000000000001111));
        return address(uint160(sum % 2 ** 160));
    }

    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + x % (high - low + 1);
    }

    function equal(uint256 found, uint256 expected) internal pure {
        if (found != expected) revert Different(bytes32(found), bytes32(expected));
    }

    function equal(bytes32 found, bytes32 expected) internal pure {
        if (found != expected) revert Different(found, expected);
    }

    function equal(address found, address expected) internal pure {
        equal(uint160(found), uint160(expected));
    }

    function isTrue(bool condition) internal pure {
        if (!condition) revert Different(bytes32(0), bytes32(uint256(1)));
    }
}
