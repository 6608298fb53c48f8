//! Compilation of a whole program: blocks of instructions that run from a leader to a jump, laid
//! out in the order of the program.
//!
//! Steps are counted by block: a block begins by taking its length from the steps left, and is not
//! entered when fewer are left than that. Where a block is left early, at a fault, what was not
//! executed is given back, so that the count is exact whenever native code is left.

use crate::predecode::{FastCode, Op, OpCode};

use super::{
    assembler::*,
    translate::{After, Allocation, Translator},
};

/// Why native code was left. It returns the pc in rax and one of these in rdx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Exit {
    /// The instruction at pc is for the reference engine.
    Slow = 0,
    /// Fewer steps are left than the block at pc has.
    Limit = 1,
    /// pc is no leader, or outside of the code.
    Moved = 2,
}

impl Exit {
    pub(super) const fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Slow,
            1 => Self::Limit,
            _ => Self::Moved,
        }
    }
}

/// A compiled program, not yet where it can be executed.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) code: Vec<u8>,
    /// Offset of the function that enters native code: (state, address) -> (pc, exit).
    pub(super) enter: usize,
    /// For each instruction the offset of its code: a leader's own, for others an exit.
    pub(super) entries: Vec<usize>,
    /// For each instruction whether it is a leader.
    pub(super) leaders: Vec<bool>,
}

/// Compiles the code that begins at `start`. Blocks also begin at `targets`, indices of
/// instructions that indirect jumps may lead to: such a jump to the middle of a block leaves native
/// code.
pub(super) fn compile(
    fast: &FastCode,
    start: u64,
    targets: impl IntoIterator<Item = usize>,
) -> Compiled {
    let allocation = Allocation::new(&fast.ops);
    let translator = Translator { assembler: Assembler::default(), allocation };
    let mut leaders = leaders(&fast.ops);
    for target in targets {
        if let Some(leader) = leaders.get_mut(target) {
            *leader = true;
        }
    }
    let mut compiler = Compiler {
        translator,
        start,
        ops: &fast.ops,
        leaders: &leaders,
        entries: vec![0; fast.ops.len()],
        jumps: Vec::new(),
        stubs: Vec::new(),
        exit: 0,
        moved: 0,
    };
    let enter = compiler.enter_and_exit();
    compiler.blocks();
    compiler.stubs();
    let Compiler { translator, entries, .. } = compiler;
    Compiled { code: translator.assembler.code, enter, entries, leaders }
}

/// Where blocks begin: the targets of jumps, and whatever follows one. The last op, behind the
/// code, leads too.
fn leaders(ops: &[Op]) -> Vec<bool> {
    let mut leaders = vec![false; ops.len()];
    if let Some(first) = leaders.first_mut() {
        *first = true;
    }
    for (index, op) in ops.iter().enumerate() {
        let is_branch = is_branch(op.code);
        if (is_branch || op.code == OpCode::Jal)
            && let Some(leader) = leaders.get_mut(target(*op))
        {
            *leader = true;
        }
        if (is_branch || matches!(op.code, OpCode::Jal | OpCode::Jalr | OpCode::Slow))
            && let Some(leader) = leaders.get_mut(index.wrapping_add(1))
        {
            *leader = true;
        }
    }
    leaders
}

const fn is_branch(code: OpCode) -> bool {
    use OpCode::*;
    matches!(code, Beq | Bne | Blt | Bge | Bltu | Bgeu)
}

const fn target(op: Op) -> usize {
    op.imm.cast_unsigned() as usize
}

/// Code apart from the blocks, that leaves them.
struct Stub {
    jump: usize,
    index: usize,
    /// Steps to give back.
    unused: usize,
    exit: Exit,
}

struct Compiler<'a> {
    translator: Translator,
    start: u64,
    ops: &'a [Op],
    leaders: &'a [bool],
    entries: Vec<usize>,
    /// Jumps to leaders: place and index.
    jumps: Vec<(usize, usize)>,
    stubs: Vec<Stub>,
    /// Offset of the common exit.
    exit: usize,
    /// Offset of the exit with pc in rax after a jump.
    moved: usize,
}

impl Compiler<'_> {
    fn assembler(&mut self) -> &mut Assembler {
        &mut self.translator.assembler
    }

    fn pc(&self, index: usize) -> u64 {
        self.start.wrapping_add((index as u64).wrapping_mul(4))
    }

    /// The function that is called from Rust, and the two ways back.
    fn enter_and_exit(&mut self) -> usize {
        let kept: Vec<_> = self.translator.allocation.kept().collect();
        let assembler = &mut self.translator.assembler;
        let enter = assembler.here();
        // push rbx, rbp, r12, r13, r14, r15; sub rsp, 8
        assembler.bytes(&[0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57]);
        assembler.bytes(&[0x48, 0x83, 0xec, 0x08]);
        // lea rbp, [rdi + 128]; mov rax, rsi
        assembler.bytes(&[0x48, 0x8d, 0xaf, 0x80, 0, 0, 0, 0x48, 0x89, 0xf0]);
        // mov r13, [rbp + 136]; mov r14, [rbp + 144]; mov r15, [rbp + 152]
        assembler.bytes(&[0x4c, 0x8b, 0xad, 136, 0, 0, 0]);
        assembler.bytes(&[0x4c, 0x8b, 0xb5, 144, 0, 0, 0]);
        assembler.bytes(&[0x4c, 0x8b, 0xbd, 152, 0, 0, 0]);
        for (number, host) in &kept {
            assembler.load(Width::Double, *host, Place::Slot(*number));
        }
        assembler.bytes(&[0xff, 0xe0]); // jmp rax

        self.moved = self.assembler().here();
        self.translator.assembler.load_constant(RDX, Exit::Moved as u64);
        self.exit = self.assembler().here();
        let assembler = &mut self.translator.assembler;
        for (number, host) in &kept {
            assembler.store(Place::Slot(*number), *host);
        }
        // mov [rbp + 152], r15
        assembler.bytes(&[0x4c, 0x89, 0xbd, 152, 0, 0, 0]);
        // add rsp, 8; pop r15, r14, r13, r12, rbp, rbx; ret
        assembler.bytes(&[0x48, 0x83, 0xc4, 0x08]);
        assembler.bytes(&[0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3]);
        enter
    }

    fn blocks(&mut self) {
        let mut index = 0;
        while index < self.ops.len() {
            index = self.block(index);
        }
        for (jump, target) in std::mem::take(&mut self.jumps) {
            let entry = self.entries[target];
            self.assembler().link(jump, entry);
        }
    }

    /// Instructions from a leader on that run together, and whether the last one is slow.
    fn extent(&self, leader: usize) -> usize {
        let mut end = leader;
        while let Some(op) = self.ops.get(end) {
            if op.code == OpCode::Slow || (end > leader && self.leaders[end]) {
                break;
            }
            end = end.wrapping_add(1);
            if is_branch(op.code) || matches!(op.code, OpCode::Jal | OpCode::Jalr) {
                break;
            }
        }
        end
    }

    /// Compiles the block at `leader` and returns where the next one begins.
    fn block(&mut self, leader: usize) -> usize {
        let end = self.extent(leader);
        let length = end.wrapping_sub(leader);
        self.entries[leader] = self.assembler().here();
        if length > 0 {
            let steps = i32::try_from(length).expect("code has at most 2^21 instructions");
            self.assembler().binary_constant(Width::Double, SUB, Place::Host(STEPS), steps);
            let jump = self.assembler().jump(Some(LESS));
            self.stubs.push(Stub { jump, index: leader, unused: length, exit: Exit::Limit });
        }
        for index in leader..end {
            self.instruction(index, end.wrapping_sub(index));
        }
        match self.ops.get(end) {
            Some(op) if op.code == OpCode::Slow => {
                if length > 0 && self.leaders[end] {
                    // This instruction is a leader, so it begins the next block.
                    return end;
                }
                let pc = self.pc(end);
                if length > 0 {
                    self.entries[end] = self.assembler().here();
                }
                let exit = self.exit;
                let assembler = self.assembler();
                assembler.load_constant(RAX, pc);
                assembler.load_constant(RDX, Exit::Slow as u64);
                let jump = assembler.jump(None);
                assembler.link(jump, exit);
                end.wrapping_add(1)
            }
            _ => end,
        }
    }

    /// `unused` counts the steps of the block from this one on.
    fn instruction(&mut self, index: usize, unused: usize) {
        let op = self.ops[index];
        match op.code {
            OpCode::Jal => {
                let link = self.pc(index.wrapping_add(1));
                self.translator.link_register(op.rd, link);
                let jump = self.assembler().jump(None);
                self.jumps.push((jump, target(op)));
            }
            OpCode::Jalr => self.jump_to_register(op, index),
            code if is_branch(code) => {
                let flags = self.translator.branch(op);
                let jump = self.assembler().jump(Some(flags));
                self.jumps.push((jump, target(op)));
            }
            _ => {
                let pc = self.pc(index);
                if let After::Fault(jump) = self.translator.op(op, pc) {
                    self.stubs.push(Stub { jump, index, unused, exit: Exit::Slow });
                }
            }
        }
    }

    /// Jumps by the table of entries, or leaves when pc is not in the code.
    fn jump_to_register(&mut self, op: Op, index: usize) {
        let link = self.pc(index.wrapping_add(1));
        let start = i32::try_from(self.start).expect("code lies below 2^30");
        // The op behind the code is no instruction.
        let bytes = self.ops.len().wrapping_sub(1).wrapping_mul(4);
        let bytes = i32::try_from(bytes).expect("at most 2^23");
        let moved = self.moved;
        self.translator.address(op.rs1, op.imm);
        let assembler = &mut self.translator.assembler;
        assembler.binary_constant(Width::Double, AND, Place::Host(RAX), -2);
        self.translator.link_register(op.rd, link);
        let assembler = &mut self.translator.assembler;
        assembler.add_into(RCX, RAX, start.wrapping_neg());
        assembler.binary_constant(Width::Double, CMP, Place::Host(RCX), bytes);
        let outside = assembler.jump(Some(NOT_BELOW));
        assembler.link(outside, moved);
        assembler.bytes(&[0xf6, 0xc1, 0x02]); // test cl, 2
        let misaligned = assembler.jump(Some(NOT_EQUAL));
        assembler.link(misaligned, moved);
        // mov rdx, [rbp + 128]; jmp [rdx + rcx * 2]
        assembler.bytes(&[0x48, 0x8b, 0x95, 128, 0, 0, 0, 0xff, 0x24, 0x4a]);
    }

    /// The ways out of blocks, apart from them; and the entries of what is no leader.
    fn stubs(&mut self) {
        let exit = self.exit;
        for Stub { jump, index, unused, exit: kind } in std::mem::take(&mut self.stubs) {
            let pc = self.pc(index);
            let assembler = self.assembler();
            assembler.link_here(jump);
            let unused = i32::try_from(unused).expect("at most 2^21");
            assembler.binary_constant(Width::Double, ADD, Place::Host(STEPS), unused);
            assembler.load_constant(RAX, pc);
            assembler.load_constant(RDX, kind as u64);
            let jump = assembler.jump(None);
            assembler.link(jump, exit);
        }
        // A jump leaves its target in rax.
        for entry in &mut self.entries {
            if *entry == 0 {
                *entry = self.moved;
            }
        }
    }
}
