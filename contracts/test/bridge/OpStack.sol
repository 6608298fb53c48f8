// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPortal} from "../../src/IPortal.sol";
import {Vm} from "../L1Test.sol";

/// @notice What these tests call of OP's contracts and of the proxies before them.
interface IOpProxy {
    function upgradeToAndCall(address implementation, bytes calldata data) external payable;
}

/// @title  OpGames
/// @notice Stands for OP's factory and its one game, which is won. It costs less than a real game.
contract OpGames {
    bytes32 public rootClaim;
    uint64 public createdAt;

    constructor(bytes32 root) {
        rootClaim = root;
        createdAt = uint64(block.timestamp);
    }

    function gameAtIndex(uint256) external view returns (uint32, uint64, address) {
        return (0, createdAt, address(this));
    }

    function resolvedAt() external view returns (uint64) {
        return createdAt;
    }

    function gameType() external pure returns (uint32) {
        return 0;
    }

    function status() external pure returns (uint8) {
        return 2;
    }
}

/// @title  OpStack
/// @notice OP's portal from npm's artifacts, behind proxies as OP deploys it.
library OpStack {
    /// `ResourceMetering.ResourceConfig`.
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    string private constant ARTIFACTS =
        "node_modules/@eth-optimism/contracts-bedrock/forge-artifacts/";

    /// A portal that pays withdrawals `delay` seconds after their proof, by `games`.
    function portal(address games, uint256 delay) internal returns (IPortal) {
        address superchain = proxied(
            create("SuperchainConfig", ""),
            abi.encodeWithSignature("initialize(address,bool)", address(this), false)
        );
        address system = proxied(create("SystemConfig", ""), systemConfigCall());
        return IPortal(
            proxied(
                create("OptimismPortal2", abi.encode(delay, delay)),
                abi.encodeWithSignature(
                    "initialize(address,address,address,uint32)", games, system, superchain, 0
                )
            )
        );
    }

    /// The values of OP Mainnet.
    function systemConfigCall() private pure returns (bytes memory) {
        bytes4 selector = bytes4(
            keccak256(
                "initialize(address,uint32,uint32,bytes32,uint64,address,(uint32,uint8,uint8,uint32,uint32,uint128),address,(address,address,address,address,address,address,address))"
            )
        );
        address[7] memory none;
        return abi.encodePacked(
            selector,
            abi.encode(
                address(1),
                uint32(0),
                uint32(0),
                bytes32(0),
                uint64(30_000_000),
                address(1),
                ResourceConfig(20_000_000, 10, 8, 1 gwei, 1_000_000, type(uint128).max),
                address(1),
                none
            )
        );
    }

    function proxied(address implementation, bytes memory call) private returns (address proxy) {
        proxy = create("Proxy", abi.encode(address(this)));
        IOpProxy(proxy).upgradeToAndCall(implementation, call);
    }

    function create(string memory name, bytes memory arguments) private returns (address made) {
        bytes memory code = bytes.concat(
            vm.getCode(string.concat(ARTIFACTS, name, ".sol/", name, ".json")), arguments
        );
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        require(made != address(0), name);
    }
}
