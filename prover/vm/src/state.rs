//! The packing of a state and its hash: what both sides of a dispute commit to.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 32 | code root |
//! | 32 | 32 | memory root |
//! | 64 | 32 | input |
//! | 96 | 8 | pc |
//! | 104 | 8 | step |
//! | 112 | 1 | status |
//! | 113 | 2 | exit code |
//! | 115 | 248 | x1..x31 |
//!
//! Integers are big endian. The contracts pack the same bytes.

use alloy_primitives::{B256, keccak256};

use crate::Hart;

/// Bytes of a packed state.
pub const STATE_BYTES: usize = 363;

/// Where the roots end: what follows them travels in every witness.
pub(crate) const STATE_TAIL_OFFSET: usize = 64;

/// One state of the machine: a hart between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Commitment to the program's text: [`crate::Code::root`].
    pub code_root: B256,
    /// Root of the tree over the memory.
    pub memory_root: B256,
    /// Program counter, registers, status, step counter and input.
    pub hart: Hart,
}

impl State {
    /// The bytes that are hashed.
    #[must_use]
    pub fn pack(&self) -> [u8; STATE_BYTES] {
        pack_state(&self.code_root, &self.memory_root, &self.hart)
    }

    /// The state hash: keccak256 of [`Self::pack`].
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.pack())
    }
}

/// Packs a state from its parts.
// PROTOCOL.md MACHINE-1
pub(crate) fn pack_state(code_root: &B256, memory_root: &B256, hart: &Hart) -> [u8; STATE_BYTES] {
    let mut packed = [0; STATE_BYTES];
    packed[..32].copy_from_slice(code_root.as_slice());
    packed[32..64].copy_from_slice(memory_root.as_slice());
    packed[64..96].copy_from_slice(hart.input.as_slice());
    packed[96..104].copy_from_slice(&hart.pc.to_be_bytes());
    packed[104..112].copy_from_slice(&hart.step.to_be_bytes());
    packed[112] = hart.status as u8;
    packed[113..115].copy_from_slice(&hart.exit_code.to_be_bytes());
    for (bytes, register) in packed[115..].chunks_exact_mut(8).zip(&hart.x[1..]) {
        bytes.copy_from_slice(&register.to_be_bytes());
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    #[test]
    fn packs_every_field_where_the_table_says() {
        let mut hart = Hart::new(0x0102_0304_0506_0708, B256::repeat_byte(3));
        hart.step = 0x1112_1314_1516_1718;
        hart.status = Status::Halted;
        hart.exit_code = 0x2122;
        hart.x[1] = 0x3132_3334_3536_3738;
        hart.x[31] = 0x4142_4344_4546_4748;
        let state =
            State { code_root: B256::repeat_byte(1), memory_root: B256::repeat_byte(2), hart };
        let packed = state.pack();
        assert_eq!(packed[..32], [1; 32]);
        assert_eq!(packed[32..64], [2; 32]);
        assert_eq!(packed[64..96], [3; 32]);
        assert_eq!(packed[96..104], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(packed[104..112], [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
        assert_eq!(packed[112..115], [1, 0x21, 0x22]);
        assert_eq!(packed[115..123], [0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38]);
        assert_eq!(packed[123..355], [0; 232]);
        assert_eq!(packed[355..], [0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48]);
        assert_eq!(state.hash(), keccak256(packed));
    }
}
