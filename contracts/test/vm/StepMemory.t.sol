// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Isa, Name} from "./Isa.sol";
import {Leaf} from "./SparseTree.sol";
import {Machine, MachineBuilder} from "./MachineBuilder.sol";
import {VmTest} from "./VmTest.sol";

/// @title  StepMemoryTest
/// @notice Loads and stores: each width, each place in a leaf, the first and the last leaf, faults.
contract StepMemoryTest is VmTest {
    uint64 private constant MINUS_1 = 0xffffffffffffffff;
    bytes32 private constant LEAF =
        0x008182838485868788898a8b8c8d8e8f101112131415161718191a1b1c1d1e7f;

    function test_loads_everyPlaceOfALeaf() public view {
        for (uint256 name = uint256(Name.Lb); name <= uint256(Name.Lwu); ++name) {
            for (uint64 i = 0; i < 32; ++i) {
                this.loaded(Name(name), 0x12340 + i, 0);
            }
        }
    }

    function test_loads_knownValues() public view {
        equal(this.loaded(Name.Lb, 0x12341, 0), MINUS_1 - 0x7e);
        equal(this.loaded(Name.Lbu, 0x12341, 0), 0x81);
        equal(this.loaded(Name.Lh, 0x12340, 0), MINUS_1 - 0x7eff);
        equal(this.loaded(Name.Lhu, 0x12340, 0), 0x8100);
        equal(this.loaded(Name.Lw, 0x12344, 0), 0xffffffff87868584);
        equal(this.loaded(Name.Lwu, 0x12344, 0), 0x87868584);
        equal(this.loaded(Name.Ld, 0x12358, 0), 0x7f1e1d1c1b1a1918);
        equal(this.loaded(Name.Lb, 0x12360, -1), 0x7f);
        equal(this.loaded(Name.Ld, 0x12b40, -2048), 0x8786858483828100);
    }

    function loaded(Name name, uint64 base, int32 immediate) external view returns (uint64) {
        Machine memory machine = about(Isa.iType(name, 5, 6, immediate), base);
        machine.data = one(0x12340, LEAF);
        return check(machine).x[5];
    }

    function test_stores_everyPlaceOfALeaf() public view {
        for (uint256 name = uint256(Name.Sb); name <= uint256(Name.Sd); ++name) {
            for (uint64 i = 0; i < 32; ++i) {
                this.stored(Name(name), 0x12340 + i, 0);
            }
        }
    }

    function test_stores_knownValues() public view {
        bytes32 mask = ~bytes32(bytes8(MINUS_1));
        equal(this.stored(Name.Sd, 0x12340, 0), LEAF & mask | bytes32(bytes8(0x8877665544332211)));
        equal(
            this.stored(Name.Sb, 0x12360, -1),
            LEAF & ~bytes32(uint256(255)) | bytes32(uint256(0x88))
        );
    }

    function stored(Name name, uint64 base, int32 immediate) external view returns (bytes32) {
        Machine memory machine = about(Isa.sType(name, 6, 7, immediate), base);
        machine.x[7] = 0x1122334455667788;
        machine.data = one(0x12340, LEAF);
        return check(machine).data[0].value;
    }

    /// The first and the last leaf, with nothing else in memory and with full neighbours.
    function test_bordersOfMemory() public view {
        uint64 last = uint64(MEMORY_SIZE - 32);
        for (uint64 i = 0; i < 32; i += 8) {
            this.border(i, 0);
            this.border(last + i, 0);
            this.border(i, 25);
            this.border(last + i, 25);
        }
        equal(this.border(uint64(MEMORY_SIZE - 8), 25), 0x1122334455667788);
    }

    function border(uint64 target, uint256 neighbours) external view returns (uint64) {
        Machine memory machine = about(Isa.sType(Name.Sd, 6, 7, 0), target);
        machine.x[7] = 0x1122334455667788;
        for (uint256 i = 0; i < neighbours; ++i) {
            Leaf memory leaf = Leaf(target / 32 ^ (1 << i), keccak256(abi.encode(i)));
            machine.data = MachineBuilder.append(machine.data, leaf);
        }
        machine = check(machine);
        machine.setWord(machine.pc = machine.codeStart, Isa.iType(Name.Ld, 8, 6, 0));
        return check(machine).x[8];
    }

    function test_loadToX0_isLost() public view {
        Machine memory machine = about(Isa.iType(Name.Ld, 0, 6, 0), 0x12340);
        machine.data = one(0x12340, LEAF);
        equal(check(machine).x[0], 0);
    }

    /// A store of zeros into a leaf makes the siblings that cover it zeros again.
    function test_storeOfZeros_emptiesMemory() public view {
        Machine memory machine = about(Isa.sType(Name.Sb, 6, 0, 0), 0x12340);
        machine.data = one(0x12340, bytes32(bytes1(0xff)));
        Machine memory empty = check(machine).copy();
        empty.data = new Leaf[](0);
        equal(empty.stateHash(), check(machine).stateHash());
    }

    /// The base may be anything: addresses are modulo 2^64.
    function test_addressWraps() public view {
        Machine memory machine = about(Isa.iType(Name.Lbu, 5, 6, 16), MINUS_1 - 7);
        machine.data = one(0, LEAF);
        equal(check(machine).x[5], 0x88);
        machine = about(Isa.sType(Name.Sd, 6, 7, 8), MINUS_1 - 7);
        equal(check(machine).data[0].index, 0);
    }

    function test_misaligned() public view {
        for (uint256 name = uint256(Name.Lb); name <= uint256(Name.Sd); ++name) {
            for (uint64 i = 1; i < 8; ++i) {
                uint64 size = sizeOf(Name(name));
                if (i % size == 0) continue;
                // Misalignment is found before the range is.
                faults(Name(name), 0x12340 + i, 0x106, 0x107);
                faults(Name(name), uint64(MEMORY_SIZE) + i, 0x106, 0x107);
                faults(Name(name), MINUS_1 - 7 + i, 0x106, 0x107);
            }
        }
    }

    function test_outOfRange() public view {
        uint64[5] memory targets = [
            uint64(MEMORY_SIZE),
            uint64(MEMORY_SIZE) + 0x12340,
            MINUS_1 - 7,
            0x8000000000000000,
            0x100000000
        ];
        for (uint256 name = uint256(Name.Lb); name <= uint256(Name.Sd); ++name) {
            for (uint256 i = 0; i < 5; ++i) {
                faults(Name(name), targets[i], 0x108, 0x109);
            }
        }
    }

    /// A faulty load to x0 faults too.
    function test_faultsOfX0() public view {
        checkHalt(about(Isa.iType(Name.Ld, 0, 6, 1), 0), 0x106);
        checkHalt(about(Isa.iType(Name.Lb, 0, 6, 0), uint64(MEMORY_SIZE)), 0x108);
    }

    /// Code is a tree of its own: a store at its addresses does not change it.
    function test_storeIntoCode_changesMemoryOnly() public view {
        Machine memory machine = about(Isa.sType(Name.Sw, 6, 7, 0), 0x10000);
        machine.x[7] = 0xffffffff;
        Machine memory post = check(machine);
        equal(post.codeTreeRoot(), machine.codeTreeRoot());
        isTrue(post.memoryRoot() != machine.memoryRoot());
    }

    function testFuzz_loads(uint256 seed) public view {
        Name name = Name(uint256(Name.Lb) + seed % 7);
        random(Isa.encode(name, uint32(seed >> 32)), seed);
    }

    function testFuzz_stores(uint256 seed) public view {
        Name name = Name(uint256(Name.Sb) + seed % 4);
        random(Isa.encode(name, uint32(seed >> 32)), seed);
    }

    /// Most bases are aligned and in memory, in which some leaves are close and some far.
    function random(uint32 word, uint256 seed) private view {
        Machine memory machine = MachineBuilder.about(word);
        for (uint256 i = 1; i < 32; ++i) {
            uint64 value = operand(seed ^ i);
            machine.x[i] = value % 5 == 0 ? value : uint64(value % MEMORY_SIZE / 8 * 8);
        }
        uint256 base = machine.x[word >> 15 & 31];
        for (uint256 i = 0; i < 6; ++i) {
            uint256 index = (base / 32 ^ (seed >> 5 * i) % 2 ** (4 * i)) % 2 ** 25;
            machine.list(index);
            machine.setBytes(32 * index, abi.encode(keccak256(abi.encode(seed, i))));
        }
        check(machine);
    }

    function faults(Name name, uint64 target, uint16 ofLoad, uint16 ofStore) private view {
        if (name < Name.Sb) checkHalt(about(Isa.iType(name, 5, 6, 0), target), ofLoad);
        else checkHalt(about(Isa.sType(name, 6, 7, 0), target), ofStore);
    }

    function sizeOf(Name name) private pure returns (uint64) {
        uint8[11] memory sizes = [1, 2, 4, 8, 1, 2, 4, 1, 2, 4, 8];
        return sizes[uint256(name) - uint256(Name.Lb)];
    }

    function about(uint32 word, uint64 x6) private pure returns (Machine memory machine) {
        machine = MachineBuilder.about(word);
        machine.x[6] = x6;
    }

    function one(uint256 target, bytes32 value) private pure returns (Leaf[] memory leaves) {
        leaves = new Leaf[](1);
        leaves[0] = Leaf(target / 32, value);
    }
}
