//! Batch data in blobs: what goes in comes out, and every field element is below the modulus.

use gainsay_derivation::{BLOB_DATA_LEN, BLOB_LEN, blob_capacity, blob_data, to_blobs};
use proptest::prelude::*;

fn data(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i * 131 % 251).unwrap() ^ seed).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn blobs_round_trip(len in 0..3 * BLOB_DATA_LEN, seed in any::<u8>()) {
        let data = data(len, seed);
        let blobs = to_blobs(&data);
        for element in blobs.iter().flat_map(|blob| blob.chunks(32)) {
            prop_assert!(element[0] < 0x40);
        }
        let slices: Vec<&[u8]> = blobs.iter().map(|blob| &blob[..]).collect();
        prop_assert_eq!(blob_data(&slices), data);
    }

    #[test]
    fn any_blobs_give_data(position in 0..BLOB_LEN, byte in any::<u8>(), count in 0..3_usize) {
        let mut blobs = vec![vec![0; BLOB_LEN]; count];
        if let Some(blob) = blobs.first_mut() {
            blob[position] = byte;
        }
        prop_assert!(blob_data(&blobs).len() <= blob_capacity(count));
    }
}

#[test]
fn capacity_is_exact() {
    for count in 1..=6 {
        assert_eq!(to_blobs(&data(blob_capacity(count), 0)).len(), count);
        assert_eq!(to_blobs(&data(blob_capacity(count) + 1, 0)).len(), count + 1);
    }
    assert_eq!(to_blobs(&[]).len(), 1);
}

#[test]
fn bad_blobs_are_empty() {
    let good = to_blobs(&data(1_000, 1)).remove(0);
    assert_eq!(blob_data(&[&good[..]]).len(), 1_000);
    let mut above_modulus = good.clone();
    above_modulus[32 * 77] |= 0x40;
    assert!(blob_data(&[&above_modulus[..]]).is_empty());
    let mut too_long = good.clone();
    too_long[1] = 1;
    assert!(blob_data(&[&too_long[..]]).is_empty());
    assert!(blob_data(&[&good[..BLOB_LEN - 1]]).is_empty());
    assert!(blob_data::<&[u8]>(&[]).is_empty());
}
