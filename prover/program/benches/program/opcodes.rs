//! What the worst-case table measures: every opcode and precompile, with operands that cost most.
//!
//! A case is code that leaves the stack as it found it, and the same code without what is measured.

use alloy_primitives::U256;

/// What is measured.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Runs once before.
    pub(crate) setup: Vec<u8>,
    /// Holds what is measured.
    pub(crate) unit: Vec<u8>,
    /// The unit without it; what operands there are is popped.
    pub(crate) plain: Vec<u8>,
    /// POPs of `plain` less those of `unit`.
    pub(crate) more_pops: f64,
    /// Most units in one transaction.
    pub(crate) count_max: usize,
}

const DUP1: u8 = 0x80;
const POP: u8 = 0x50;
const PUSH0: u8 = 0x5f;
const STATICCALL: u8 = 0xfa;
const COUNT_MAX: usize = 3_000;

/// Accounts with large code stand from here on.
pub(crate) const LARGE_CODE: u64 = 0x1000_0000;
/// How many of them.
pub(crate) const LARGE_CODES: u64 = 200;

fn push(value: U256) -> Vec<u8> {
    let bytes = value.to_be_bytes_trimmed_vec();
    let len = u8::try_from(bytes.len()).expect("at most 32");
    [vec![PUSH0 + len], bytes].concat()
}

fn operands(values: &[U256]) -> Vec<u8> {
    values.iter().rev().flat_map(|value| push(*value)).collect()
}

/// An opcode on operands, the first on top of the stack.
fn opcode(name: &str, opcode: u8, inputs: &[U256], outputs: usize) -> Case {
    let dup = DUP1 - 1 + u8::try_from(inputs.len()).expect("few");
    let load = vec![dup; inputs.len()];
    Case {
        name: name.into(),
        setup: operands(inputs),
        unit: [&load[..], &[opcode], &vec![POP; outputs]].concat(),
        plain: [load, vec![POP; inputs.len()]].concat(),
        more_pops: inputs.len() as f64 - outputs as f64,
        count_max: COUNT_MAX,
    }
}

/// An opcode on one operand that is another one every time, so that what it names is cold.
fn counted(name: &str, from: U256, code: &[u8], count_max: usize) -> Case {
    let next = [0x60, 1, 0x01];
    Case {
        name: name.into(),
        setup: push(from),
        unit: [&[DUP1], code, &next].concat(),
        plain: [&[DUP1, POP], &next[..]].concat(),
        more_pops: 1.0 - code.iter().filter(|byte| **byte == POP).count() as f64,
        count_max,
    }
}

/// A call of a precompile with so many bytes of memory as input.
fn precompile(name: &str, address: u64, setup: &[u8], len: u64) -> Case {
    let zero = U256::ZERO;
    // A call that fails, as kzg's here, takes all the gas that it is given.
    let gas = if address == 0x0a { 50_000 } else { 16_000_000 };
    let call = [U256::from(gas), U256::from(address), zero, U256::from(len), zero, zero];
    let case = opcode(name, STATICCALL, &call, 1);
    Case { setup: [setup, &case.setup].concat(), count_max: 100, ..case }
}

/// Memory that ends here, and its word at `offset` is `value`.
fn memory(offset: u64, value: U256) -> Vec<u8> {
    [push(value), push(U256::from(offset)), vec![0x52]].concat()
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = stack();
    cases.extend(arithmetic());
    cases.extend(environment());
    cases.extend(memory_and_logs());
    cases.extend(state());
    cases.extend(precompiles());
    cases
}

fn stack() -> Vec<Case> {
    let long = (U256::from(0x1234_5678_9abc_u64) << 208) | U256::MAX >> 64;
    let deep = |name: &str, setup: Vec<u8>, unit: Vec<u8>| Case {
        name: name.into(),
        setup,
        unit,
        plain: Vec::new(),
        more_pops: 0.0,
        count_max: 1_000,
    };
    let mut cases = vec![
        deep("POP", vec![PUSH0; 1_000], vec![POP]),
        deep("PUSH0", Vec::new(), vec![PUSH0]),
        deep("JUMPDEST", Vec::new(), vec![0x5b]),
        deep("DUP1", vec![PUSH0], vec![DUP1]),
        deep("DUP16", vec![PUSH0; 16], vec![DUP1 + 15]),
        deep("SWAP1", vec![PUSH0; 2], vec![0x90]),
        deep("SWAP16", vec![PUSH0; 17], vec![0x9f]),
    ];
    for len in [1_usize, 4, 14, 20, 31, 32] {
        cases.push(deep(&format!("PUSH{len}"), Vec::new(), push(long >> (8 * (32 - len)))));
    }
    cases
}

fn arithmetic() -> Vec<Case> {
    let max = U256::MAX;
    let odd = (max / U256::from(7)) | U256::ONE;
    let words = |count: usize| odd >> (256 - 64 * count);
    let negative = max - (odd >> 60);
    let mut cases = Vec::new();
    for (name, code) in [("ADD", 0x01), ("MUL", 0x02), ("SUB", 0x03)] {
        cases.push(opcode(name, code, &[max, odd], 1));
    }
    for (name, code) in [("DIV", 0x04), ("SDIV", 0x05), ("MOD", 0x06), ("SMOD", 0x07)] {
        for count in 1..=3 {
            let name = format!("{name} by {count} words");
            cases.push(opcode(&name, code, &[negative, words(count)], 1));
        }
    }
    for (name, code) in [("ADDMOD", 0x08), ("MULMOD", 0x09)] {
        for count in 1..=4 {
            let name = format!("{name} by {count} words");
            cases.push(opcode(&name, code, &[max, negative, words(count)], 1));
        }
    }
    for bytes in [1_usize, 4, 32] {
        let name = format!("EXP to {bytes} bytes");
        cases.push(opcode(&name, 0x0a, &[odd, max >> (256 - 8 * bytes)], 1));
    }
    cases.push(opcode("SIGNEXTEND", 0x0b, &[U256::from(3), odd], 1));
    let compare =
        [("LT", 0x10), ("GT", 0x11), ("SLT", 0x12), ("SGT", 0x13), ("EQ", 0x14), ("AND", 0x16)];
    for (name, code) in compare.into_iter().chain([("OR", 0x17), ("XOR", 0x18)]) {
        cases.push(opcode(name, code, &[odd, odd], 1));
    }
    for (name, code) in [("ISZERO", 0x15), ("NOT", 0x19), ("CLZ", 0x1e)] {
        cases.push(opcode(name, code, &[odd], 1));
    }
    for (name, code) in [("BYTE", 0x1a), ("SHL", 0x1b), ("SHR", 0x1c), ("SAR", 0x1d)] {
        cases.push(opcode(name, code, &[U256::from(13), odd], 1));
    }
    cases
}

fn environment() -> Vec<Case> {
    let none = [
        ("ADDRESS", 0x30),
        ("ORIGIN", 0x32),
        ("CALLER", 0x33),
        ("CALLVALUE", 0x34),
        ("CALLDATASIZE", 0x36),
        ("CODESIZE", 0x38),
        ("GASPRICE", 0x3a),
        ("RETURNDATASIZE", 0x3d),
        ("COINBASE", 0x41),
        ("TIMESTAMP", 0x42),
        ("NUMBER", 0x43),
        ("PREVRANDAO", 0x44),
        ("GASLIMIT", 0x45),
        ("CHAINID", 0x46),
        ("SELFBALANCE", 0x47),
        ("BASEFEE", 0x48),
        ("BLOBBASEFEE", 0x4a),
        ("PC", 0x58),
        ("MSIZE", 0x59),
        ("GAS", 0x5a),
    ];
    let mut cases: Vec<Case> =
        none.into_iter().map(|(name, code)| opcode(name, code, &[], 1)).collect();
    let number = U256::from;
    cases.push(opcode("CALLDATALOAD", 0x35, &[number(1)], 1));
    cases.push(opcode("BLOBHASH", 0x49, &[number(1)], 1));
    cases.push(opcode("BLOCKHASH", 0x40, &[number(0)], 1));
    for (name, code) in [("CALLDATACOPY", 0x37), ("CODECOPY", 0x39)] {
        for len in [1, 32, 4_096] {
            let name = format!("{name} of {len} bytes");
            cases.push(opcode(&name, code, &[number(3), number(1), number(len)], 0));
        }
    }
    let mut copy = opcode("RETURNDATACOPY of 992 bytes", 0x3e, &[1, 3, 992].map(number), 0);
    let call = [16_000_000, 4, 0, 1_024, 0, 0].map(number);
    copy.setup = [operands(&call), vec![STATICCALL], copy.setup].concat();
    cases.push(copy);
    cases
}

fn memory_and_logs() -> Vec<Case> {
    let number = U256::from;
    let long = U256::MAX / number(3);
    let mut cases = vec![
        opcode("MLOAD", 0x51, &[number(1)], 1),
        opcode("MSTORE", 0x52, &[number(1), long], 0),
        opcode("MSTORE8", 0x53, &[number(1), long], 0),
    ];
    cases.push(Case {
        name: "MSTORE beyond the end".into(),
        setup: Vec::new(),
        unit: vec![PUSH0, 0x59, 0x52],
        plain: vec![PUSH0, 0x59, POP, POP],
        more_pops: 2.0,
        count_max: COUNT_MAX,
    });
    for (to, from, len) in [(0, 3, 32_u64), (3, 0, 32), (0, 3, 4_096), (3, 0, 4_096), (8, 0, 4_096)]
    {
        let name = format!("MCOPY of {len} bytes, {from} to {to}");
        cases.push(opcode(&name, 0x5e, &[to, from, len].map(number), 0));
    }
    for len in [0_u64, 32, 136, 1_024, 65_536, 65_568, 200_000] {
        let name = format!("KECCAK256 of {len} bytes");
        let case = opcode(&name, 0x20, &[number(1), number(len)], 1);
        // So that the growth of memory is not measured.
        let setup = [memory(len, long), case.setup].concat();
        cases.push(Case { setup, count_max: if len > 10_000 { 100 } else { COUNT_MAX }, ..case });
    }
    for topics in 0..=4_usize {
        for len in [0_u64, 1_024] {
            let inputs = [vec![number(1), number(len)], vec![long; topics]].concat();
            let code = 0xa0 + u8::try_from(topics).expect("few");
            let case = opcode(&format!("LOG{topics} of {len} bytes"), code, &inputs, 0);
            cases.push(Case { count_max: 1_000, ..case });
        }
    }
    cases
}

fn state() -> Vec<Case> {
    let number = U256::from;
    let (long, absent) = (U256::MAX / number(3), number(0xabc) << 100);
    let large = number(LARGE_CODE);
    let calls = usize::try_from(LARGE_CODES).expect("few");
    let zeros = |count: usize| vec![PUSH0; count];
    let call = [zeros(4), vec![0x84, 0x5a, STATICCALL, POP, POP]].concat();
    let copy = [&[0x61, 0x60, 0x00], &zeros(2)[..], &[0x83, 0x3c, POP]].concat();
    let mut cases = vec![
        counted("SLOAD, cold", long, &[0x54, POP], COUNT_MAX),
        counted("SSTORE, cold, of a new slot", absent, &[DUP1, 0x55], 600),
        counted("TLOAD, new", long, &[0x5c, POP], COUNT_MAX),
        counted("TSTORE, new", long, &[DUP1, 0x5d], COUNT_MAX),
        counted("BALANCE, cold", absent, &[0x31, POP], COUNT_MAX),
        counted("EXTCODEHASH, cold", absent, &[0x3f, POP], COUNT_MAX),
        counted("EXTCODESIZE, cold, of large code", large, &[0x3b, POP], calls),
        counted("EXTCODECOPY, cold, of large code", large, &copy, calls),
        counted("STATICCALL, cold, of large code", large, &call, calls),
        opcode("SLOAD", 0x54, &[number(1)], 1),
        opcode("SSTORE", 0x55, &[number(1), long], 0),
        opcode("TLOAD", 0x5c, &[number(1)], 1),
        opcode("TSTORE", 0x5d, &[number(1), long], 0),
        opcode("BALANCE", 0x31, &[absent], 1),
        opcode("EXTCODESIZE", 0x3b, &[large], 1),
        opcode("EXTCODEHASH", 0x3f, &[large], 1),
        opcode("EXTCODECOPY", 0x3c, &[large, number(3), number(1), number(4_096)], 0),
    ];
    let gas = number(1_000_000);
    for (name, code, has_value) in
        [("CALL", 0xf1, true), ("CALLCODE", 0xf2, true), ("DELEGATECALL", 0xf4, false)]
    {
        let value = if has_value { vec![U256::ZERO] } else { Vec::new() };
        let inputs = [vec![gas, large], value, vec![U256::ZERO; 4]].concat();
        cases.push(opcode(&format!("{name} of large code"), code, &inputs, 1));
    }
    let wide = [gas, large, number(1), number(4_096), number(1), number(4_096)];
    cases.push(opcode("STATICCALL of large code, 4 KiB", STATICCALL, &wide, 1));
    let nobody = [vec![gas, absent], vec![U256::ZERO; 5]].concat();
    cases.push(opcode("CALL of nobody", 0xf1, &nobody, 1));
    for len in [0_u64, 49_152] {
        let inputs = [number(0), number(0), number(len)];
        let case = opcode(&format!("CREATE from {len} bytes"), 0xf0, &inputs, 1);
        cases.push(Case { count_max: 100, ..case });
    }
    cases
}

fn precompiles() -> Vec<Case> {
    let number = U256::from;
    let one = |offset| memory(offset, number(1));
    let modexp = |len: u64| {
        let full = (0..3 * len / 32).flat_map(|word| memory(96 + 32 * word, U256::MAX >> 1));
        [memory(0, number(len)), memory(32, number(len)), memory(64, number(len)), full.collect()]
            .concat()
    };
    let mut cases = vec![
        precompile("0x01 ecrecover", 1, &memory(32, number(27)), 128),
        precompile("0x04 identity of 32,000 bytes", 4, &one(32_000), 32_000),
        precompile("0x05 modexp of nothing", 5, &[], 0),
        precompile("0x05 modexp of 64 bytes", 5, &modexp(64), 288),
        precompile("0x06 bn254 add", 6, &[], 128),
        precompile("0x07 bn254 mul", 7, &[], 96),
        precompile("0x08 bn254 pairing of nothing", 8, &[], 0),
        precompile("0x08 bn254 pairing of 2", 8, &[], 384),
        precompile("0x09 blake2f of no rounds", 9, &[], 213),
        precompile("0x0a kzg", 10, &[], 192),
        precompile("0x0b bls12-381 g1 add", 11, &[], 256),
        precompile("0x0c bls12-381 g1 msm", 12, &[], 160),
        precompile("0x0d bls12-381 g2 add", 13, &[], 512),
        precompile("0x0e bls12-381 g2 msm", 14, &[], 288),
        precompile("0x0f bls12-381 pairing", 15, &[], 384),
        precompile("0x10 bls12-381 map to g1", 16, &[], 64),
        precompile("0x11 bls12-381 map to g2", 17, &[], 128),
        precompile("0x100 p256", 0x100, &[], 160),
    ];
    for (name, address) in [("0x02 sha256", 2), ("0x03 ripemd160", 3)] {
        for len in [0_u64, 1_024, 65_000, 66_000, 120_000] {
            let setup = one(len.next_multiple_of(32));
            let case = precompile(&format!("{name} of {len} bytes"), address, &setup, len);
            let count_max = if len > 10_000 { 20 } else { 100 };
            cases.push(Case { count_max, ..case });
        }
    }
    cases
}
