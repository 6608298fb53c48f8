//! Names of places in a dispute: a mutual id is a hash of everything that two edges agree on before
//! the place where they contradict each other. In Solidity: `contracts/src/game/MutualId.sol`.

use alloy_primitives::{B256, keccak256};

/// The place of the children of an assertion, as root edges of "blocks".
#[must_use]
// PROTOCOL.md GAME-3
pub fn of_blocks(parent_assertion: B256) -> B256 {
    keccak256([b"blocks".as_slice(), parent_assertion.as_slice()].concat())
}

/// The place of runs of the program on one block, below a height-0 place of "blocks".
#[must_use]
pub fn of_spans(mutual_id: B256) -> B256 {
    keccak256([b"spans".as_slice(), mutual_id.as_slice()].concat())
}

/// The place of the instructions of one span, below a height-0 place of "spans".
#[must_use]
pub fn of_steps(mutual_id: B256) -> B256 {
    keccak256([b"steps".as_slice(), mutual_id.as_slice()].concat())
}

/// The place of the left halves of the edges at a place.
#[must_use]
pub fn of_left(mutual_id: B256) -> B256 {
    keccak256([mutual_id.as_slice(), &[0]].concat())
}

/// The place of the right halves next to the left half with root `left`.
#[must_use]
pub fn of_right(mutual_id: B256, left: B256) -> B256 {
    keccak256([mutual_id.as_slice(), &[1], left.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;

    use super::*;

    /// The vectors of `contracts/test/game`.
    #[test]
    fn names_are_those_of_the_contract() {
        let blocks = of_blocks(B256::repeat_byte(0x11));
        let left = of_left(blocks);
        let spans = of_spans(left);
        let expected = [
            b256!("920c2009b1d0803fb306158f9b61419187175a273c22c21b7c64400af15b6676"),
            b256!("ee90e7f5ef3da86f2200ba53a8896f22e98a1e3636371d56ead5d810abc208f5"),
            b256!("0a21f11295888a1b86a0a8057e0b662922f5330147f190306b88c3764246322c"),
            b256!("cd038ca8a0225d889c1e6e3204151b2e7f158ab00b1671740c5821b84799a31f"),
            b256!("1da8d89abeb848c0fddc872576ae2d3de035f029c7f1949b50f61c1f25cc051a"),
        ];
        let right = of_right(blocks, B256::repeat_byte(0x22));
        assert_eq!([blocks, left, right, spans, of_steps(spans)], expected);
    }
}
