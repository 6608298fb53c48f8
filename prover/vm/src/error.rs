//! What can go wrong around a machine. Whatever a program does is a state, never an error.

use alloy_primitives::B256;

/// Errors of this crate, sorted by what the caller does about them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VmError {
    // Fetch what is missing and run again: the machine stands before the step that asked.
    /// The host lacks a preimage.
    #[error("the host has no preimage of key {key}")]
    MissingPreimage {
        /// What the program asked for.
        key: B256,
    },

    // The host is wrong.
    /// The host gave a preimage that no one could prove.
    #[error("preimage of key {key} has {bytes} bytes, expected at most {max}",
        max = crate::PREIMAGE_BYTES_MAX)]
    PreimageTooLong {
        /// What the program asked for.
        key: B256,
        /// Length of what the host gave.
        bytes: usize,
    },

    // The program file cannot be run.
    /// The file is no ELF file, or is cut off.
    #[error("not an ELF file of 64-bit little endian: {reason}")]
    NotElf {
        /// What the parser found.
        reason: String,
    },
    /// A header field says that the file is for another machine, or not static.
    #[error("ELF field {field} is {found}, expected {expected}")]
    WrongElfField {
        /// Name in the ELF specification.
        field: &'static str,
        /// In the file.
        found: u64,
        /// What this machine runs.
        expected: u64,
    },
    /// The file needs a loader at run time.
    #[error("ELF has a {segment} segment: link it statically, not as position independent")]
    NotStatic {
        /// Name of the segment's type.
        segment: &'static str,
    },
    /// A segment that does not fit into the memory.
    #[error("segment at {address:#x} of {bytes} bytes exceeds the memory of 2^30 bytes")]
    SegmentOutOfRange {
        /// p_vaddr.
        address: u64,
        /// p_memsz.
        bytes: u64,
    },
    /// A segment that has more bytes in the file than in memory.
    #[error("segment at {address:#x} has {file_bytes} bytes in the file, in memory {bytes}")]
    SegmentTruncated {
        /// p_vaddr.
        address: u64,
        /// p_filesz.
        file_bytes: u64,
        /// p_memsz.
        bytes: u64,
    },
    /// Two segments claim the same bytes.
    #[error("the segment at {address:#x} overlaps the one before")]
    SegmentsOverlap {
        /// p_vaddr of the second.
        address: u64,
    },
    /// Not exactly one segment is executable.
    #[error("found {found} executable segments, expected 1")]
    CodeSegments {
        /// How many there are.
        found: usize,
    },
    /// No code, or more than the code tree holds.
    #[error("code of {bytes} bytes, expected 1 to {max}", max = crate::CODE_BYTES_MAX)]
    CodeSize {
        /// From the start rounded down to the end rounded up.
        bytes: u64,
    },

    // The witness proves nothing.
    /// A witness shorter or longer than its own content asks for.
    #[error("witness has {found} bytes, expected {expected}")]
    WitnessLength {
        /// Bytes given.
        found: usize,
        /// Bytes needed, as far as it was read.
        expected: usize,
    },
    /// The witness belongs to another state.
    #[error("witness is of state {computed}, expected {expected}")]
    WrongPreState {
        /// What it was to prove.
        expected: B256,
        /// What it proves.
        computed: B256,
    },
    /// A status that no state has.
    #[error("status {status}, expected 0 or 1")]
    InvalidStatus {
        /// In the witness.
        status: u8,
    },
    /// Bounds that no code has.
    #[error("code from {start:#x} to {end:#x} breaks the rules of the code tree")]
    InvalidCodeBounds {
        /// First address.
        start: u64,
        /// Address after the last.
        end: u64,
    },
    /// A bitmap with bits that stand for no sibling.
    #[error("bitmap {bitmap:#010x} has bits below {lowest} or above 24")]
    InvalidBitmap {
        /// In the witness.
        bitmap: u32,
        /// First height that may be given.
        lowest: u32,
    },
    /// A sibling that the verifier knows was given all the same.
    #[error("sibling at height {height} is the zero hash, expected its bit to be clear")]
    RedundantSibling {
        /// Height in the memory tree.
        height: u32,
    },
    /// The oracle does not accept the proof of a preimage.
    #[error("proof of the preimage of key {key} is not accepted")]
    PreimageRejected {
        /// What the program asked for.
        key: B256,
    },
}
