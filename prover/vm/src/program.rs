//! A program ready to run: its code, the image of memory that it starts with, its entry.

use alloy_primitives::{B256, keccak256};
#[cfg(all(target_arch = "x86_64", unix))]
use std::sync::{Arc, OnceLock};

#[cfg(all(target_arch = "x86_64", unix))]
use crate::jit::Jit;
use crate::{
    Code, Memory, VmError,
    elf::{Elf, Segment},
    predecode::FastCode,
};

/// A loaded program. Machines share it.
#[derive(Clone, Debug)]
pub struct Program {
    entry: u64,
    code: Code,
    fast_code: FastCode,
    /// Native code, made when that engine first runs the program; `None` where the system forbids
    /// it.
    #[cfg(all(target_arch = "x86_64", unix))]
    jit: OnceLock<Option<Arc<Jit>>>,
    segments: Vec<Segment>,
    memory_root: B256,
}

impl Program {
    /// Loads a static RV64IM ELF.
    ///
    /// # Errors
    /// Those of [`VmError`] about files.
    pub fn from_elf(file: &[u8]) -> Result<Self, VmError> {
        let Elf { entry, code, segments } = Elf::parse(file)?;
        Self::new(entry, code, segments)
    }

    /// A program of bare text, loaded and entered at `address`: for tests and experiments.
    ///
    /// # Errors
    /// When the text is empty, longer than a code tree, or does not fit into memory.
    pub fn from_text(address: u64, text: &[u8]) -> Result<Self, VmError> {
        let code = Code::new(address, text)?;
        Self::new(address, code, vec![Segment { address, bytes: text.to_vec() }])
    }

    fn new(entry: u64, code: Code, segments: Vec<Segment>) -> Result<Self, VmError> {
        let fast_code = FastCode::new(&code);
        let mut program = Self {
            entry,
            code,
            fast_code,
            #[cfg(all(target_arch = "x86_64", unix))]
            jit: OnceLock::new(),
            segments,
            memory_root: B256::ZERO,
        };
        let mut memory = Memory::new();
        for Segment { address, bytes } in &program.segments {
            if !memory.write(*address, bytes) {
                let bytes = bytes.len() as u64;
                return Err(VmError::SegmentOutOfRange { address: *address, bytes });
            }
        }
        program.memory_root = memory.root();
        Ok(program)
    }

    /// The text.
    #[must_use]
    pub const fn code(&self) -> &Code {
        &self.code
    }

    /// The text as the fast engine runs it.
    pub(crate) const fn fast_code(&self) -> &FastCode {
        &self.fast_code
    }

    /// The text as native code.
    #[cfg(all(target_arch = "x86_64", unix))]
    pub(crate) fn jit(&self) -> Option<&Jit> {
        let translate = || Jit::new(&self.code, &self.fast_code, self.pointers()).map(Arc::new);
        self.jit.get_or_init(translate).as_deref()
    }

    /// What may be pointers in the image: jump tables have the targets of indirect jumps. Pointers
    /// have 8 bytes or 4, in little endian, and lie below 2^30.
    #[cfg(all(target_arch = "x86_64", unix))]
    fn pointers(&self) -> impl Iterator<Item = u64> {
        let words = |segment: &Segment| {
            let offset = segment.address.wrapping_neg() & 3;
            let aligned = usize::try_from(offset).ok().and_then(|at| segment.bytes.get(at..));
            let (words, _) = aligned.unwrap_or_default().as_chunks::<4>();
            words.iter().map(|word| u32::from_le_bytes(*word).into()).collect::<Vec<u64>>()
        };
        self.segments.iter().flat_map(words)
    }

    /// Address of the first instruction.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// Root of the memory that the program starts with.
    #[must_use]
    pub const fn memory_root(&self) -> B256 {
        self.memory_root
    }

    /// The program hash: `keccak256(code root ‖ memory root ‖ entry:u64)`. With it and an input a
    /// contract builds the first state.
    #[must_use]
    // PROTOCOL.md MACHINE-4
    pub fn hash(&self) -> B256 {
        let mut packed = [0; 72];
        packed[..32].copy_from_slice(self.code.root().as_slice());
        packed[32..64].copy_from_slice(self.memory_root.as_slice());
        packed[64..].copy_from_slice(&self.entry.to_be_bytes());
        keccak256(packed)
    }

    /// Puts the image into a memory of zeros.
    pub(crate) fn load_image(&self, memory: &mut Memory) {
        for Segment { address, bytes } in &self.segments {
            let fits = memory.write(*address, bytes);
            assert!(fits, "loaded once already");
        }
    }
}
