// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashing} from "./Hashing.sol";

/// @title L2ToL1MessagePasser (predeploy 0x4200000000000000000000000000000000000016)
/// @notice Records withdrawals. The storage root of this account is in every output root, so a
///         storage proof of `sentMessages[withdrawalHash]` (mapping at slot 0) is the proof of a
///         withdrawal on L1. Slot 1 holds the nonce.
contract L2ToL1MessagePasser {
    /// @notice A withdrawal was recorded.
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    /// @notice Ether that left for L1 was removed from the L2 supply.
    event WithdrawerBalanceBurnt(uint256 indexed amount);

    string public constant version = "1.2.0";

    /// @notice Version in the upper two bytes of a message nonce.
    uint16 public constant MESSAGE_VERSION = uint16(Hashing.MESSAGE_VERSION);

    /// L1 gas limit of a withdrawal made by a plain transfer to this contract.
    uint256 private constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;

    /// @notice Whether a withdrawal with this hash was initiated.
    mapping(bytes32 withdrawalHash => bool) public sentMessages;

    uint240 private _nonce;

    /// @notice Withdraws the ether sent to the sender's own address on L1.
    receive() external payable {
        initiateWithdrawal(msg.sender, RECEIVE_DEFAULT_GAS_LIMIT, "");
    }

    /// @notice Removes the ether held here from the L2 supply; its counterpart is paid out on L1.
    function burn() external {
        uint256 amount = address(this).balance;
        new Burner{value: amount}();
        emit WithdrawerBalanceBurnt(amount);
    }

    /// @notice Sends a message, with the ether attached, from L2 to L1.
    /// @param _target Account to call on L1.
    /// @param _gasLimit Gas that the call on L1 gets at least.
    /// @param _data Calldata of the call.
    function initiateWithdrawal(address _target, uint256 _gasLimit, bytes memory _data)
        public
        payable
    {
        uint256 nonce = messageNonce();
        // INVARIANT: the nonce makes every hash unique, so no withdrawal can stand for another.
        bytes32 withdrawalHash =
            Hashing.hashWithdrawal(nonce, msg.sender, _target, msg.value, _gasLimit, _data);
        sentMessages[withdrawalHash] = true;
        ++_nonce;
        emit MessagePassed(nonce, msg.sender, _target, msg.value, _gasLimit, _data, withdrawalHash);
    }

    /// @notice Nonce of the next withdrawal, with the message version in its upper two bytes.
    function messageNonce() public view returns (uint256) {
        return Hashing.versionedNonce(_nonce);
    }
}

/// @title Burner
/// @notice Destroys itself, and the ether it was created with, in its constructor. EIP-6780 keeps
///         this: a contract that self-destructs in its creating transaction loses its ether.
contract Burner {
    constructor() payable {
        selfdestruct(payable(address(this)));
    }
}
