// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title  ExitCode
/// @notice Why the machine halted by itself. A program's own exit codes are below 0x100. The same
///         names and values are in prover/vm.
// PROTOCOL.md MACHINE-6
library ExitCode {
    /// @dev The step is not stopped.
    uint16 internal constant NONE = 0;
    uint16 internal constant MISALIGNED_FETCH = 0x101;
    uint16 internal constant FETCH_OUT_OF_RANGE = 0x102;
    uint16 internal constant ILLEGAL_INSTRUCTION = 0x103;
    uint16 internal constant BREAKPOINT = 0x104;
    uint16 internal constant CSR = 0x105;
    uint16 internal constant MISALIGNED_LOAD = 0x106;
    uint16 internal constant MISALIGNED_STORE = 0x107;
    uint16 internal constant LOAD_OUT_OF_RANGE = 0x108;
    uint16 internal constant STORE_OUT_OF_RANGE = 0x109;
    uint16 internal constant MISALIGNED_PREIMAGE = 0x10a;
    uint16 internal constant PREIMAGE_OUT_OF_RANGE = 0x10b;
    uint16 internal constant UNKNOWN_KEY_TYPE = 0x10c;
    uint16 internal constant KECCAK_TOO_LONG = 0x10d;
    uint16 internal constant MISALIGNED_KECCAK = 0x10e;
    uint16 internal constant KECCAK_OUT_OF_RANGE = 0x10f;
    uint16 internal constant UNKNOWN_SYSCALL = 0x110;
}
