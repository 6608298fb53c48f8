//! The few x86-64 instructions that translation needs, as bytes. Encodings: Intel SDM, volume 2.
//!
//! An operand is a [`Place`]: a host register, or the slot of a guest register in memory, addressed
//! from rbp with one byte of displacement. Both have the same opcodes, so each instruction here
//! serves both.

/// Number of a host register.
pub(super) type Host = u8;

pub(super) const RAX: Host = 0;
pub(super) const RCX: Host = 1;
pub(super) const RDX: Host = 2;
pub(super) const RBX: Host = 3;
pub(super) const RSI: Host = 6;
pub(super) const RDI: Host = 7;
pub(super) const R8: Host = 8;
pub(super) const R9: Host = 9;
pub(super) const R10: Host = 10;
pub(super) const R11: Host = 11;
pub(super) const R12: Host = 12;
/// r15: steps that may still be executed.
pub(super) const STEPS: Host = 15;

/// Where a guest register is kept while native code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a register of the host.
    Host(Host),
    /// In memory, at `[rbp + 8 * number - 128]`.
    Slot(u8),
}

/// Two-operand instructions: the opcode for `register <- register op place`; two less is the one
/// for `place <- place op register`; `digit` selects it among those with an immediate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binary {
    opcode: u8,
    digit: u8,
}

pub(super) const ADD: Binary = Binary { opcode: 0x03, digit: 0 };
pub(super) const OR: Binary = Binary { opcode: 0x0b, digit: 1 };
pub(super) const AND: Binary = Binary { opcode: 0x23, digit: 4 };
pub(super) const SUB: Binary = Binary { opcode: 0x2b, digit: 5 };
pub(super) const XOR: Binary = Binary { opcode: 0x33, digit: 6 };
pub(super) const CMP: Binary = Binary { opcode: 0x3b, digit: 7 };

/// Shifts, by their digit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift(u8);

pub(super) const SHL: Shift = Shift(4);
pub(super) const SHR: Shift = Shift(5);
pub(super) const SAR: Shift = Shift(7);

/// Multiplications and divisions of rdx:rax, by their digit in group 3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group3(u8);

pub(super) const NEG: Group3 = Group3(3);
pub(super) const MUL: Group3 = Group3(4);
pub(super) const IMUL: Group3 = Group3(5);
pub(super) const DIV: Group3 = Group3(6);
pub(super) const IDIV: Group3 = Group3(7);

/// Conditions, by their number in jcc and setcc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

pub(super) const BELOW: Flags = Flags(2);
pub(super) const NOT_BELOW: Flags = Flags(3);
pub(super) const EQUAL: Flags = Flags(4);
pub(super) const NOT_EQUAL: Flags = Flags(5);
pub(super) const LESS: Flags = Flags(12);
pub(super) const NOT_LESS: Flags = Flags(13);

/// Whether an instruction works on 64 bits, or on 32 with zeros above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Double,
    Word,
}

/// Native code in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    pub(super) code: Vec<u8>,
}

impl Assembler {
    /// The offset of the next instruction.
    pub(super) fn here(&self) -> usize {
        self.code.len()
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    fn imm32(&mut self, imm: i32) {
        self.code.extend_from_slice(&imm.to_le_bytes());
    }

    /// REX, opcode and ModRM of an instruction with a register (or digit) and a place.
    fn instruction(&mut self, width: Width, opcode: &[u8], register: u8, place: Place) {
        let base = if let Place::Host(host) = place { host } else { 0 };
        let rex = 0x40 | u8::from(width == Width::Double) << 3 | (register >> 3) << 2 | base >> 3;
        if rex != 0x40 {
            self.code.push(rex);
        }
        self.bytes(opcode);
        let register = (register & 7) << 3;
        match place {
            Place::Host(host) => self.code.push(0xc0 | register | host & 7),
            Place::Slot(number) => {
                let displacement = number.wrapping_mul(8).wrapping_sub(128);
                self.bytes(&[0x45 | register, displacement]);
            }
        }
    }

    /// register <- place.
    pub(super) fn load(&mut self, width: Width, register: Host, place: Place) {
        if place != Place::Host(register) || width == Width::Word {
            self.instruction(width, &[0x8b], register, place);
        }
    }

    /// place <- register.
    pub(super) fn store(&mut self, place: Place, register: Host) {
        if place != Place::Host(register) {
            self.instruction(Width::Double, &[0x89], register, place);
        }
    }

    /// place <- immediate, sign extended.
    pub(super) fn store_constant(&mut self, place: Place, imm: i32) {
        match place {
            Place::Host(host) if imm == 0 => {
                self.instruction(Width::Word, &[0x33], host, place);
            }
            _ => {
                self.instruction(Width::Double, &[0xc7], 0, place);
                self.imm32(imm);
            }
        }
    }

    /// register <- any constant.
    pub(super) fn load_constant(&mut self, register: Host, value: u64) {
        match i32::try_from(value.cast_signed()) {
            Ok(imm) => self.store_constant(Place::Host(register), imm),
            Err(_) => {
                self.bytes(&[0x48 | register >> 3, 0xb8 | register & 7]);
                self.code.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    /// register <- register op place.
    pub(super) fn binary(&mut self, width: Width, operation: Binary, register: Host, place: Place) {
        self.instruction(width, &[operation.opcode], register, place);
    }

    /// place <- place op register; for [`CMP`], the flags of place less register.
    pub(super) fn binary_to(&mut self, operation: Binary, place: Place, register: Host) {
        let opcode = operation.opcode.wrapping_sub(2);
        self.instruction(Width::Double, &[opcode], register, place);
    }

    /// place <- place op immediate, sign extended.
    pub(super) fn binary_constant(
        &mut self,
        width: Width,
        operation: Binary,
        place: Place,
        imm: i32,
    ) {
        if let Ok(short) = i8::try_from(imm) {
            self.instruction(width, &[0x83], operation.digit, place);
            self.code.push(short.cast_unsigned());
        } else {
            self.instruction(width, &[0x81], operation.digit, place);
            self.imm32(imm);
        }
    }

    /// register <- place * register, low half.
    pub(super) fn multiply(&mut self, width: Width, register: Host, place: Place) {
        self.instruction(width, &[0x0f, 0xaf], register, place);
    }

    /// rdx:rax from rax and place.
    pub(super) fn group3(&mut self, width: Width, operation: Group3, place: Place) {
        self.instruction(width, &[0xf7], operation.0, place);
    }

    /// place <- place shifted by a constant.
    pub(super) fn shift(&mut self, width: Width, shift: Shift, place: Place, amount: u8) {
        self.instruction(width, &[0xc1], shift.0, place);
        self.code.push(amount);
    }

    /// place <- place shifted by cl.
    pub(super) fn shift_by_cl(&mut self, width: Width, shift: Shift, place: Place) {
        self.instruction(width, &[0xd3], shift.0, place);
    }

    /// register <- low 32 bits of place, sign extended.
    pub(super) fn sign_extend_word(&mut self, register: Host, place: Place) {
        self.instruction(Width::Double, &[0x63], register, place);
    }

    /// register <- register + immediate.
    pub(super) fn add_into(&mut self, register: Host, base: Host, imm: i32) {
        let rex = 0x48 | (register >> 3) << 2 | base >> 3;
        let modrm = 0x80 | (register & 7) << 3 | base & 7;
        self.bytes(&[rex, 0x8d, modrm]);
        if base & 7 == 4 {
            self.code.push(0x24);
        }
        self.imm32(imm);
    }

    /// rax <- 1 or 0, by the flags.
    pub(super) fn set(&mut self, flags: Flags) {
        self.bytes(&[0x0f, 0x90 | flags.0, 0xc0, 0x0f, 0xb6, 0xc0]);
    }

    /// Flags of rax and an immediate, sign extended.
    pub(super) fn test_rax(&mut self, imm: i32) {
        self.bytes(&[0x48, 0xa9]);
        self.imm32(imm);
    }

    /// Loads or stores at `[r14 + rax]`. `prefix` precedes REX.
    pub(super) fn memory(&mut self, prefix: &[u8], width: Width, opcode: &[u8], register: Host) {
        self.bytes(prefix);
        self.code.push(0x41 | u8::from(width == Width::Double) << 3 | (register >> 3) << 2);
        self.bytes(opcode);
        self.bytes(&[0x04 | (register & 7) << 3, 0x06]);
    }

    /// A jump with 32 bits of displacement, to be set by [`Self::link`]. Returns its place.
    pub(super) fn jump(&mut self, flags: Option<Flags>) -> usize {
        match flags {
            Some(flags) => self.bytes(&[0x0f, 0x80 | flags.0]),
            None => self.bytes(&[0xe9]),
        }
        self.imm32(0);
        self.here().wrapping_sub(4)
    }

    /// Sets where a jump goes.
    pub(super) fn link(&mut self, jump: usize, target: usize) {
        let next = jump.wrapping_add(4);
        let displacement = (target as i64).wrapping_sub(next as i64);
        let displacement = i32::try_from(displacement).expect("below 2 GiB");
        self.code[jump..next].copy_from_slice(&displacement.to_le_bytes());
    }

    /// Links a jump to the next instruction.
    pub(super) fn link_here(&mut self, jump: usize) {
        self.link(jump, self.here());
    }
}
