// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

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
    event Gas(string name, uint256 execution, uint256 floor, uint256 total);

    /// https://eips.ethereum.org/EIPS/eip-7825
    uint256 private constant TRANSACTION_GAS_MAX = 2 ** 24;
    uint256 private constant ALU_GAS_MAX = 66_000;
    uint256 private constant MEMORY_GAS_MAX = 101_000;

    function test_gas_step_add() public {
        meter("add", about(Isa.rType(Name.Add, 5, 6, 7)), ALU_GAS_MAX);
    }

    function test_gas_step_div() public {
        meter("div", about(Isa.rType(Name.Div, 5, 6, 7)), ALU_GAS_MAX);
    }

    function test_gas_step_branch() public {
        meter("branch", about(Isa.bType(Name.Bltu, 6, 7, -64)), ALU_GAS_MAX);
    }

    function test_gas_step_load() public {
        meter("load", about(Isa.iType(Name.Lb, 5, 10, 0)), MEMORY_GAS_MAX);
    }

    function test_gas_step_store() public {
        meter("store", about(Isa.sType(Name.Sd, 10, 6, 8)), MEMORY_GAS_MAX);
    }

    function meter(string memory name, Machine memory machine, uint256 max) private {
        vm.pauseGasMetering();
        Machine memory post = machine.copy();
        bytes memory witness = machine.witness(Reference.step(post, ""), "");
        meter(name, machine.stateHash(), witness, post.stateHash(), max);
    }

    /// Meters one call, and nothing else.
    function meter(
        string memory name,
        bytes32 preStateHash,
        bytes memory witness,
        bytes32 postStateHash,
        uint256 max
    ) private {
        bytes memory data = abi.encodeCall(verifier.step, (preStateHash, witness));
        address target = address(verifier);
        vm.resumeGasMetering();
        (bool success, bytes memory returned) = target.staticcall(data);
        vm.pauseGasMetering();
        uint256 execution = vm.lastCallGas().gasTotalUsed;
        isTrue(success);
        equal(abi.decode(returned, (bytes32)), postStateHash);
        uint256 total = transactionGas(data, execution);
        emit Gas(name, execution, transactionGas(data, 0), total);
        isTrue(total <= max);
        vm.resumeGasMetering();
    }

    /// What a transaction with this calldata pays: https://eips.ethereum.org/EIPS/eip-7623
    function transactionGas(bytes memory data, uint256 execution) private pure returns (uint256) {
        uint256 tokens = 0;
        for (uint256 i = 0; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        uint256 standard = 21_000 + 4 * tokens + execution;
        uint256 floor = 21_000 + 10 * tokens;
        return standard > floor ? standard : floor;
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
}
