//! The hart: program counter, registers and status, as the RISC-V manual calls one thread of
//! execution. It holds everything of a state but the two trees.

use alloy_primitives::B256;

/// Number of registers, x0 included.
pub const REGISTER_COUNT: usize = 32;

/// ABI names of the registers that system calls use.
pub(crate) mod register {
    pub(crate) const A0: usize = 10;
    pub(crate) const A1: usize = 11;
    pub(crate) const A2: usize = 12;
    pub(crate) const A4: usize = 14;
    pub(crate) const A5: usize = 15;
    pub(crate) const A7: usize = 17;
}

/// Whether a program still runs. The numbers are those of the packed state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// The next step executes an instruction.
    #[default]
    Running = 0,
    /// Nothing changes any more, not even the step counter.
    Halted = 1,
}

/// Why a machine halted without being asked to. The numbers are exit codes; a program's own are
/// below 0x100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
// PROTOCOL.md MACHINE-6
pub enum HaltCause {
    /// pc is not a multiple of 4.
    MisalignedFetch = 0x101,
    /// pc lies outside of the code.
    FetchOutOfRange = 0x102,
    /// The word at pc is no RV64IM instruction.
    IllegalInstruction = 0x103,
    /// EBREAK.
    Breakpoint = 0x104,
    /// An instruction that reads or writes a control and status register.
    Csr = 0x105,
    /// A load from an address that is not a multiple of its size.
    MisalignedLoad = 0x106,
    /// A store to an address that is not a multiple of its size.
    MisalignedStore = 0x107,
    /// A load from beyond the memory.
    LoadOutOfRange = 0x108,
    /// A store beyond the memory.
    StoreOutOfRange = 0x109,
    /// `read_preimage` to an address that is not a multiple of 32.
    MisalignedPreimage = 0x10a,
    /// `read_preimage` beyond the memory.
    PreimageOutOfRange = 0x10b,
    /// `read_preimage` of a key whose first byte names no type.
    UnknownKeyType = 0x10c,
    /// `keccak` of more bytes than [`crate::KECCAK_BYTES_MAX`].
    KeccakTooLong = 0x10d,
    /// `keccak` of bytes that do not begin a subtree of memory.
    MisalignedKeccak = 0x10e,
    /// `keccak` beyond the memory.
    KeccakOutOfRange = 0x10f,
    /// ECALL with a number that the machine does not know.
    UnknownSyscall = 0x110,
}

/// Program counter, registers, status, step counter and input of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hart {
    /// Address of the next instruction.
    pub pc: u64,
    /// Instructions executed so far, the one that halted included.
    pub step: u64,
    /// Whether the program still runs.
    pub status: Status,
    /// 0 while running; then the program's own (below 0x100) or a [`HaltCause`].
    pub exit_code: u16,
    /// x0..x31; x0 is always zero.
    pub x: [u64; REGISTER_COUNT],
    /// What `read_input` returns. A run depends on this, its program and preimages, and on nothing
    /// else.
    pub input: B256,
}

impl Hart {
    /// A hart about to execute its first instruction.
    #[must_use]
    pub fn new(entry: u64, input: B256) -> Self {
        Self { pc: entry, input, ..Self::default() }
    }

    /// True when no step changes anything any more.
    #[must_use]
    pub const fn is_halted(&self) -> bool {
        matches!(self.status, Status::Halted)
    }

    /// What the program put out: a1..a4 in little endian, as it halted. Meaningful once halted with
    /// an exit code below 0x100.
    #[must_use]
    pub fn output(&self) -> B256 {
        self.word(register::A1)
    }

    /// The 32 bytes of four registers from `first` on, each little endian.
    pub(crate) fn word(&self, first: usize) -> B256 {
        let mut word = B256::ZERO;
        for (bytes, register) in word.chunks_exact_mut(8).zip(self.x.iter().skip(first)) {
            bytes.copy_from_slice(&register.to_le_bytes());
        }
        word
    }

    /// Puts 32 bytes into a0..a3, as [`Self::word`] reads them.
    pub(crate) fn set_word(&mut self, word: &B256) {
        let (parts, _) = word.as_chunks::<8>();
        for (register, bytes) in self.x.iter_mut().skip(register::A0).zip(parts) {
            *register = u64::from_le_bytes(*bytes);
        }
    }

    /// Goes on to `pc` and counts one more instruction.
    pub(crate) const fn retire(&mut self, pc: u64) {
        self.pc = pc;
        self.step = self.step.wrapping_add(1);
    }

    /// Halts on the instruction at pc; it counts as a step.
    pub(crate) const fn halt(&mut self, exit_code: u16) {
        self.status = Status::Halted;
        self.exit_code = exit_code;
        self.step = self.step.wrapping_add(1);
    }
}
