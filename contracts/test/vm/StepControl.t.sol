// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Isa, Name} from "./Isa.sol";
import {Leaf} from "./SparseTree.sol";
import {Machine, MachineBuilder} from "./MachineBuilder.sol";
import {VmTest} from "./VmTest.sol";

/// @title  StepControlTest
/// @notice Jumps, branches, FENCE, and each way to halt without a syscall; codes of every shape.
contract StepControlTest is VmTest {
    uint64 private constant PC = 0x10000;
    uint64 private constant MINUS_1 = 0xffffffffffffffff;
    uint64 private constant MIN = 0x8000000000000000;

    function test_jal() public view {
        equal(jumped(Isa.jType(Name.Jal, 5, 8), 0, PC + 4), PC + 8);
        equal(jumped(Isa.jType(Name.Jal, 5, -4), 0, PC + 4), PC - 4);
        equal(jumped(Isa.jType(Name.Jal, 5, 0xffffe), 0, PC + 4), PC + 0xffffe);
        equal(jumped(Isa.jType(Name.Jal, 5, -0x100000), 0, PC + 4), MINUS_1 - 0xeffff);
        equal(jumped(Isa.jType(Name.Jal, 0, 8), 0, 0), PC + 8);
    }

    function test_jalr() public view {
        equal(jumped(Isa.iType(Name.Jalr, 5, 6, 0), 0x2000, PC + 4), 0x2000);
        equal(jumped(Isa.iType(Name.Jalr, 5, 6, 3), 0x2000, PC + 4), 0x2002);
        equal(jumped(Isa.iType(Name.Jalr, 5, 6, -1), 0, PC + 4), MINUS_1 - 1);
        equal(jumped(Isa.iType(Name.Jalr, 5, 6, 2047), MINUS_1, PC + 4), 2046);
        // The target is computed before rd is written.
        equal(jumped(Isa.iType(Name.Jalr, 6, 6, 0), 0x2000, 0), 0x2000);
    }

    function test_branches() public view {
        uint64[5] memory values = [uint64(0), 1, MINUS_1, MIN, MIN - 1];
        int32[4] memory immediates = [int32(8), -8, 4094, -4096];
        for (uint256 name = uint256(Name.Beq); name <= uint256(Name.Bgeu); ++name) {
            for (uint256 i = 0; i < 25; ++i) {
                uint32 word = Isa.bType(Name(name), 6, 7, immediates[i % 4]);
                this.branched(word, values[i / 5], values[i % 5]);
            }
        }
        equal(this.branched(Isa.bType(Name.Blt, 6, 7, -8), MINUS_1, 0), PC - 8);
        equal(this.branched(Isa.bType(Name.Bltu, 6, 7, -8), MINUS_1, 0), PC + 4);
        equal(this.branched(Isa.bType(Name.Bge, 6, 7, -8), 5, 5), PC - 8);
        equal(this.branched(Isa.bType(Name.Beq, 6, 7, 2), 5, 5), PC + 2);
    }

    function test_fence_isNoOp_whateverItsFields() public view {
        uint32[4] memory words = [uint32(0x0ff0000f), 0x8330000f, 0x0000000f, 0xfff80f8f];
        for (uint256 i = 0; i < 4; ++i) {
            Machine memory machine = MachineBuilder.about(words[i]);
            machine.x[31] = 5;
            Machine memory post = check(machine);
            equal(post.pc, PC + 4);
            equal(post.x[31], 5);
        }
    }

    function test_halts() public view {
        halts(0x00100073, 0x104); // EBREAK
        halts(0xc0002573, 0x105); // RDCYCLE
        for (uint32 funct3 = 0; funct3 < 8; ++funct3) {
            halts(0x30051073 & ~uint32(0x7000) | funct3 << 12, funct3 % 4 == 0 ? 0x103 : 0x105);
        }
        halts(0x0000100f, 0x103); // FENCE.I
        halts(0x30200073, 0x103); // MRET
        halts(0x10500073, 0x103); // WFI
        halts(0x000000f3, 0x103); // ECALL, but for rd
        halts(0x00100873, 0x103); // EBREAK, but for rs1
    }

    function test_illegalInstructions() public view {
        uint32[19] memory words = [
            uint32(0), // nothing
            0xffffffff,
            0x00000001, // c.nop
            0x00000002,
            0x00007003, // LOAD, funct3 7
            0x00004023, // STORE, funct3 4
            0x00007023,
            0x00002063, // BRANCH, funct3 2
            0x00003063,
            0x00001067, // JALR, funct3 1
            0x04001013, // SLLI, funct6 1
            0x44005013, // SRAI, funct6 0x11
            0x0200101b, // SLLIW of 32
            0x4000101b, // SLLIW, funct7 0x20
            0x0000201b, // OP-IMM-32, funct3 2
            0x40001033, // SLL, funct7 0x20
            0x04000033, // OP, funct7 2
            0x0200103b, // MULHW does not exist
            0x4000403b // OP-32, funct7 0x20, funct3 4
        ];
        for (uint256 i = 0; i < words.length; ++i) {
            halts(words[i], 0x103);
        }
        halts(0x1000202f, 0x103); // LR.W
        halts(0x00002007, 0x103); // FLW
        halts(0x0000006b, 0x103); // reserved opcode
    }

    /// Every opcode, funct3 and these of funct7: legal exactly where the ISA's table has a row.
    function test_everyOpcodeBelow64() public view {
        for (uint32 opcode = 0; opcode < 64; ++opcode) {
            this.checkOpcode(opcode);
        }
    }

    function test_everyOpcodeFrom64() public view {
        for (uint32 opcode = 64; opcode < 128; ++opcode) {
            this.checkOpcode(opcode);
        }
    }

    function checkOpcode(uint32 opcode) external view {
        uint32[8] memory funct7s = [uint32(0), 1, 2, 0x20, 0x21, 0x40, 0x60, 0x7f];
        for (uint32 i = 0; i < 64; ++i) {
            this.checkWord(opcode | (i % 8) << 12 | funct7s[i / 8] << 25 | 6 << 15 | 5 << 7);
        }
    }

    function checkWord(uint32 word) external view {
        Machine memory machine = MachineBuilder.about(word);
        (machine.x[6], machine.x[7]) = (0x8000, 0x123456789abcdef0);
        check(machine);
    }

    function test_misalignedFetch() public view {
        Machine memory machine = MachineBuilder.about(0x00000013);
        uint64[5] memory pcs = [PC + 1, PC + 2, PC + 3, MINUS_1, PC + 0x1001];
        for (uint256 i = 0; i < 5; ++i) {
            machine.pc = pcs[i];
            checkHalt(machine, 0x101);
        }
    }

    function test_fetchOutOfRange() public view {
        Machine memory machine = MachineBuilder.about(0x00000013);
        uint64[6] memory pcs =
            [PC - 4, PC + 4, 0, MINUS_1 - 3, PC + 0x1000, PC + 0x8000000000000000];
        for (uint256 i = 0; i < 6; ++i) {
            machine.pc = pcs[i];
            checkHalt(machine, 0x102);
        }
    }

    function test_halted_isFixpoint() public view {
        uint64[4] memory pcs = [PC, PC + 2, PC + 4, 0];
        for (uint256 i = 0; i < 4; ++i) {
            Machine memory machine = MachineBuilder.about(0x00000013);
            (machine.status, machine.exitCode, machine.pc) = (1, 0x1ff, pcs[i]);
            machine.list(7);
            machine.x[17] = 93;
            equal(check(machine).stateHash(), machine.stateHash());
        }
    }

    /// After a halt the next step changes nothing.
    function test_halt_thenStays() public view {
        Machine memory machine = check(MachineBuilder.about(0x00100073));
        equal(check(machine).stateHash(), machine.stateHash());
    }

    function test_stepCounter_wraps() public view {
        Machine memory machine = MachineBuilder.about(0x00000013);
        machine.step = MINUS_1;
        equal(check(machine).step, 0);
    }

    function test_pc_wrapsAtTheEndOfAddresses() public view {
        Machine memory machine = MachineBuilder.about(0x00000013);
        machine.codeStart = MINUS_1 - 31;
        machine.codeEnd = MINUS_1 - 3;
        machine.pc = MINUS_1 - 7;
        machine.setWord(machine.pc, 0x00000013);
        equal(check(machine).pc, MINUS_1 - 3);
    }

    /// Codes of 1, 2, 3, 5 and 2^15 leaves, ended at every place of the last one: each first and
    /// last instruction runs, and none beyond.
    function test_codesOfEveryShape() public view {
        uint64[5] memory leaves = [uint64(1), 2, 3, 5, 2 ** 15];
        for (uint256 i = 0; i < leaves.length; ++i) {
            for (uint64 words = 1; words <= 8; ++words) {
                this.checkShape(leaves[i], words);
            }
        }
    }

    function checkShape(uint64 leaves, uint64 wordsInLastLeaf) external view {
        Machine memory machine = MachineBuilder.about(Isa.jType(Name.Jal, 1, 4));
        machine.codeEnd = PC + 32 * (leaves - 1) + 4 * wordsInLastLeaf;
        if (leaves > 1) machine.code = MachineBuilder.append(machine.code, Leaf(leaves - 1, 0));
        machine.setWord(machine.codeEnd - 4, Isa.jType(Name.Jal, 2, 4));
        equal(check(machine).x[leaves * 8 + wordsInLastLeaf == 9 ? 2 : 1], PC + 4);
        machine.pc = machine.codeEnd - 4;
        equal(check(machine).x[2], machine.codeEnd);
        machine.pc = machine.codeEnd;
        checkHalt(machine, 0x102);
        if (leaves < 3) return;
        machine.pc = PC + 32;
        checkHalt(machine, 0x103);
    }

    function test_everyInstructionOfALeaf() public view {
        Machine memory machine = MachineBuilder.about(0);
        machine.codeEnd = machine.codeStart + 32;
        for (uint32 i = 0; i < 8; ++i) {
            machine.setWord(PC + 4 * i, Isa.iType(Name.Addi, i + 1, 0, int32(i) * 3 + 1));
        }
        for (uint32 i = 0; i < 8; ++i) {
            machine.pc = PC + 4 * i;
            equal(check(machine).x[i + 1], i * 3 + 1);
        }
    }

    function test_depth18() public view {
        Machine memory machine = MachineBuilder.about(0x00000013);
        machine.codeEnd = machine.codeStart + 2 ** 23;
        check(machine);
        machine.pc = machine.codeEnd - 4;
        checkHalt(machine, 0x103);
    }

    function testFuzz_jumps(uint256 seed) public view {
        Name name = Name(uint256(Name.Jal) + seed % 8);
        Machine memory machine = MachineBuilder.about(Isa.encode(name, uint32(seed >> 32)));
        for (uint256 i = 1; i < 32; ++i) {
            machine.x[i] = operand(seed ^ (i / 3));
        }
        check(machine);
    }

    function halts(uint32 word, uint16 exitCode) private view {
        checkHalt(MachineBuilder.about(word), exitCode);
    }

    /// Where a jump leads that reads x6 and, unless `link` is 0, writes x5.
    function jumped(uint32 word, uint64 x6, uint64 link) private view returns (uint64) {
        Machine memory machine = MachineBuilder.about(word);
        machine.x[6] = x6;
        Machine memory post = check(machine);
        equal(post.x[5], link);
        return post.pc;
    }

    function branched(uint32 word, uint64 a, uint64 b) external view returns (uint64) {
        Machine memory machine = MachineBuilder.about(word);
        (machine.x[6], machine.x[7]) = (a, b);
        return check(machine).pc;
    }
}
