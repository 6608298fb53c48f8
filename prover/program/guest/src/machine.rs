//! The machine's calls.

use core::arch::asm;

use alloy_primitives::B256;

const HALT: u64 = 93;
const WRITE: u64 = 64;
const READ_INPUT: u64 = 0x1000;
const READ_PREIMAGE: u64 = 0x1001;
const KECCAK: u64 = 0x1003;

/// 32 bytes as the machine's calls take and give them.
fn to_words(bytes: &B256) -> [u64; 4] {
    let words = bytes.as_chunks::<8>().0;
    core::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

fn from_words(words: [u64; 4]) -> B256 {
    let mut bytes = B256::ZERO;
    for (chunk, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

/// Halts.
pub(crate) fn exit(code: u64, output: B256) -> ! {
    let output = to_words(&output);
    // SAFETY: the call does not return.
    unsafe {
        asm!(
            "ecall",
            in("a7") HALT,
            in("a0") code,
            in("a1") output[0],
            in("a2") output[1],
            in("a3") output[2],
            in("a4") output[3],
            options(noreturn, nostack),
        )
    }
}

/// The 32 bytes that the run was started with.
pub(crate) fn read_input() -> B256 {
    let words: [u64; 4];
    let (a, b, c, d);
    // SAFETY: touches nothing but these registers.
    unsafe {
        asm!(
            "ecall",
            in("a7") READ_INPUT,
            lateout("a0") a,
            lateout("a1") b,
            lateout("a2") c,
            lateout("a3") d,
            options(nomem, nostack, preserves_flags),
        );
    }
    words = [a, b, c, d];
    from_words(words)
}

/// Writes a word of 32 bytes of a preimage to `to`; gives the length of the preimage.
///
/// # Safety
/// `to` is aligned to 32 and may be written.
pub(crate) unsafe fn read_preimage(key: &B256, offset: usize, to: *mut u8) -> usize {
    let key = to_words(key);
    let len: usize;
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "ecall",
            in("a7") READ_PREIMAGE,
            inlateout("a0") key[0] => len,
            in("a1") key[1],
            in("a2") key[2],
            in("a3") key[3],
            in("a4") offset,
            in("a5") to,
            options(nostack, preserves_flags),
        );
    }
    len
}

/// The hash of `len` bytes, as words in the order of its bytes.
///
/// # Safety
/// `message` is readable up to the next power of two above `len`, and aligned to that and to 4,096.
pub(crate) unsafe fn keccak(message: *const u8, len: usize) -> [u64; 4] {
    let (a, b, c, d);
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "ecall",
            in("a7") KECCAK,
            inlateout("a0") message => a,
            inlateout("a1") len => b,
            lateout("a2") c,
            lateout("a3") d,
            options(readonly, nostack, preserves_flags),
        );
    }
    [a, b, c, d]
}

/// Text for people who test the program. The next claim does not depend on it.
pub(crate) struct Console;

impl core::fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        // SAFETY: reads the text, and nothing else.
        unsafe {
            asm!(
                "ecall",
                in("a7") WRITE,
                inlateout("a0") 1_u64 => _,
                in("a1") text.as_ptr(),
                in("a2") text.len(),
                options(readonly, nostack, preserves_flags),
            );
        }
        Ok(())
    }
}
