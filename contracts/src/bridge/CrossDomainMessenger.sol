// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashing} from "../l2/Hashing.sol";

/// @title CrossDomainMessenger
/// @notice What the messengers of L1 and L2 have in common: each sends messages to the other and
///         runs those that come from it. A message that fails can be replayed by anyone; one that
///         succeeded never runs again. Slot 0 is the other messenger, slot 1 the nonce, slots 2 and
///         3 the mappings. The sender of the running message is in transient storage.
abstract contract CrossDomainMessenger {
    /// @notice There is no messenger on the other chain.
    error NoOtherMessenger();
    /// @notice The nonce of the message bears another version.
    error UnsupportedMessageVersion(uint256 version);
    /// @notice The ether attached differs from the value of the message.
    error WrongValue(uint256 attached, uint256 expected);
    /// @notice The message did not fail before, so only the other messenger may relay it.
    error NotReplayable(bytes32 msgHash);
    /// @notice The message succeeded before.
    error AlreadyRelayed(bytes32 msgHash);
    /// @notice Messages may not call this account.
    error BlockedTarget(address target);
    /// @notice No message is running.
    error NoMessageRunning();
    /// @notice Another message is running.
    error MessageRunning();
    /// @notice Tells a gas estimation that its limit is too low; see `ESTIMATION_ADDRESS`.
    error FailedToRelay(bytes32 msgHash);

    event SentMessage(
        address indexed target,
        address sender,
        bytes message,
        uint256 messageNonce,
        uint256 gasLimit
    );
    event SentMessageExtension1(address indexed sender, uint256 value);
    event RelayedMessage(bytes32 indexed msgHash);
    event FailedRelayedMessage(bytes32 indexed msgHash);

    uint16 public constant MESSAGE_VERSION = uint16(Hashing.MESSAGE_VERSION);
    uint64 public constant RELAY_CONSTANT_OVERHEAD = 200_000;
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR = 64;
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR = 63;
    uint64 public constant MIN_GAS_CALLDATA_OVERHEAD = 16;
    /// @notice Most bytes that a relay's calldata has besides the message.
    uint64 public constant ENCODING_OVERHEAD_BYTES = 260;
    /// @notice What any transaction costs.
    uint64 public constant TX_BASE_GAS = 21_000;
    /// @notice Least gas of a byte of calldata: https://eips.ethereum.org/EIPS/eip-7623
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 40;
    /// @notice Gas for the CALL of a relay itself.
    uint64 public constant RELAY_CALL_OVERHEAD = 40_000;
    /// @notice Gas kept back to record the outcome of a relay.
    uint64 public constant RELAY_RESERVED_GAS = 40_000;
    /// @notice Gas for what runs between the gas check and the CALL of a relay.
    uint64 public constant RELAY_GAS_CHECK_BUFFER = 5_000;
    /// @notice The most gas that a message can insist on: what the Portal gives a withdrawal at most,
    ///         less what a relay takes. Whoever asked for more would have locked the ether for ever,
    ///         because a transaction has at most 2^24 by EIP-7825.
    uint256 public constant MESSAGE_GAS_MAX = 14_000_000;

    /// Origin of OP's gas estimations: a failing relay reverts for it, so that the estimation
    /// finds the limit at which the message succeeds, not the one at which it is recorded failed.
    address private constant ESTIMATION_ADDRESS = address(1);

    /// @notice The messenger on the other chain.
    address public otherMessenger;

    uint240 private _messageNonce;

    /// @notice Messages that ran and succeeded.
    mapping(bytes32 msgHash => bool) public successfulMessages;

    /// @notice Messages that failed at least once.
    mapping(bytes32 msgHash => bool) public failedMessages;

    /// Sender on the other chain of the running message; zero when none runs.
    address private transient _messageSender;

    /// @notice Sends a message to the other chain, with the ether attached.
    /// @param _target Account to call there.
    /// @param _message Calldata of the call.
    /// @param _minGasLimit Gas that the call gets at least; more than `MESSAGE_GAS_MAX` counts as that.
    function sendMessage(address _target, bytes calldata _message, uint32 _minGasLimit)
        external
        payable
    {
        address other = otherMessenger;
        // INVARIANT: ether never leaves towards a messenger that does not exist.
        if (other == address(0)) revert NoOtherMessenger();
        uint256 nonce = messageNonce();
        ++_messageNonce;
        _sendToOtherChain(
            other,
            baseGas(_message, _minGasLimit),
            Hashing.encodeRelayMessage(
                nonce, msg.sender, _target, msg.value, _minGasLimit, _message
            )
        );
        emit SentMessage(_target, msg.sender, _message, nonce, _minGasLimit);
        emit SentMessageExtension1(msg.sender, msg.value);
    }

    /// @notice Runs a message of the other messenger, or replays one that failed.
    /// @param _nonce Nonce of the message, with its version.
    /// @param _sender Who sent the message on the other chain.
    /// @param _target Account to call.
    /// @param _value Wei to send with the call.
    /// @param _minGasLimit Gas that the call gets at least; more than `MESSAGE_GAS_MAX` counts as that.
    /// @param _message Calldata of the call.
    function relayMessage(
        uint256 _nonce,
        address _sender,
        address _target,
        uint256 _value,
        uint256 _minGasLimit,
        bytes calldata _message
    ) external payable {
        if (_nonce >> 240 != MESSAGE_VERSION) {
            revert UnsupportedMessageVersion(_nonce >> 240);
        }
        // Copied here because nothing costly may stand between the gas check and the call.
        bytes memory message = _message;
        bytes32 msgHash =
            Hashing.hashCrossDomainMessage(_nonce, _sender, _target, _value, _minGasLimit, message);
        // PROTOCOL.md BRIDGE-10
        // INVARIANT: a message runs because the other chain sent it, with exactly the ether that it
        // gave. A replay uses the ether that stayed here when the message failed.
        if (_isOtherMessenger()) {
            if (msg.value != _value) revert WrongValue(msg.value, _value);
        } else {
            if (msg.value != 0) revert WrongValue(msg.value, 0);
            if (!failedMessages[msgHash]) revert NotReplayable(msgHash);
        }
        // INVARIANT: nobody makes this contract act in its own name.
        if (_isBlocked(_target)) revert BlockedTarget(_target);
        // INVARIANT: a message succeeds once.
        if (successfulMessages[msgHash]) revert AlreadyRelayed(msgHash);

        // A message within a message would change the sender that the outer one sees. It does not
        // count as failed, so that nobody can make the message of somebody else wait for a replay.
        if (_messageSender != address(0)) revert MessageRunning();
        if (!_hasMinGas(_minGasLimit)) return _recordFailure(msgHash);
        _messageSender = _sender;
        bool success = _call(_target, gasleft() - RELAY_RESERVED_GAS, _value, message);
        _messageSender = address(0);
        if (!success) return _recordFailure(msgHash);

        successfulMessages[msgHash] = true;
        emit RelayedMessage(msgHash);
    }

    /// @notice Sender on the other chain of the running message; reverts when none runs.
    function xDomainMessageSender() external view returns (address) {
        if (_messageSender == address(0)) revert NoMessageRunning();
        return _messageSender;
    }

    /// @notice See `otherMessenger`: an older name of the getter.
    function OTHER_MESSENGER() external view returns (address) {
        return otherMessenger;
    }

    /// @notice Whether messages are held back: never.
    function paused() external pure returns (bool) {
        return false;
    }

    /// @notice Nonce of the next message, with its version in the upper two bytes.
    function messageNonce() public view returns (uint256) {
        return Hashing.versionedNonce(_messageNonce);
    }

    /// @notice Gas limit with which a relay on the other chain gives its call at least
    ///         `_minGasLimit`, and which that chain takes for calldata of this length.
    function baseGas(bytes calldata _message, uint32 _minGasLimit) public pure returns (uint64) {
        uint64 length = uint64(_message.length);
        uint64 gas = RELAY_CONSTANT_OVERHEAD + length * MIN_GAS_CALLDATA_OVERHEAD
            + uint64(_minGasLimit) * MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR
            / MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR + RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS
            + RELAY_GAS_CHECK_BUFFER;
        uint64 floor = TX_BASE_GAS + (length + ENCODING_OVERHEAD_BYTES) * FLOOR_CALLDATA_OVERHEAD;
        return gas > floor ? gas : floor;
    }

    /// Puts the message, with the ether attached, on its way to `to` on the other chain.
    function _sendToOtherChain(address to, uint64 gasLimit, bytes memory data) internal virtual;

    /// Whether the caller is the other messenger.
    function _isOtherMessenger() internal view virtual returns (bool);

    /// Whether messages may not call the account: whoever trusts this contract's calls.
    function _isBlocked(address target) internal view virtual returns (bool);

    function _recordFailure(bytes32 msgHash) private {
        failedMessages[msgHash] = true;
        emit FailedRelayedMessage(msgHash);
        if (tx.origin == ESTIMATION_ADDRESS) revert FailedToRelay(msgHash);
    }

    /// Calls without copying what comes back: the callee could otherwise spend the gas reserved to
    /// record its failure by returning megabytes.
    function _call(address target, uint256 gasLimit, uint256 value, bytes memory data)
        private
        returns (bool success)
    {
        assembly ("memory-safe") {
            success := call(gasLimit, target, value, add(data, 0x20), mload(data), 0, 0)
        }
    }

    /// Whether, after EIP-150 keeps 1/64 back, the call still gets `minGas`, or the most that counts.
    function _hasMinGas(uint256 minGas) private view returns (bool) {
        if (minGas > MESSAGE_GAS_MAX) minGas = MESSAGE_GAS_MAX;
        uint256 overhead = RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER;
        return gasleft() * 63 >= minGas * 64 + overhead * 63;
    }
}
