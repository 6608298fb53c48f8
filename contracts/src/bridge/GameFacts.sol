// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

/// @title  GameFacts
/// @notice What a game knows, in the code of its address: written once, read without a call.
///
///         | bytes | what |
///         |---|---|
///         | 45 | EIP-1167: delegate to `ConfirmedGame` |
///         | 32 | output root |
///         | 32 | storage root of `L2ToL1MessagePasser` |
///         | 8 | zero |
///         | 8 | L2 block number |
///         | 8 | when its assertion was proposed, seconds |
///         | 8 | when the game was published, seconds |
library GameFacts {
    /// @notice A confirmed state of L2.
    struct Facts {
        bytes32 rootClaim;
        bytes32 messagePasserStorageRoot;
        uint64 l2BlockNumber;
        uint64 createdAt;
        uint64 resolvedAt;
    }

    uint256 private constant PROXY_BYTES = 45;
    uint256 private constant FACTS_BYTES = 96;

    /// @notice Makes the game.
    function create(address implementation, Facts memory facts) internal returns (address game) {
        uint256 numbers =
            uint256(facts.l2BlockNumber) << 128 | uint256(facts.createdAt) << 64 | facts.resolvedAt;
        bytes memory packed = abi.encode(facts.rootClaim, facts.messagePasserStorageRoot, numbers);
        return Clones.cloneWithImmutableArgs(implementation, packed);
    }

    /// @notice What `game` knows. It must be a game.
    function read(address game) internal view returns (Facts memory facts) {
        uint256 numbers;
        (facts.rootClaim, facts.messagePasserStorageRoot, numbers) =
            abi.decode(Clones.fetchCloneArgs(game), (bytes32, bytes32, uint256));
        facts.l2BlockNumber = uint64(numbers >> 128);
        facts.createdAt = uint64(numbers >> 64);
        facts.resolvedAt = uint64(numbers);
    }

    /// @notice Whether the account has as much code as a game.
    function hasShape(address account) internal view returns (bool) {
        return account.code.length == PROXY_BYTES + FACTS_BYTES;
    }
}
