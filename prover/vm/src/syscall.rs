//! System calls: what ECALL does by the number in a7. Both engines call this.
//!
//! | a7 | name | in | out |
//! |---|---|---|---|
//! | 93 | halt | a0 exit code, a1..a4 output | |
//! | 64 | write | a1 pointer, a2 length | a0 = a2 |
//! | 0x1000 | read_input | | a0..a3 input |
//! | 0x1001 | read_preimage | a0..a3 key, a4 offset, a5 destination | leaf at a5, a0 length |
//! | 0x1002 | hint | a0 pointer, a1 length | |
//! | 0x1003 | keccak | a0 pointer, a1 length | a0..a3 hash |
//!
//! Four registers hold 32 bytes, each register 8 of them in little endian.

use alloy_primitives::{B256, keccak256};

use crate::{
    Hart, VmError,
    code::WORD_BYTES,
    hart::{HaltCause, register::*},
    host::{HOST_BYTES_MAX, HostPort},
    memory::Memory,
    merkle::{LEAF_BYTES, LEAF_SHIFT},
    merkle::{MEMORY_BYTES, PAGE_BYTES},
};

/// Numbers of the system calls.
pub mod syscall_number {
    /// Halts with an exit code and an output.
    pub const HALT: u64 = 93;
    /// Writes text for people to read; does nothing on L1.
    pub const WRITE: u64 = 64;
    /// Reads the input.
    pub const READ_INPUT: u64 = 0x1000;
    /// Reads 32 bytes of a preimage.
    pub const READ_PREIMAGE: u64 = 0x1001;
    /// Says to the host what the program will ask for; does nothing on L1.
    pub const HINT: u64 = 0x1002;
    /// Hashes memory.
    pub const KECCAK: u64 = 0x1003;
}

/// Most bytes that `keccak` hashes.
pub const KECCAK_BYTES_MAX: u64 = 65_536;

/// Key types: KECCAK, BLOB, PRECOMPILE.
const KEY_TYPES: std::ops::RangeInclusive<u8> = 1..=3;

/// Executes ECALL.
///
/// # Errors
/// Only the host's: then nothing has changed.
// PROTOCOL.md MACHINE-8
pub(crate) fn system_call(
    hart: &mut Hart,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
) -> Result<(), VmError> {
    let next_pc = hart.pc.wrapping_add(WORD_BYTES);
    match hart.x[A7] {
        syscall_number::HALT => {
            let [exit_code, ..] = hart.x[A0].to_le_bytes();
            hart.halt(u16::from(exit_code));
            return Ok(());
        }
        syscall_number::WRITE => {
            if let Some(text) = for_host(memory, hart.x[A1], hart.x[A2]) {
                host.write(hart.step, text);
            }
            hart.x[A0] = hart.x[A2];
        }
        syscall_number::READ_INPUT => {
            let input = hart.input;
            hart.set_word(&input);
        }
        syscall_number::READ_PREIMAGE => match preimage_destination(hart) {
            Ok(_) => read_preimage(hart, memory, host)?,
            Err(cause) => {
                hart.halt(cause as u16);
                return Ok(());
            }
        },
        syscall_number::HINT => {
            if let Some(hint) = for_host(memory, hart.x[A0], hart.x[A1]) {
                host.hint(hart.step, hint);
            }
        }
        syscall_number::KECCAK => match keccak_subtree(hart) {
            Ok(_) => {
                let bytes = memory.slice(hart.x[A0], hart.x[A1]).expect("inside the subtree");
                hart.set_word(&keccak256(bytes));
            }
            Err(cause) => {
                hart.halt(cause as u16);
                return Ok(());
            }
        },
        _ => {
            hart.halt(HaltCause::UnknownSyscall as u16);
            return Ok(());
        }
    }
    hart.retire(next_pc);
    Ok(())
}

/// Where `read_preimage` writes: the number of a leaf.
///
/// # Errors
/// The cause of the halt, by the first check that fails.
pub(crate) fn preimage_destination(hart: &Hart) -> Result<u32, HaltCause> {
    let destination = hart.x[A5];
    if !KEY_TYPES.contains(&hart.word(A0)[0]) {
        return Err(HaltCause::UnknownKeyType);
    }
    if !destination.is_multiple_of(LEAF_BYTES as u64) {
        return Err(HaltCause::MisalignedPreimage);
    }
    // An aligned leaf that begins inside ends inside.
    if destination >= MEMORY_BYTES {
        return Err(HaltCause::PreimageOutOfRange);
    }
    Ok(leaf_number(destination))
}

/// The key and the offset that `read_preimage` reads.
pub(crate) fn preimage_request(hart: &Hart) -> (B256, u64) {
    (hart.word(A0), hart.x[A4])
}

/// The subtree that `keccak` reads: its first leaf and its height.
///
/// # Errors
/// The cause of the halt, by the first check that fails.
// PROTOCOL.md MACHINE-9
pub(crate) fn keccak_subtree(hart: &Hart) -> Result<(u32, u32), HaltCause> {
    let (pointer, length) = (hart.x[A0], hart.x[A1]);
    if length > KECCAK_BYTES_MAX {
        return Err(HaltCause::KeccakTooLong);
    }
    let size = length.next_power_of_two().max(LEAF_BYTES as u64);
    let alignment = size.max(PAGE_BYTES as u64);
    if pointer & alignment.wrapping_sub(1) != 0 {
        return Err(HaltCause::MisalignedKeccak);
    }
    // Aligned to its size or more: one that begins inside ends inside.
    if pointer >= MEMORY_BYTES {
        return Err(HaltCause::KeccakOutOfRange);
    }
    Ok((leaf_number(pointer), (size >> LEAF_SHIFT).ilog2()))
}

fn read_preimage(
    hart: &mut Hart,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
) -> Result<(), VmError> {
    let (key, offset) = preimage_request(hart);
    let preimage = host.preimage(&key)?;
    let word = preimage_word(preimage, offset);
    hart.x[A0] = preimage.len() as u64;
    let written = memory.write(hart.x[A5], word.as_slice());
    assert!(written, "the destination has been checked");
    Ok(())
}

/// 32 bytes of a preimage from `offset` on, zeros beyond its end.
pub(crate) fn preimage_word(preimage: &[u8], offset: u64) -> B256 {
    let rest = usize::try_from(offset).ok().and_then(|offset| preimage.get(offset..));
    let rest = rest.unwrap_or_default();
    B256::right_padding_from(&rest[..rest.len().min(LEAF_BYTES)])
}

/// What the host gets of a range: nothing if it leaves the memory.
fn for_host(memory: &Memory, pointer: u64, length: u64) -> Option<&[u8]> {
    let range = memory.slice(pointer, length)?;
    Some(&range[..range.len().min(HOST_BYTES_MAX)])
}

#[expect(clippy::cast_possible_truncation, reason = "addresses in memory have 30 bits")]
const fn leaf_number(address: u64) -> u32 {
    (address >> LEAF_SHIFT) as u32
}
