// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1CrossDomainMessenger} from "../../src/L1CrossDomainMessenger.sol";
import {L1StandardBridge} from "../../src/L1StandardBridge.sol";
import {IPortal} from "../../src/IPortal.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {PortalTest} from "./PortalTest.sol";

/// @title  BridgeTest
/// @notice Messenger and standard bridge of L1 on a real Portal, and what the messenger of L2 sends.
abstract contract BridgeTest is PortalTest {
    uint32 internal constant GAS = 200_000;

    L1CrossDomainMessenger internal messenger;
    L1StandardBridge internal bridge;
    uint240 private l2Messages;
    uint64 private lastBlock;

    function setUp() public virtual override {
        super.setUp();
        messenger = new L1CrossDomainMessenger(address(portal));
        bridge = new L1StandardBridge(address(messenger));
        lastBlock = 0;
    }

    /// A message of L2's messenger, as it leaves L2.
    function messageFromL2(address sender, address target, uint256 value, bytes memory data)
        internal
        returns (IPortal.WithdrawalTransaction memory it, bytes memory call)
    {
        uint256 nonce = uint256(1) << 240 | ++l2Messages;
        call = abi.encodeCall(
            messenger.relayMessage, (nonce, sender, target, value, uint256(GAS), data)
        );
        it = IPortal.WithdrawalTransaction({
            nonce: nonce,
            sender: Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            target: address(messenger),
            value: value,
            gasLimit: this.baseGas(data),
            data: call
        });
        initiate(it);
    }

    function baseGas(bytes calldata data) external view returns (uint64) {
        return messenger.baseGas(data, GAS);
    }

    /// L2 sends it, and it is paid on L1.
    function relayFromL2(address sender, address target, uint256 value, bytes memory data)
        internal
        returns (bytes32 messageHash)
    {
        (IPortal.WithdrawalTransaction memory it, bytes memory call) =
            messageFromL2(sender, target, value, data);
        lastBlock += 10;
        (, uint256 index) = confirmBlock(lastBlock);
        isTrue(relay(index, it));
        return keccak256(call);
    }

    /// A message of L2's bridge.
    function fromL2Bridge(uint256 value, bytes memory call) internal returns (bytes32) {
        return relayFromL2(Predeploys.L2_STANDARD_BRIDGE, address(bridge), value, call);
    }
}
