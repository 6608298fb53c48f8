// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPreimageOracle} from "../../src/IPreimageOracle.sol";
import {IStepVerifier} from "../../src/IStepVerifier.sol";
import {CodeTree} from "../../src/vm/CodeTree.sol";
import {MachineState} from "../../src/vm/MachineState.sol";
import {MemoryTree} from "../../src/vm/MemoryTree.sol";
import {WitnessReader} from "../../src/vm/WitnessReader.sol";
import {Isa, Name} from "./Isa.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";
import {Machine, MachineBuilder} from "./MachineBuilder.sol";
import {VmTest} from "./VmTest.sol";

/// @title  WitnessTest
/// @notice A step has one witness. Every other one is refused: any byte changed, left out or added,
///         a zero sibling given, a bitmap with bits that mean nothing.
contract WitnessTest is VmTest {
    uint32 private constant ECALL = 0x73;
    uint256 private constant TARGET = 0x3000;
    /// Where the memory part begins: after the state, the bounds, a leaf of code and two siblings.
    uint256 private constant MEMORY = 299 + 16 + 32 + 64;

    function test_corrupted_add() public view {
        onlyOne(about(Isa.rType(Name.Add, 5, 6, 7)), "");
    }

    function test_corrupted_load() public view {
        onlyOne(about(Isa.iType(Name.Ld, 5, 10, 0)), "");
    }

    function test_corrupted_store() public view {
        onlyOne(about(Isa.sType(Name.Sb, 10, 6, 3)), "");
    }

    function test_corrupted_halted() public view {
        Machine memory machine = about(Isa.rType(Name.Add, 5, 6, 7));
        machine.status = 1;
        onlyOne(machine, "");
    }

    function test_corrupted_fetchOutOfRange() public view {
        Machine memory machine = about(Isa.rType(Name.Add, 5, 6, 7));
        machine.pc = 8;
        onlyOne(machine, "");
    }

    function test_corrupted_faultyLoad() public view {
        onlyOne(about(Isa.iType(Name.Ld, 5, 10, 1)), "");
    }

    function test_corrupted_keccak() public view {
        Machine memory machine = about(ECALL);
        (machine.x[17], machine.x[11]) = (0x1003, 100);
        onlyOne(machine, "");
    }

    function test_corrupted_keccakPreimage() public view {
        onlyOne(aboutPreimage(hex"01", "a preimage"), "a preimage");
    }

    function test_corrupted_precompilePreimage() public view {
        bytes memory proof = bytes.concat(bytes20(address(4)), "input of identity");
        onlyOne(aboutPreimage(hex"03", proof), proof);
    }

    function test_wrongPreState_namesBoth() public {
        Machine memory machine = about(Isa.rType(Name.Add, 5, 6, 7));
        bytes memory witness = witnessOf(machine, "", "");
        bytes32 wrong = keccak256("wrong");
        vm.expectRevert(
            abi.encodeWithSelector(IStepVerifier.WrongPreState.selector, wrong, machine.stateHash())
        );
        verifier.step(wrong, witness);
    }

    function test_length_isNamed() public {
        bytes memory witness = witnessOf(about(Isa.rType(Name.Add, 5, 6, 7)), "", "");
        uint256 length = witness.length;
        expectLength(bytes.concat(witness, hex"00"), length);
        expectLength(new bytes(0), 299);
        expectLength(cut(witness, length - 1), length);
        expectLength(cut(witness, 299 + 3), 299 + 8);
        // Of the code part the length is known only when the leaf has been read.
        expectLength(cut(witness, 299 + 16 + 31), 299 + 16 + 32);
        expectLength(cut(witness, 299 + 16 + 40), 299 + 16 + 32 + 64);
    }

    function test_invalidStatus() public {
        Machine memory machine = about(Isa.rType(Name.Add, 5, 6, 7));
        bytes memory witness = witnessOf(machine, "", "");
        for (uint256 status = 2; status < 256; ++status) {
            witness[48] = bytes1(uint8(status));
            vm.expectRevert(
                abi.encodeWithSelector(MachineState.InvalidStatus.selector, uint8(status))
            );
            verifier.step(machine.stateHash(), witness);
        }
    }

    /// Bounds that no image has are refused even with the right code root.
    function test_invalidCodeBounds() public {
        refusedBounds(0x10010, 0x10030);
        refusedBounds(0x10004, 0x10024);
        refusedBounds(0x10000, 0x10000);
        refusedBounds(0x10020, 0x10000);
        refusedBounds(0x10000, 0x10002);
        refusedBounds(0x10000, 0x10000 + 2 ** 23 + 4);
        refusedBounds(0, type(uint64).max);
        refusedBounds(type(uint64).max, 0);
    }

    function refusedBounds(uint64 codeStart, uint64 codeEnd) private {
        Machine memory machine = MachineBuilder.about(0x13);
        bytes memory bounds = bytes.concat(bytes8(codeStart), bytes8(codeEnd));
        bytes32 leaf = machine.code[0].value;
        bytes32 codeRoot = keccak256(bytes.concat(leaf, bounds));
        bytes32 memoryRoot = machine.memoryRoot();
        bytes memory tail = machine.tail();
        vm.expectRevert(
            abi.encodeWithSelector(CodeTree.InvalidCodeBounds.selector, codeStart, codeEnd)
        );
        verifier.step(
            keccak256(bytes.concat(codeRoot, memoryRoot, tail)),
            bytes.concat(tail, bounds, leaf, memoryRoot)
        );
    }

    /// A sibling of zeros only, given although its bit could be left out: the root would be right.
    function test_zeroSiblingGiven() public {
        Machine memory machine = about(Isa.iType(Name.Ld, 5, 10, 0));
        bytes memory witness = witnessOf(machine, "", "");
        bytes32[] memory zeros = SparseTree.zeros(25);
        uint256 given = 0;
        for (uint256 i = 0; i < 25; ++i) {
            if (bitOf(witness, i)) {
                ++given;
                continue;
            }
            uint256 place = MEMORY + 36 + 32 * given;
            bytes memory longer = insert(witness, place, bytes.concat(zeros[i]));
            setBit(longer, i);
            vm.expectRevert(abi.encodeWithSelector(MemoryTree.ZeroSiblingGiven.selector, i));
            verifier.step(machine.stateHash(), longer);
        }
        equal(given, 2);
    }

    function test_bitsAboveTheTree() public {
        Machine memory machine = about(Isa.iType(Name.Ld, 5, 10, 0));
        for (uint256 i = 25; i < 32; ++i) {
            bytes memory witness = witnessOf(machine, "", "");
            setBit(witness, i);
            refusedBitmap(machine, witness);
        }
    }

    function test_bitsBelowTheSubtree() public {
        Machine memory machine = about(ECALL);
        (machine.x[17], machine.x[11]) = (0x1003, 200);
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory witness = witnessOf(machine, "", "");
            setBit(witness, i);
            refusedBitmap(machine, witness);
        }
    }

    function refusedBitmap(Machine memory machine, bytes memory witness) private {
        uint32 bitmap = uint32(bytes4(bytes32(slice(witness, MEMORY, 4))));
        vm.expectRevert(abi.encodeWithSelector(MemoryTree.InvalidBitmap.selector, bitmap));
        verifier.step(machine.stateHash(), witness);
    }

    /// A proof of another preimage does not serve, nor does any for a step that reads none.
    function test_wrongPreimage() public {
        bytes memory preimage = "a preimage";
        Machine memory machine = aboutPreimage(hex"01", preimage);
        bytes memory witness = witnessOf(machine, preimage, "another");
        bytes32 hash = keccak256("another");
        bytes32 key = bytes32(bytes1(0x01)) | keccak256(preimage) << 8 >> 8;
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageKeyMismatch.selector, key, hash)
        );
        verifier.step(machine.stateHash(), witness);
    }

    /// The right witness is accepted, none with a byte changed, cut off or added is.
    function onlyOne(Machine memory machine, bytes memory proof) private view {
        bytes memory preimage =
            proof.length > 0 && machine.x[10] % 256 == 3 ? precompileOutput(proof) : proof;
        bytes memory witness = witnessOf(machine, preimage, proof);
        bytes32 hash = machine.stateHash();
        (bool accepted,) = tryStep(hash, witness);
        isTrue(accepted);
        uint8[3] memory masks = [0x01, 0x80, 0xff];
        for (uint256 i = 0; i < 3 * witness.length; ++i) {
            witness[i / 3] ^= bytes1(masks[i % 3]);
            refuse(hash, witness, i / 3);
            witness[i / 3] ^= bytes1(masks[i % 3]);
        }
        for (uint256 length = 0; length < witness.length; length += length < 299 ? 32 : 1) {
            refuse(hash, cut(witness, length), length);
        }
        refuse(hash, bytes.concat(witness, hex"00"), witness.length);
        refuse(hash, bytes.concat(witness, new bytes(32)), witness.length);
        refuse(hash ^ bytes32(uint256(1)), witness, 0);
    }

    function refuse(bytes32 hash, bytes memory witness, uint256 position) private view {
        try this.isAccepted(hash, witness) returns (bool accepted) {
            require(!accepted, Accepted(position));
        } catch {
            revert Accepted(position);
        }
    }

    /// A call of its own, so that its memory is freed.
    function isAccepted(bytes32 hash, bytes memory witness) external view returns (bool accepted) {
        (accepted,) = tryStep(hash, witness);
    }

    function precompileOutput(bytes memory proof) private pure returns (bytes memory) {
        return bytes.concat(hex"01", slice(proof, 20, proof.length - 20));
    }

    /// A machine with four leaves of code and three of memory near TARGET, to which a0 points.
    function about(uint32 word) private pure returns (Machine memory machine) {
        machine = MachineBuilder.about(word);
        machine.input = keccak256("input");
        machine.exitCode = 0;
        for (uint64 i = 1; i < 32; ++i) {
            machine.x[i] = uint64(uint256(keccak256(abi.encode(i))));
        }
        machine.x[10] = uint64(TARGET);
        machine.codeEnd = machine.codeStart + 128;
        for (uint256 i = 1; i < 4; ++i) {
            Leaf memory leaf = Leaf(i, keccak256(abi.encode("code", i)));
            machine.code = MachineBuilder.append(machine.code, leaf);
        }
        uint256[3] memory targets = [TARGET, TARGET + 0x200, 0x3fffffe0];
        for (uint256 i = 0; i < 3; ++i) {
            Leaf memory leaf = Leaf(targets[i] / 32, keccak256(abi.encode("data", i)));
            machine.data = MachineBuilder.append(machine.data, leaf);
        }
    }

    function aboutPreimage(bytes1 keyType, bytes memory hashed)
        private
        pure
        returns (Machine memory machine)
    {
        machine = about(ECALL);
        bytes32 key = bytes32(keyType) | keccak256(hashed) << 8 >> 8;
        for (uint256 i = 0; i < 4; ++i) {
            machine.x[10 + i] = 0;
            for (uint256 k = 0; k < 8; ++k) {
                machine.x[10 + i] += uint64(uint8(key[8 * i + k])) * uint64(256 ** k);
            }
        }
        (machine.x[14], machine.x[15], machine.x[17]) = (0, uint64(TARGET), 0x1001);
    }

    function expectLength(bytes memory witness, uint256 expected) private {
        vm.expectRevert(
            abi.encodeWithSelector(WitnessReader.WitnessLength.selector, witness.length, expected)
        );
        verifier.step(0, witness);
    }

    function bitOf(bytes memory witness, uint256 i) private pure returns (bool) {
        return uint8(witness[MEMORY + 3 - i / 8]) >> i % 8 & 1 == 1;
    }

    function setBit(bytes memory witness, uint256 i) private pure {
        witness[MEMORY + 3 - i / 8] |= bytes1(uint8(1 << i % 8));
    }

    function insert(bytes memory data, uint256 place, bytes memory more)
        private
        pure
        returns (bytes memory)
    {
        return bytes.concat(cut(data, place), more, slice(data, place, data.length - place));
    }

    function cut(bytes memory data, uint256 length) private pure returns (bytes memory) {
        return slice(data, 0, length);
    }

    function slice(bytes memory data, uint256 from, uint256 length)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = data[from + i];
        }
    }
}
