// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Prices} from "../../src/game/Prices.sol";
import {ClaimTree} from "../ClaimTree.sol";
import {Isa, Name} from "./Isa.sol";
import {Leaf} from "./SparseTree.sol";
import {Machine, MachineBuilder, Touched} from "./MachineBuilder.sol";
import {Reference} from "./Reference.sol";
import {VmTest} from "./VmTest.sol";

/// @title  StepGasTest
/// @notice What a step costs as a transaction of its own, with 2^15 leaves of code (1 MiB), every
///         sibling given, and registers as a real program has them. Execution alone is metered for
///         `.gas-snapshot`; calldata is added and compared with the limits here.
contract StepGasTest is VmTest {
    event Gas(string name, uint256 calldataBytes, uint256 execution, uint256 floor, uint256 total);

    /// https://eips.ethereum.org/EIPS/eip-7825
    uint256 private constant TRANSACTION_GAS_MAX = 2 ** 24;
    uint256 private constant ALU_GAS_MAX = 66_000;
    uint256 private constant MEMORY_GAS_MAX = 101_000;

    function test_gas_step_add() public {
        vm.pauseGasMetering();
        meterWord("add", Isa.rType(Name.Add, 5, 6, 7), ALU_GAS_MAX);
    }

    function test_gas_step_div() public {
        vm.pauseGasMetering();
        meterWord("div", Isa.rType(Name.Div, 5, 6, 7), ALU_GAS_MAX);
    }

    function test_gas_step_branch() public {
        vm.pauseGasMetering();
        meterWord("branch", Isa.bType(Name.Bltu, 6, 7, -64), ALU_GAS_MAX);
    }

    function test_gas_step_load() public {
        vm.pauseGasMetering();
        meterWord("load", Isa.iType(Name.Lb, 5, 10, 0), MEMORY_GAS_MAX);
    }

    function test_gas_step_store() public {
        vm.pauseGasMetering();
        meterWord("store", Isa.sType(Name.Sd, 10, 6, 8), MEMORY_GAS_MAX);
    }

    /// A trie node.
    function test_gas_step_keccak_532Bytes() public {
        vm.pauseGasMetering();
        meterKeccak("keccak of 532 bytes", 532);
    }

    function test_gas_step_keccak_65536Bytes() public {
        vm.pauseGasMetering();
        meterKeccak("keccak of 65,536 bytes", 65_536);
    }

    function test_gas_step_preimage_532Bytes() public {
        vm.pauseGasMetering();
        meterPreimage("preimage of 532 bytes", randomBytes(532));
    }

    function test_gas_step_preimage_120000Bytes() public {
        vm.pauseGasMetering();
        meterPreimage("preimage of 120,000 bytes", randomBytes(120_000));
    }

    /// The blob of zeros: its proof has the same size and price as any, but for zero bytes.
    function test_gas_step_blobElement() public {
        vm.pauseGasMetering();
        bytes memory infinity = bytes.concat(hex"c0", new bytes(47));
        bytes32 hash = bytes32(bytes1(0x01)) | sha256(infinity) << 8 >> 8;
        bytes memory hashed = bytes.concat(hash, bytes8(uint64(4095)));
        bytes memory proof = bytes.concat(hashed, infinity, infinity, bytes32(0));
        meterRead("blob element", keyOf(2, hashed), new bytes(32), proof);
    }

    function test_gas_step_ecrecover() public {
        vm.pauseGasMetering();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(0xa11ce, keccak256("message"));
        bytes memory input = abi.encode(keccak256("message"), v, r, s);
        bytes memory proof = bytes.concat(bytes20(address(1)), input);
        bytes memory output = bytes.concat(hex"01", abi.encode(vm.addr(0xa11ce)));
        meterRead("ecrecover", keyOf(3, proof), output, proof);
    }

    /// BLAKE2 with as many rounds as the gas maximum allows.
    function test_gas_step_precompile_atTheGasMaximum() public {
        vm.pauseGasMetering();
        bytes memory input = bytes.concat(bytes4(uint32(12_000_000)), new bytes(209));
        (, bytes memory output) = address(9).staticcall(input);
        bytes memory proof = bytes.concat(bytes20(address(9)), input);
        meterRead("precompile of 12M gas", keyOf(3, proof), bytes.concat(hex"01", output), proof);
    }

    /// A failure burns all the gas; its input is as long as a preimage may be.
    function test_gas_step_precompile_thatFails_120000Bytes() public {
        vm.pauseGasMetering();
        bytes memory proof = bytes.concat(bytes20(address(9)), randomBytes(120_000));
        meterRead("failing precompile, 120,000 bytes", keyOf(3, proof), hex"00", proof);
    }

    function meterWord(string memory name, uint32 word, uint256 max) private {
        Machine memory machine = about(word);
        Machine memory post = machine.copy();
        bytes memory witness = machine.witness(Reference.step(post, ""), "");
        meter(name, machine.stateHash(), witness, post.stateHash(), max);
    }

    function meterPreimage(string memory name, bytes memory preimage) private {
        meterRead(name, keyOf(1, preimage), preimage, preimage);
    }

    /// A `read_preimage`, to the leaf at x10 of other machines.
    function meterRead(string memory name, bytes32 key, bytes memory preimage, bytes memory proof)
        private
    {
        Machine memory machine = about(0x73);
        (machine.x[15], machine.x[14]) = (machine.x[10] / 32 * 32, 0);
        machine.x[17] = 0x1001;
        setWord(machine, key);
        Machine memory post = machine.copy();
        bytes memory witness = machine.witness(Reference.step(post, preimage), proof);
        meter(name, machine.stateHash(), witness, post.stateHash(), TRANSACTION_GAS_MAX);
    }

    /// The bytes are random, and so is all other memory.
    function meterKeccak(string memory name, uint256 length) private {
        Machine memory machine = about(0x73);
        (machine.x[10], machine.x[11], machine.x[17]) = (0x0420_0000, uint64(length), 0x1003);
        uint256 height = 0;
        while (32 * 2 ** height < length) ++height;
        bytes memory data = randomBytes(32 * 2 ** height);
        bytes memory siblings = randomBytes(32 * (25 - height));
        bytes32 root = rootOf(data);
        for (uint256 i = 0; i < 25 - height; ++i) {
            bytes32 sibling = wordAt(siblings, i);
            bool isRight = (machine.x[10] >> (5 + height + i)) % 2 == 1;
            root = isRight
                ? keccak256(bytes.concat(sibling, root))
                : keccak256(bytes.concat(root, sibling));
        }
        bytes4 bitmap = bytes4(uint32(2 ** 25 - 2 ** height));
        bytes memory witness = bytes.concat(machine.witnessHead(), bitmap, data, siblings);
        bytes32 preStateHash = machine.stateHash(root);
        assembly ("memory-safe") {
            mstore(data, length)
        }
        setWord(machine, keccak256(data));
        machine.pc += 4;
        machine.step += 1;
        meter(name, preStateHash, witness, machine.stateHash(root), TRANSACTION_GAS_MAX);
    }

    /// Meters one call and nothing else: each test pauses the metering first. The call has the gas
    /// that the transaction may give.
    function meter(
        string memory name,
        bytes32 preStateHash,
        bytes memory witness,
        bytes32 postStateHash,
        uint256 max
    ) private {
        bytes memory data = abi.encodeCall(verifier.step, (preStateHash, witness));
        address target = address(verifier);
        uint256 gas = TRANSACTION_GAS_MAX - 21_000 - 4 * tokensOf(data);
        vm.resumeGasMetering();
        (bool success, bytes memory returned) = target.staticcall{gas: gas}(data);
        vm.pauseGasMetering();
        uint256 execution = vm.lastCallGas().gasTotalUsed;
        isTrue(success);
        equal(abi.decode(returned, (bytes32)), postStateHash);
        uint256 standard = 21_000 + 4 * tokensOf(data) + execution;
        uint256 floor = 21_000 + 10 * tokensOf(data);
        uint256 total = standard > floor ? standard : floor;
        emit Gas(name, data.length, execution, floor, total);
        isTrue(total <= max);
        // A proof also needs its place in the game, which costs less than 200,000 gas.
        isTrue(total + 200_000 <= Prices.PROOF);
        vm.resumeGasMetering();
    }

    /// A byte of calldata is one token if zero, else four: https://eips.ethereum.org/EIPS/eip-7623
    function tokensOf(bytes memory data) private pure returns (uint256 tokens) {
        for (uint256 i = 0; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
    }

    /// A machine of a real program's size: x10 is an address in its heap.
    function about(uint32 word) private pure returns (Machine memory machine) {
        machine = MachineBuilder.about(word);
        machine.input = keccak256("input");
        machine.step = 0x3_1234_5678;
        for (uint64 i = 1; i < 32; ++i) {
            // A third pointers, a third counters, a third words of hashes and the like.
            uint64 random = uint64(uint256(keccak256(abi.encode(i))));
            machine.x[i] = i % 3 == 1
                ? 0x0400_0000 + random % 2 ** 24 / 8 * 8
                : i % 3 == 2 ? random % 256 : random;
        }
        machine.codeEnd = machine.codeStart + 2 ** 20 - 4;
        uint256 index = 0x4321;
        machine.pc = machine.codeStart + uint64(index * 32 + 12);
        machine.code[0] = Leaf(index, keccak256("leaf"));
        machine.setWord(machine.pc, word);
        for (uint256 i = 0; i < 15; ++i) {
            Leaf memory sibling = Leaf(index ^ (1 << i), keccak256(abi.encode("code", i)));
            machine.code = MachineBuilder.append(machine.code, sibling);
        }
        index = machine.x[10] / 32;
        machine.data = MachineBuilder.append(machine.data, Leaf(index, keccak256("data")));
        for (uint256 i = 0; i < 25; ++i) {
            Leaf memory sibling = Leaf(index ^ (1 << i), keccak256(abi.encode("data", i)));
            machine.data = MachineBuilder.append(machine.data, sibling);
        }
    }

    function setWord(Machine memory machine, bytes32 word) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            machine.x[10 + i] = 0;
            for (uint256 k = 0; k < 8; ++k) {
                machine.x[10 + i] += uint64(uint8(word[8 * i + k])) * uint64(256 ** k);
            }
        }
    }

    function keyOf(uint8 keyType, bytes memory hashed) private pure returns (bytes32) {
        return bytes32(bytes1(keyType)) | keccak256(hashed) << 8 >> 8;
    }

    function randomBytes(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        bytes32 random = bytes32(length);
        for (uint256 i = 0; i < length; ++i) {
            if (i % 32 == 0) random = keccak256(bytes.concat(random));
            data[i] = random[i % 32];
        }
    }

    function rootOf(bytes memory data) private pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](data.length / 32);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = wordAt(data, i);
        }
        return ClaimTree.root(leaves);
    }

    function wordAt(bytes memory data, uint256 index) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), mul(32, index)))
        }
    }
}
