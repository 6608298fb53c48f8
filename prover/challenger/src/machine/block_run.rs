//! One block in the machine.
//!
//! In: the program, its input, the witness. Out: what the program claims, and instructions and
//! time.

use std::{sync::Arc, time::Instant};

use alloy_primitives::B256;
use gainsay_oracle::Witness;
use gainsay_vm::{Machine, Program};

use crate::{ChallengerError, machine::MachineHost};

/// Most instructions of one block: what "spans" and "steps" together can name.
pub const STEPS_MAX: u64 = 1 << 36;

/// A run to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockRun {
    /// What the program claims; zero, the invalid claim, if it did not halt with exit code 0.
    pub claim: B256,
    /// Whether it halted within [`STEPS_MAX`].
    pub is_halted: bool,
    /// Its exit code.
    pub exit_code: u16,
    /// Instructions that it executed.
    pub instructions: u64,
    /// Seconds that the machine took for them, translation included.
    pub seconds: f64,
    /// What it wrote, for people.
    pub written: String,
}

impl BlockRun {
    /// Million instructions a second.
    #[must_use]
    pub fn mips(&self) -> f64 {
        self.instructions as f64 / self.seconds.max(1e-9) / 1e6
    }
}

/// Runs the program on `input` to its end.
///
/// # Errors
/// [`gainsay_vm::VmError::MissingPreimage`] when the witness is not whole.
pub fn run_block(
    program: &Arc<Program>,
    input: B256,
    witness: &Witness,
) -> Result<BlockRun, ChallengerError> {
    let mut host = MachineHost::new(witness);
    let mut machine = Machine::new(program.clone(), input);
    let start = Instant::now();
    machine.run(STEPS_MAX, &mut host)?;
    let seconds = start.elapsed().as_secs_f64();
    let hart = machine.hart();
    let is_valid = hart.is_halted() && hart.exit_code == 0;
    Ok(BlockRun {
        claim: if is_valid { hart.output() } else { B256::ZERO },
        is_halted: hart.is_halted(),
        exit_code: hart.exit_code,
        instructions: hart.step,
        seconds,
        written: host.written(),
    })
}

/// Peak memory of this process in bytes; `None` where the system does not say it.
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
