//! The step verifier: from a state hash and a witness to the next state hash, knowing nothing else.
//!
//! It is the third implementation of the machine, and mirrors the contract `StepVerifier`: it
//! shares neither decoder nor arithmetic with the engines. It refuses bytes that are no witness of
//! the state, and never fails because of what a program did.

#![expect(clippy::cast_possible_truncation, reason = "the ISA truncates: words, shift amounts")]

use alloy_primitives::{B256, keccak256};

use crate::{
    VmError,
    hart::HaltCause,
    verify_alu::{branch, op, op_32, op_imm, op_imm_32},
    verify_proof::{MemoryProof, Reader, fold},
};

const MEMORY_END: u64 = 1 << 30;
const TAIL: usize = 299;
const PC: usize = 32;
const STEP: usize = 40;
const STATUS: usize = 48;
const EXIT_CODE: usize = 49;
const REGISTERS: usize = 51;

/// What checks the proof of a preimage, as the contract `PreimageOracle` does: from key, offset and
/// proof to the 32 bytes at the offset (zeros beyond the end) and the length; none if it refuses.
pub type PreimageOracle<'a> = &'a dyn Fn(&B256, u64, &[u8]) -> Option<(B256, u64)>;

/// An oracle of keccak keys alone: the proof is the preimage.
#[must_use]
pub fn keccak_oracle(key: &B256, offset: u64, proof: &[u8]) -> Option<(B256, u64)> {
    let mut expected = keccak256(proof);
    expected[0] = 1;
    (*key == expected).then(|| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(proof.len());
        let rest = &proof[from..];
        let mut word = B256::ZERO;
        word[..rest.len().min(32)].copy_from_slice(&rest[..rest.len().min(32)]);
        (word, proof.len() as u64)
    })
}

/// Executes the one step that `witness` describes.
///
/// # Errors
/// When the bytes are not the one witness of the state with hash `pre_state_hash`.
// PROTOCOL.md WITNESS-2
pub fn verify_step(
    pre_state_hash: B256,
    witness: &[u8],
    oracle: PreimageOracle<'_>,
) -> Result<B256, VmError> {
    let mut reader = Reader::new(witness);
    let mut step = Step::read(&mut reader, oracle, pre_state_hash)?;
    step.execute(reader)?;
    Ok(step.hash())
}

/// A step in execution.
struct Step<'a> {
    pre_state_hash: B256,
    code_root: B256,
    memory_root: B256,
    tail: [u8; TAIL],
    pc: u64,
    /// `None` when the step fetches no instruction.
    word: Option<u32>,
    oracle: PreimageOracle<'a>,
}

impl<'a> Step<'a> {
    /// Reads the witness up to its code, and so the instruction.
    fn read(
        reader: &mut Reader<'_>,
        oracle: PreimageOracle<'a>,
        pre_state_hash: B256,
    ) -> Result<Self, VmError> {
        let tail: [u8; TAIL] = reader.array()?;
        let (start, end) =
            (u64::from_be_bytes(reader.array()?), u64::from_be_bytes(reader.array()?));
        let length = end.wrapping_sub(start);
        if !start.is_multiple_of(32)
            || end <= start
            || !length.is_multiple_of(4)
            || length > 1 << 23
        {
            return Err(VmError::InvalidCodeBounds { start, end });
        }
        let status = tail[STATUS];
        if status > 1 {
            return Err(VmError::InvalidStatus { status });
        }
        let mut pc = [0; 8];
        pc.copy_from_slice(&tail[PC..STEP]);
        let pc = u64::from_be_bytes(pc);

        let mut word = None;
        let tree_root = if status == 0 && pc.is_multiple_of(4) && start <= pc && pc < end {
            let leaf: [u8; 32] = reader.array()?;
            let at = (pc % 32) as usize;
            word = Some(u32::from_le_bytes([0, 1, 2, 3].map(|byte| leaf[at | byte])));
            let depth = length.div_ceil(32).next_power_of_two().trailing_zeros();
            let mut siblings = Vec::new();
            for _ in 0..depth {
                siblings.push(B256::new(reader.array()?));
            }
            fold(B256::new(leaf), pc.wrapping_sub(start) / 32, siblings)
        } else {
            B256::new(reader.array()?)
        };
        let mut commitment = tree_root.to_vec();
        commitment.extend(start.to_be_bytes());
        commitment.extend(end.to_be_bytes());
        Ok(Self {
            pre_state_hash,
            code_root: keccak256(commitment),
            memory_root: B256::ZERO,
            tail,
            pc,
            word,
            oracle,
        })
    }

    fn execute(&mut self, reader: Reader<'_>) -> Result<(), VmError> {
        let Some(word) = self.word else {
            self.take_root(reader)?;
            if self.tail[STATUS] == 0 {
                let misaligned = !self.pc.is_multiple_of(4);
                let cause = if misaligned {
                    HaltCause::MisalignedFetch
                } else {
                    HaltCause::FetchOutOfRange
                };
                self.halt(cause as u16);
            }
            return Ok(());
        };
        match (word & 0x7f, word >> 12 & 7) {
            (0x03, 0..=6) => self.load(word, reader),
            (0x23, 0..=3) => self.store(word, reader),
            (0x73, _) if word == 0x73 => self.ecall(reader),
            _ => {
                self.take_root(reader)?;
                self.compute(word);
                Ok(())
            }
        }
    }

    /// Instructions without memory.
    fn compute(&mut self, word: u32) {
        let (a, b) = (self.get(word >> 15 & 31), self.get(word >> 20 & 31));
        let signed = i64::from(word.cast_signed());
        let mut next = self.pc.wrapping_add(4);
        let result = match word & 0x7f {
            0x37 => Some((signed & !0xfff).cast_unsigned()),
            0x17 => Some(self.pc.wrapping_add((signed & !0xfff).cast_unsigned())),
            0x6f => {
                let link = next;
                next = self.pc.wrapping_add(jump_offset(word));
                Some(link)
            }
            0x67 if word >> 12 & 7 == 0 => {
                let link = next;
                next = a.wrapping_add((signed >> 20).cast_unsigned()) & !1;
                Some(link)
            }
            0x63 => match branch(word, a, b) {
                Some(taken) => {
                    if taken {
                        next = self.pc.wrapping_add(branch_offset(word));
                    }
                    return self.retire(next);
                }
                None => None,
            },
            0x13 => op_imm(word, a),
            0x1b => op_imm_32(word, a),
            0x33 => op(word, a, b),
            0x3b => op_32(word, a, b),
            0x0f if word >> 12 & 7 == 0 => return self.retire(next),
            0x73 if word == 0x0010_0073 => return self.halt(HaltCause::Breakpoint as u16),
            0x73 if word >> 12 & 3 != 0 => return self.halt(HaltCause::Csr as u16),
            _ => None,
        };
        match result {
            Some(value) => {
                self.set(word >> 7 & 31, value);
                self.retire(next);
            }
            None => self.halt(HaltCause::IllegalInstruction as u16),
        }
    }

    fn load(&mut self, word: u32, mut reader: Reader<'_>) -> Result<(), VmError> {
        let address = self
            .get(word >> 15 & 31)
            .wrapping_add(i64::from(word.cast_signed() >> 20).cast_unsigned());
        let size = 1_u64 << (word >> 12 & 3);
        if let Some(cause) =
            fault(address, size, HaltCause::MisalignedLoad, HaltCause::LoadOutOfRange)
        {
            self.take_root(reader)?;
            self.halt(cause);
            return Ok(());
        }
        let proof = self.take_leaf(&mut reader, address)?;
        reader.finish()?;
        let mut bytes = [0; 8];
        let at = (address % 32) as usize;
        let size = size as usize;
        bytes[..size].copy_from_slice(&proof.data[at..at.wrapping_add(size)]);
        let unused = 64_u32.wrapping_sub((size as u32).wrapping_mul(8));
        let value = u64::from_le_bytes(bytes);
        let is_unsigned = word >> 14 & 1 == 1;
        let shifted = value.wrapping_shl(unused).cast_signed().wrapping_shr(unused);
        self.set(word >> 7 & 31, if is_unsigned { value } else { shifted.cast_unsigned() });
        self.retire(self.pc.wrapping_add(4));
        Ok(())
    }

    fn store(&mut self, word: u32, mut reader: Reader<'_>) -> Result<(), VmError> {
        let offset = (word.cast_signed() >> 25 << 5) | (word >> 7 & 31).cast_signed();
        let address = self.get(word >> 15 & 31).wrapping_add(i64::from(offset).cast_unsigned());
        let size = 1_u64 << (word >> 12 & 3);
        if let Some(cause) =
            fault(address, size, HaltCause::MisalignedStore, HaltCause::StoreOutOfRange)
        {
            self.take_root(reader)?;
            self.halt(cause);
            return Ok(());
        }
        let mut proof = self.take_leaf(&mut reader, address)?;
        reader.finish()?;
        let value = self.get(word >> 20 & 31).to_le_bytes();
        let at = (address % 32) as usize;
        for (byte, new) in proof.data[at..].iter_mut().zip(value).take(size as usize) {
            *byte = new;
        }
        self.memory_root = proof.root();
        self.retire(self.pc.wrapping_add(4));
        Ok(())
    }

    fn ecall(&mut self, mut reader: Reader<'_>) -> Result<(), VmError> {
        match self.get(17) {
            0x1001 => return self.read_preimage(reader),
            0x1003 => return self.keccak(reader),
            _ => self.take_root_from(&mut reader)?,
        }
        reader.finish()?;
        match self.get(17) {
            93 => self.halt((self.get(10) & 0xff) as u16),
            64 => self.set(10, self.get(12)),
            0x1000 => {
                let mut input = [0; 32];
                input.copy_from_slice(&self.tail[..32]);
                self.set_word(&B256::new(input));
            }
            0x1002 => {}
            _ => self.halt(HaltCause::UnknownSyscall as u16),
        }
        if self.tail[STATUS] == 0 {
            self.retire(self.pc.wrapping_add(4));
        }
        Ok(())
    }

    fn read_preimage(&mut self, mut reader: Reader<'_>) -> Result<(), VmError> {
        let mut key = B256::ZERO;
        for (register, bytes) in (10..14).zip(key.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&self.get(register).to_le_bytes());
        }
        let (offset, destination) = (self.get(14), self.get(15));
        let cause = if key[0] < 1 || key[0] > 3 {
            Some(HaltCause::UnknownKeyType as u16)
        } else {
            let (misaligned, outside) =
                (HaltCause::MisalignedPreimage, HaltCause::PreimageOutOfRange);
            fault(destination, 32, misaligned, outside)
        };
        if let Some(cause) = cause {
            self.take_root(reader)?;
            self.halt(cause);
            return Ok(());
        }
        let mut proof = self.take_leaf(&mut reader, destination)?;
        let (word, length) =
            (self.oracle)(&key, offset, reader.rest()).ok_or(VmError::PreimageRejected { key })?;
        proof.data = word.to_vec();
        self.memory_root = proof.root();
        self.set(10, length);
        self.retire(self.pc.wrapping_add(4));
        Ok(())
    }

    fn keccak(&mut self, mut reader: Reader<'_>) -> Result<(), VmError> {
        let (pointer, length) = (self.get(10), self.get(11));
        let mut size = 32;
        while size < length && size < 1 << 16 {
            size <<= 1;
        }
        let cause = if length > 1 << 16 {
            Some(HaltCause::KeccakTooLong)
        } else if !pointer.is_multiple_of(size.max(4096)) {
            Some(HaltCause::MisalignedKeccak)
        } else if u128::from(pointer).wrapping_add(u128::from(size)) > u128::from(MEMORY_END) {
            Some(HaltCause::KeccakOutOfRange)
        } else {
            None
        };
        if let Some(cause) = cause {
            self.take_root(reader)?;
            self.halt(cause as u16);
            return Ok(());
        }
        let proof = MemoryProof::read(&mut reader, pointer, size.trailing_zeros().wrapping_sub(5))?;
        reader.finish()?;
        self.memory_root = proof.root();
        self.check_pre_state()?;
        self.set_word(&keccak256(&proof.data[..length as usize]));
        self.retire(self.pc.wrapping_add(4));
        Ok(())
    }

    /// Reads the leaf that holds `address` and checks the state that the witness describes.
    fn take_leaf(&mut self, reader: &mut Reader<'_>, address: u64) -> Result<MemoryProof, VmError> {
        let proof = MemoryProof::read(reader, address, 0)?;
        self.memory_root = proof.root();
        self.check_pre_state()?;
        Ok(proof)
    }

    /// Reads the memory root of a step without memory, with which a witness ends.
    fn take_root(&mut self, mut reader: Reader<'_>) -> Result<(), VmError> {
        self.take_root_from(&mut reader)?;
        reader.finish()
    }

    fn take_root_from(&mut self, reader: &mut Reader<'_>) -> Result<(), VmError> {
        self.memory_root = B256::new(reader.array()?);
        self.check_pre_state()
    }

    fn check_pre_state(&self) -> Result<(), VmError> {
        let (expected, computed) = (self.pre_state_hash, self.hash());
        if expected == computed {
            return Ok(());
        }
        Err(VmError::WrongPreState { expected, computed })
    }

    fn hash(&self) -> B256 {
        keccak256([self.code_root.as_slice(), self.memory_root.as_slice(), &self.tail].concat())
    }

    /// A register as the packed state has it; x0 is not in there.
    fn get(&self, register: u32) -> u64 {
        if register == 0 {
            return 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.tail[register_offset(register)..][..8]);
        u64::from_be_bytes(bytes)
    }

    fn set(&mut self, register: u32, value: u64) {
        if register != 0 {
            self.tail[register_offset(register)..][..8].copy_from_slice(&value.to_be_bytes());
        }
    }

    fn set_word(&mut self, word: &B256) {
        for (register, bytes) in (10..14).zip(word.as_chunks::<8>().0) {
            self.set(register, u64::from_le_bytes(*bytes));
        }
    }

    fn retire(&mut self, pc: u64) {
        self.tail[PC..STEP].copy_from_slice(&pc.to_be_bytes());
        self.count();
    }

    fn halt(&mut self, exit_code: u16) {
        self.tail[STATUS] = 1;
        self.tail[EXIT_CODE..REGISTERS].copy_from_slice(&exit_code.to_be_bytes());
        self.count();
    }

    fn count(&mut self) {
        let mut step = [0; 8];
        step.copy_from_slice(&self.tail[STEP..STATUS]);
        let step = u64::from_be_bytes(step).wrapping_add(1);
        self.tail[STEP..STATUS].copy_from_slice(&step.to_be_bytes());
    }
}

const fn register_offset(register: u32) -> usize {
    REGISTERS.wrapping_add((register as usize).wrapping_sub(1).wrapping_mul(8))
}

/// The exit code of an access that faults.
fn fault(address: u64, size: u64, misaligned: HaltCause, outside: HaltCause) -> Option<u16> {
    if !address.is_multiple_of(size) {
        return Some(misaligned as u16);
    }
    let end = u128::from(address).wrapping_add(u128::from(size));
    (end > u128::from(MEMORY_END)).then_some(outside as u16)
}

fn jump_offset(word: u32) -> u64 {
    let sign = i64::from(word.cast_signed() >> 31) << 20;
    let rest = (word & 0xff000) | (word >> 9 & 0x800) | (word >> 20 & 0x7fe);
    (sign | i64::from(rest)).cast_unsigned()
}

fn branch_offset(word: u32) -> u64 {
    let sign = i64::from(word.cast_signed() >> 31) << 12;
    let rest = (word << 4 & 0x800) | (word >> 20 & 0x7e0) | (word >> 7 & 0x1e);
    (sign | i64::from(rest)).cast_unsigned()
}
