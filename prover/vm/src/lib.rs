//! A RISC-V machine whose every step can be proven to a contract: RV64IM in user mode over a Merkle
//! tree of 2^30 bytes.
//!
//! In: an ELF file, a 32-byte input, and a host that has preimages. Out: the state after any number
//! of instructions, its hash, and the witness of any one step.
//! Architecture invariant: it knows no Ethereum. To this crate a preimage is bytes under a key.
//!
//! Three implementations give the same states: the reference engine, the fast engines (one runs
//! predecoded instructions, one native code on x86-64), and the verifier, which mirrors the
//! contract `StepVerifier` and shares neither decoder nor arithmetic with the engines.
//!
//! | modules | job |
//! |---|---|
//! | `hart`, `state`, `instruction`, `decode` | what a state is, and what words mean |
//! | `code`, `memory`, `memory_tree`, `merkle`, `batch` | the two trees |
//! | `elf`, `program` | loading |
//! | `reference`, `syscall`, `host` | what a step does |
//! | `predecode`, `fast`, `jit` | the same, fast |
//! | `machine`, `snapshot`, `sparse`, `dense` | runs forth and back, and their state hashes |
//! | `witness`, `verify`, `verify_alu`, `verify_proof` | the proof of one step |
//!
//! Every input has a defined next state: what a program does is never an error. Errors are a file
//! that is no program, a preimage that the host lacks, bytes that are no witness.
//!
//! ```
//! use std::sync::Arc;
//! use gainsay_vm::{Machine, NoHost, Program, keccak_oracle, verify_step};
//!
//! // li a7, 93; li a0, 7; ecall
//! let text = [0x05d0_0893_u32, 0x0070_0513, 0x0000_0073].map(u32::to_le_bytes).concat();
//! let program = Arc::new(Program::from_text(0x1000, &text)?);
//! let mut machine = Machine::new(program, Default::default());
//! machine.run(u64::MAX, &mut NoHost)?;
//! assert_eq!((machine.hart().step, machine.hart().exit_code), (3, 7));
//!
//! let after = machine.state_hash();
//! let witness = machine.witness(2, &mut NoHost)?;
//! let before = machine.state_hash();
//! assert_eq!(verify_step(before, &witness, &keccak_oracle)?, after);
//! # Ok::<(), gainsay_vm::VmError>(())
//! ```

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;

mod hart;
mod state;

mod decode;
mod instruction;

mod batch;
mod code;
mod memory;
mod memory_tree;
mod merkle;

mod elf;
mod program;

mod fast;
mod host;
#[cfg(all(target_arch = "x86_64", unix))]
mod jit;
mod predecode;
mod reference;
mod syscall;

mod dense;
mod machine;
mod snapshot;
mod sparse;
mod witness;

mod verify;
mod verify_alu;
mod verify_proof;

pub use code::{CODE_BYTES_MAX, Code};
pub use decode::decode;
pub use error::VmError;
pub use hart::{HaltCause, Hart, REGISTER_COUNT, Status};
pub use host::{HOST_BYTES_MAX, Host, NoHost, PREIMAGE_BYTES_MAX};
pub use instruction::{Alu, Condition, Instruction, LoadKind, Register, StoreKind};
pub use machine::{Engine, Machine};
pub use memory::Memory;
pub use merkle::{
    LEAF_BYTES, MEMORY_BYTES, MEMORY_HEIGHT, MemoryPath, PAGE_BYTES, node, root_from_siblings,
    zero_hash,
};
pub use program::Program;
pub use snapshot::SnapshotPolicy;
pub use state::{STATE_BYTES, State};
pub use syscall::{KECCAK_BYTES_MAX, syscall_number};
pub use verify::{PreimageOracle, keccak_oracle, verify_step};
