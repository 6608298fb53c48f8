// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Leaf} from "./SparseTree.sol";
import {Machine, MachineBuilder} from "./MachineBuilder.sol";
import {VmTest} from "./VmTest.sol";

/// @title  StepSyscallTest
/// @notice ECALL with each number, in and out of its limits.
contract StepSyscallTest is VmTest {
    uint32 private constant ECALL = 0x73;
    uint64 private constant MINUS_1 = 0xffffffffffffffff;
    uint64 private constant READ_INPUT = 0x1000;
    uint64 private constant READ_PREIMAGE = 0x1001;
    uint64 private constant HINT = 0x1002;
    uint64 private constant KECCAK = 0x1003;

    function test_halt_takesTheLowByte() public view {
        uint64[6] memory codes = [uint64(0), 1, 255, 256, 0x1ff, MINUS_1];
        for (uint256 i = 0; i < codes.length; ++i) {
            Machine memory machine = about(93);
            machine.x[10] = codes[i];
            checkHalt(machine, uint16(codes[i] % 256));
        }
    }

    function test_write_returnsItsLength() public view {
        Machine memory machine = about(64);
        (machine.x[10], machine.x[11], machine.x[12]) = (1, MINUS_1, 0x123456789abcdef0);
        Machine memory post = check(machine);
        equal(post.x[10], 0x123456789abcdef0);
        equal(post.pc, machine.pc + 4);
    }

    /// Four SD of a0..a3 store the input in order.
    function test_readInput() public view {
        Machine memory machine = about(READ_INPUT);
        machine.input = 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff;
        Machine memory post = check(machine);
        equal(post.x[10], 0x0706050403020100);
        equal(post.x[11], 0x0f0e0d0c0b0a0908);
        equal(post.x[12], 0x1716151413121110);
        equal(post.x[13], 0xff1e1d1c1b1a1918);
    }

    function test_hint_changesNothing() public view {
        Machine memory machine = about(HINT);
        (machine.x[10], machine.x[11]) = (MINUS_1, MINUS_1);
        Machine memory expected = machine.copy();
        (expected.pc, expected.step) = (machine.pc + 4, machine.step + 1);
        equal(check(machine).stateHash(), expected.stateHash());
    }

    /// All 64 bits of a7 count.
    function test_unknownNumbers() public view {
        uint64[10] memory numbers =
            [uint64(0), 1, 63, 92, 94, 0xfff, 0x1004, 0x10000005d, 0x8000000000001000, MINUS_1];
        for (uint256 i = 0; i < numbers.length; ++i) {
            checkHalt(about(numbers[i]), 0x110);
        }
    }

    function test_keccak_everyLengthUpTo200() public view {
        for (uint256 length = 0; length <= 200; length += length < 40 ? 1 : 13) {
            this.keccak(0x3000, length);
        }
        this.keccak(0x3000, 64);
        this.keccak(0x3000, 65);
        this.keccak(0x3000, 128);
        this.keccak(0x3000, 129);
    }

    function test_keccak_atTheBordersOfMemory() public view {
        this.keccak(0, 100);
        this.keccak(MEMORY_SIZE - 4096, 100);
    }

    /// Bytes of the subtree behind the hashed ones must be given, but are not hashed.
    function keccak(uint256 start, uint256 length) external view {
        Machine memory machine = about(KECCAK);
        (machine.x[10], machine.x[11]) = (uint64(start), uint64(length));
        bytes memory data = new bytes(length);
        for (uint256 i = 0; i < length / 32 + 3; ++i) {
            bytes32 leaf = keccak256(abi.encode(length, i));
            machine.data = MachineBuilder.append(machine.data, Leaf(start / 32 + i, leaf));
            for (uint256 k = 0; k < 32 && 32 * i + k < length; ++k) {
                data[32 * i + k] = leaf[k];
            }
        }
        Machine memory post = check(machine);
        bytes memory registers = bytes.concat(
            reversed(post.x[10]), reversed(post.x[11]), reversed(post.x[12]), reversed(post.x[13])
        );
        equal(bytes32(registers), keccak256(data));
    }

    function test_keccak_ofZeros() public view {
        Machine memory machine = about(KECCAK);
        (machine.x[10], machine.x[11]) = (0x2000, 100);
        check(machine);
        machine.list(0x1000);
        machine.setBytes(0x20000, hex"01");
        check(machine);
    }

    function test_keccak_limits() public view {
        fault(KECCAK, 0, 65_537, 0x10d);
        fault(KECCAK, 1, MINUS_1, 0x10d); // the length is looked at first
        fault(KECCAK, 32, 0, 0x10e);
        fault(KECCAK, 4095, 1, 0x10e);
        fault(KECCAK, 0x1000, 4097, 0x10e); // aligned to 4096, but not to 8192
        fault(KECCAK, 0x8000, 65_536, 0x10e);
        fault(KECCAK, uint64(MEMORY_SIZE) + 1, 0, 0x10e);
        fault(KECCAK, uint64(MEMORY_SIZE), 0, 0x10f);
        fault(KECCAK, uint64(MEMORY_SIZE), 65_536, 0x10f);
        fault(KECCAK, MINUS_1 - 4095, 32, 0x10f);
        fault(KECCAK, MINUS_1 - 65_535, 65_536, 0x10f);
    }

    function test_readPreimage_everyOffset() public view {
        bytes memory preimage = bytes.concat(keccak256("a"), keccak256("b"), hex"010203");
        for (uint64 offset = 0; offset < 70; ++offset) {
            this.readPreimage(preimage, offset, 0x4000);
        }
        this.readPreimage(preimage, MINUS_1, 0x4000);
        this.readPreimage(preimage, 2 ** 32, 0x4000);
        this.readPreimage("", 0, 0);
        this.readPreimage(preimage, 1, MEMORY_SIZE - 32);
    }

    /// The old leaf and its neighbours are arbitrary.
    function readPreimage(bytes memory preimage, uint64 offset, uint256 target) external view {
        Machine memory machine = about(READ_PREIMAGE);
        setKey(machine, keccakKey(preimage));
        (machine.x[14], machine.x[15]) = (offset, uint64(target));
        machine.data = MachineBuilder.append(machine.data, Leaf(target / 32, keccak256("old")));
        machine.data = MachineBuilder.append(machine.data, Leaf(target / 32 ^ 9, keccak256("b")));
        Machine memory post = check(machine, preimage, preimage);
        equal(post.x[10], preimage.length);
        equal(post.x[11], machine.x[11]);
        if (offset == 0) equal(post.data[0].value, bytes32(preimage));
    }

    function test_readPreimage_ofAPrecompile() public view {
        bytes memory input = "some bytes";
        bytes memory proof = bytes.concat(bytes20(address(2)), input);
        Machine memory machine = about(READ_PREIMAGE);
        setKey(machine, bytes32(bytes1(0x03)) | keccak256(proof) << 8 >> 8);
        (machine.x[14], machine.x[15]) = (1, 0x4000);
        Machine memory post = check(machine, bytes.concat(hex"01", sha256(input)), proof);
        equal(post.data[0].value, sha256(input));
        equal(post.x[10], 33);
    }

    /// However little gas a step gets, it has no other result than the right one.
    function test_readPreimage_ofAPrecompile_withTooLittleGas() public view {
        bytes memory input = bytes.concat(bytes4(uint32(1_000_000)), new bytes(209));
        (, bytes memory output) = address(9).staticcall(input);
        bytes memory proof = bytes.concat(bytes20(address(9)), input);
        bytes memory preimage = bytes.concat(hex"01", output);
        Machine memory machine = about(READ_PREIMAGE);
        setKey(machine, bytes32(bytes1(0x03)) | keccak256(proof) << 8 >> 8);
        (machine.x[14], machine.x[15]) = (0, 0x4000);
        bytes32 post = check(machine, preimage, proof).stateHash();
        bytes memory data = abi.encodeCall(
            verifier.step, (machine.stateHash(), witnessOf(machine, preimage, proof))
        );
        uint256 accepted = 0;
        for (uint256 gas = 10_000; gas < 1_200_000; gas += 7_919) {
            (bool success, bytes memory returned) = address(verifier).staticcall{gas: gas}(data);
            if (!success) continue;
            equal(bytes32(returned), post);
            ++accepted;
        }
        isTrue(accepted > 5 && accepted < 50);
    }

    function test_readPreimage_limits() public view {
        uint8[6] memory unknown = [0, 4, 5, 127, 128, 255];
        for (uint256 i = 0; i < 6; ++i) {
            // The type is looked at before the address is.
            Machine memory machine = about(READ_PREIMAGE);
            (machine.x[10], machine.x[15]) = (uint64(0xffffff00) + unknown[i], 1);
            checkHalt(machine, 0x10c);
        }
        for (uint64 keyType = 1; keyType < 4; ++keyType) {
            Machine memory machine = about(READ_PREIMAGE);
            (machine.x[10], machine.x[15]) = (keyType, 16);
            checkHalt(machine, 0x10a);
            machine.x[15] = uint64(MEMORY_SIZE) + 1;
            checkHalt(machine, 0x10a);
            machine.x[15] = uint64(MEMORY_SIZE);
            checkHalt(machine, 0x10b);
            machine.x[15] = MINUS_1 - 31;
            checkHalt(machine, 0x10b);
        }
    }

    function testFuzz_syscalls(uint256 seed) public view {
        uint64[7] memory numbers = [uint64(93), 64, 0x1000, 0x1001, 0x1002, 0x1003, 0x1004];
        Machine memory machine = about(numbers[seed % 7]);
        for (uint256 i = 1; i < 17; ++i) {
            machine.x[i] = operand(seed ^ i);
        }
        machine.input = keccak256(abi.encode(seed));
        bytes memory preimage;
        if (machine.x[17] == READ_PREIMAGE) {
            if (seed % 3 == 0) {
                machine.x[15] |= 1;
            } else {
                preimage = abi.encodePacked(seed, seed);
                setKey(machine, keccakKey(preimage));
                machine.x[15] = uint64(machine.x[15] % MEMORY_SIZE / 32 * 32);
            }
        } else if (machine.x[17] == KECCAK) {
            machine.x[11] %= 512;
            if (seed % 3 > 0) machine.x[10] = uint64(machine.x[10] % MEMORY_SIZE / 4096 * 4096);
            machine.list(machine.x[10] / 32 % 2 ** 25);
            machine.data[0].value = bytes32(seed);
        }
        check(machine, preimage, preimage);
    }

    function fault(uint64 number, uint64 a0, uint64 a1, uint16 exitCode) private view {
        Machine memory machine = about(number);
        (machine.x[10], machine.x[11]) = (a0, a1);
        checkHalt(machine, exitCode);
    }

    function setKey(Machine memory machine, bytes32 key) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            machine.x[10 + i] = uint64(reversed(uint64(bytes8(key << 64 * i))));
        }
    }

    function keccakKey(bytes memory preimage) private pure returns (bytes32) {
        return bytes32(bytes1(0x01)) | keccak256(preimage) << 8 >> 8;
    }

    /// The eight bytes that SD stores.
    function reversed(uint64 value) private pure returns (bytes8) {
        bytes memory data = new bytes(8);
        for (uint256 i = 0; i < 8; ++i) {
            data[i] = bytes1(uint8(value >> 8 * i));
        }
        return bytes8(data);
    }

    function about(uint64 number) private pure returns (Machine memory machine) {
        machine = MachineBuilder.about(ECALL);
        for (uint64 i = 1; i < 32; ++i) {
            machine.x[i] = i * 0x0101010101010101;
        }
        machine.x[17] = number;
    }
}
