//! Batch data in [EIP-4844](https://eips.ethereum.org/EIPS/eip-4844) blobs: 254 of the 256 bits
//! of each field element, 130,048 bytes a blob.
//!
//! | where | what |
//! |---|---|
//! | bytes 1..32 of field element i | bytes 31 i .. 31 i + 31 of the blob's data |
//! | byte 0 of field elements 4 j .. 4 j + 4 | 6 bits each (so the element is below the modulus): the blob's data from 126,976 + 3 j, 3 bytes, highest bits first |
//!
//! The blobs' data one after another is a length (u32, big endian), as many bytes of batch data,
//! and padding that nobody reads.

use alloc::{boxed::Box, vec, vec::Vec};

/// Bytes of a blob.
pub const BLOB_LEN: usize = 131_072;
/// Bytes that one blob carries, the length in the first included.
pub const BLOB_DATA_LEN: usize = FIELD_ELEMENTS * 31 + FIELD_ELEMENTS / 4 * 3;

const FIELD_ELEMENTS: usize = BLOB_LEN / 32;
const LENGTH_LEN: usize = 4;

/// The batch data in a batch's blobs. Empty, which decodes as garbage, if a blob has another
/// length than [`BLOB_LEN`], a field element uses its two upper bits, or the length exceeds what
/// the blobs hold.
// PROTOCOL.md BLOB-2, BLOB-3
#[must_use]
pub fn blob_data<B: AsRef<[u8]>>(blobs: &[B]) -> Vec<u8> {
    let mut data = Vec::with_capacity(blobs.len().saturating_mul(BLOB_DATA_LEN));
    for blob in blobs {
        if unpack(blob.as_ref(), &mut data).is_none() {
            return Vec::new();
        }
    }
    let Some((length, batch)) = data.split_first_chunk::<LENGTH_LEN>() else {
        return Vec::new();
    };
    let length = u32::from_be_bytes(*length);
    usize::try_from(length)
        .ok()
        .and_then(|len| batch.get(..len))
        .map_or_else(Vec::new, <[u8]>::to_vec)
}

// PROTOCOL.md BLOB-1
fn unpack(blob: &[u8], data: &mut Vec<u8>) -> Option<()> {
    if blob.len() != BLOB_LEN {
        return None;
    }
    let (elements, _) = blob.as_chunks::<32>();
    for element in elements {
        data.extend_from_slice(&element[1..]);
    }
    for [a, b, c, d] in elements.as_chunks::<4>().0 {
        if (a[0] | b[0] | c[0] | d[0]) & 0xc0 != 0 {
            return None;
        }
        data.extend_from_slice(&[a[0] << 2 | b[0] >> 4, b[0] << 4 | c[0] >> 2, c[0] << 6 | d[0]]);
    }
    Some(())
}

/// As many blobs as the data needs, at least one. A batch may have at most
/// [`MAX_BLOBS`](crate::MAX_BLOBS): [`blob_capacity`] says how much fits them.
#[must_use]
pub fn to_blobs(data: &[u8]) -> Vec<Box<[u8; BLOB_LEN]>> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut stream = length.to_be_bytes().to_vec();
    stream.extend_from_slice(data);
    stream.chunks(BLOB_DATA_LEN).map(pack).collect()
}

/// Most bytes of batch data that fit so many blobs.
#[must_use]
pub const fn blob_capacity(blobs: usize) -> usize {
    blobs.saturating_mul(BLOB_DATA_LEN).saturating_sub(LENGTH_LEN)
}

fn pack(chunk: &[u8]) -> Box<[u8; BLOB_LEN]> {
    let mut data = vec![0; BLOB_DATA_LEN];
    data[..chunk.len()].copy_from_slice(chunk);
    let (low, high) = data.split_at(FIELD_ELEMENTS * 31);
    let mut blob = Box::new([0; BLOB_LEN]);
    let (elements, _) = blob.as_chunks_mut::<32>();
    for (element, low) in elements.iter_mut().zip(low.as_chunks::<31>().0) {
        element[1..].copy_from_slice(low);
    }
    let (quartets, _) = elements.as_chunks_mut::<4>();
    for ([a, b, c, d], [x, y, z]) in quartets.iter_mut().zip(high.as_chunks::<3>().0) {
        a[0] = x >> 2;
        b[0] = x << 4 & 0x3f | y >> 4;
        c[0] = y << 2 & 0x3f | z >> 6;
        d[0] = z & 0x3f;
    }
    blob
}
