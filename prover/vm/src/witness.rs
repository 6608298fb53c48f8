//! The witness of a step: what the contract `StepVerifier` needs in order to execute it.
//!
//! | part | bytes |
//! |---|---|
//! | state tail | the packed state from byte 64 on: 299 |
//! | code bounds | start u64 ‖ end u64: 16 |
//! | code | leaf ‖ siblings bottom up when an instruction is fetched, else the tree's root |
//! | memory | for an access: bitmap u32 ‖ leaf or subtree ‖ given siblings, else the root |
//! | preimage | for `read_preimage`: its proof |
//!
//! Bit i of the bitmap is set when the sibling at height i is given; others are zero hashes.

use crate::{
    Code, Hart, Memory, VmError,
    decode::decode,
    hart::register::A7,
    host::HostPort,
    instruction::Instruction,
    merkle::LEAF_SHIFT,
    state::{STATE_TAIL_OFFSET, pack_state},
    syscall::{keccak_subtree, preimage_destination, preimage_request, syscall_number},
};

/// What a step does with memory; nothing when it faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    None,
    /// Reads a leaf.
    Load { leaf: u32 },
    /// Changes a leaf.
    Store { leaf: u32 },
    /// Replaces a leaf by a word of a preimage.
    Preimage { leaf: u32 },
    /// Hashes a subtree of this height that begins with this leaf.
    Keccak { leaf: u32, height: u32 },
}

impl Access {
    /// What the next step of a hart is going to do.
    pub(crate) fn of_next_step(hart: &Hart, code: &Code) -> Self {
        let word = if hart.is_halted() { None } else { code.fetch(hart.pc) };
        let register = |number: u8| hart.x[usize::from(number)];
        match word.and_then(decode) {
            Some(Instruction::Load { kind, rs1, offset, .. }) => {
                let address = register(rs1).wrapping_add_signed(offset);
                leaf_of(address, kind.size()).map_or(Self::None, |leaf| Self::Load { leaf })
            }
            Some(Instruction::Store { kind, rs1, offset, .. }) => {
                let address = register(rs1).wrapping_add_signed(offset);
                leaf_of(address, kind.size()).map_or(Self::None, |leaf| Self::Store { leaf })
            }
            Some(Instruction::Ecall) => match hart.x[A7] {
                syscall_number::READ_PREIMAGE => {
                    preimage_destination(hart).map_or(Self::None, |leaf| Self::Preimage { leaf })
                }
                syscall_number::KECCAK => keccak_subtree(hart)
                    .map_or(Self::None, |(leaf, height)| Self::Keccak { leaf, height }),
                _ => Self::None,
            },
            _ => Self::None,
        }
    }

    /// The leaf that the step changes.
    pub(crate) const fn written_leaf(self) -> Option<u32> {
        match self {
            Self::Store { leaf } | Self::Preimage { leaf } => Some(leaf),
            Self::None | Self::Load { .. } | Self::Keccak { .. } => None,
        }
    }
}

/// The leaf of an access that does not fault.
fn leaf_of(address: u64, size: u64) -> Option<u32> {
    let is_aligned = address & size.wrapping_sub(1) == 0;
    let leaf = u32::try_from(address >> LEAF_SHIFT).ok()?;
    (is_aligned && address < crate::MEMORY_BYTES).then_some(leaf)
}

/// Writes the witness of the next step.
///
/// # Errors
/// [`VmError::MissingPreimage`] when the host lacks the proof.
// PROTOCOL.md WITNESS-1
pub(crate) fn witness(
    hart: &Hart,
    code: &Code,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
) -> Result<Vec<u8>, VmError> {
    let memory_root = memory.root();
    let packed = pack_state(&code.root(), &memory_root, hart);
    let mut witness = packed[STATE_TAIL_OFFSET..].to_vec();
    witness.extend_from_slice(&code.start().to_be_bytes());
    witness.extend_from_slice(&code.end().to_be_bytes());

    let proof = if hart.is_halted() { None } else { code.proof(hart.pc) };
    match proof {
        Some((leaf, siblings)) => {
            witness.extend_from_slice(leaf.as_slice());
            siblings.iter().for_each(|sibling| witness.extend_from_slice(sibling.as_slice()));
        }
        None => witness.extend_from_slice(code.tree_root().as_slice()),
    }

    let (leaf, height) = match Access::of_next_step(hart, code) {
        Access::None => {
            witness.extend_from_slice(memory_root.as_slice());
            return Ok(witness);
        }
        Access::Keccak { leaf, height } => (leaf, height),
        Access::Load { leaf } | Access::Store { leaf } | Access::Preimage { leaf } => (leaf, 0),
    };
    let path = memory.path(leaf, height);
    let data = memory.slice(u64::from(leaf) << LEAF_SHIFT, 1 << LEAF_SHIFT << height);
    witness.extend_from_slice(&path.bitmap.to_be_bytes());
    witness.extend_from_slice(data.expect("the access is inside the memory"));
    path.siblings.iter().for_each(|sibling| witness.extend_from_slice(sibling.as_slice()));

    if matches!(Access::of_next_step(hart, code), Access::Preimage { .. }) {
        let (key, _) = preimage_request(hart);
        witness.extend_from_slice(&host.proof(&key)?);
    }
    Ok(witness)
}
