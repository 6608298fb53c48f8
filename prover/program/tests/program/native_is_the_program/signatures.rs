//! Signatures that nobody would make: r and s at the edges of the order and of the field, high s,
//! both parities and none, chain ids and v of every kind.
//!
//! A hostile signature still names a signer, if any curve point fits it. That signer is given ether
//! by a deposit first, so that a side that recovers somebody else makes another block.

use alloy::signers::SignerSync;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, keccak256, uint};
use alloy_rlp::Encodable;
use op_alloy_consensus::OpTxEnvelope;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fuzzer,
    sides::k256_ecrecover,
    world::{PROBE, WALLETS, World, bytes},
};
use crate::chain::wallet;

/// Order of the curve's group, the field's prime, and x of the generator.
const N: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
const P: U256 = uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);
const GENERATOR_X: U256 =
    uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);
const GAS: u64 = 500_000;
const PRICE: u128 = 1_000_000_000;
const ECRECOVER: Address = address!("0000000000000000000000000000000000000001");

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let mut world = World::new([]);
    for _ in 0..4 {
        sender(random, fuzzer, &mut world);
    }
    for _ in 0..2 {
        authorities(random, fuzzer, &mut world);
    }
    let calls = (0..12).map(|call| {
        let mut input = bytes(random, 128);
        let v = *[0, 1, 26, 27, 27, 28, 28, 29, 255].choose(random).unwrap();
        input[32..63].fill(u8::from(random.random_bool(0.05)));
        input[63] = v;
        let (r, s, _) = hostile(random, None);
        input[64..96].copy_from_slice(&r.to_be_bytes::<32>());
        input[96..].copy_from_slice(&s.to_be_bytes::<32>());
        let len = *[0, 63, 64, 127, 128, 128, 128, 129, 200].choose(random).unwrap();
        input.resize(len, 7);
        let gas = *[2_999, 3_000, 3_001].choose(random).unwrap();
        world.probe(call % WALLETS, ECRECOVER, gas, &input)
    });
    let calls = calls.collect();
    let steps = world.block(calls);
    assert_eq!(steps[0].transactions, 12);
    fuzzer.check("ecrecover of hostile signatures", &world.chain, &steps);
}

/// r, s and parity: edges, or a valid signature of which a part is kept.
fn hostile(random: &mut StdRng, valid: Option<Signature>) -> (U256, U256, bool) {
    let half = N >> 1;
    let edges = [
        U256::ZERO,
        U256::ONE,
        U256::from(2),
        half,
        half + U256::ONE,
        N - U256::ONE,
        N,
        N + U256::ONE,
        // An r whose x is r + N, where only the upper recovery ids find a point.
        P - N,
        P - N - U256::ONE,
        P - U256::ONE,
        P,
        P + U256::ONE,
        U256::MAX,
        GENERATOR_X,
    ];
    let any = |random: &mut StdRng| U256::from_be_bytes(random.random::<[u8; 32]>());
    let one = |random: &mut StdRng, valid: Option<U256>| match (random.random_range(0..4), valid) {
        (0 | 1, Some(valid)) => valid,
        (0 | 2, _) => *edges.choose(random).unwrap(),
        _ => any(random) >> random.random_range(0..9_usize),
    };
    let r = one(random, valid.map(|it| it.r()));
    let mut s = one(random, valid.map(|it| it.s()));
    if random.random_bool(0.2) && s < N {
        s = N - s;
    }
    (r, s, random.random())
}

/// Who signed, by k256; somebody else if nobody did.
fn signer(hash: B256, (r, s, parity): (U256, U256, bool)) -> Address {
    let v = U256::from(27 + u8::from(parity));
    let input = [hash.0, v.to_be_bytes(), r.to_be_bytes(), s.to_be_bytes()].concat();
    k256_ecrecover(&input)
        .map_or(Address::repeat_byte(0x99), |word| Address::from_slice(&word[12..]))
}

fn sender(random: &mut StdRng, fuzzer: &mut Fuzzer, world: &mut World) {
    let chain_id = world.chain.config.chain_id;
    let (gas_limit, to) = (GAS, TxKind::Call(Address::repeat_byte(0x55)));
    let fees = (PRICE, 1);
    let kind = random.random_range(0..6);
    let raw = match kind {
        0 => {
            let chain_id = random.random::<bool>().then_some(chain_id);
            let tx = TxLegacy { chain_id, gas_limit, to, gas_price: PRICE, ..TxLegacy::default() };
            signed(random, world, tx)
        }
        1 => {
            let tx =
                TxEip2930 { chain_id, gas_limit, to, gas_price: PRICE, ..TxEip2930::default() };
            signed(random, world, tx)
        }
        2 => {
            let (max_fee_per_gas, max_priority_fee_per_gas) = fees;
            let tx = TxEip1559 {
                chain_id,
                gas_limit,
                to,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                ..TxEip1559::default()
            };
            signed(random, world, tx)
        }
        3 => {
            let (max_fee_per_gas, max_priority_fee_per_gas) = fees;
            let authorization_list = vec![authorization(random, chain_id)];
            let tx = TxEip7702 {
                chain_id,
                gas_limit,
                to: PROBE,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                authorization_list,
                ..TxEip7702::default()
            };
            signed(random, world, tx)
        }
        _ => odd_legacy(random, world),
    };
    let steps = world.block(vec![raw]);
    fuzzer.check("hostile signatures of senders", &world.chain, &steps);
}

/// A transaction with a hostile signature, whose signer was given ether.
fn signed<T>(random: &mut StdRng, world: &mut World, tx: T) -> Bytes
where
    T: SignableTransaction<Signature>,
    OpTxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let hash = tx.signature_hash();
    let valid = wallet(random.random_range(0..WALLETS)).sign_hash_sync(&hash).unwrap();
    let (r, s, parity) = hostile(random, Some(valid));
    world.mint(signer(hash, (r, s, parity)));
    OpTxEnvelope::from(tx.into_signed(Signature::new(r, s, parity))).encoded_2718().into()
}

/// A legacy transaction by hand: any v, and numbers with zeros before them.
fn odd_legacy(random: &mut StdRng, world: &mut World) -> Bytes {
    let chain_id = world.chain.config.chain_id;
    let v = *[
        0,
        1,
        26,
        27,
        28,
        29,
        34,
        35,
        36,
        37,
        35 + 2 * chain_id,
        36 + 2 * chain_id,
        37 + 2 * chain_id,
        35 + 2 * (chain_id + 1),
        u64::MAX,
        u64::MAX - 1,
    ]
    .choose(random)
    .unwrap();
    let tx = TxLegacy {
        chain_id: (v > 28).then_some(chain_id),
        gas_limit: GAS,
        to: TxKind::Call(Address::repeat_byte(0x55)),
        gas_price: PRICE,
        ..TxLegacy::default()
    };
    let hash = tx.signature_hash();
    let valid = wallet(0).sign_hash_sync(&hash).unwrap();
    let (r, s, _) = hostile(random, Some(valid));
    let parity = if v > 28 { v.is_multiple_of(2) } else { matches!(v, 1 | 28) };
    world.mint(signer(hash, (r, s, parity)));
    let mut fields = Vec::new();
    for number in [0, PRICE as u64, GAS] {
        number.encode(&mut fields);
    }
    tx.to.encode(&mut fields);
    0_u64.encode(&mut fields);
    Bytes::new().encode(&mut fields);
    v.encode(&mut fields);
    for number in [r, s] {
        if random.random_bool(0.1) {
            number.to_be_bytes::<32>().encode(&mut fields);
        } else {
            number.encode(&mut fields);
        }
    }
    let mut raw = Vec::new();
    alloy_rlp::Header { list: true, payload_length: fields.len() }.encode(&mut raw);
    [raw, fields].concat().into()
}

/// Authorizations of all kinds in one valid transaction: what they recover to gets code.
fn authorities(random: &mut StdRng, fuzzer: &mut Fuzzer, world: &mut World) {
    let chain_id = world.chain.config.chain_id;
    let sender = random.random_range(0..WALLETS);
    let tx = TxEip7702 {
        chain_id,
        nonce: world.take_nonce(sender),
        gas_limit: 3_000_000,
        to: PROBE,
        max_fee_per_gas: PRICE,
        max_priority_fee_per_gas: 1,
        authorization_list: (0..random.random_range(1..9))
            .map(|_| authorization(random, chain_id))
            .collect(),
        ..TxEip7702::default()
    };
    let signature = wallet(sender).sign_hash_sync(&tx.signature_hash()).unwrap();
    let raw = OpTxEnvelope::from(tx.into_signed(signature)).encoded_2718();
    let steps = world.block(vec![raw.into()]);
    assert_eq!(steps[0].transactions, 1);
    fuzzer.check("hostile signatures of authorities", &world.chain, &steps);
}

fn authorization(random: &mut StdRng, chain_id: u64) -> SignedAuthorization {
    let ours = U256::from(chain_id);
    let chains = [U256::ZERO, ours, ours, ours + U256::ONE, ours + (U256::ONE << 64), U256::MAX];
    let targets = [PROBE, ECRECOVER, Address::ZERO, Address::repeat_byte(0x42)];
    let authorization = Authorization {
        chain_id: *chains.choose(random).unwrap(),
        address: *targets.choose(random).unwrap(),
        nonce: *[0, 0, 0, 1, u64::MAX - 1, u64::MAX].choose(random).unwrap(),
    };
    let hash = authorization.signature_hash();
    let key = keccak256(random.random::<[u8; 8]>());
    let owner = alloy::signers::local::PrivateKeySigner::from_bytes(&key).unwrap();
    let owner = if random.random_bool(0.3) { wallet(0) } else { owner };
    let valid = owner.sign_hash_sync(&hash).unwrap();
    let (r, s, _) = hostile(random, Some(valid));
    let parity = *[u8::from(valid.v()), 0, 1, 2, 27, 28, 255].choose(random).unwrap();
    SignedAuthorization::new_unchecked(authorization, parity, r, s)
}
