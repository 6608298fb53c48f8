//! The machine: a program, a hart and a memory, run forth by an engine and back by snapshots.
//!
//! Positions are step counts. A state at a position after the machine has halted is the halted one.

use std::sync::Arc;

use alloy_primitives::B256;

#[cfg(all(target_arch = "x86_64", unix))]
use crate::jit;
use crate::{
    Hart, Host, Memory, Program, SnapshotPolicy, State, VmError,
    dense::dense_hashes,
    fast,
    host::HostPort,
    memory::Reader,
    reference,
    snapshot::Snapshots,
    sparse::{Waiting, hash_meanwhile},
    witness::witness,
};

/// What executes instructions. All give the same states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Reads like the manual.
    Reference,
    /// Runs predecoded instructions.
    Fast,
    /// Translates to native code, on x86-64; elsewhere the same as [`Self::Fast`].
    #[default]
    Jit,
}

/// A machine in some state of its run.
#[derive(Debug)]
pub struct Machine {
    program: Arc<Program>,
    engine: Engine,
    hart: Hart,
    memory: Memory,
    snapshots: Snapshots,
    /// The first step that has not been executed yet by any run of this machine.
    fresh_from: u64,
}

impl Machine {
    /// A machine before its first instruction, without snapshots.
    #[must_use]
    pub fn new(program: Arc<Program>, input: B256) -> Self {
        let mut memory = Memory::new();
        program.load_image(&mut memory);
        memory.take_changes(Reader::Snapshots);
        let hart = Hart::new(program.entry(), input);
        Self {
            program,
            engine: Engine::default(),
            hart,
            memory,
            snapshots: Snapshots::new(None),
            fresh_from: 0,
        }
    }

    /// The same machine with snapshots, before its first run.
    #[must_use]
    pub fn with_snapshots(mut self, policy: SnapshotPolicy) -> Self {
        self.snapshots = Snapshots::new(Some(policy));
        self
    }

    /// The same machine on another engine.
    #[must_use]
    pub const fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// The program that it runs.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Registers, status, exit code, step count, output.
    #[must_use]
    pub const fn hart(&self) -> &Hart {
        &self.hart
    }

    /// The memory.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Runs until `step` instructions have been executed in all, or the program halts.
    ///
    /// # Errors
    /// The host's ([`VmError::MissingPreimage`]): the machine then stands before the instruction
    /// that asked, and may be run again.
    pub fn run(&mut self, step: u64, host: &mut dyn Host) -> Result<(), VmError> {
        let mut port = HostPort::new(host, self.fresh_from);
        let mut result = Ok(());
        while result.is_ok() && self.hart.step < step && !self.hart.is_halted() {
            let boundary = self.snapshots.next_after(self.hart.step);
            result = self.execute(step.min(boundary), &mut port);
            if self.hart.step == boundary {
                self.snapshots.pass(&self.hart, &mut self.memory);
            }
        }
        self.fresh_from = self.fresh_from.max(self.hart.step);
        result
    }

    fn execute(&mut self, step: u64, port: &mut HostPort<'_>) -> Result<(), VmError> {
        let code = self.program.code();
        let (hart, memory) = (&mut self.hart, &mut self.memory);
        match self.engine {
            #[cfg(all(target_arch = "x86_64", unix))]
            Engine::Jit if let Some(jit) = self.program.jit() => {
                jit::run(hart, code, self.program.fast_code(), jit, memory, port, step)
            }
            Engine::Fast | Engine::Jit => {
                fast::run(hart, code, self.program.fast_code(), memory, port, step)
            }
            Engine::Reference => {
                while hart.step < step && !hart.is_halted() {
                    reference::step(hart, code, memory, port)?;
                }
                Ok(())
            }
        }
    }

    /// Goes to a position, back or forth. What the program writes and hints when it is executed
    /// again does not reach the host.
    ///
    /// # Errors
    /// Those of [`Self::run`].
    pub fn go_to(&mut self, step: u64, host: &mut dyn Host) -> Result<(), VmError> {
        if step < self.hart.step {
            self.snapshots.restore(step, &self.program, &mut self.hart, &mut self.memory);
        }
        self.run(step, host)
    }

    /// The present state.
    pub fn state(&mut self) -> State {
        State {
            code_root: self.program.code().root(),
            memory_root: self.memory.root(),
            hart: self.hart.clone(),
        }
    }

    /// The hash of the present state.
    pub fn state_hash(&mut self) -> B256 {
        self.state().hash()
    }

    /// The witness of the step at a position: with it `StepVerifier` leads from the hash of the
    /// state there to that of the next one.
    ///
    /// # Errors
    /// Those of [`Self::run`], and a missing proof.
    pub fn witness(&mut self, step: u64, host: &mut dyn Host) -> Result<Vec<u8>, VmError> {
        self.go_to(step, host)?;
        let mut port = HostPort::new(host, self.fresh_from);
        witness(&self.hart, self.program.code(), &mut self.memory, &mut port)
    }

    /// The hashes of the states at the `count` positions from `from` on: the leaves of a dense
    /// commitment. After halting they repeat. The machine ends at the last of them.
    ///
    /// # Errors
    /// Those of [`Self::run`].
    pub fn state_hashes(
        &mut self,
        from: u64,
        count: usize,
        host: &mut dyn Host,
    ) -> Result<Vec<B256>, VmError> {
        self.go_to(from, host)?;
        let mut port = HostPort::new(host, self.fresh_from);
        let code = self.program.code();
        let result = dense_hashes(&mut self.hart, code, &mut self.memory, &mut port, count);
        self.fresh_from = self.fresh_from.max(self.hart.step);
        result
    }

    /// The hashes of the states at the `count` positions `interval`, `2 * interval` and so on: the
    /// leaves of a sparse commitment. After halting they repeat. They are hashed on another thread.
    ///
    /// # Errors
    /// Those of [`Self::run`].
    pub fn state_hashes_every(
        &mut self,
        interval: u64,
        count: usize,
        host: &mut dyn Host,
    ) -> Result<Vec<B256>, VmError> {
        let code_root = self.program.code().root();
        let mut tree = self.memory.take_tree();
        let (result, mut hashes) = hash_meanwhile(code_root, &mut tree, |hash| {
            let mut step = 0_u64;
            for _ in 0..count {
                step = step.saturating_add(interval);
                self.go_to(step, host)?;
                let pages = self.memory.copy_changes(Reader::Tree);
                hash(Waiting { hart: self.hart.clone(), pages });
                if self.hart.is_halted() {
                    break;
                }
            }
            Ok(())
        });
        self.memory.put_tree(tree);
        if let Some(last) = hashes.last() {
            hashes.resize(count, *last);
        }
        result.map(|()| hashes)
    }
}
