//! The program on a host against the native transition, on every kind of batch.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use gainsay_derivation::{BatchBlock, BatchIndex, BatchKind, DepositKind, encode_batch};
use gainsay_oracle::{Oracle, Request, Witness, WitnessOracle};
use gainsay_program::{ProgramError, run};
use gainsay_transition::PRECOMPILE_INPUT_BYTES_MAX;

use crate::chain::{CALLER, Chain, FILLER, HASHER, L1_TIME, Step, tx};

/// A payload that mints a wei and calls an account.
fn payload() -> Bytes {
    let one = U256::ONE.to_be_bytes::<32>();
    let gas = 100_000_u64.to_be_bytes();
    [&[7_u8; 20][..], &one, &one, &gas, &[0]].concat().into()
}

fn block(chain: &Chain, deposits: u64, transactions: Vec<Bytes>) -> Vec<u8> {
    let block = BatchBlock { timestamp: L1_TIME, deposit_count: deposits, transactions };
    encode_batch(
        &[block.clone(), BatchBlock { transactions: Vec::new(), ..block }],
        chain.config.chain_id,
    )
    .unwrap()
}

/// Every kind of batch, one after another.
pub(crate) fn chain() -> (Chain, Vec<Step>) {
    let mut chain = Chain::new(8);
    let mut steps = Vec::new();
    chain.deposit(DepositKind::FeeReport, Bytes::new());
    chain.deposit(DepositKind::Transaction, payload());
    let calls = (1_u64..=0x11).map(|number| {
        let input = [U256::from(number).to_be_bytes::<32>().as_slice(), &[1; 213]].concat();
        chain.transfer(0, number - 1, CALLER, input.into())
    });
    // Around the longest message of the machine's keccak, and the ends of a sponge's blocks.
    let lens = [0_u64, 135, 136, 65_536, 65_537, 65_551, 65_552, 65_553, 90_001];
    let hashes = lens.into_iter().zip(0x11..).map(|(len, nonce)| {
        chain.transfer(0, nonce, HASHER, U256::from(len).to_be_bytes::<32>().into())
    });
    let data = block(&chain, 1, calls.chain(hashes).collect());
    steps.extend(chain.batch(BatchKind::Calldata, &data));

    chain.deposit(DepositKind::Transaction, Bytes::from_static(b"not a payload"));
    let to = |i: u64| Address::from_word(keccak256(i.to_be_bytes()));
    let transfers = (1..8).map(|i| chain.transfer(i, 0, to(i), Bytes::new())).collect();
    let data = block(&chain, 9, transfers);
    steps.extend(chain.batch(BatchKind::Blobs, &data));

    chain.deposit(DepositKind::Transaction, payload());
    steps.extend(chain.batch(BatchKind::Forced, &[]));
    steps.extend(chain.batch(BatchKind::Calldata, b"\x01 garbage"));
    steps.extend(chain.batch(BatchKind::Calldata, &[]));
    // An invalid nonce: the block falls back to its deposits, the rest is dropped.
    let data = block(&chain, 0, vec![chain.transfer(1, 9, to(1), Bytes::new())]);
    steps.extend(chain.batch(BatchKind::Calldata, &data));
    assert_eq!(steps.len(), 8);
    (chain, steps)
}

/// Calls of precompiles with more input than a proof on L1 carries, and one too long for it.
pub(crate) fn long_calls() -> (Chain, Vec<Step>) {
    let mut chain = Chain::new(1);
    let lens = [
        (0x01, 130_000),
        (0x02, 131_072),
        (0x03, 131_072),
        (0x04, 262_144),
        (0x05, 130_000),
        (0x06, 130_000),
        (0x07, 130_000),
        (0x0c, 1_024 * 160),
        (0x0e, 420 * 288),
        (0x0f, 313 * 384),
        (0x100, 130_000),
    ];
    let calls = (0..).zip(lens).map(|(nonce, (number, len))| {
        let input = [number, len].map(|word| U256::from(word).to_be_bytes::<32>()).concat();
        let to = TxKind::Call(FILLER);
        let call = TxEip1559 { nonce, gas_limit: 7_500_000, to, input: input.into(), ..tx() };
        chain.sign(0, call)
    });
    let data = block(&chain, 0, calls.collect());
    let steps = chain.batch(BatchKind::Calldata, &data);
    assert_eq!((steps.len(), steps[0].transactions), (2, lens.len()));
    (chain, steps)
}

/// What contracts may send without a bound reaches L1 in questions that it can answer.
#[test]
fn long_calls_of_precompiles_are_proven_by_short_ones() {
    let (chain, steps) = long_calls();
    let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
    assert_eq!(run(&oracle, steps[0].input).unwrap(), steps[0].claim);
    let mut asked = 0;
    for (request, _) in oracle.into_witness().iter() {
        if let Request::Precompile { address, input } = request {
            assert!(input.len() <= PRECOMPILE_INPUT_BYTES_MAX, "{address}: {}", input.len());
            asked += 1;
        }
    }
    // Signatures; two lengths of pieces in G2, one in G1, the sum of each; the ones that stay one.
    assert_eq!(asked, 11 + 3 + 2 + 5);
}

#[test]
fn the_program_claims_what_the_transition_claims() {
    let (mut chain, steps) = chain();
    assert!(steps[0].transactions > 17 && steps.last().unwrap().transactions == 0);
    let mut inputs: Vec<(B256, B256)> = steps.iter().map(|it| (it.input, it.claim)).collect();
    // With no batch left the claim stays.
    inputs.push((chain.input(B256::ZERO), chain.claim));
    for (input, claim) in inputs {
        let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
        assert_eq!(run(&oracle, input).unwrap(), claim);
        let witness = oracle.into_witness();
        let bundle = Witness::from_bundle(&witness.to_bundle()).unwrap();
        assert_eq!(run(&bundle, input).unwrap(), claim);
    }
}

#[test]
fn nothing_can_be_left_out_of_a_witness() {
    let (chain, steps) = chain();
    let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
    let step = &steps[4];
    assert_eq!(step.cursor.batch, BatchIndex(3));
    run(&oracle, step.input).unwrap();
    let witness = oracle.into_witness();
    for (missing, _) in witness.iter() {
        let mut less = Witness::default();
        for (request, bytes) in witness.iter().filter(|(request, _)| *request != missing) {
            less.insert(request.clone(), bytes.clone()).unwrap();
        }
        assert!(less.read(missing).is_err());
        assert!(run(&less, step.input).is_err(), "{missing:?}");
    }
    let no_input = run(&witness, B256::ZERO);
    assert!(matches!(no_input, Err(ProgramError::Read(_))));
}
