//! What is encoded decodes to the same bytes; what is broken decodes to an error, within bounds.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use brotli::enc::{BrotliCompress, BrotliEncoderParams};
use gainsay_derivation::{
    BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, BatchBlock, DecodeError, EncodeError, decode_blocks,
    encode_batch, encode_prefix,
};
use proptest::{collection::vec, option, prelude::*};
use std::{env, fs, path::PathBuf};

const CHAIN_ID: u64 = 901;
const COLUMNS: usize = 33;

/// Random cases of each property; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

fn compress(bytes: &[u8], quality: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let params = BrotliEncoderParams { quality, lgwin: 24, ..Default::default() };
    BrotliCompress(&mut &bytes[..], &mut out, &params).unwrap();
    out
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
    out
}

fn large() -> impl Strategy<Value = U256> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(U256::from_be_bytes),
        (any::<u16>(), 0..60_u64)
            .prop_map(|(m, e)| U256::from(m) * U256::from(10).pow(U256::from(e))),
    ]
}

/// Few addresses, so that some repeat; some look like numbers.
fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        any::<u8>().prop_map(Address::with_last_byte),
        (0..5_u8).prop_map(Address::repeat_byte),
        any::<[u8; 20]>().prop_map(Address::from),
    ]
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        address().prop_map(|a| a.into_word().to_vec()),
        large().prop_map(|n| n.to_be_bytes_vec()),
        (any::<u64>(), 0..32_usize).prop_map(|(n, s)| (U256::from(n) << (8 * s)).to_be_bytes_vec()),
        "[ -~]{0,32}".prop_map(|text| {
            let mut word = text.into_bytes();
            word.resize(32, 0);
            word
        }),
        Just(vec![0; 32]),
    ]
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    vec(word(), 0..6).prop_map(|words| words.concat())
}

/// Calls in calls, complete and cut off, next to any other data.
fn calldata() -> impl Strategy<Value = Bytes> {
    let call = ((0..3_u8), words()).prop_map(|(selector, words)| {
        let mut call = vec![selector; 4];
        call.extend(words);
        call
    });
    let nested = call.prop_recursive(3, 8, 2, |inner| {
        ((0..3_u8), words(), inner, words(), 0..40_usize).prop_map(
            |(selector, a, inner, b, cut)| {
                let mut call = vec![selector; 4];
                call.extend(a);
                call.extend(U256::from(inner.len()).to_be_bytes_vec());
                call.extend(inner);
                call.extend([0; 28]);
                call.extend(b);
                if cut < 8 {
                    call.truncate(call.len().saturating_sub(cut));
                }
                call
            },
        )
    });
    prop_oneof![nested, vec(any::<u8>(), 0..100)].prop_map(Bytes::from)
}

fn access_list() -> impl Strategy<Value = AccessList> {
    let item = (address(), vec(any::<[u8; 32]>().prop_map(B256::from), 0..3));
    vec(item, 0..3).prop_map(|items| {
        let item = |(address, storage_keys)| AccessListItem { address, storage_keys };
        AccessList(items.into_iter().map(item).collect())
    })
}

fn authorization() -> impl Strategy<Value = SignedAuthorization> {
    (address(), any::<u64>(), any::<bool>(), large(), large()).prop_map(
        |(address, nonce, y, r, s)| {
            let chain_id = U256::from(CHAIN_ID);
            let authorization = Authorization { chain_id, address, nonce };
            SignedAuthorization::new_unchecked(authorization, u8::from(y), r, s)
        },
    )
}

prop_compose! {
    fn transaction()(
        kind in 0..4_u8, chain_id in prop_oneof![Just(CHAIN_ID), Just(1), any::<u64>()],
        protected in any::<bool>(), nonce in prop_oneof![0..300_u64, any::<u64>()],
        fees in (prop_oneof![0..3_u128, any::<u128>()], 0..3_u128), gas_limit in any::<u64>(),
        to in option::of(address()), value in large(), input in calldata(),
        access_list in access_list(), authorizations in vec(authorization(), 0..3),
        y_parity in any::<bool>(), r in large(), s in large(),
    ) -> Bytes {
        let (max_fee_per_gas, max_priority_fee_per_gas) = fees;
        let gas_price = max_fee_per_gas;
        let signature = Signature::new(r, s, y_parity);
        // An EIP-155 v of a chain id above 2^63 does not fit u64, which alloy encodes it with.
        let legacy_id = protected.then_some(chain_id >> 2);
        let (call_to, to) = (to.unwrap_or_default(), TxKind::from(to));
        let envelope = match kind {
            0 => TxEnvelope::from(
                TxLegacy { chain_id: legacy_id, nonce, gas_price, gas_limit, to, value, input }
                    .into_signed(signature),
            ),
            1 => TxEnvelope::from(
                TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
                    .into_signed(signature),
            ),
            2 => TxEnvelope::from(
                TxEip1559 {
                    chain_id, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, to,
                    value, access_list, input,
                }
                .into_signed(signature),
            ),
            _ => TxEnvelope::from(
                TxEip7702 {
                    chain_id, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas,
                    to: call_to, value, access_list, authorization_list: authorizations, input,
                }
                .into_signed(signature),
            ),
        };
        envelope.encoded_2718().into()
    }
}

/// Also what no column can hold: other types, no transaction at all, something behind it.
fn any_transaction() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        8 => transaction(),
        1 => vec(any::<u8>(), 0..80).prop_map(Bytes::from),
        1 => (transaction(), any::<(usize, u8)>()).prop_map(|(raw, (position, byte))| {
            let mut raw = raw.to_vec();
            let position = position % raw.len();
            raw[position] ^= byte;
            raw.into()
        }),
    ]
}

fn blocks() -> impl Strategy<Value = Vec<BatchBlock>> {
    vec((0..1_u64 << 40, 0..3_u64, vec(any_transaction(), 0..8)), 1..5).prop_map(|shapes| {
        let mut timestamp = 0;
        shapes
            .into_iter()
            .map(|(delta, deposit_count, transactions)| {
                timestamp += delta;
                BatchBlock { timestamp, deposit_count, transactions }
            })
            .collect()
    })
}

/// The part before Brotli, and the decompressed columns.
fn open(data: &[u8], blocks: &[BatchBlock]) -> (Vec<u8>, Vec<u8>) {
    let most: usize = blocks.iter().map(|block| block.transactions.len()).sum();
    (0..=most)
        .rev()
        .find_map(|signed| {
            let mut head = vec![1];
            head.extend(varint(signed));
            let len = head.len() + 64 * signed + signed.div_ceil(8);
            let (outer, compressed) = data.split_at_checked(len)?;
            let mut body = Vec::new();
            brotli::BrotliDecompress(&mut &compressed[..], &mut body).ok()?;
            outer.starts_with(&head).then(|| (outer.to_vec(), body))
        })
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn batches_round_trip(blocks in blocks()) {
        let data = encode_batch(&blocks, CHAIN_ID).unwrap();
        prop_assert_eq!(decode_blocks(&data, CHAIN_ID).unwrap(), blocks);
    }

    #[test]
    fn a_truncated_batch_is_garbage(blocks in blocks(), cut in any::<usize>()) {
        let data = encode_batch(&blocks, CHAIN_ID).unwrap();
        prop_assert!(decode_blocks(&data[..cut % data.len()], CHAIN_ID).is_err());
        let mut longer = data;
        longer.push(0);
        prop_assert!(decode_blocks(&longer, CHAIN_ID).is_err());
    }

    #[test]
    fn flipped_bits_never_panic(blocks in blocks(), flips in vec(any::<(usize, u8)>(), 1..40)) {
        let data = encode_batch(&blocks, CHAIN_ID).unwrap();
        let (outer, body) = open(&data, &blocks);
        for (position, bits) in flips {
            let mut flipped = data.clone();
            flipped[position % data.len()] ^= bits;
            let _ = decode_blocks(&flipped, CHAIN_ID);
            // Behind the compression, where flips reach the columns.
            let mut flipped = body.clone();
            flipped[position % body.len()] ^= bits;
            let mut flipped_data = outer.clone();
            flipped_data.extend(compress(&flipped, 0));
            if let Ok(blocks) = decode_blocks(&flipped_data, CHAIN_ID) {
                let len = blocks.iter().flat_map(|b| &b.transactions).map(|raw| raw.len()).sum::<usize>();
                prop_assert!(len <= BATCH_BYTES_MAX);
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(
        version in prop_oneof![9 => Just(1), 1 => any::<u8>()],
        signatures in 0..3_u8, mut bytes in vec(any::<u8>(), 0..2_000),
    ) {
        bytes.splice(0..0, [version, signatures]);
        let _ = decode_blocks(&bytes, CHAIN_ID);
        let mut data = vec![1, 0];
        data.extend(compress(&bytes, 0));
        let _ = decode_blocks(&data, CHAIN_ID);
    }
}

/// Data with so many zero signatures and the given columns.
fn craft(signatures: usize, columns: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let column = |i| columns.iter().find(|(at, _)| *at == i).map_or(&[][..], |(_, bytes)| bytes);
    let mut body: Vec<u8> = (0..COLUMNS).flat_map(|i| varint(column(i).len())).collect();
    body.extend((0..COLUMNS).flat_map(column));
    let mut data = vec![1];
    data.extend(varint(signatures));
    data.resize(data.len() + 64 * signatures + signatures.div_ceil(8), 0);
    data.extend(compress(&body, 2));
    data
}

#[test]
fn a_brotli_bomb_stops_at_the_bound() {
    let mut data = vec![1, 0];
    data.extend(compress(&vec![0; 4 * BATCH_BYTES_MAX], 2));
    assert!(data.len() < 1_000, "{} bytes are no bomb", data.len());
    let found = decode_blocks(&data, CHAIN_ID);
    assert_eq!(found, Err(DecodeError::TooLarge { max: BATCH_BYTES_MAX }));
}

/// One byte of the tokens column stands for 32 of calldata.
fn zero_words(transactions: usize, words: usize) -> Vec<u8> {
    let per_transaction = |bytes: &[u8]| bytes.repeat(transactions);
    let mut selectors = per_transaction(&[2]);
    selectors[0] = 1;
    let mut fees = per_transaction(&[1]);
    fees[0] = 0;
    craft(
        transactions,
        &[
            (6, vec![0]),
            (7, varint(transactions)),
            (8, vec![0]),
            (9, per_transaction(&[0])),
            (11, per_transaction(&[0])),
            (12, selectors),
            (13, per_transaction(&[0])),
            (14, per_transaction(&[0])),
            (15, fees),
            (16, vec![0]),
            (17, vec![0]),
            (18, per_transaction(&[0])),
            (19, per_transaction(&[0])),
            (23, per_transaction(&varint(32 * words))),
            (24, vec![32; words * transactions]),
            (25, vec![1, 2, 3, 4]),
        ],
    )
}

#[test]
fn a_calldata_bomb_stops_at_the_bound() {
    let small = decode_blocks(&zero_words(3, 1_000), CHAIN_ID).unwrap();
    assert!(small[0].transactions.iter().all(|raw| raw.len() > 32_000));
    let found = decode_blocks(&zero_words(3, BATCH_BYTES_MAX / 32 / 2), CHAIN_ID);
    assert_eq!(found, Err(DecodeError::TooLarge { max: BATCH_BYTES_MAX }));
}

#[test]
fn transactions_are_counted_before_they_are_kept() {
    let empty_ones = |count: usize| {
        let columns = [
            (6, vec![0]),
            (7, varint(count)),
            (8, vec![0]),
            (9, vec![5; count]),
            (10, vec![0; count]),
        ];
        decode_blocks(&craft(0, &columns), CHAIN_ID)
    };
    assert_eq!(empty_ones(2).unwrap()[0].transactions, [Bytes::new(), Bytes::new()]);
    let found = empty_ones(BATCH_TRANSACTIONS_MAX + 1);
    assert!(matches!(found, Err(DecodeError::TransactionCount { .. })), "{found:?}");
}

#[test]
fn too_many_blocks_are_garbage() {
    let of = |count| craft(0, &[6, 7, 8].map(|column| (column, vec![0; count])));
    assert_eq!(decode_blocks(&of(4_096), CHAIN_ID).unwrap().len(), 4_096);
    for count in [0, 4_097] {
        let found = decode_blocks(&of(count), CHAIN_ID);
        assert!(matches!(found, Err(DecodeError::BlockCount { .. })), "{found:?}");
    }
}

#[test]
fn the_encoder_refuses_what_cannot_be() {
    assert!(matches!(encode_batch(&[], CHAIN_ID), Err(EncodeError::BlockCount { found: 0 })));
    let block = |timestamp| BatchBlock { timestamp, ..Default::default() };
    let found = encode_batch(&[block(2), block(1)], CHAIN_ID);
    assert!(matches!(found, Err(EncodeError::TimestampDecreases { index: 1, .. })));
    let raw = Bytes::from(vec![0; BATCH_BYTES_MAX]);
    let large = BatchBlock { transactions: vec![raw], ..Default::default() };
    assert!(matches!(encode_batch(&[large], CHAIN_ID), Err(EncodeError::Refused(_))));
}

/// Deterministic bytes that do not compress.
fn noise(seed: u64, len: usize) -> Bytes {
    let words =
        (0_u64..).map(|i| alloy_primitives::keccak256([seed, i].map(u64::to_be_bytes).concat()));
    words.flatten().take(len).collect()
}

#[test]
fn a_prefix_fits_and_is_close_to_the_largest() {
    let blocks: Vec<_> = (0..200)
        .map(|i| BatchBlock {
            timestamp: i,
            deposit_count: 0,
            transactions: vec![noise(i, 300 + usize::try_from(i % 40).unwrap() * 10)],
        })
        .collect();
    for max in [2_000, 10_000, 30_000] {
        let (count, data) = encode_prefix(&blocks, CHAIN_ID, max).unwrap();
        assert!(
            data.len() <= max && data.len() + 1_400 + max / 32 > max,
            "{} of {max}",
            data.len()
        );
        assert_eq!(decode_blocks(&data, CHAIN_ID).unwrap(), blocks[..count]);
    }
    let (count, _) = encode_prefix(&blocks, CHAIN_ID, 1 << 20).unwrap();
    assert_eq!(count, blocks.len());
    let found = encode_prefix(&blocks, CHAIN_ID, 200);
    assert!(matches!(found, Err(EncodeError::BlockTooLarge { max: 200, .. })));
}

#[test]
fn real_batches_round_trip_and_stay_small() {
    for (name, chain_id, len_max) in
        [("op-mainnet-143blocks", 10, 525_000), ("scroll-mainnet-blocks", 534_352, 14_000)]
    {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        let packed = fs::read(folder.join(format!("{name}.jsonl.br"))).unwrap();
        let mut lines = Vec::new();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut lines).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let block = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let transactions = serde_json::from_value(line["txs"].clone()).unwrap();
            BatchBlock { timestamp: 1_718_000_000, deposit_count: 1, transactions }
        };
        let blocks: Vec<_> = lines.lines().map(block).collect();
        let data = encode_batch(&blocks, chain_id).unwrap();
        assert!(data.len() < len_max, "{name} takes {} bytes", data.len());
        assert_eq!(decode_blocks(&data, chain_id).unwrap(), blocks);
    }
}
