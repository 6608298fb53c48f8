// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";
import {IAssertionChain} from "./IAssertionChain.sol";
import {IConfirmedGames} from "./IConfirmedGames.sol";
import {IInbox} from "./IInbox.sol";
import {IPortal} from "./IPortal.sol";
import {GameFacts} from "./bridge/GameFacts.sol";
import {Hashing} from "./l2/Hashing.sol";

/// @title  Portal
/// @notice Holds the ether of L2. Deposits go from here to the Inbox, which puts them in order;
///         withdrawals are paid from here, each once, by proof against a confirmed state. A
///         withdrawal whose call fails stays open, so that nothing is lost.
///         There is no owner and no pause.
contract Portal is IPortal {
    /// @dev One slot.
    struct ProvenWithdrawal {
        address disputeGameProxy;
        uint64 timestamp;
    }

    /// @inheritdoc IPortal
    string public constant version = "4.6.0";

    /// @notice L2 gas of a plain ether deposit, as in OP's portal.
    uint64 public constant RECEIVE_GAS = 100_000;
    /// @notice The most gas that a withdrawal can ask for. An L1 transaction has at most 2^24 by
    ///         EIP-7825: a withdrawal that asks for more could never be paid.
    uint256 public constant WITHDRAWAL_GAS_MAX = 15_000_000;
    /// @notice Gas for what L1 charges for the CALL itself: value, cold and new account.
    uint256 public constant CALL_OVERHEAD = 40_000;
    /// @notice Gas kept back to record the outcome of a call.
    uint256 public constant CALL_RESERVED_GAS = 20_000;

    uint256 private constant DEPOSIT_VERSION = 0;
    address private constant NO_L2_SENDER = 0x000000000000000000000000000000000000dEaD;
    /// The code of an account that delegates by EIP-7702: this, then the address of the code.
    bytes3 private constant DELEGATION_PREFIX = 0xef0100;
    uint256 private constant DELEGATION_BYTES = 23;
    /// https://specs.optimism.io/protocol/deposits.html#address-aliasing
    uint160 private constant ALIAS_OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @inheritdoc IPortal
    address public immutable INBOX;
    address private immutable GAMES;

    /// @inheritdoc IPortal
    mapping(bytes32 withdrawalHash => bool) public finalizedWithdrawals;
    /// @inheritdoc IPortal
    mapping(bytes32 withdrawalHash => mapping(address submitter => ProvenWithdrawal)) public
        provenWithdrawals;
    /// @inheritdoc IPortal
    mapping(bytes32 withdrawalHash => address[]) public proofSubmitters;

    /// Sender on L2 of the withdrawal that is running; zero while none is.
    address private transient runningSender;

    constructor(address inbox, address games) {
        address portal = IInbox(inbox).PORTAL();
        require(portal == address(this), PortalInboxMismatch(inbox, portal));
        address read = IAssertionChain(IConfirmedGames(games).ASSERTION_CHAIN()).INBOX();
        require(read == inbox, PortalGamesMismatch(games, read));
        INBOX = inbox;
        GAMES = games;
    }

    /// @notice Deposits the ether to the sender's own address on L2: for a contract the aliased
    ///         one. OP's portal sends it to the address without alias, which the contract may not
    ///         control there.
    receive() external payable {
        // PROTOCOL.md INBOX-8
        deposit(senderOnL2(), msg.value, RECEIVE_GAS, false, "");
    }

    /// @inheritdoc IPortal
    function depositTransaction(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external payable {
        deposit(to, value, gasLimit, isCreation, data);
    }

    /// @inheritdoc IPortal
    function donateETH() external payable {}

    /// @inheritdoc IPortal
    function proveAndFinalize(
        uint256 gameIndex,
        WithdrawalTransaction[] calldata withdrawals,
        bytes[][] calldata withdrawalProofs
    ) external returns (bool[] memory paid) {
        require(
            withdrawals.length == withdrawalProofs.length,
            PortalProofCount(withdrawals.length, withdrawalProofs.length)
        );
        bytes32 storageRoot = GameFacts.read(gameAt(gameIndex)).messagePasserStorageRoot;
        paid = new bool[](withdrawals.length);
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            WithdrawalTransaction calldata withdrawal = withdrawals[i];
            bytes32 hash = hashOf(withdrawal);
            // PROTOCOL.md BRIDGE-8 Somebody may have finalized one of them before: that must not
            // stop the rest.
            if (finalizedWithdrawals[hash]) {
                paid[i] = true;
                continue;
            }
            checkIncluded(withdrawal.target, hash, storageRoot, withdrawalProofs[i]);
            emit WithdrawalProven(hash, withdrawal.sender, withdrawal.target);
            // Exactly the gas that it asks for, so that no withdrawal uses up the gas of the rest.
            paid[i] = run(withdrawal, hash, false);
        }
    }

    /// @inheritdoc IPortal
    function proveWithdrawalTransaction(
        WithdrawalTransaction calldata withdrawal,
        uint256 disputeGameIndex,
        OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external {
        address game = gameAt(disputeGameIndex);
        GameFacts.Facts memory facts = GameFacts.read(game);
        require(
            keccak256(abi.encode(outputRootProof)) == facts.rootClaim,
            OptimismPortal_InvalidOutputRootProof()
        );
        bytes32 hash = hashOf(withdrawal);
        checkIncluded(withdrawal.target, hash, facts.messagePasserStorageRoot, withdrawalProof);
        // PROTOCOL.md BRIDGE-9
        ProvenWithdrawal storage proven = provenWithdrawals[hash][msg.sender];
        if (proven.timestamp == 0) proofSubmitters[hash].push(msg.sender);
        provenWithdrawals[hash][msg.sender] = ProvenWithdrawal(game, uint64(block.timestamp));
        emit WithdrawalProven(hash, withdrawal.sender, withdrawal.target);
        emit WithdrawalProvenExtension1(hash, msg.sender);
    }

    /// @inheritdoc IPortal
    function finalizeWithdrawalTransaction(WithdrawalTransaction calldata withdrawal) external {
        finalizeWithdrawalTransactionExternalProof(withdrawal, msg.sender);
    }

    /// @inheritdoc IPortal
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256) {
        return proofSubmitters[withdrawalHash].length;
    }

    /// @inheritdoc IPortal
    function l2Sender() external view returns (address) {
        return runningSender == address(0) ? NO_L2_SENDER : runningSender;
    }

    /// @inheritdoc IPortal
    function disputeGameFactory() external view returns (address) {
        return GAMES;
    }

    /// @inheritdoc IPortal
    function anchorStateRegistry() external view returns (address) {
        return GAMES;
    }

    /// @inheritdoc IPortal
    function respectedGameType() external view returns (uint32) {
        return IConfirmedGames(GAMES).respectedGameType();
    }

    /// @inheritdoc IPortal
    function minimumGasLimit(uint64 byteCount) external view returns (uint64) {
        return IInbox(INBOX).minDepositGas(byteCount);
    }

    /// @inheritdoc IPortal
    function respectedGameTypeUpdatedAt() external pure returns (uint64) {
        return 0;
    }

    /// @inheritdoc IPortal
    function proofMaturityDelaySeconds() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IPortal
    function disputeGameFinalityDelaySeconds() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IPortal
    function disputeGameBlacklist(address) external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IPortal
    function paused() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IPortal
    function finalizeWithdrawalTransactionExternalProof(
        WithdrawalTransaction calldata withdrawal,
        address proofSubmitter
    ) public {
        bytes32 hash = hashOf(withdrawal);
        checkWithdrawal(hash, proofSubmitter);
        // PROTOCOL.md BRIDGE-7
        require(run(withdrawal, hash, true), PortalCallFailed(hash));
    }

    /// @inheritdoc IPortal
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) public view {
        require(!finalizedWithdrawals[withdrawalHash], OptimismPortal_AlreadyFinalized());
        require(
            provenWithdrawals[withdrawalHash][proofSubmitter].timestamp != 0,
            OptimismPortal_Unproven()
        );
    }

    /// @dev The Inbox refuses what may not be deposited, and takes the price of its L2 gas.
    function deposit(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes memory data)
        private
    {
        // PROTOCOL.md L1-4
        // PROTOCOL.md BRIDGE-1
        address from = senderOnL2();
        IInbox(INBOX).enqueueDeposit(from, to, msg.value, value, gasLimit, isCreation, data);
        emit TransactionDeposited(
            from,
            to,
            DEPOSIT_VERSION,
            abi.encodePacked(msg.value, value, gasLimit, isCreation, data)
        );
    }

    /// @dev Runs the call of a proven withdrawal, with at least the gas that it asks for. If it
    ///      fails then the withdrawal is as it was before.
    /// @param generous Whether it gets all the gas that there is.
    function run(WithdrawalTransaction calldata withdrawal, bytes32 hash, bool generous)
        private
        returns (bool success)
    {
        // PROTOCOL.md BRIDGE-5
        require(runningSender == address(0), OptimismPortal_NoReentrancy());
        // INVARIANT: a withdrawal is paid once: it counts as paid while its call runs.
        finalizedWithdrawals[hash] = true;
        runningSender = withdrawal.sender;
        success = callTarget(withdrawal, hash, generous);
        runningSender = address(0);
        if (!success) finalizedWithdrawals[hash] = false;
        emit WithdrawalFinalized(hash, success);
    }

    /// @dev Calls without copying what comes back: the target could otherwise spend the gas kept to
    ///      record the outcome by returning megabytes.
    function callTarget(WithdrawalTransaction calldata withdrawal, bytes32 hash, bool generous)
        private
        returns (bool success)
    {
        // PROTOCOL.md BRIDGE-6
        // Copied here because nothing costly may stand between the gas check and the call.
        bytes memory data = withdrawal.data;
        (address target, uint256 value, uint256 gasGiven) =
            (withdrawal.target, withdrawal.value, withdrawal.gasLimit);
        if (gasGiven > WITHDRAWAL_GAS_MAX) gasGiven = WITHDRAWAL_GAS_MAX;
        // INVARIANT: who finalizes cannot starve the call: EIP-150 keeps back 1/64.
        uint256 needed = gasGiven * 64 / 63 + CALL_OVERHEAD + CALL_RESERVED_GAS;
        uint256 left = gasleft();
        require(left >= needed, PortalGasTooLow(hash, left, needed));
        if (generous) gasGiven = left - CALL_RESERVED_GAS;
        assembly ("memory-safe") {
            success := call(gasGiven, target, value, add(data, 0x20), mload(data), 0, 0)
        }
    }

    /// @dev The sender on L2. Anyone may deploy other code at a contract's address there, so a
    ///      contract gets another address; an account with a key has the same key on both.
    function senderOnL2() private view returns (address) {
        // PROTOCOL.md INBOX-6
        if (msg.sender == tx.origin || isDelegated(msg.sender)) return msg.sender;
        unchecked {
            return address(uint160(msg.sender) + ALIAS_OFFSET);
        }
    }

    /// @dev Whether an account with a key delegates to code: no contract can have such code, for
    ///      none can begin with 0xef. https://eips.ethereum.org/EIPS/eip-7702
    function isDelegated(address account) private view returns (bool) {
        return account.code.length == DELEGATION_BYTES && bytes3(account.code) == DELEGATION_PREFIX;
    }

    function gameAt(uint256 index) private view returns (address game) {
        (,, game) = IConfirmedGames(GAMES).gameAtIndex(index);
    }

    /// @dev The message passer's storage says 1 for this withdrawal.
    function checkIncluded(
        address target,
        bytes32 hash,
        bytes32 storageRoot,
        bytes[] calldata proof
    ) private view {
        // PROTOCOL.md BRIDGE-4
        // INVARIANT: nobody makes the Portal act in its own name: the Inbox would mint for it.
        require(target != address(this) && target != INBOX, OptimismPortal_BadTarget());
        bytes32 slot = keccak256(abi.encode(hash, uint256(0)));
        bytes memory key = abi.encodePacked(keccak256(abi.encode(slot)));
        (bytes memory value, TrieProof.ProofError err) =
            TrieProof.tryTraverse(storageRoot, key, proof);
        require(
            err == TrieProof.ProofError.NO_ERROR && value.length == 1 && value[0] == 0x01,
            OptimismPortal_InvalidMerkleProof()
        );
    }

    function hashOf(WithdrawalTransaction calldata it) private pure returns (bytes32) {
        return
            Hashing.hashWithdrawal(it.nonce, it.sender, it.target, it.value, it.gasLimit, it.data);
    }
}
