//! Preimages of all three types, read by the machine and proven to the deployed `PreimageOracle`:
//! real blobs with proofs of their field elements, every precompile of L1, long keccak preimages.

use crate::support::*;
use alloy_primitives::{Address, B256, U256, hex};
use c_kzg::{BYTES_PER_BLOB, Blob, Bytes32, ethereum_kzg_settings};
use gainsay_challenger::{
    ChallengerError,
    machine::{OnchainVerifier, WitnessedStep},
};
use gainsay_vm::{Host, Machine, PREIMAGE_BYTES_MAX};
use rand::{Rng, rngs::StdRng};
use revm::precompile::Precompiles;

/// Where preimages are read to.
const DESTINATION: u64 = 0x4_0000;

/// The step that reads the word of a preimage at an offset.
fn reading(key: B256, offset: u64, host: &mut dyn Host) -> (WitnessedStep, Machine) {
    let words = read_preimage(key, offset, DESTINATION);
    let mut machine = Machine::new(program(&words), B256::ZERO);
    machine.run(words.len() as u64 - 1, host).unwrap();
    (take_step(&mut machine, host), machine)
}

/// Reads a preimage at edges of it; the contract must agree on each word. Returns the most gas.
fn reads_as(
    verifier: &mut OnchainVerifier,
    key: B256,
    preimage: &[u8],
    host: &mut dyn Host,
) -> u64 {
    let end = preimage.len() as u64;
    let offsets = [0, 1, 32, end.saturating_sub(1), end, end + 1, u64::MAX];
    let mut gas = 0;
    for offset in offsets {
        let (step, machine) = reading(key, offset, host);
        gas = gas.max(step.verify(verifier).unwrap());
        let from = usize::try_from(offset.min(end)).unwrap();
        let mut word = preimage[from..].to_vec();
        word.resize(word.len().max(32), 0);
        let found = machine.memory().slice(DESTINATION, 32).unwrap();
        assert_eq!(found, &word[..32], "offset {offset}");
        assert_eq!(machine.hart().x[10], end);
    }
    gas
}

/// The contract must refuse a proof.
fn refuses(verifier: &mut OnchainVerifier, proven: &Proven, proof: &[u8], reason: &str) {
    let mut host = Proven { proof: proof.to_vec().into(), ..proven.clone() };
    let (step, _) = reading(proven.key, 0, &mut host);
    let verdict = step.verify(verifier).map_err(|error| error.to_string());
    assert!(matches!(&verdict, Err(error) if error.contains(reason)), "{reason}: {verdict:?}");
}

#[test]
fn keccak_preimages_up_to_the_longest() {
    let verifier = &mut verifier();
    for length in [0, 1, 31, 32, 33, 532, PREIMAGE_BYTES_MAX] {
        let mut host = Preimages::default();
        let preimage = vec![0xd7; length];
        let key = host.add(&preimage);
        let gas = reads_as(verifier, key, &preimage, &mut host);
        assert!(gas < 1 << 24, "{length} bytes: {gas} gas");
        let proven = Proven { key, preimage: preimage.clone().into(), proof: preimage.into() };
        refuses(verifier, &proven, &[&proven.proof[..], &[0]].concat(), "PreimageKeyMismatch");
    }
}

/// Whoever deposits as much data as the Inbox takes must not make a block that nobody can prove.
#[test]
fn the_longest_payload_of_a_deposit_can_be_proven() {
    let inbox = include_str!("../../../../contracts/src/Inbox.sol");
    let (_, rest) = inbox.split_once("MAX_DEPOSIT_DATA_BYTES = ").unwrap();
    let (data_max, _) = rest.split_once(';').unwrap();
    let data_max: usize = data_max.replace('_', "").parse().unwrap();
    // PROTOCOL.md INBOX-2: to, mint, value, gas limit, creation flag; then data.
    let payload_max = 20 + 32 + 32 + 8 + 1 + data_max;
    assert_eq!(payload_max, PREIMAGE_BYTES_MAX);
    let mut host = Preimages::default();
    let payload = vec![0xd7; payload_max];
    let key = host.add(&payload);
    let gas = reads_as(&mut verifier(), key, &payload, &mut host);
    assert!(gas < 1 << 24, "{gas} gas");
}

/// A blob of random field elements.
fn random_blob(random: &mut StdRng) -> Blob {
    let mut bytes = [0; BYTES_PER_BLOB];
    random.fill(&mut bytes[..]);
    // Below the modulus, whose first byte is 0x73.
    bytes.iter_mut().step_by(32).for_each(|byte| *byte &= 0x3f);
    Blob::new(bytes)
}

/// Where element `index` of a blob is its polynomial's value: the powers of the 4096th root of
/// unity, in bit-reversed order (<https://eips.ethereum.org/EIPS/eip-4844>).
fn point_of(index: u64) -> U256 {
    let modulus = U256::from_be_bytes(hex!(
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
    ));
    let root = U256::from(7).pow_mod((modulus - U256::ONE) / U256::from(4096), modulus);
    root.pow_mod(U256::from(index.reverse_bits() >> 52), modulus)
}

/// An element of a blob with its proof.
fn blob_element(blob: &Blob, index: u64) -> Proven {
    let settings = ethereum_kzg_settings(0);
    let commitment = settings.blob_to_kzg_commitment(blob).unwrap().to_bytes().into_inner();
    let point = Bytes32::new(point_of(index).to_be_bytes());
    let (proof, value) = settings.compute_kzg_proof(blob, &point).unwrap();
    let sha256 = Precompiles::osaka().get(&Address::with_last_byte(2)).unwrap();
    let mut versioned_hash = sha256.execute(&commitment, u64::MAX, 0).unwrap().bytes.to_vec();
    versioned_hash[0] = 1;
    let hashed = [versioned_hash, index.to_be_bytes().to_vec()].concat();
    let proof = proof.to_bytes().into_inner();
    let proof = [&hashed[..], &commitment, &proof, value.as_slice()].concat();
    let element = blob.chunks(32).nth(index.try_into().unwrap()).unwrap().to_vec();
    Proven { key: key(2, &hashed), preimage: element.into(), proof: proof.into() }
}

#[test]
fn blob_elements() {
    let (_, mut random) = seeded();
    let verifier = &mut verifier();
    let (blob, other) = (random_blob(&mut random), random_blob(&mut random));
    let middle = random.random_range(2..4094);
    for index in [0, 1, middle, 4094, 4095] {
        let mut proven = blob_element(&blob, index);
        let (key, element) = (proven.key, proven.preimage.clone());
        reads_as(verifier, key, &element, &mut proven);
    }
    let proven = blob_element(&blob, middle);
    let altered = |from: usize, with: &[u8]| {
        let mut proof = proven.proof.to_vec();
        proof[from..from + with.len()].copy_from_slice(with);
        proof
    };
    let next = blob_element(&blob, middle + 1).proof;
    let elsewhere = blob_element(&other, middle).proof;
    refuses(verifier, &proven, &next, "PreimageKeyMismatch");
    refuses(verifier, &proven, &elsewhere, "PreimageKeyMismatch");
    // The element of another place, with its own proof and without; another blob's commitment.
    refuses(verifier, &proven, &altered(88, &next[88..]), "PreimageInvalidKzgProof");
    refuses(verifier, &proven, &altered(136, &next[136..]), "PreimageInvalidKzgProof");
    refuses(verifier, &proven, &altered(40, &elsewhere[40..]), "PreimageInvalidKzgProof");
    refuses(verifier, &proven, &proven.proof[1..], "PreimageProofLength");
    // A host that lies about the element moves the machine to a state that no proof leads to.
    let mut lying = Proven { preimage: vec![1; 32].into(), ..proven };
    let (step, _) = reading(lying.key, 0, &mut lying);
    assert!(matches!(step.verify(verifier), Err(ChallengerError::Disagreement { .. })));
}

/// What the EVM of L1 says to a precompile call, with the most gas that the oracle gives.
fn answer(address: u16, input: &[u8]) -> Option<Vec<u8>> {
    let address = Address::left_padding_from(&address.to_be_bytes());
    let precompile = Precompiles::osaka().get(&address).unwrap();
    let output = precompile.execute(input, 12_000_000, 0).unwrap();
    output.is_success().then(|| output.bytes.to_vec())
}

#[test]
fn every_precompile() {
    let verifier = &mut verifier();
    let signature = hex!(
        "456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3"
        "000000000000000000000000000000000000000000000000000000000000001c"
        "9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608"
        "4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada"
    );
    let signer = answer(1, &signature).unwrap();
    assert_eq!(signer[12..], hex!("7156526fbd7a3c72969b54f64e42c10fbb768c8a"));
    let mut rounds = vec![0; 213];
    rounds[1] = 1;
    let mut succeeded = 0;
    for address in (1..=0x11).chain([0x100]) {
        for input in [
            &[][..],
            &[0; 31],
            &[0; 96],
            &[0; 128],
            &[0; 192],
            &[0; 256],
            &[0; 288],
            &[0; 384],
            &[1; 160],
            &signature,
            &rounds,
        ] {
            let answer = answer(address, input);
            succeeded += u32::from(answer.is_some());
            let mut proven = Proven::precompile(address, input, answer.as_deref());
            let (key, preimage) = (proven.key, proven.preimage.clone());
            let gas = reads_as(verifier, key, &preimage, &mut proven);
            assert!(gas < 1 << 24, "precompile {address:#x}: {gas} gas");
        }
    }
    assert!(succeeded > 60 && succeeded < 18 * 11, "{succeeded} calls succeeded");
}

#[test]
fn a_precompile_is_not_believed() {
    let verifier = &mut verifier();
    for address in [0, 0x12, 0xff, 0x101] {
        let proven = Proven::precompile(address, b"input", None);
        refuses(verifier, &proven, &proven.proof, "PreimageUnknownPrecompile");
    }
    let proven = Proven::precompile(4, b"input", Some(b"input"));
    refuses(verifier, &proven, &proven.proof[..24], "PreimageKeyMismatch");
    refuses(verifier, &proven, &[], "PreimageProofLength");
    for wrong in [None, Some(&b"other"[..])] {
        let mut lying = Proven::precompile(4, b"input", wrong);
        let (step, _) = reading(lying.key, 0, &mut lying);
        assert!(matches!(step.verify(verifier), Err(ChallengerError::Disagreement { .. })));
    }
}

#[test]
fn a_precompile_may_use_all_the_gas_that_it_gets() {
    let verifier = &mut verifier();
    for (rounds, succeeds) in [(12_000_000_u32, true), (12_000_001, false), (u32::MAX, false)] {
        let input = [&rounds.to_be_bytes()[..], &[0; 209]].concat();
        let answer = answer(9, &input);
        assert_eq!(answer.is_some(), succeeds);
        let mut proven = Proven::precompile(9, &input, answer.as_deref());
        let (step, _) = reading(proven.key, 0, &mut proven);
        let gas = step.verify(verifier).unwrap();
        assert!((12_000_000..1 << 24).contains(&gas), "{rounds} rounds: {gas} gas");
    }
}
