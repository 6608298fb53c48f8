//! Solidity interfaces of the L1 contracts as Rust types.
//!
//! Copied from `contracts/src/IInbox.sol` and `contracts/src/IAssertionChain.sol`; the test
//! `tests/bindings.rs` compares every selector and topic with the compiled artifacts.

#![expect(clippy::too_many_arguments, reason = "the ABI decides")]

use alloy::sol;

sol! {
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    interface IInbox {
        error NotYetWritten2();

        event DepositEnqueued(
            uint64 indexed index, uint8 indexed kind, address indexed from, uint64 l1Block,
            uint64 l1Time, uint256 l1BaseFee, uint256 l1BlobBaseFee, bytes payload, bytes32 acc
        );
        event BatchPosted(
            uint64 indexed index, uint8 kind, uint64 depositsRead, uint64 l1Block, uint64 l1Time,
            bytes32 dataHash, bytes32 acc
        );
        event BlobsPosted(uint64 indexed index, bytes32[] versionedHashes);

        function depositTransaction(
            address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data
        ) external payable;
        function postBatch(
            uint64 expectedIndex, uint64 depositsRead, bytes32 expectedDepositAcc,
            bytes calldata data
        ) external;
        function postBlobBatch(
            uint64 expectedIndex, uint64 depositsRead, bytes32 expectedDepositAcc
        ) external;
        function forceInclude(uint64 depositsRead) external;

        function batchCount() external view returns (uint64);
        function depositCount() external view returns (uint64);
        function depositsRead() external view returns (uint64);
        function batchAcc(uint64 n) external view returns (bytes32);
        function depositAcc(uint64 n) external view returns (bytes32);
    }
}
sol! {
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    interface IAssertionChain {
        struct Cursor { uint64 batch; uint64 block; uint64 depositsRead; }

        error NotYetWritten();

        event AssertionProposed(
            bytes32 indexed id, bytes32 indexed parent, address indexed proposer, bytes32 root,
            bytes32 outputRoot, Cursor cursor, uint64 batchLimit, bytes32 batchLimitAcc
        );
        event AssertionRivaled(bytes32 indexed parent, bytes32 first, bytes32 rival);
        event AssertionConfirmed(bytes32 indexed id, bytes32 outputRoot, Cursor cursor);
    }
}
