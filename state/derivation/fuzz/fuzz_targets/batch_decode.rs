//! Decoding a batch is total: no data makes it panic or go over its bounds, and what it gives can
//! be encoded again to the same blocks.
//!
//! The first byte says what the rest is. Even: the batch as posted. Odd: a number of signatures,
//! then pieces `column:1 ‖ length:1 ‖ bytes`, which are put together to columns that fit their
//! table and lie behind the compression, where random bytes never get. Its bit 2: encode what was
//! decoded.
#![no_main]

use gainsay_derivation::{
    BATCH_BLOCKS_MAX, BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, EncodeError, decode_blocks,
    encode_batch,
};
use libfuzzer_sys::fuzz_target;

const CHAIN_ID: u64 = 901;
/// Columns of version 1.
const COLUMNS: usize = 33;
/// Encoding takes milliseconds: it is tried on batches of so many bytes.
const ENCODED_BYTES_MAX: usize = 4_096;

fuzz_target!(|input: &[u8]| {
    let Some((&mode, rest)) = input.split_first() else { return };
    let crafted;
    let data = if mode % 2 == 0 {
        rest
    } else {
        crafted = craft(rest);
        &crafted
    };
    let Ok(blocks) = decode_blocks(data, CHAIN_ID) else { return };

    assert!((1..=BATCH_BLOCKS_MAX).contains(&blocks.len()));
    let raw = || blocks.iter().flat_map(|block| &block.transactions);
    assert!(raw().count() <= BATCH_TRANSACTIONS_MAX);
    let bytes: usize = raw().map(|raw| raw.len()).sum();
    assert!(bytes <= BATCH_BYTES_MAX);
    assert!(blocks.is_sorted_by_key(|block| block.timestamp));

    if mode & 2 == 0 || bytes + 16 * blocks.len() > ENCODED_BYTES_MAX {
        return;
    }
    // Another encoder may write the same batch in many ways; ours gives the same blocks again.
    match encode_batch(&blocks, CHAIN_ID) {
        Ok(again) => assert_eq!(decode_blocks(&again, CHAIN_ID).as_ref(), Ok(&blocks)),
        Err(EncodeError::Refused(error)) => panic!("refused what was decoded: {error}"),
        Err(error) => panic!("cannot encode what was decoded: {error}"),
    }
});

/// A batch whose columns are the pieces of `input`.
fn craft(input: &[u8]) -> Vec<u8> {
    let (&signatures, mut pieces) = input.split_first().unwrap_or((&0, &[]));
    let mut columns = vec![Vec::new(); COLUMNS];
    while let [column, len, rest @ ..] = pieces {
        let (piece, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        columns[usize::from(*column) % COLUMNS].extend_from_slice(piece);
        pieces = rest;
    }
    let mut body = Vec::new();
    for column in &columns {
        put_varint(&mut body, column.len());
    }
    body.extend(columns.concat());

    let signatures = usize::from(signatures);
    let mut data = vec![1];
    put_varint(&mut data, signatures);
    // Any bytes do: nobody looks at signatures here.
    data.resize(data.len() + 64 * signatures + signatures.div_ceil(8), 0x5a);
    store(&body, &mut data);
    data
}

fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

/// Writes a Brotli stream (RFC 7932) of uncompressed meta-blocks: no encoder is fuzzed along.
fn store(body: &[u8], out: &mut Vec<u8>) {
    const CHUNK_LEN: usize = 1 << 16;
    let mut is_first = true;
    for chunk in body.chunks(CHUNK_LEN) {
        let len = u32::try_from(chunk.len() - 1).expect("16 bits");
        // Not the last; four nibbles of length; uncompressed. Before the first: a window of 2^16.
        let bits = len << 3 | 1 << 19;
        let head = if is_first { bits << 1 } else { bits };
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.extend_from_slice(chunk);
        is_first = false;
    }
    // The last meta-block, empty.
    out.push(0x03);
}
