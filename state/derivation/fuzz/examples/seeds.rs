//! Writes the first inputs of each fuzz target, made from real encodings: transfers, token calls,
//! calls in calls, deployments, all types of transactions, posted as batches.
//!
//! In: the corpus folder. Out: `<folder>/<target>/seed-*`. What a fuzzer found later stays.

use std::{env, error::Error, fs, io, path::Path};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use gainsay_derivation::{BatchBlock, encode_batch};

const CHAIN_ID: u64 = 901;
const COLUMNS: usize = 33;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: seeds <corpus folder>")?;
    let folder = Path::new(&folder);
    let transactions: Vec<Bytes> = (0..40).map(transaction).collect();
    for (index, raw) in transactions.iter().enumerate() {
        write(folder, "raw_transaction", index, &[&[0], &raw[..]].concat())?;
    }
    for (index, blocks) in batches(&transactions).iter().enumerate() {
        let data = encode_batch(blocks, CHAIN_ID)?;
        let mode = if index % 2 == 0 { 0 } else { 2 };
        write(folder, "batch_decode", 2 * index, &[&[mode], &data[..]].concat())?;
        write(folder, "batch_decode", 2 * index + 1, &pieces(&data)?)?;
        write(folder, "blobs", index, &data)?;
    }
    for index in 0..20 {
        let noise: Vec<u8> = (0..20 + 5 * index).flat_map(|i| word(index, i).0).collect();
        write(folder, "derivation", usize::try_from(index)?, &noise)?;
    }
    Ok(())
}

fn write(folder: &Path, target: &str, index: usize, input: &[u8]) -> io::Result<()> {
    let folder = folder.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("seed-{index:03}")), input)
}

/// Deterministic bytes.
fn word(seed: u64, index: u64) -> B256 {
    keccak256([seed, index].map(u64::to_be_bytes).concat())
}

fn batches(transactions: &[Bytes]) -> Vec<Vec<BatchBlock>> {
    let block = |timestamp, transactions: &[Bytes]| BatchBlock {
        timestamp,
        deposit_count: timestamp % 3,
        transactions: transactions.to_vec(),
    };
    let mut batches = vec![
        vec![block(0, &[])],
        (0..20).map(|second| block(1_700_000_000 + second, &[])).collect(),
        vec![block(1_700_000_000, transactions)],
        // What no column can hold.
        vec![block(5, &[Bytes::from_static(&[0x7e, 1, 2]), Bytes::new()])],
    ];
    batches.extend(transactions.iter().map(|raw| vec![block(9, std::slice::from_ref(raw))]));
    batches.extend((1..8).map(|len| transactions.chunks(len).map(|it| block(7, it)).collect()));
    batches
}

fn transaction(seed: u64) -> Bytes {
    let target = Address::from_word(word(seed % 4, 1));
    let input = input(seed);
    let chain_id = if seed % 7 == 6 { 10 } else { CHAIN_ID };
    let nonce = seed % 5;
    let gas_limit = 21_000 * (1 + seed);
    let value = U256::from(seed % 3) * U256::from(10).pow(U256::from(18));
    let to = if seed % 10 == 9 { TxKind::Create } else { TxKind::Call(target) };
    let (max_fee_per_gas, max_priority_fee_per_gas) = (1_000_000_000, 1_000_000);
    let item = AccessListItem { address: target, storage_keys: vec![word(seed, 2)] };
    let access_list = AccessList(vec![item; usize::from(seed % 2 == 1)]);
    let s = U256::from_be_bytes(word(seed, 3).0) >> 1;
    let signature = Signature::new(U256::from_be_bytes(word(seed, 4).0), s, seed.is_multiple_of(2));
    let envelope: TxEnvelope = match seed % 4 {
        0 => TxLegacy {
            chain_id: seed.is_multiple_of(8).then_some(chain_id),
            nonce,
            gas_price: max_fee_per_gas,
            gas_limit,
            to,
            value,
            input,
        }
        .into_signed(signature)
        .into(),
        1 => {
            let gas_price = max_fee_per_gas;
            TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
                .into_signed(signature)
                .into()
        }
        2 => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(signature)
        .into(),
        _ => {
            let chain_id_of_authority = U256::from(chain_id);
            let authorization =
                Authorization { chain_id: chain_id_of_authority, address: target, nonce };
            let authorization = SignedAuthorization::new_unchecked(authorization, 1, s, s);
            TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: target,
                value,
                access_list,
                authorization_list: vec![authorization],
                input,
            }
            .into_signed(signature)
            .into()
        }
    };
    envelope.encoded_2718().into()
}

/// Calldata of the usual shapes.
fn input(seed: u64) -> Bytes {
    let address = Address::from_word(word(seed % 4, 1)).into_word();
    let amount = B256::from(U256::from(25) * U256::from(10).pow(U256::from(seed)));
    let transfer = [&[0xa9, 0x05, 0x9c, 0xbb], &address[..], &amount[..]].concat();
    let number = |number: usize| U256::from(number).to_be_bytes_vec();
    match seed % 6 {
        0 => Bytes::new(),
        1 | 2 => transfer.into(),
        3 => {
            // multicall(bytes[]) of one transfer.
            let words = [number(32), number(1), number(32), number(transfer.len())].concat();
            [&[0xac, 0x96, 0x50, 0xd8], &words[..], &transfer, &[0; 28]].concat().into()
        }
        4 => {
            let text = [&b"a name in thirty-two bytes"[..], &[0; 6]].concat();
            [&[0x12, 0x34, 0x56, 0x78], &text[..], &word(seed, 5)[..], &[7; 9]].concat().into()
        }
        _ => (0..10).flat_map(|index| word(seed, index).0).collect(),
    }
}

/// A batch as the pieces that the target `batch_decode` puts together.
fn pieces(data: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut rest = &data[1..];
    let signatures = varint(&mut rest)?;
    let compressed = &rest[64 * signatures + signatures.div_ceil(8)..];
    let mut body = Vec::new();
    brotli::BrotliDecompress(&mut &compressed[..], &mut body)?;

    let mut body = &body[..];
    let lengths = (0..COLUMNS).map(|_| varint(&mut body)).collect::<Result<Vec<_>, _>>()?;
    let mut input = vec![1, u8::try_from(signatures)?];
    for (column, len) in (0_u8..).zip(lengths) {
        let (bytes, rest) = body.split_at(len);
        for piece in bytes.chunks(255) {
            input.extend([column, u8::try_from(piece.len())?]);
            input.extend(piece);
        }
        body = rest;
    }
    Ok(input)
}

fn varint(bytes: &mut &[u8]) -> Result<usize, Box<dyn Error>> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or("truncated")?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("too large".into())
}
