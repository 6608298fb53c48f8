//! Translation of one predecoded instruction into native code.
//!
//! | host register | holds |
//! |---|---|
//! | rbp | the slots of guest registers |
//! | r13 | the record of changed pages |
//! | r14 | the memory |
//! | r15 | steps that may still be executed |
//! | rax, rcx, rdx | nothing from one instruction to the next |
//! | every other one but rsp | the guest registers that the program names most |

use crate::{
    memory::CHANGED,
    merkle::{MEMORY_LEN, PAGE_SHIFT},
    predecode::{DISCARD, Op, OpCode},
};

use super::assembler::*;

/// Bits that no address inside of the memory has.
const OUTSIDE: i32 = -(1 << 30);
const _: () = assert!(MEMORY_LEN == 1 << 30);

/// What follows a translated instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    /// The next instruction.
    Next,
    /// The next instruction, or the reference engine if the access faults: the place of that jump.
    Fault(usize),
}

/// Where the guest registers are.
#[derive(Clone, Debug)]
pub(super) struct Allocation {
    places: [Place; 33],
}

/// Host registers that keep guest registers.
pub(super) const KEEPERS: [Host; 8] = [RBX, RSI, RDI, R8, R9, R10, R11, R12];

/// What a comparison compares with.
enum Operand {
    /// The number of a register.
    Register(u8),
    /// An immediate.
    Constant(i32),
}

impl Allocation {
    /// Gives the registers that the code names most to the host's.
    pub(super) fn new(ops: &[Op]) -> Self {
        let mut uses = [(0_u32, 0_u8); 33];
        for (number, used) in (0..).zip(&mut uses) {
            used.1 = number;
        }
        for op in ops {
            for number in [op.rd, op.rs1, op.rs2] {
                let used = &mut uses[usize::from(number)].0;
                *used = used.saturating_add(1);
            }
        }
        // Neither x0 nor the register of discarded results needs a register of the host.
        uses[0].0 = 0;
        uses[usize::from(DISCARD)].0 = 0;
        uses.sort_unstable_by_key(|(count, number)| (std::cmp::Reverse(*count), *number));
        let mut places: [Place; 33] = std::array::from_fn(|_| Place::Slot(0));
        for (number, place) in (0..).zip(&mut places) {
            *place = Place::Slot(number);
        }
        for (host, (_, number)) in KEEPERS.iter().zip(&uses) {
            places[usize::from(*number)] = Place::Host(*host);
        }
        places[0] = Place::Slot(0);
        Self { places }
    }

    /// Guest registers kept by the host, and by which.
    pub(super) fn kept(&self) -> impl Iterator<Item = (u8, Host)> {
        (0_u8..).zip(&self.places).filter_map(|(number, place)| match place {
            Place::Host(host) => Some((number, *host)),
            Place::Slot(_) => None,
        })
    }

    pub(super) fn place(&self, number: u8) -> Place {
        self.places[usize::from(number)]
    }
}

/// The translation of instructions in sequence.
#[derive(Debug)]
pub(super) struct Translator {
    pub(super) assembler: Assembler,
    pub(super) allocation: Allocation,
}

impl Translator {
    /// Translates an instruction that is neither a jump nor a branch nor slow. `pc` is its address.
    pub(super) fn op(&mut self, op: Op, pc: u64) -> After {
        use OpCode::*;
        match op.code {
            Lb | Lh | Lw | Ld | Lbu | Lhu | Lwu => return After::Fault(self.memory_load(op)),
            Sb | Sh | Sw | Sd => return After::Fault(self.memory_store(op)),
            _ if op.rd == DISCARD => return After::Next,
            Constant => self.assembler.store_constant(self.allocation.place(op.rd), op.imm),
            Auipc => {
                let value = pc.wrapping_add_signed(op.imm.into());
                let to = self.target(op.rd);
                self.assembler.load_constant(to, value);
                self.finish(op.rd, to);
            }
            Addi | Xori | Ori | Andi => self.binary_immediate(op),
            Slli | Srli | Srai => self.shift_immediate(op),
            Addiw | Slliw | Srliw | Sraiw => self.word_immediate(op),
            Slti => self.set_if(LESS, op.rs1, Operand::Constant(op.imm), op.rd),
            Sltiu => self.set_if(BELOW, op.rs1, Operand::Constant(op.imm), op.rd),
            Slt => self.set_if(LESS, op.rs1, Operand::Register(op.rs2), op.rd),
            Sltu => self.set_if(BELOW, op.rs1, Operand::Register(op.rs2), op.rd),
            Add => self.binary_register(ADD, op),
            Sub => self.binary_register(SUB, op),
            Xor => self.binary_register(XOR, op),
            Or => self.binary_register(OR, op),
            And => self.binary_register(AND, op),
            Sll => self.shift_register(Width::Double, SHL, op),
            Srl => self.shift_register(Width::Double, SHR, op),
            Sra => self.shift_register(Width::Double, SAR, op),
            Sllw => self.shift_register(Width::Word, SHL, op),
            Srlw => self.shift_register(Width::Word, SHR, op),
            Sraw => self.shift_register(Width::Word, SAR, op),
            Addw => self.word_register(ADD, op),
            Subw => self.word_register(SUB, op),
            Mul | Mulw => self.multiply(op),
            Mulh | Mulhu | Mulhsu => self.multiply_high(op),
            Div | Divu | Rem | Remu | Divw | Divuw | Remw | Remuw => self.divide(op),
            Slow | Nop | Jal | Jalr | Beq | Bne | Blt | Bge | Bltu | Bgeu => {}
        }
        After::Next
    }

    /// Compares for a branch and returns the flags under which it is taken.
    pub(super) fn branch(&mut self, op: Op) -> Flags {
        self.compare(op.rs1, op.rs2);
        match op.code {
            OpCode::Beq => EQUAL,
            OpCode::Bne => NOT_EQUAL,
            OpCode::Blt => LESS,
            OpCode::Bge => NOT_LESS,
            OpCode::Bltu => BELOW,
            _ => NOT_BELOW,
        }
    }

    /// rax <- register + imm.
    pub(super) fn address(&mut self, register: u8, imm: i32) {
        match self.allocation.place(register) {
            Place::Host(host) if imm != 0 => self.assembler.add_into(RAX, host, imm),
            place => {
                self.assembler.load(Width::Double, RAX, place);
                if imm != 0 {
                    self.assembler.binary_constant(Width::Double, ADD, Place::Host(RAX), imm);
                }
            }
        }
    }

    /// Sets a register to an address, unless it is x0.
    pub(super) fn link_register(&mut self, rd: u8, pc: u64) {
        if rd != DISCARD {
            let imm = i32::try_from(pc).expect("code lies below 2^30");
            self.assembler.store_constant(self.allocation.place(rd), imm);
        }
    }

    /// The host register to work in for a result: the one that keeps it, or rax.
    fn target(&self, rd: u8) -> Host {
        match self.allocation.place(rd) {
            Place::Host(host) => host,
            Place::Slot(_) => RAX,
        }
    }

    /// Puts a result from where it was worked out to where it is kept.
    fn finish(&mut self, rd: u8, from: Host) {
        self.assembler.store(self.allocation.place(rd), from);
    }

    /// The flags of one register less another.
    fn compare(&mut self, a: u8, b: u8) {
        let (place_a, place_b) = (self.allocation.place(a), self.allocation.place(b));
        match (place_a, place_b) {
            _ if b == 0 => self.assembler.binary_constant(Width::Double, CMP, place_a, 0),
            (Place::Host(host), _) => {
                self.assembler.binary(Width::Double, CMP, host, place_b);
            }
            (Place::Slot(_), Place::Host(host)) => self.assembler.binary_to(CMP, place_a, host),
            _ => {
                self.assembler.load(Width::Double, RAX, place_a);
                self.assembler.binary(Width::Double, CMP, RAX, place_b);
            }
        }
    }

    fn set_if(&mut self, flags: Flags, a: u8, b: Operand, rd: u8) {
        match b {
            Operand::Register(b) => self.compare(a, b),
            Operand::Constant(imm) => {
                let place = self.allocation.place(a);
                self.assembler.binary_constant(Width::Double, CMP, place, imm);
            }
        }
        self.assembler.set(flags);
        self.finish(rd, RAX);
    }

    fn binary_immediate(&mut self, op: Op) {
        let operation = match op.code {
            OpCode::Addi => ADD,
            OpCode::Xori => XOR,
            OpCode::Ori => OR,
            _ => AND,
        };
        let (from, to) = (self.allocation.place(op.rs1), self.allocation.place(op.rd));
        if from == to {
            return self.assembler.binary_constant(Width::Double, operation, to, op.imm);
        }
        let target = self.target(op.rd);
        match from {
            Place::Host(host) if op.code == OpCode::Addi && op.imm != 0 => {
                self.assembler.add_into(target, host, op.imm);
            }
            _ => {
                self.assembler.load(Width::Double, target, from);
                if op.imm != 0 || op.code == OpCode::Andi {
                    let place = Place::Host(target);
                    self.assembler.binary_constant(Width::Double, operation, place, op.imm);
                }
            }
        }
        self.finish(op.rd, target);
    }

    fn shift_immediate(&mut self, op: Op) {
        let shift = match op.code {
            OpCode::Slli => SHL,
            OpCode::Srli => SHR,
            _ => SAR,
        };
        let (from, to) = (self.allocation.place(op.rs1), self.allocation.place(op.rd));
        if from == to {
            return self.assembler.shift(Width::Double, shift, to, amount(op.imm));
        }
        let target = self.target(op.rd);
        self.assembler.load(Width::Double, target, from);
        self.assembler.shift(Width::Double, shift, Place::Host(target), amount(op.imm));
        self.finish(op.rd, target);
    }

    fn word_immediate(&mut self, op: Op) {
        let from = self.allocation.place(op.rs1);
        let target = self.target(op.rd);
        if op.code == OpCode::Addiw && op.imm == 0 {
            self.assembler.sign_extend_word(target, from);
            return self.finish(op.rd, target);
        }
        let rax = Place::Host(RAX);
        self.assembler.load(Width::Word, RAX, from);
        match op.code {
            OpCode::Addiw => self.assembler.binary_constant(Width::Word, ADD, rax, op.imm),
            OpCode::Slliw => self.assembler.shift(Width::Word, SHL, rax, amount(op.imm)),
            OpCode::Srliw => self.assembler.shift(Width::Word, SHR, rax, amount(op.imm)),
            _ => self.assembler.shift(Width::Word, SAR, rax, amount(op.imm)),
        }
        self.assembler.sign_extend_word(target, rax);
        self.finish(op.rd, target);
    }

    fn binary_register(&mut self, operation: Binary, op: Op) {
        let place = |number| self.allocation.place(number);
        let (a, b, to) = (place(op.rs1), place(op.rs2), place(op.rd));
        match (a, b, to) {
            (_, Place::Host(host), Place::Slot(_)) if a == to => {
                self.assembler.binary_to(operation, to, host);
            }
            // The target is overwritten first: it must not be the second operand.
            (_, _, Place::Host(target)) if b != to || a == to => {
                self.assembler.load(Width::Double, target, a);
                self.assembler.binary(Width::Double, operation, target, b);
            }
            _ => {
                self.assembler.load(Width::Double, RAX, a);
                self.assembler.binary(Width::Double, operation, RAX, b);
                self.finish(op.rd, RAX);
            }
        }
    }

    fn word_register(&mut self, operation: Binary, op: Op) {
        let target = self.target(op.rd);
        self.assembler.load(Width::Word, RAX, self.allocation.place(op.rs1));
        self.assembler.binary(Width::Word, operation, RAX, self.allocation.place(op.rs2));
        self.assembler.sign_extend_word(target, Place::Host(RAX));
        self.finish(op.rd, target);
    }

    fn shift_register(&mut self, width: Width, shift: Shift, op: Op) {
        self.assembler.load(Width::Double, RCX, self.allocation.place(op.rs2));
        self.assembler.load(Width::Double, RAX, self.allocation.place(op.rs1));
        // The host masks the amount by the width too.
        self.assembler.shift_by_cl(width, shift, Place::Host(RAX));
        if width == Width::Word {
            self.assembler.sign_extend_word(RAX, Place::Host(RAX));
        }
        self.finish(op.rd, RAX);
    }

    fn multiply(&mut self, op: Op) {
        let (a, b) = (self.allocation.place(op.rs1), self.allocation.place(op.rs2));
        self.assembler.load(Width::Double, RAX, a);
        self.assembler.multiply(Width::Double, RAX, b);
        if op.code == OpCode::Mulw {
            self.assembler.sign_extend_word(RAX, Place::Host(RAX));
        }
        self.finish(op.rd, RAX);
    }

    fn multiply_high(&mut self, op: Op) {
        let (a, b) = (self.allocation.place(op.rs1), self.allocation.place(op.rs2));
        if op.code == OpCode::Mulhsu {
            // The product of unsigned numbers, less 2^64 * b if a is negative.
            self.assembler.load(Width::Double, RCX, a);
            self.assembler.shift(Width::Double, SAR, Place::Host(RCX), 63);
            self.assembler.binary(Width::Double, AND, RCX, b);
        }
        self.assembler.load(Width::Double, RAX, a);
        let operation = if op.code == OpCode::Mulh { IMUL } else { MUL };
        self.assembler.group3(Width::Double, operation, b);
        if op.code == OpCode::Mulhsu {
            self.assembler.binary(Width::Double, SUB, RDX, Place::Host(RCX));
        }
        self.finish(op.rd, RDX);
    }

    /// Division, with what the host faults on handled apart: zero, and the overflow by -1.
    fn divide(&mut self, op: Op) {
        use OpCode::*;
        let width =
            if matches!(op.code, Div | Divu | Rem | Remu) { Width::Double } else { Width::Word };
        let is_signed = matches!(op.code, Div | Rem | Divw | Remw);
        let is_remainder = matches!(op.code, Rem | Remu | Remw | Remuw);
        let (rax, rcx) = (Place::Host(RAX), Place::Host(RCX));

        self.assembler.load(width, RCX, self.allocation.place(op.rs2));
        self.assembler.load(width, RAX, self.allocation.place(op.rs1));
        self.assembler.binary_constant(width, CMP, rcx, 0);
        let by_zero = self.assembler.jump(Some(EQUAL));
        let mut by_minus_one = None;
        if is_signed {
            self.assembler.binary_constant(width, CMP, rcx, -1);
            by_minus_one = Some(self.assembler.jump(Some(EQUAL)));
            let extend: &[u8] = if width == Width::Double { &[0x48, 0x99] } else { &[0x99] };
            self.assembler.bytes(extend);
            self.assembler.group3(width, IDIV, rcx);
        } else {
            self.assembler.binary(Width::Word, XOR, RDX, Place::Host(RDX));
            self.assembler.group3(width, DIV, rcx);
        }
        if is_remainder {
            self.assembler.load(Width::Double, RAX, Place::Host(RDX));
        }
        let divided = self.assembler.jump(None);
        let mut negated = None;
        if let Some(jump) = by_minus_one {
            self.assembler.link_here(jump);
            if is_remainder {
                self.assembler.store_constant(rax, 0);
            } else {
                self.assembler.group3(width, NEG, rax);
            }
            negated = Some(self.assembler.jump(None));
        }
        self.assembler.link_here(by_zero);
        if !is_remainder {
            self.assembler.store_constant(rax, -1);
        }
        self.assembler.link_here(divided);
        negated.into_iter().for_each(|jump| self.assembler.link_here(jump));
        if width == Width::Word {
            self.assembler.sign_extend_word(RAX, rax);
        }
        self.finish(op.rd, RAX);
    }

    /// Leaves the address of an access in rax and returns the jump taken if it faults.
    fn checked_address(&mut self, op: Op, size: i32) -> usize {
        self.address(op.rs1, op.imm);
        self.assembler.test_rax(OUTSIDE | size.wrapping_sub(1));
        self.assembler.jump(Some(NOT_EQUAL))
    }

    fn memory_load(&mut self, op: Op) -> usize {
        let (size, width, opcode): (i32, Width, &[u8]) = match op.code {
            OpCode::Lb => (1, Width::Double, &[0x0f, 0xbe]),
            OpCode::Lbu => (1, Width::Word, &[0x0f, 0xb6]),
            OpCode::Lh => (2, Width::Double, &[0x0f, 0xbf]),
            OpCode::Lhu => (2, Width::Word, &[0x0f, 0xb7]),
            OpCode::Lw => (4, Width::Double, &[0x63]),
            OpCode::Lwu => (4, Width::Word, &[0x8b]),
            _ => (8, Width::Double, &[0x8b]),
        };
        let fault = self.checked_address(op, size);
        if op.rd != DISCARD {
            let target = self.target(op.rd);
            self.assembler.memory(&[], width, opcode, target);
            self.finish(op.rd, target);
        }
        fault
    }

    fn memory_store(&mut self, op: Op) -> usize {
        let (size, prefix, width, opcode): (i32, &[u8], Width, u8) = match op.code {
            OpCode::Sb => (1, &[], Width::Word, 0x88),
            OpCode::Sh => (2, &[0x66], Width::Word, 0x89),
            OpCode::Sw => (4, &[], Width::Word, 0x89),
            _ => (8, &[], Width::Double, 0x89),
        };
        let fault = self.checked_address(op, size);
        let value = match self.allocation.place(op.rs2) {
            Place::Host(host) => host,
            place @ Place::Slot(_) => {
                self.assembler.load(Width::Double, RCX, place);
                RCX
            }
        };
        self.assembler.memory(prefix, width, &[opcode], value);
        let page = u8::try_from(PAGE_SHIFT).expect("it is 12");
        self.assembler.shift(Width::Word, SHR, Place::Host(RAX), page);
        // mov byte [r13 + rax], CHANGED
        self.assembler.bytes(&[0x41, 0xc6, 0x44, 0x05, 0x00, CHANGED]);
        fault
    }
}

/// The decoder gives amounts below 64.
fn amount(imm: i32) -> u8 {
    u8::try_from(imm).expect("a shift amount")
}
