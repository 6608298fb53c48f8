//! Joins the fields of a byte layout.

/// The parts one after the other.
///
/// # Panics
/// When all parts together do not have `LEN` bytes.
pub(crate) fn pack<const PARTS: usize, const LEN: usize>(parts: [&[u8]; PARTS]) -> [u8; LEN] {
    let mut packed = [0; LEN];
    let mut rest = packed.as_mut_slice();
    for part in parts {
        let (place, behind) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = behind;
    }
    assert!(rest.is_empty(), "a layout is as long as its parts");
    packed
}
