//! Arithmetic of the step verifier: from instruction words and operands to results; `None` when the
//! word is no instruction of RV64IM. It was written from the manual's list of opcodes,
//! independently of the engines, and computes in 128 bits where 64 could overflow.

#![expect(clippy::cast_possible_truncation, reason = "results are truncated to their width")]

/// Whether a branch is taken.
pub(crate) fn branch(word: u32, a: u64, b: u64) -> Option<bool> {
    let less = match word >> 13 & 3 {
        0 => return (word >> 12 & 7 < 2).then_some((a == b) ^ (word >> 12 & 1 == 1)),
        2 => a.cast_signed() < b.cast_signed(),
        3 => a < b,
        _ => return None,
    };
    Some(less ^ (word >> 12 & 1 == 1))
}

/// OP-IMM.
pub(crate) fn op_imm(word: u32, a: u64) -> Option<u64> {
    let imm = i64::from(word.cast_signed() >> 20).cast_unsigned();
    let amount = word >> 20 & 63;
    match (word >> 12 & 7, word >> 26) {
        (1, 0) => Some(shift_left(a, amount)),
        (5, 0) => Some(a >> amount),
        (5, 16) => Some(shift_right_signed(a, amount)),
        (1 | 5, _) => None,
        (funct3, _) => Some(simple(funct3, a, imm)),
    }
}

/// OP-IMM-32.
pub(crate) fn op_imm_32(word: u32, a: u64) -> Option<u64> {
    let low = a & 0xffff_ffff;
    let amount = word >> 20 & 31;
    match (word >> 12 & 7, word >> 25) {
        (0, _) => Some(extend(a.wrapping_add(i64::from(word.cast_signed() >> 20).cast_unsigned()))),
        (1, 0) => Some(extend(shift_left(low, amount))),
        (5, 0) => Some(extend(low >> amount)),
        (5, 32) => Some(shift_right_signed(extend(a), amount)),
        _ => None,
    }
}

/// OP.
pub(crate) fn op(word: u32, a: u64, b: u64) -> Option<u64> {
    let funct3 = word >> 12 & 7;
    let amount = (b & 63) as u32;
    match (word >> 25, funct3) {
        (0, 1) => Some(shift_left(a, amount)),
        (0, 5) => Some(a >> amount),
        (0, _) => Some(simple(funct3, a, b)),
        (1, _) => Some(multiply_or_divide(funct3, a, b)),
        (32, 0) => Some(a.wrapping_sub(b)),
        (32, 5) => Some(shift_right_signed(a, amount)),
        _ => None,
    }
}

/// OP-32.
pub(crate) fn op_32(word: u32, a: u64, b: u64) -> Option<u64> {
    let (low_a, low_b) = (a & 0xffff_ffff, b & 0xffff_ffff);
    let amount = (b & 31) as u32;
    let result = match (word >> 25, word >> 12 & 7) {
        (0, 0) => low_a.wrapping_add(low_b),
        (32, 0) => low_a.wrapping_sub(low_b),
        (0, 1) => shift_left(low_a, amount),
        (0, 5) => low_a >> amount,
        (32, 5) => shift_right_signed(extend(a), amount),
        (1, 0) => low_a.wrapping_mul(low_b),
        (1, 4) => divide(signed(extend(a)), signed(extend(b))).0,
        (1, 5) => divide(i128::from(low_a), i128::from(low_b)).0,
        (1, 6) => divide(signed(extend(a)), signed(extend(b))).1,
        (1, 7) => divide(i128::from(low_a), i128::from(low_b)).1,
        _ => return None,
    };
    Some(extend(result))
}

/// Operations that OP and OP-IMM share, shifts left out.
fn simple(funct3: u32, a: u64, b: u64) -> u64 {
    match funct3 {
        0 => a.wrapping_add(b),
        2 => u64::from(signed(a) < signed(b)),
        3 => u64::from(a < b),
        4 => a ^ b,
        6 => a | b,
        _ => a & b,
    }
}

fn multiply_or_divide(funct3: u32, a: u64, b: u64) -> u64 {
    let (unsigned_a, unsigned_b) = (i128::from(a), i128::from(b));
    match funct3 {
        0 => a.wrapping_mul(b),
        1 => (signed(a).wrapping_mul(signed(b)) >> 64) as u64,
        2 => (signed(a).wrapping_mul(unsigned_b) >> 64) as u64,
        3 => (u128::from(a).wrapping_mul(u128::from(b)) >> 64) as u64,
        4 => divide(signed(a), signed(b)).0,
        5 => divide(unsigned_a, unsigned_b).0,
        6 => divide(signed(a), signed(b)).1,
        _ => divide(unsigned_a, unsigned_b).1,
    }
}

/// Quotient towards zero and remainder, where 128 bits cannot overflow; -1 and `a` by zero.
fn divide(a: i128, b: i128) -> (u64, u64) {
    (a.checked_div(b).unwrap_or(-1) as u64, a.checked_rem(b).unwrap_or(a) as u64)
}

fn signed(value: u64) -> i128 {
    i128::from(value.cast_signed())
}

/// Sign extends the low 32 bits.
fn extend(value: u64) -> u64 {
    i64::from((value as u32).cast_signed()).cast_unsigned()
}

fn shift_left(a: u64, amount: u32) -> u64 {
    (u128::from(a) << amount) as u64
}

fn shift_right_signed(a: u64, amount: u32) -> u64 {
    (signed(a) >> amount) as u64
}
