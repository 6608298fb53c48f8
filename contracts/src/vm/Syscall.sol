// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Access, Use} from "./Access.sol";
import {ExitCode} from "./ExitCode.sol";
import {State} from "./MachineState.sol";
import {MemoryTree} from "./MemoryTree.sol";

/// @title  Syscall
/// @notice What ECALL does, by a7. Each is a function of the state and, for `read_preimage`, of the
///         one preimage that the key names.
///
///       | a7     | name          | in                                | out                       |
///       |--------|---------------|-----------------------------------|---------------------------|
///       | 93     | halt          | a0 exit code, a1..a4 the output   | status, exit code         |
///       | 64     | write         | a2 length                         | a0 = a2                   |
///       | 0x1000 | read_input    |                                   | a0..a3 the input          |
///       | 0x1001 | read_preimage | a0..a3 key, a4 offset, a5 address | the leaf at a5, a0 length |
///       | 0x1002 | hint          |                                   |                           |
///       | 0x1003 | keccak        | a0 address, a1 length             | a0..a3 the hash           |
///
///         32 bytes in four registers: the first eight in the first one, little endian, so that
///         four SD store them in order.
library Syscall {
    uint64 internal constant HALT = 93;
    uint64 internal constant WRITE = 64;
    uint64 internal constant READ_INPUT = 0x1000;
    uint64 internal constant READ_PREIMAGE = 0x1001;
    uint64 internal constant HINT = 0x1002;
    uint64 internal constant KECCAK = 0x1003;

    /// @notice Most bytes that the `keccak` syscall hashes.
    uint64 internal constant KECCAK_LENGTH_MAX = 65_536;
    /// @notice Least alignment of what it hashes.
    uint256 internal constant KECCAK_ALIGNMENT_MIN = 4096;

    uint256 private constant A0 = 10;
    uint256 private constant A1 = 11;
    uint256 private constant A2 = 12;
    uint256 private constant A4 = 14;
    uint256 private constant A5 = 15;
    uint256 private constant A7 = 17;

    uint8 private constant KEY_TYPE_MIN = 1;
    uint8 private constant KEY_TYPE_MAX = 3;

    /// @notice The memory that the call needs, or the exit code.
    function locate(State memory state)
        internal
        pure
        returns (Access memory access, uint16 exitCode)
    {
        uint64 number = state.register(A7);
        if (number == READ_PREIMAGE) return locatePreimage(state);
        if (number == KECCAK) return locateKeccak(state);
        bool known = number == HALT || number == WRITE || number == READ_INPUT || number == HINT;
        if (!known) exitCode = ExitCode.UNKNOWN_SYSCALL;
    }

    /// @notice `halt`, `write`, `read_input` and `hint`.
    function execute(State memory state) internal pure {
        // PROTOCOL.md MACHINE-8
        uint64 number = state.register(A7);
        if (number == HALT) state.halt(uint8(state.register(A0)));
        else if (number == WRITE) state.setRegister(A0, state.register(A2));
        else if (number == READ_INPUT) setWord(state, state.input());
    }

    /// @notice What `read_preimage` asks for.
    function preimage(State memory state) internal pure returns (bytes32 key, uint64 offset) {
        return (preimageKey(state), state.register(A4));
    }

    /// @notice The end of `read_preimage`.
    function setLength(State memory state, uint64 length) internal pure {
        state.setRegister(A0, length);
    }

    /// @notice The end of `keccak`.
    function setHash(State memory state, bytes32 hash) internal pure {
        setWord(state, hash);
    }

    function locatePreimage(State memory state)
        private
        pure
        returns (Access memory access, uint16 exitCode)
    {
        uint8 keyType = uint8(preimageKey(state)[0]);
        uint64 target = state.register(A5);
        if (keyType < KEY_TYPE_MIN || keyType > KEY_TYPE_MAX) {
            exitCode = ExitCode.UNKNOWN_KEY_TYPE;
        } else if (target % MemoryTree.LEAF_SIZE != 0) {
            exitCode = ExitCode.MISALIGNED_PREIMAGE;
        } else if (target + MemoryTree.LEAF_SIZE > MemoryTree.SIZE) {
            exitCode = ExitCode.PREIMAGE_OUT_OF_RANGE;
        } else {
            access = Access(Use.Preimage, target, MemoryTree.LEAF_SIZE, 0);
        }
    }

    function locateKeccak(State memory state)
        private
        pure
        returns (Access memory access, uint16 exitCode)
    {
        uint64 start = state.register(A0);
        uint64 length = state.register(A1);
        // PROTOCOL.md MACHINE-9
        if (length > KECCAK_LENGTH_MAX) return (access, ExitCode.KECCAK_TOO_LONG);
        uint256 size = MemoryTree.LEAF_SIZE;
        if (length > size) size = 1 << Math.log2(length, Math.Rounding.Ceil);
        if (start % Math.max(KECCAK_ALIGNMENT_MIN, size) != 0) {
            exitCode = ExitCode.MISALIGNED_KECCAK;
        } else if (start + size > MemoryTree.SIZE) {
            exitCode = ExitCode.KECCAK_OUT_OF_RANGE;
        } else {
            access = Access(Use.Keccak, start, size, length);
        }
    }

    function preimageKey(State memory state) private pure returns (bytes32 key) {
        for (uint256 i = 0; i < 4; ++i) {
            bytes8 part = Bytes.reverseBytes8(bytes8(state.register(A0 + i)));
            key |= bytes32(part) >> 64 * i;
        }
    }

    function setWord(State memory state, bytes32 word) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            bytes8 part = Bytes.reverseBytes8(bytes8(word << 64 * i));
            state.setRegister(A0 + i, uint64(part));
        }
    }
}
