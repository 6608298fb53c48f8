//! Whatever lies in blobs is data or nothing, within what they can hold; and data comes back.
//!
//! Input: data for good blobs, and changes to them as far as `Change` reaches.
#![no_main]

use arbitrary::Arbitrary;
use gainsay_derivation::{BLOB_LEN, blob_capacity, blob_data, to_blobs};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    data: Vec<u8>,
    /// The data this many times over: whole blobs from few bytes.
    repeated: u16,
    changes: Vec<Change>,
    /// Bytes missing at the end of the last blob.
    cut: u8,
}

#[derive(Debug, Arbitrary)]
struct Change {
    blob: u8,
    position: u32,
    byte: u8,
}

fuzz_target!(|input: Input| {
    let len_max = blob_capacity(2);
    let mut data = input.data.clone();
    while data.len() < input.data.len().saturating_mul(usize::from(input.repeated)).min(len_max) {
        data.extend_from_slice(&input.data);
    }
    data.truncate(len_max);

    let mut blobs: Vec<Vec<u8>> = to_blobs(&data).iter().map(|blob| blob.to_vec()).collect();
    assert_eq!(blob_data(&blobs), data);
    assert!(blobs.iter().flat_map(|blob| blob.chunks(32)).all(|element| element[0] < 0x40));

    let count = blobs.len();
    for change in input.changes {
        let position = usize::try_from(change.position).expect("32 bits") % BLOB_LEN;
        blobs[usize::from(change.blob) % count][position] = change.byte;
    }
    let last = &mut blobs[count - 1];
    last.truncate(BLOB_LEN - usize::from(input.cut));
    let found = blob_data(&blobs);
    assert!(found.len() <= blob_capacity(count));
    if !found.is_empty() {
        // The same data in clean blobs is the same data.
        assert_eq!(
            blob_data(&to_blobs(&found).iter().map(|b| b.to_vec()).collect::<Vec<_>>()),
            found
        );
    }
});
