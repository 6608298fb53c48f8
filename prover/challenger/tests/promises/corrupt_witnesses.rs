//! A step has one witness: `StepVerifier` refuses any other, whichever byte differs and wherever it
//! ends, and says which rule it breaks.

use crate::support::*;
use alloy_primitives::{B256, Bytes, U256};
use gainsay_challenger::machine::{OnchainVerifier, StepRefusal, WitnessedStep};
use gainsay_l1::bindings::IStepVerifier::{IStepVerifierErrors, WrongPreState};
use gainsay_vm::{Host, Machine};
use rand::Rng;

/// Words in front of the step in question: a memory with something in it.
fn prepared(last: &[u32]) -> Vec<u32> {
    let mut words = load_immediate(8, 0x2_0000);
    words.extend([s_type(3, 8, 8, 0), s_type(3, 8, 8, 96)]);
    words.extend(last);
    words
}

fn step_of(words: &[u32], step: usize, host: &mut dyn Host) -> WitnessedStep {
    let mut machine = Machine::new(program(words), B256::repeat_byte(9));
    machine.run(step as u64, host).unwrap();
    take_step(&mut machine, host)
}

/// The last step of a program.
fn last(words: &[u32], host: &mut dyn Host) -> WitnessedStep {
    step_of(words, words.len() - 1, host)
}

/// A step of each kind of witness.
fn steps() -> Vec<(&'static str, WitnessedStep)> {
    let none = &mut Preimages::default();
    let mut preimages = Preimages::default();
    let key = preimages.add(&[7; 100]);
    let mut identity = Proven::precompile(4, b"returned as it is", Some(b"returned as it is"));
    let read_identity = prepared(&read_preimage(identity.key, 0, 0x2_0020));
    let outside = prepared(&[j_type(0, 4096)]);
    let halted = prepared(&[EBREAK]);
    vec![
        ("alu", last(&prepared(&[addi(1, 1, 1)]), none)),
        ("load", last(&prepared(&[i_type(0x03, 3, 1, 8, 0)]), none)),
        ("store", last(&prepared(&[s_type(3, 8, 1, 8)]), none)),
        ("misaligned load", last(&prepared(&[i_type(0x03, 3, 1, 8, 1)]), none)),
        ("keccak", last(&prepared(&hash_memory(0x2_0000, 77)), none)),
        ("preimage", last(&prepared(&read_preimage(key, 64, 0x2_0020)), &mut preimages)),
        ("precompile", last(&read_identity, &mut identity)),
        ("fetch out of range", step_of(&outside, outside.len(), none)),
        ("halted", step_of(&halted, halted.len(), none)),
    ]
}

/// Asks the contract, which must refuse for a reason that it names.
fn refused(verifier: &mut OnchainVerifier, pre: B256, witness: &[u8], place: &str) -> StepRefusal {
    match verifier.verify(pre, witness).unwrap().post_state_hash {
        Ok(_) => panic!("{place}: accepted"),
        Err(StepRefusal::Unknown(data)) => panic!("{place}: no named error: {data}"),
        Err(refusal) => refusal,
    }
}

#[test]
fn any_byte_changed_is_refused() {
    let (seed, mut random) = seeded();
    let verifier = &mut verifier();
    for (name, step) in steps() {
        step.verify(verifier).unwrap();
        for index in 0..step.witness.len() {
            let place = format!("GAINSAY_SEED={seed}, {name}, byte {index}");
            let mut corrupt = step.witness.clone();
            corrupt[index] ^= random.random_range(1..=255_u8);
            refused(verifier, step.pre, &corrupt, &place);
            refused(verifier, step.pre, &step.witness[..index], &place);
        }
        for more in [1, 31, 32, 64] {
            let longer = [&step.witness[..], &vec![0; more]].concat();
            refused(verifier, step.pre, &longer, name);
        }
    }
}

#[test]
fn any_field_from_another_step_is_refused() {
    let verifier = &mut verifier();
    let steps = steps();
    // Input, pc, step, status, exit code, registers, code bounds, the rest.
    let bounds = [0, 32, 40, 48, 49, 51, 299, 315];
    for (name, step) in &steps {
        for (other_name, other) in &steps {
            for (index, start) in bounds.into_iter().enumerate() {
                let end = bounds.get(index + 1).copied();
                let mut mixed = step.witness.clone();
                let part = &other.witness[start..end.unwrap_or(other.witness.len())];
                mixed.splice(start..end.unwrap_or(step.witness.len()), part.iter().copied());
                if mixed != step.witness {
                    let place = format!("{name} with bytes {start} of {other_name}");
                    refused(verifier, step.pre, &mixed, &place);
                }
            }
        }
    }
}

#[test]
fn refusals_say_why() {
    let verifier = &mut verifier();
    let steps = steps();
    let (_, load) = steps.iter().find(|(name, _)| *name == "load").unwrap();
    let other = B256::repeat_byte(1);
    let wrong = WrongPreState { expected: other, computed: load.pre };
    let refusal = refused(verifier, other, &load.witness, "another state");
    assert_eq!(refusal, StepRefusal::Verifier(IStepVerifierErrors::WrongPreState(wrong)));

    let bytes = load.witness.len();
    let mut because = |witness: &[u8]| refused(verifier, load.pre, witness, "").to_string();
    let longer = [&load.witness[..], &[0]].concat();
    let found = (U256::from(bytes + 1), U256::from(bytes));
    assert_eq!(
        because(&longer),
        format!("WitnessLength(WitnessLength {{ found: {}, expected: {} }})", found.0, found.1)
    );
    let with = |offset: usize, new: &[u8]| {
        let mut witness = load.witness.clone();
        witness[offset..offset + new.len()].copy_from_slice(new);
        witness
    };
    assert!(because(&with(48, &[2])).contains("InvalidStatus { status: 2 }"));
    for (start, end) in [(4_u64, 8_u64), (32, 32), (64, 32), (32, 35), (0, (1 << 23) + 4)] {
        let bounds = [start.to_be_bytes(), end.to_be_bytes()].concat();
        let expected = format!("InvalidCodeBounds {{ codeStart: {start}, codeEnd: {end} }}");
        assert!(because(&with(299, &bounds)).contains(&expected));
    }

    // The bitmap stands before the leaf and the siblings that it tells of.
    let (_, alu) = steps.iter().find(|(name, _)| *name == "alu").unwrap();
    let bitmap = alu.witness.len() - 32;
    assert!(because(&with(bitmap, &[0x02])).contains("InvalidBitmap"));
    let old = load.witness[bitmap + 3];
    assert_eq!(old & 1, 0, "the leaf beside the first one has zeros");
    let mut known = with(bitmap + 3, &[old | 1]);
    known.splice(bitmap + 36..bitmap + 36, [0; 32]);
    assert!(because(&known).contains("ZeroSiblingGiven { height: 0 }"));
}

#[test]
fn every_error_of_the_contracts_is_known() {
    for contract in ["StepVerifier", "PreimageOracle"] {
        let path = artifacts().join(format!("{contract}.sol/{contract}.json"));
        let artifact: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut errors = 0;
        for item in artifact["abi"].as_array().unwrap() {
            if item["type"] != "error" {
                continue;
            }
            let inputs = item["inputs"].as_array().unwrap();
            let types: Vec<&str> =
                inputs.iter().map(|input| input["type"].as_str().unwrap()).collect();
            let signature = format!("{}({})", item["name"].as_str().unwrap(), types.join(","));
            let selector = &alloy_primitives::keccak256(&signature)[..4];
            let data = Bytes::from([selector, &vec![0; 32 * types.len()]].concat());
            let refusal = StepRefusal::decode(&data);
            assert!(!matches!(refusal, StepRefusal::Unknown(_)), "{contract}: {signature}");
            errors += 1;
        }
        assert!(errors >= 5, "{contract} declares {errors} errors");
    }
}
