//! The translating engine: translates a program to native code of x86-64 in one pass, and runs
//! that.
//!
//! Two other engines execute the rest, at its exact step: the reference engine executes system
//! calls, faults, illegal words and jumps out of the code; the fast engine executes the last steps
//! before a boundary, if a block has more.
//!
//! | module | job |
//! |---|---|
//! | `assembler` | instructions of x86-64 as bytes |
//! | `translate` | one instruction |
//! | `compile` | blocks, counting, jumps, ways in and out |

mod assembler;
mod compile;
mod translate;

use memmap2::{Mmap, MmapMut};

use crate::{Code, Hart, Memory, VmError, fast, host::HostPort, predecode::FastCode, reference};

use compile::{Compiled, Exit, compile};

/// What native code works on. It knows these offsets.
#[repr(C)]
struct Frame {
    x: [u64; 32],
    entries: *const u64,
    changes: *mut u8,
    memory: *mut u8,
    /// Steps that may still be executed.
    steps: i64,
}

/// What native code returns: in rax and rdx.
#[repr(C)]
struct Left {
    pc: u64,
    exit: u64,
}

type Enter = unsafe extern "sysv64" fn(*mut Frame, u64) -> Left;

/// A program as native code.
pub(crate) struct Jit {
    code: Mmap,
    enter: usize,
    /// Addresses by index of the instruction: the table of indirect jumps.
    entries: Vec<u64>,
    leaders: Vec<bool>,
    start: u64,
}

impl std::fmt::Debug for Jit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jit").field("bytes", &self.code.len()).finish_non_exhaustive()
    }
}

impl Jit {
    /// Translates a program; none if the system gives no memory that can be executed. `pointers`
    /// are addresses in its data, of which those in the code are taken for targets of jumps.
    pub(crate) fn new(
        code: &Code,
        fast: &FastCode,
        pointers: impl IntoIterator<Item = u64>,
    ) -> Option<Self> {
        let in_code = pointers.into_iter().filter(|pointer| code.fetch(*pointer).is_some());
        let targets = in_code.filter_map(|pointer| index_of(pointer, code.start()));
        let compiled = compile(fast, code.start(), targets);
        let Compiled { code: bytes, enter, entries, leaders } = compiled;
        let mut memory = MmapMut::map_anon(bytes.len()).ok()?;
        memory.copy_from_slice(&bytes);
        let memory = memory.make_exec().ok()?;
        let base = memory.as_ptr() as u64;
        let entries = entries.iter().map(|offset| base.wrapping_add(*offset as u64)).collect();
        Some(Self { code: memory, enter, entries, leaders, start: code.start() })
    }

    /// The address of the block that begins at `pc`.
    fn block_at(&self, pc: u64) -> Option<u64> {
        let index = index_of(pc, self.start)?;
        let is_leader = *self.leaders.get(index)?;
        if is_leader { self.entries.get(index).copied() } else { None }
    }

    /// Executes blocks from the one at `block` on, at most `steps`; the hart stands at its leader.
    fn execute(&self, block: u64, hart: &mut Hart, memory: &mut Memory, steps: u64) -> Exit {
        let limit = steps.min(i64::MAX.cast_unsigned()).cast_signed();
        let (bytes, changes) = memory.parts();
        let mut frame = Frame {
            x: hart.x,
            entries: self.entries.as_ptr(),
            changes: changes.as_mut_ptr(),
            memory: bytes.as_mut_ptr(),
            steps: limit,
        };
        let left = self.call(&mut frame, block);
        hart.x = frame.x;
        hart.pc = left.pc;
        hart.step = hart.step.wrapping_add(limit.wrapping_sub(frame.steps).cast_unsigned());
        Exit::from_code(left.exit)
    }

    #[expect(unsafe_code, reason = "native code is called")]
    fn call(&self, frame: &mut Frame, block: u64) -> Left {
        // SAFETY: `enter` is the offset of a function of this type in `code`, which is mapped and
        // executable as long as `self` lives. It keeps the registers that its caller owns, and
        // jumps to `block`, an address in the same code. That code reads and writes the frame;
        // the table of entries, below its length; the memory, at offsets whose bits above 2^30
        // have been tested to be zero and that are multiples of the size of the access; and the
        // record of changes, at such offsets divided by 2^12. `frame` points to both, and they are
        // borrowed exclusively where it is made.
        unsafe {
            let enter: Enter = std::mem::transmute(self.code.as_ptr().add(self.enter));
            enter(frame, block)
        }
    }
}

/// The index of the instruction at `pc`.
fn index_of(pc: u64, start: u64) -> Option<usize> {
    let offset = pc.wrapping_sub(start);
    if offset & 3 == 0 { usize::try_from(offset >> 2).ok() } else { None }
}

/// Runs until `until` steps have been executed in all, or the machine halts.
///
/// # Errors
/// Only the host's: then the machine stands before the step that asked.
pub(crate) fn run(
    hart: &mut Hart,
    code: &Code,
    fast: &FastCode,
    jit: &Jit,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
    until: u64,
) -> Result<(), VmError> {
    while hart.step < until && !hart.is_halted() {
        let Some(block) = jit.block_at(hart.pc) else {
            reference::step(hart, code, memory, host)?;
            continue;
        };
        let steps = until.wrapping_sub(hart.step);
        match jit.execute(block, hart, memory, steps) {
            // The slow instruction may be the first beyond the boundary.
            Exit::Slow if hart.step < until => reference::step(hart, code, memory, host)?,
            Exit::Limit => return fast::run(hart, code, fast, memory, host, until),
            Exit::Slow | Exit::Moved => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::NoHost;

    /// Four times `addi x5, x5, 1`, then EBREAK.
    fn program() -> (Code, FastCode) {
        let words = [0x0012_8293_u32, 0x0012_8293, 0x0012_8293, 0x0012_8293, 0x0010_0073];
        let code = Code::new(0x1000, &words.map(u32::to_le_bytes).concat()).unwrap();
        let fast = FastCode::new(&code);
        (code, fast)
    }

    #[test]
    fn pointers_into_code_begin_blocks() {
        let (code, fast) = program();
        let without = Jit::new(&code, &fast, []).unwrap();
        let with = Jit::new(&code, &fast, [0x1008, 0x1009, 0xffc, 0x1014, u64::MAX]).unwrap();
        assert!(without.block_at(0x1008).is_none());
        assert!(with.block_at(0x1008).is_some() && with.block_at(0x1000).is_some());
        for pc in [0x1004, 0x1009, 0x100a, 0xffc, u64::MAX] {
            assert!(with.block_at(pc).is_none(), "{pc:#x}");
        }
    }

    #[test]
    fn runs_from_and_to_any_step() {
        let (code, fast) = program();
        for pointers in [vec![], vec![0x1008]] {
            let jit = Jit::new(&code, &fast, pointers).unwrap();
            for first in 0..4 {
                for until in 0..6 {
                    let mut hart = Hart::new(0x1000 + first * 4, B256::ZERO);
                    let mut no_host = NoHost;
                    let host = &mut HostPort::new(&mut no_host, 0);
                    let mut memory = Memory::new();
                    run(&mut hart, &code, &fast, &jit, &mut memory, host, until).unwrap();
                    assert_eq!(hart.step, until.min(5 - first), "from {first} to {until}");
                    assert_eq!(hart.x[5], until.min(4 - first), "from {first} to {until}");
                }
            }
        }
    }
}
