// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BaseFeeVault} from "../../src/l2/BaseFeeVault.sol";
import {GasPriceOracle} from "../../src/l2/GasPriceOracle.sol";
import {L1Block} from "../../src/l2/L1Block.sol";
import {L1FeeVault} from "../../src/l2/L1FeeVault.sol";
import {L2CrossDomainMessenger} from "../../src/l2/L2CrossDomainMessenger.sol";
import {L2StandardBridge} from "../../src/l2/L2StandardBridge.sol";
import {L2ToL1MessagePasser} from "../../src/l2/L2ToL1MessagePasser.sol";
import {OperatorFeeVault} from "../../src/l2/OperatorFeeVault.sol";
import {OptimismMintableERC20Factory} from "../../src/l2/OptimismMintableERC20Factory.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {SequencerFeeVault} from "../../src/l2/SequencerFeeVault.sol";
import {WETH} from "../../src/l2/WETH.sol";

/// @notice The forge cheatcodes these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function assume(bool condition) external pure;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function fee(uint256 baseFee) external;
    function getRecordedLogs() external returns (Log[] memory);
    function load(address account, bytes32 slot) external view returns (bytes32);
    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function recordLogs() external;
    function store(address account, bytes32 slot, bytes32 value) external;
}

/// @title L2Test
/// @notice An L2 genesis: each predeploy's runtime code at its address, as `deploy` puts it.
///         `runtimeCode` compiles only for contracts without immutables, which genesis needs too.
abstract contract L2Test {
    error Different(bytes32 found, bytes32 expected);

    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    address internal constant L1_MESSENGER = address(0x11E55);
    address internal constant L1_BRIDGE = address(0xB41D6E);
    uint32 internal constant BASE_FEE_SCALAR = 5227;
    uint32 internal constant BLOB_BASE_FEE_SCALAR = 1_014_213;

    WETH internal constant weth = WETH(payable(Predeploys.WETH));
    GasPriceOracle internal constant oracle = GasPriceOracle(Predeploys.GAS_PRICE_ORACLE);
    L1Block internal constant l1Block = L1Block(Predeploys.L1_BLOCK);
    L2ToL1MessagePasser internal constant passer =
        L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER));
    L2CrossDomainMessenger internal constant messenger =
        L2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    L2StandardBridge internal constant bridge =
        L2StandardBridge(payable(Predeploys.L2_STANDARD_BRIDGE));
    OptimismMintableERC20Factory internal constant factory =
        OptimismMintableERC20Factory(Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY);

    function setUp() public virtual {
        vm.etch(Predeploys.WETH, type(WETH).runtimeCode);
        vm.etch(Predeploys.L2_CROSS_DOMAIN_MESSENGER, type(L2CrossDomainMessenger).runtimeCode);
        vm.etch(Predeploys.GAS_PRICE_ORACLE, type(GasPriceOracle).runtimeCode);
        vm.etch(Predeploys.L2_STANDARD_BRIDGE, type(L2StandardBridge).runtimeCode);
        vm.etch(Predeploys.SEQUENCER_FEE_VAULT, type(SequencerFeeVault).runtimeCode);
        vm.etch(
            Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY,
            type(OptimismMintableERC20Factory).runtimeCode
        );
        vm.etch(Predeploys.L1_BLOCK, type(L1Block).runtimeCode);
        vm.etch(Predeploys.L2_TO_L1_MESSAGE_PASSER, type(L2ToL1MessagePasser).runtimeCode);
        vm.etch(Predeploys.BASE_FEE_VAULT, type(BaseFeeVault).runtimeCode);
        vm.etch(Predeploys.L1_FEE_VAULT, type(L1FeeVault).runtimeCode);
        vm.etch(Predeploys.OPERATOR_FEE_VAULT, type(OperatorFeeVault).runtimeCode);

        // The storage that predeploys.json describes.
        setSlot(Predeploys.L2_CROSS_DOMAIN_MESSENGER, 0, uint160(L1_MESSENGER));
        setSlot(Predeploys.L2_STANDARD_BRIDGE, 0, uint160(L1_BRIDGE));
        uint256 scalars = uint256(BASE_FEE_SCALAR) << 96 | uint256(BLOB_BASE_FEE_SCALAR) << 64;
        setSlot(Predeploys.L1_BLOCK, 3, scalars);
    }

    function setSlot(address account, uint256 slot, uint256 value) internal {
        vm.store(account, bytes32(slot), bytes32(value));
    }

    function slotOf(address account, uint256 slot) internal view returns (uint256) {
        return uint256(vm.load(account, bytes32(slot)));
    }

    /// Address under which a contract of L1 appears on L2.
    function aliased(address l1Contract) internal pure returns (address) {
        unchecked {
            return
                address(uint160(l1Contract) + uint160(0x1111000000000000000000000000000000001111));
        }
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
