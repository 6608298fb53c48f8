// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPreimageOracle} from "./IPreimageOracle.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {Access, Use} from "./vm/Access.sol";
import {Alu} from "./vm/Alu.sol";
import {CodeTree} from "./vm/CodeTree.sol";
import {ExitCode} from "./vm/ExitCode.sol";
import {EBREAK, ECALL, Instruction, Opcode} from "./vm/Instruction.sol";
import {LoadStore} from "./vm/LoadStore.sol";
import {MachineState, State} from "./vm/MachineState.sol";
import {MemoryProof, MemoryTree} from "./vm/MemoryTree.sol";
import {MulDiv} from "./vm/MulDiv.sol";
import {Syscall} from "./vm/Syscall.sol";
import {Reader, WitnessReader} from "./vm/WitnessReader.sol";

/// @title  StepVerifier
/// @notice Executes one RV64IM instruction on a state of which only the needed parts are known. The
///         same rules, under the same names, are in prover/vm.
contract StepVerifier is IStepVerifier {
    /// @notice Where `read_preimage` reads.
    IPreimageOracle public immutable ORACLE;

    constructor(IPreimageOracle oracle) {
        ORACLE = oracle;
    }

    /// @inheritdoc IStepVerifier
    function step(bytes32 preStateHash, bytes calldata witness) external view returns (bytes32) {
        // PROTOCOL.md WITNESS-1
        Reader memory reader = WitnessReader.open(witness);
        State memory state = MachineState.read(reader);
        (Instruction instruction, uint16 exitCode) = CodeTree.fetch(reader, state);
        Access memory access;
        if (state.isRunning() && exitCode == ExitCode.NONE) {
            (access, exitCode) = locate(instruction, state);
        }
        MemoryProof memory proof;
        if (access.use == Use.None) {
            state.setMemoryRoot(reader.word());
        } else {
            proof = MemoryTree.read(reader, access);
            state.setMemoryRoot(proof.rootWith(proof.node));
        }
        bytes calldata preimageProof = reader.slice(access.use == Use.Preimage ? reader.left() : 0);
        reader.close();
        // INVARIANT: what was read is the preimage of this hash, so that the caller can choose no
        // part of it.
        // PROTOCOL.md WITNESS-2
        requireHash(state, preStateHash);

        // PROTOCOL.md MACHINE-5
        if (!state.isRunning()) return preStateHash;
        if (exitCode != ExitCode.NONE) state.halt(exitCode);
        else if (access.use == Use.None) execute(instruction, state);
        else useMemory(instruction, state, access.use, proof, preimageProof);
        state.countStep();
        return state.hash();
    }

    /// @dev The memory that the instruction needs, or the exit code if it may not use that memory.
    function locate(Instruction instruction, State memory state)
        private
        pure
        returns (Access memory access, uint16 exitCode)
    {
        uint256 opcode = instruction.opcode();
        if (opcode == Opcode.LOAD) return LoadStore.locateLoad(instruction, state);
        if (opcode == Opcode.STORE) return LoadStore.locateStore(instruction, state);
        if (instruction == ECALL) return Syscall.locate(state);
    }

    /// @dev Executes an instruction that needs memory. None of these jumps.
    function useMemory(
        Instruction instruction,
        State memory state,
        Use use,
        MemoryProof memory proof,
        bytes calldata preimageProof
    ) private view {
        if (use == Use.Load) {
            state.setRegister(instruction.rd(), LoadStore.load(instruction, state, proof.node));
        } else if (use == Use.Store) {
            bytes32 leaf = LoadStore.store(instruction, state, proof.node);
            state.setMemoryRoot(proof.rootWith(leaf));
        } else if (use == Use.Preimage) {
            (bytes32 key, uint64 offset) = Syscall.preimage(state);
            (bytes32 word, uint64 length) = ORACLE.read(key, offset, preimageProof);
            state.setMemoryRoot(proof.rootWith(word));
            Syscall.setLength(state, length);
        } else {
            Syscall.setHash(state, proof.dataHash);
        }
        state.setPc(following(state.pc()));
    }

    /// @dev Executes an instruction that needs no memory.
    function execute(Instruction instruction, State memory state) private pure {
        uint256 opcode = instruction.opcode();
        if (opcode == Opcode.SYSTEM) return system(instruction, state);
        (uint64 pc, uint256 rd) = (state.pc(), instruction.rd());
        uint64 next = following(pc);
        bool legal;
        uint64 value;
        unchecked {
            if (opcode == Opcode.BRANCH) {
                bool taken;
                (legal, taken) =
                    Alu.isTaken(instruction, first(instruction, state), second(instruction, state));
                if (taken) next = pc + instruction.immediateB();
                rd = 0;
            } else if (opcode == Opcode.JAL) {
                legal = true;
                (value, next) = (next, pc + instruction.immediateJ());
            } else if (opcode == Opcode.JALR) {
                legal = instruction.funct3() == 0;
                uint64 target = first(instruction, state) + instruction.immediateI();
                (value, next) = (next, target & ~uint64(1));
            } else if (opcode == Opcode.MISC_MEM) {
                // FENCE does nothing, because there is only one hart.
                legal = instruction.funct3() == 0;
                rd = 0;
            } else {
                (legal, value) = compute(instruction, state);
            }
        }
        if (!legal) return state.halt(ExitCode.ILLEGAL_INSTRUCTION);
        state.setRegister(rd, value);
        state.setPc(next);
    }

    /// @dev Executes an instruction that only computes a value.
    function compute(Instruction instruction, State memory state)
        private
        pure
        returns (bool legal, uint64 value)
    {
        uint256 opcode = instruction.opcode();
        uint64 a = first(instruction, state);
        if (opcode == Opcode.OP_IMM) return Alu.opImmediate(instruction, a);
        if (opcode == Opcode.OP_IMM_32) return Alu.opImmediateWord(instruction, a);
        if (opcode == Opcode.LUI) return (true, instruction.immediateU());
        if (opcode == Opcode.AUIPC) {
            unchecked {
                return (true, state.pc() + instruction.immediateU());
            }
        }
        uint64 b = second(instruction, state);
        bool isMulDiv = instruction.funct7() == MulDiv.FUNCT7;
        if (opcode == Opcode.OP) {
            return isMulDiv ? MulDiv.op(instruction, a, b) : Alu.op(instruction, a, b);
        }
        if (opcode == Opcode.OP_32) {
            return isMulDiv ? MulDiv.opWord(instruction, a, b) : Alu.opWord(instruction, a, b);
        }
    }

    /// @dev Executes ECALL, or halts: on EBREAK, on a CSR instruction, on an illegal one.
    function system(Instruction instruction, State memory state) private pure {
        if (instruction == ECALL) {
            Syscall.execute(state);
            if (state.isRunning()) state.setPc(following(state.pc()));
        } else if (instruction == EBREAK) {
            state.halt(ExitCode.BREAKPOINT);
        } else {
            bool isCsr = instruction.funct3() % 4 != 0;
            state.halt(isCsr ? ExitCode.CSR : ExitCode.ILLEGAL_INSTRUCTION);
        }
    }

    function following(uint64 pc) private pure returns (uint64) {
        unchecked {
            return pc + 4;
        }
    }

    function first(Instruction instruction, State memory state) private pure returns (uint64) {
        return state.register(instruction.rs1());
    }

    function second(Instruction instruction, State memory state) private pure returns (uint64) {
        return state.register(instruction.rs2());
    }

    function requireHash(State memory state, bytes32 expected) private pure {
        bytes32 computed = state.hash();
        require(computed == expected, WrongPreState(expected, computed));
    }
}
