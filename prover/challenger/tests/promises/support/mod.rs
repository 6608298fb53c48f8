//! What these tests share: the machine's own test support, the contracts, steps with witnesses.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses a part")]

#[path = "../../../../vm/tests/promises/support/mod.rs"]
mod machine;

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use gainsay_challenger::machine::{OnchainVerifier, VerifierCode, WitnessedStep};
use gainsay_vm::{Engine, Hart, Host, Machine};

pub use machine::{random_program::*, *};

/// The compiled contracts.
pub fn artifacts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/out")
}

/// The code of the contracts.
pub fn verifier_code() -> VerifierCode {
    VerifierCode::load(&artifacts()).expect("scripts/test builds the contracts")
}

/// The contracts, deployed.
pub fn verifier() -> OnchainVerifier {
    OnchainVerifier::deploy(&verifier_code()).unwrap()
}

/// The next step of a machine, taken.
pub fn take_step(machine: &mut Machine, host: &mut dyn Host) -> WitnessedStep {
    let (step, pc) = (machine.hart().step, machine.hart().pc);
    let pre = machine.state_hash();
    let witness = machine.witness(step, host).unwrap();
    machine.run(step + 1, host).unwrap();
    WitnessedStep { step, pc, pre, witness, post: machine.state_hash() }
}

/// The words of `read_preimage`: key, offset, where to.
pub fn read_preimage(key: B256, offset: u64, destination: u64) -> Vec<u32> {
    let mut words = load_immediate(A7, 0x1001);
    for (register, bytes) in (A0..).zip(key.chunks(8)) {
        words.extend(load_immediate(register, u64::from_le_bytes(bytes.try_into().unwrap())));
    }
    words.extend(load_immediate(A0 + 4, offset));
    words.extend(load_immediate(A0 + 5, destination));
    words.push(ECALL);
    words
}

/// The words of `keccak`.
pub fn hash_memory(pointer: u64, length: u64) -> Vec<u32> {
    let mut words = load_immediate(A7, 0x1003);
    words.extend(load_immediate(A0, pointer));
    words.extend(load_immediate(A0 + 1, length));
    words.push(ECALL);
    words
}

/// A key of this type.
pub fn key(key_type: u8, hashed: &[u8]) -> B256 {
    let mut key = keccak256(hashed);
    key[0] = key_type;
    key
}

/// One preimage that is not a keccak one, with its proof.
#[derive(Clone, Debug)]
pub struct Proven {
    pub key: B256,
    pub preimage: Bytes,
    pub proof: Bytes,
}

impl Proven {
    /// What a precompile says: 1 and what it returns, or 0 when it fails.
    pub fn precompile(address: u16, input: &[u8], answer: Option<&[u8]>) -> Self {
        let address = Address::left_padding_from(&address.to_be_bytes());
        let proof = [address.as_slice(), input].concat();
        let preimage = answer.map_or(vec![0], |answer| [&[1], answer].concat());
        Self { key: key(3, &proof), preimage: preimage.into(), proof: proof.into() }
    }
}

impl Host for Proven {
    fn preimage(&mut self, key: &B256) -> Option<Bytes> {
        (*key == self.key).then(|| self.preimage.clone())
    }

    fn proof(&mut self, key: &B256) -> Option<Bytes> {
        (*key == self.key).then(|| self.proof.clone())
    }

    fn hint(&mut self, _hint: &[u8]) {}

    fn write(&mut self, _text: &[u8]) {}
}

/// Runs a program to its end on all engines and on the contract, and compares the states after each
/// step, and after one more. Returns the hart at the end.
pub fn all_agree<H: Host + Clone>(
    verifier: &mut OnchainVerifier,
    words: &[u32],
    host: &H,
    from: u64,
) -> Hart {
    let program = program(words);
    let input = B256::repeat_byte(0xa5);
    let engines = [Engine::Reference, Engine::Fast, Engine::Jit];
    let mut machines = engines.map(|engine| {
        let mut machine = Machine::new(program.clone(), input).with_engine(engine);
        machine.run(from, &mut host.clone()).unwrap();
        (machine, host.clone())
    });
    loop {
        let [(reference, host), others @ ..] = &mut machines;
        let is_halted = reference.hart().is_halted();
        let witnessed = take_step(reference, host);
        let place = format!("step {}, pc {:#x}", witnessed.step, witnessed.pc);
        witnessed.verify(verifier).unwrap();
        for ((machine, host), engine) in others.iter_mut().zip(&engines[1..]) {
            machine.run(witnessed.step + 1, host).unwrap();
            assert_eq!(machine.state_hash(), witnessed.post, "{place}: {engine:?}");
        }
        if is_halted {
            assert_eq!(witnessed.pre, witnessed.post, "{place}: a halted machine moved");
            return reference.hart().clone();
        }
    }
}
