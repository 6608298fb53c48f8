// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Leaf, SparseTree} from "./SparseTree.sol";

/// @notice The whole machine, nothing packed: leaves not listed are zero.
struct Machine {
    uint64[32] x;
    uint64 pc;
    uint64 step;
    uint8 status;
    uint16 exitCode;
    bytes32 input;
    uint64 codeStart;
    uint64 codeEnd;
    Leaf[] code;
    Leaf[] data;
}

/// @notice The memory that a step touches: `size` bytes from `start`, aligned; none if 0.
struct Touched {
    uint256 start;
    uint256 size;
}

using MachineBuilder for Machine global;

/// @title  MachineBuilder
/// @notice Makes machines, their state hashes and the witnesses of their steps, by plain
///         concatenation.
library MachineBuilder {
    uint256 internal constant DEPTH = 25;

    /// @notice A machine that is about to execute `word`, the only one of its code.
    function about(uint32 word) internal pure returns (Machine memory machine) {
        machine.pc = machine.codeStart = 0x10000;
        machine.codeEnd = 0x10004;
        machine.step = 7;
        machine.code = new Leaf[](1);
        machine.data = new Leaf[](0);
        machine.setWord(machine.pc, word);
    }

    function copy(Machine memory self) internal pure returns (Machine memory) {
        return abi.decode(abi.encode(self), (Machine));
    }

    /// @notice Puts an instruction into the code.
    function setWord(Machine memory self, uint64 pc, uint32 word) internal pure {
        uint256 offset = pc - self.codeStart;
        for (uint256 i = 0; i < 4; ++i) {
            setByte(self.code, offset + i, uint8(word >> 8 * i));
        }
    }

    /// @notice Puts bytes into memory; a leaf for each must be listed.
    function setBytes(Machine memory self, uint256 target, bytes memory data) internal pure {
        for (uint256 i = 0; i < data.length; ++i) {
            setByte(self.data, target + i, uint8(data[i]));
        }
    }

    function byteAt(Machine memory self, uint256 target) internal pure returns (uint8) {
        for (uint256 i = 0; i < self.data.length; ++i) {
            if (self.data[i].index == target / 32) return uint8(self.data[i].value[target % 32]);
        }
        return 0;
    }

    /// @notice Lists one more leaf of memory, zero if it was not listed yet.
    function list(Machine memory self, uint256 index) internal pure {
        for (uint256 i = 0; i < self.data.length; ++i) {
            if (self.data[i].index == index) return;
        }
        self.data = append(self.data, Leaf(index, 0));
    }

    function append(Leaf[] memory leaves, Leaf memory leaf)
        internal
        pure
        returns (Leaf[] memory longer)
    {
        longer = new Leaf[](leaves.length + 1);
        for (uint256 i = 0; i < leaves.length; ++i) {
            longer[i] = leaves[i];
        }
        longer[leaves.length] = leaf;
    }

    function stateHash(Machine memory self) internal pure returns (bytes32) {
        return stateHash(self, memoryRoot(self));
    }

    /// @notice The same with a memory that is not listed.
    function stateHash(Machine memory self, bytes32 root) internal pure returns (bytes32) {
        bytes32 codeRoot = keccak256(
            bytes.concat(codeTreeRoot(self), bytes8(self.codeStart), bytes8(self.codeEnd))
        );
        return keccak256(bytes.concat(codeRoot, root, tail(self)));
    }

    function witness(Machine memory self, Touched memory touched, bytes memory proof)
        internal
        pure
        returns (bytes memory)
    {
        return bytes.concat(witnessHead(self), memoryPart(self, touched), proof);
    }

    /// @notice The witness up to its memory part.
    function witnessHead(Machine memory self) internal pure returns (bytes memory) {
        bytes memory bounds = bytes.concat(bytes8(self.codeStart), bytes8(self.codeEnd));
        return bytes.concat(tail(self), bounds, codePart(self));
    }

    /// @notice The state without its roots.
    function tail(Machine memory self) internal pure returns (bytes memory packed) {
        packed = bytes.concat(
            self.input,
            bytes8(self.pc),
            bytes8(self.step),
            bytes1(self.status),
            bytes2(self.exitCode)
        );
        for (uint256 i = 1; i < 32; ++i) {
            packed = bytes.concat(packed, bytes8(self.x[i]));
        }
    }

    function codeDepth(Machine memory self) internal pure returns (uint256 depth) {
        while (32 * 2 ** depth < self.codeEnd - self.codeStart) ++depth;
    }

    function codeTreeRoot(Machine memory self) internal pure returns (bytes32) {
        return SparseTree.node(self.code, codeDepth(self), 0);
    }

    function memoryRoot(Machine memory self) internal pure returns (bytes32) {
        return SparseTree.node(self.data, DEPTH, 0);
    }

    function hasInstruction(Machine memory self) internal pure returns (bool) {
        return
            self.status == 0 && self.pc % 4 == 0 && self.codeStart <= self.pc
                && self.pc < self.codeEnd;
    }

    function codePart(Machine memory self) private pure returns (bytes memory) {
        if (!hasInstruction(self)) return bytes.concat(codeTreeRoot(self));
        uint256 index = (self.pc - self.codeStart) / 32;
        bytes32 leaf = SparseTree.node(self.code, 0, index);
        bytes32[] memory siblings = SparseTree.siblings(self.code, codeDepth(self), 0, index);
        return bytes.concat(leaf, abi.encodePacked(siblings));
    }

    function memoryPart(Machine memory self, Touched memory touched)
        private
        pure
        returns (bytes memory part)
    {
        if (touched.size == 0) return bytes.concat(memoryRoot(self));
        uint256 height = 0;
        while (32 * 2 ** height < touched.size) ++height;
        for (uint256 i = 0; i < touched.size / 32; ++i) {
            part = bytes.concat(part, SparseTree.node(self.data, 0, touched.start / 32 + i));
        }
        bytes32[] memory siblings =
            SparseTree.siblings(self.data, DEPTH, height, touched.start / touched.size);
        bytes32[] memory zeros = SparseTree.zeros(DEPTH);
        uint32 bitmap = 0;
        for (uint256 i = 0; i < siblings.length; ++i) {
            if (siblings[i] == zeros[height + i]) continue;
            bitmap += uint32(2 ** (height + i));
            part = bytes.concat(part, siblings[i]);
        }
        return bytes.concat(bytes4(bitmap), part);
    }

    function setByte(Leaf[] memory leaves, uint256 target, uint8 value) private pure {
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (leaves[i].index != target / 32) continue;
            uint256 shift = 8 * (31 - target % 32);
            leaves[i].value &= ~bytes32(0xff << shift);
            leaves[i].value |= bytes32(uint256(value) << shift);
            return;
        }
        revert("no such leaf");
    }
}
