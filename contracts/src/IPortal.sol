// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  IPortal
/// @notice Where ether enters and leaves L2. The ABI, the events and the errors that begin with
///         `OptimismPortal` are those of OP's OptimismPortal 4, so that its tools work unchanged.
interface IPortal {
    /// @notice A withdrawal as `L2ToL1MessagePasser` recorded it.
    struct WithdrawalTransaction {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    /// @notice What an output root is the hash of.
    struct OutputRootProof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }

    /// @notice The withdrawal was paid out before.
    error OptimismPortal_AlreadyFinalized();
    /// @notice Withdrawals may call neither the Portal nor the Inbox.
    error OptimismPortal_BadTarget();
    /// @notice The storage of the message passer does not hold the withdrawal: it was never
    ///         initiated, not before the game's block, on another chain, or not with these values.
    error OptimismPortal_InvalidMerkleProof();
    /// @notice A node of the Merkle proof is no RLP at the place where it is read. A proof of another
    ///         withdrawal may fail so, too. By the library that reads proofs.
    error RLPInvalidEncoding();
    /// @notice The parts do not hash to the output root of the game.
    error OptimismPortal_InvalidOutputRootProof();
    /// @notice A withdrawal is running; no other may be finalized inside it.
    error OptimismPortal_NoReentrancy();
    /// @notice The proof submitter has not proven the withdrawal.
    error OptimismPortal_Unproven();
    /// @notice The call failed. Nothing has changed: the withdrawal can be finalized later.
    error PortalCallFailed(bytes32 withdrawalHash);
    /// @notice The call would get less gas than the withdrawal asks for.
    error PortalGasTooLow(bytes32 withdrawalHash, uint256 gasLeft, uint256 needed);
    /// @notice There is not one proof for each withdrawal.
    error PortalProofCount(uint256 withdrawals, uint256 proofs);
    /// @notice The Inbox at this address takes deposits from another portal.
    error PortalInboxMismatch(address inbox, address portalOfInbox);
    /// @notice The games are those of another Inbox.
    error PortalGamesMismatch(address games, address inboxOfGames);

    /// @notice A transaction from L1 to L2 was deposited. `opaqueData` is mint:32 ‖ value:32 ‖
    ///         gasLimit:8 ‖ isCreation:1 ‖ data, `version` 0. Derivation reads the Inbox's event,
    ///         not this one.
    event TransactionDeposited(
        address indexed from, address indexed to, uint256 indexed version, bytes opaqueData
    );
    /// @notice The withdrawal is in the storage of a confirmed block.
    event WithdrawalProven(
        bytes32 indexed withdrawalHash, address indexed from, address indexed to
    );
    /// @notice `proofSubmitter` can finalize the withdrawal by its hash alone.
    event WithdrawalProvenExtension1(
        bytes32 indexed withdrawalHash, address indexed proofSubmitter
    );
    /// @notice The call of the withdrawal ran. Without `success` it changed nothing, and the
    ///         withdrawal can be finalized later.
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    /// @notice Enqueues an L2 transaction from the caller (aliased if it is a contract; an account
    ///         that delegates to code by EIP-7702 is not a contract). `msg.value` is minted on L2.
    function depositTransaction(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external payable;

    /// @notice Takes ether and mints nothing: the ether backs what L2 owes.
    function donateETH() external payable;

    /// @notice Proves withdrawals against the block of game `gameIndex`, of which
    ///         `withdrawalProofs[i]` are the storage proofs, and pays them out in the same call.
    ///         Each runs with exactly the gas that it asks for. One that was finalized before is
    ///         left out, and one whose call fails waits for a later try. Anyone may call.
    /// @return paid Whether the withdrawal is paid out now, by this call or one before.
    function proveAndFinalize(
        uint256 gameIndex,
        WithdrawalTransaction[] calldata withdrawals,
        bytes[][] calldata withdrawalProofs
    ) external returns (bool[] memory paid);

    /// @notice The first of OP's two calls.
    function proveWithdrawalTransaction(
        WithdrawalTransaction calldata withdrawal,
        uint256 disputeGameIndex,
        OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external;

    /// @notice The second of OP's two calls, by whoever made the first.
    function finalizeWithdrawalTransaction(WithdrawalTransaction calldata withdrawal) external;

    /// @notice The second of OP's two calls, by anyone.
    function finalizeWithdrawalTransactionExternalProof(
        WithdrawalTransaction calldata withdrawal,
        address proofSubmitter
    ) external;

    /// @notice Reverts, with the reason, if this submitter's proof does not allow to finalize.
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) external view;

    /// @notice Whether the withdrawal was paid out.
    function finalizedWithdrawals(bytes32 withdrawalHash) external view returns (bool);
    /// @notice The game and the time of a submitter's proof; zero if there is none.
    function provenWithdrawals(bytes32 withdrawalHash, address proofSubmitter)
        external
        view
        returns (address disputeGameProxy, uint64 timestamp);
    /// @notice The accounts that proved the withdrawal, each listed once.
    function proofSubmitters(bytes32 withdrawalHash, uint256 index) external view returns (address);
    /// @notice How many accounts proved the withdrawal.
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256);
    /// @notice Sender on L2 of the withdrawal that is running; 0x..dEaD while none is.
    function l2Sender() external view returns (address);
    /// @notice Least L2 gas of a deposit with so many bytes of data.
    function minimumGasLimit(uint64 byteCount) external view returns (uint64);

    /// @notice The list of confirmed states.
    function disputeGameFactory() external view returns (address);
    /// @notice The same list.
    function anchorStateRegistry() external view returns (address);
    /// @notice The only type of games that there is.
    function respectedGameType() external view returns (uint32);
    /// @notice Time from which that type is respected: 0, which means always.
    function respectedGameTypeUpdatedAt() external view returns (uint64);
    /// @notice Seconds from a proof to the payout: none, what is listed is final.
    function proofMaturityDelaySeconds() external view returns (uint256);
    /// @notice Seconds from a game's end to a payout: none.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);
    /// @notice Whether a game was removed from the list: none can be.
    function disputeGameBlacklist(address game) external view returns (bool);
    /// @notice Whether withdrawals are held back: never.
    function paused() external view returns (bool);
    /// @notice Version of the ABI.
    function version() external view returns (string memory);
    /// @notice The Inbox that records deposits.
    function INBOX() external view returns (address);
}
