// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FeeVault} from "../../src/l2/FeeVault.sol";
import {L2Test} from "./L2Test.sol";

/// @notice The cheatcodes that read JSON.
interface JsonVm {
    function chainId(uint256 id) external;
    function getDeployedCode(string calldata artifact) external view returns (bytes memory);
    function keyExistsJson(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonAddress(string calldata json, string calldata key)
        external
        pure
        returns (address);
    function parseJsonBytes(string calldata json, string calldata key)
        external
        pure
        returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key)
        external
        pure
        returns (bytes32);
    function parseJsonString(string calldata json, string calldata key)
        external
        pure
        returns (string memory);
    function parseJsonUint(string calldata json, string calldata key)
        external
        pure
        returns (uint256);
    function readFile(string calldata path) external view returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
}

interface IMulticall3 {
    struct Call {
        address target;
        bytes callData;
    }

    function aggregate(Call[] calldata calls) external payable returns (uint256, bytes[] memory);
}

interface IPermit2 {
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

/// @notice Builds genesis from contracts/genesis/*.json by their rules, as `gainsay deploy` does,
///         and asks the contracts whether they find what the files meant.
contract GenesisTest is L2Test {
    JsonVm private constant jsonVm = JsonVm(address(vm));
    address private constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;

    /// Does what predeploys.json says, in place of what L2Test does.
    function setUp() public override {
        string memory json = jsonVm.readFile("genesis/predeploys.json");
        for (uint256 i = 0; has(json, item(".predeploys", i)); ++i) {
            string memory predeploy = item(".predeploys", i);
            address account = jsonVm.parseJsonAddress(json, string.concat(predeploy, ".address"));
            string memory artifact =
                jsonVm.parseJsonString(json, string.concat(predeploy, ".artifact"));
            vm.etch(account, jsonVm.getDeployedCode(string.concat("out/", artifact)));
            string memory storage_ = string.concat(predeploy, ".storage");
            for (uint256 j = 0; has(json, item(storage_, j)); ++j) {
                string memory word = item(storage_, j);
                uint256 slot = jsonVm.parseJsonUint(json, string.concat(word, ".slot"));
                setSlot(account, slot, wordOf(json, string.concat(word, ".fields")));
            }
        }
    }

    function test_predeploys_findTheirParameters() external view {
        equal(l1Block.number(), parameter("l1BlockNumber", 8));
        equal(l1Block.timestamp(), parameter("l1Timestamp", 8));
        equal(l1Block.basefee(), parameter("l1BaseFee", 32));
        equal(l1Block.blobBaseFee(), parameter("l1BlobBaseFee", 32));
        equal(l1Block.baseFeeScalar(), parameter("baseFeeScalar", 4));
        equal(l1Block.blobBaseFeeScalar(), parameter("blobBaseFeeScalar", 4));
        equal(l1Block.sequenceNumber(), 0);
        equal(oracle.baseFeeScalar(), parameter("baseFeeScalar", 4));
        equal(uint160(messenger.otherMessenger()), parameter("l1CrossDomainMessenger", 20));
        equal(uint160(bridge.otherBridge()), parameter("l1StandardBridge", 20));
        address[4] memory vaults = [
            0x4200000000000000000000000000000000000011,
            0x4200000000000000000000000000000000000019,
            0x420000000000000000000000000000000000001A,
            0x420000000000000000000000000000000000001b
        ];
        for (uint256 i = 0; i < 4; ++i) {
            FeeVault vault = FeeVault(payable(vaults[i]));
            equal(uint160(vault.recipient()), parameter("feeRecipient", 20));
            equal(vault.minWithdrawalAmount(), parameter("feeWithdrawalMin", 32));
            equal(uint8(vault.withdrawalNetwork()), 1);
        }
        equal(weth.decimals(), 18);
        equal(passer.messageNonce(), 1 << 240);
        equal(factory.bridge(), address(bridge));
    }

    function test_preinstalls_haveTheirCodeHash() external view {
        string memory json = jsonVm.readFile("genesis/preinstalls.json");
        uint256 count;
        for (; has(json, item("", count)); ++count) {
            string memory one = item("", count);
            equal(
                keccak256(jsonVm.parseJsonBytes(json, string.concat(one, ".code"))),
                jsonVm.parseJsonBytes32(json, string.concat(one, ".codeHash"))
            );
        }
        equal(count, 14);
    }

    function test_multicallAndCreate2Proxy_work() external {
        install("MultiCall3");
        address proxy = install("DeterministicDeploymentProxy");
        bytes memory creation = hex"6001600c60003960016000f300";
        (bool success, bytes memory result) = proxy.call(bytes.concat(bytes32(0), creation));
        isTrue(success);
        address expected = address(
            uint160(
                uint256(
                    keccak256(abi.encodePacked(hex"ff", proxy, bytes32(0), keccak256(creation)))
                )
            )
        );
        equal(address(bytes20(result)), expected);
        equal(keccak256(expected.code), keccak256(hex"00"));

        IMulticall3.Call[] memory calls = new IMulticall3.Call[](1);
        calls[0] = IMulticall3.Call(address(l1Block), abi.encodeCall(l1Block.number, ()));
        (, bytes[] memory results) =
            IMulticall3(0xcA11bde05977b3631167028862bE2a173976CA11).aggregate(calls);
        equal(abi.decode(results[0], (uint256)), parameter("l1BlockNumber", 8));
    }

    /// Permit2 uses its cached domain separator when the cached chain id is that of the chain.
    function testFuzz_permit2_knowsItsDomain(uint64 id) external {
        vm.etch(PERMIT2, permit2For(id));
        bytes32 expected = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
                keccak256("Permit2"),
                uint256(id),
                PERMIT2
            )
        );
        jsonVm.chainId(id);
        equal(IPermit2(PERMIT2).DOMAIN_SEPARATOR(), expected);
    }

    /// The rule that fills the template gives, for Ethereum, the code that is on Ethereum.
    function test_permit2_forEthereum_isTheDeployedCode() external view {
        equal(
            keccak256(permit2For(1)),
            0xc67d1657868aa5146eaf24fb879fb1fdec3d2d493b3683a61c9c2f4fb2851131
        );
    }

    function permit2For(uint256 id) private view returns (bytes memory code) {
        string memory json = jsonVm.readFile("genesis/preinstalls.json");
        string memory one = entryOf(json, "Permit2");
        address account = jsonVm.parseJsonAddress(json, string.concat(one, ".address"));
        equal(account, PERMIT2);
        bytes32 separator = keccak256(
            abi.encode(
                jsonVm.parseJsonBytes32(json, string.concat(one, ".domain.typeHash")),
                jsonVm.parseJsonBytes32(json, string.concat(one, ".domain.nameHash")),
                id,
                account
            )
        );
        code = jsonVm.parseJsonBytes(json, string.concat(one, ".code"));
        for (uint256 i = 0; i < 2; ++i) {
            string memory patch = item(string.concat(one, ".patches"), i);
            uint256 offset = jsonVm.parseJsonUint(json, string.concat(patch, ".offset"));
            string memory value = jsonVm.parseJsonString(json, string.concat(patch, ".value"));
            bool isId = keccak256(bytes(value)) == keccak256("chainId");
            bytes32 word = isId ? bytes32(id) : separator;
            for (uint256 j = 0; j < 32; ++j) {
                code[offset + j] = word[j];
            }
        }
    }

    function install(string memory name) private returns (address account) {
        string memory json = jsonVm.readFile("genesis/preinstalls.json");
        string memory one = entryOf(json, name);
        account = jsonVm.parseJsonAddress(json, string.concat(one, ".address"));
        vm.etch(account, jsonVm.parseJsonBytes(json, string.concat(one, ".code")));
    }

    function entryOf(string memory json, string memory name) private pure returns (string memory) {
        for (uint256 i = 0; has(json, item("", i)); ++i) {
            string memory found = jsonVm.parseJsonString(json, string.concat(item("", i), ".name"));
            if (keccak256(bytes(found)) == keccak256(bytes(name))) return item("", i);
        }
        revert("no such preinstall");
    }

    function wordOf(string memory json, string memory fields) private pure returns (uint256 word) {
        for (uint256 i = 0; has(json, item(fields, i)); ++i) {
            string memory field = item(fields, i);
            uint256 size = jsonVm.parseJsonUint(json, string.concat(field, ".sizeBytes"));
            uint256 offset = jsonVm.parseJsonUint(json, string.concat(field, ".offsetBytes"));
            string memory name = jsonVm.parseJsonString(json, string.concat(field, ".parameter"));
            word += parameter(name, size) << 8 * offset;
        }
    }

    /// A value that no other parameter has; the network must be one of the two there are.
    function parameter(string memory name, uint256 sizeBytes) private pure returns (uint256) {
        if (keccak256(bytes(name)) == keccak256("feeWithdrawalNetwork")) return 1;
        return uint256(keccak256(bytes(name))) >> 8 * (32 - sizeBytes);
    }

    function has(string memory json, string memory key) private pure returns (bool) {
        return jsonVm.keyExistsJson(json, key);
    }

    function item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", jsonVm.toString(index), "]");
    }
}
