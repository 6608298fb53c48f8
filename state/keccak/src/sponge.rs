//! Keccak-f\[1600\] and the sponge around it, over vectors of one 64-bit word a message.
//!
//! In: messages. Out: hashes. [`sponge!`] writes the functions into a module that has a `Vector`,
//! its number of `LANES` and the operations on it. It is a macro, not a generic function, because
//! code for more than the baseline CPU must say so itself to be inlined.
//!
//! Word `x + 5 * y` of a state is the lane (x, y) of
//! [FIPS 202](https://nvlpubs.nist.gov/nistpubs/FIPS/NIST.FIPS.202.pdf); Ethereum's padding is the
//! original one of Keccak, 0x01 instead of 0x06.

use crate::BLOCK_BYTES;

/// Words that a block fills.
pub(crate) const BLOCK_WORDS: usize = BLOCK_BYTES / 8;

/// Iota's constants (FIPS 202, 3.2.5).
pub(crate) const ROUNDS: [u64; 24] = [
    0x0000000000000001,
    0x0000000000008082,
    0x800000000000808a,
    0x8000000080008000,
    0x000000000000808b,
    0x0000000080000001,
    0x8000000080008081,
    0x8000000000008009,
    0x000000000000008a,
    0x0000000000000088,
    0x0000000080008009,
    0x000000008000000a,
    0x000000008000808b,
    0x800000000000008b,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x000000000000800a,
    0x800000008000000a,
    0x8000000080008081,
    0x8000000000008080,
    0x0000000080000001,
    0x8000000080008008,
];

/// Makes the last block of a message of its last bytes, fewer than a block.
pub(crate) fn pad(block: &mut [u8; BLOCK_BYTES], last: &[u8]) {
    let (start, end) = block.split_at_mut(last.len());
    start.copy_from_slice(last);
    end.fill(0);
    end[0] = 1;
    block[BLOCK_BYTES - 1] |= 0x80;
}

/// Word `index` of a block.
#[inline]
pub(crate) fn word(block: &[u8; BLOCK_BYTES], index: usize) -> u64 {
    block.as_chunks().0.get(index).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

macro_rules! sponge {
    ($feature:literal) => {
        /// One message on its way through a lane.
        #[derive(Clone, Copy)]
        struct Cursor<'m> {
            /// Which message.
            index: usize,
            /// Bytes not taken in yet.
            rest: &'m [u8],
            /// Whether its last block is in.
            is_last: bool,
        }

        /// Hashes messages of any lengths.
        #[target_feature(enable = $feature)]
        pub(crate) fn many<T: AsRef<[u8]>>(messages: &[T], hashes: &mut [B256]) {
            let mut waiting = messages.iter().enumerate();
            let mut cursors: [Option<Cursor<'_>>; LANES] = [None; LANES];
            let mut tails = [[0; BLOCK_BYTES]; LANES];
            let mut state = [splat(0); 25];
            loop {
                // Idle lanes take in whatever their tails hold.
                let mut kept = [u64::MAX; LANES];
                for (cursor, kept) in cursors.iter_mut().zip(&mut kept) {
                    if cursor.is_none()
                        && let Some((index, message)) = waiting.next()
                    {
                        *cursor = Some(Cursor { index, rest: message.as_ref(), is_last: false });
                        *kept = 0;
                    }
                }
                let mut is_done = true;
                let blocks = zip_lanes(&mut cursors, &mut tails, |cursor, tail| {
                    let Some(cursor) = cursor else { return tail };
                    is_done = false;
                    if let Some((block, rest)) = cursor.rest.split_first_chunk() {
                        cursor.rest = rest;
                        return block;
                    }
                    cursor.is_last = true;
                    pad(tail, cursor.rest);
                    tail
                });
                if is_done {
                    return;
                }
                absorb(&mut state, from_lanes(kept), &blocks);
                permute(&mut state);
                if cursors.iter().flatten().any(|cursor| cursor.is_last) {
                    let digests = squeeze(&state);
                    for (cursor, digest) in cursors.iter_mut().zip(&digests) {
                        if let Some(Cursor { index, .. }) = cursor.take_if(|done| done.is_last) {
                            hashes[index] = *digest;
                        }
                    }
                }
            }
        }

        /// Hashes messages of one length below a block, which `bytes` makes of `items`.
        #[target_feature(enable = $feature)]
        pub(crate) fn each<T, const BYTES: usize>(
            items: &[T],
            hashes: &mut [B256],
            bytes: impl Fn(&T) -> [u8; BYTES],
        ) {
            const { assert!(BYTES < BLOCK_BYTES, "more than one block") };
            let mut blocks = [[0; BLOCK_BYTES]; LANES];
            for block in &mut blocks {
                pad(block, &[0; BYTES]);
            }
            for (items, hashes) in items.chunks(LANES).zip(hashes.chunks_mut(LANES)) {
                for (block, item) in blocks.iter_mut().zip(items) {
                    block[..BYTES].copy_from_slice(&bytes(item));
                }
                let mut state = [splat(0); 25];
                absorb(&mut state, splat(0), &blocks.each_ref());
                permute(&mut state);
                for (hash, digest) in hashes.iter_mut().zip(&squeeze(&state)) {
                    *hash = *digest;
                }
            }
        }

        /// Pairs each lane's cursor with its buffer and keeps the block that `take` makes of them.
        #[inline]
        fn zip_lanes<'b, 'm: 'b>(
            cursors: &mut [Option<Cursor<'m>>; LANES],
            tails: &'b mut [[u8; BLOCK_BYTES]; LANES],
            mut take: impl FnMut(
                &mut Option<Cursor<'m>>,
                &'b mut [u8; BLOCK_BYTES],
            ) -> &'b [u8; BLOCK_BYTES],
        ) -> [&'b [u8; BLOCK_BYTES]; LANES] {
            let mut cursors = cursors.iter_mut();
            tails.each_mut().map(|tail| match cursors.next() {
                Some(cursor) => take(cursor, tail),
                None => tail,
            })
        }

        /// Takes in one block a lane. Of the words before only the bits in `kept` stay.
        #[inline]
        #[target_feature(enable = $feature)]
        fn absorb(state: &mut [Vector; 25], kept: Vector, blocks: &[&[u8; BLOCK_BYTES]; LANES]) {
            for (index, slot) in state.iter_mut().enumerate() {
                *slot = and(*slot, kept);
                if index < BLOCK_WORDS {
                    *slot = xor(*slot, from_lanes(blocks.map(|block| word(block, index))));
                }
            }
        }

        /// The hashes of all lanes.
        #[inline]
        #[target_feature(enable = $feature)]
        #[expect(clippy::arithmetic_side_effects, reason = "an index of four words of eight bytes")]
        fn squeeze(state: &[Vector; 25]) -> [B256; LANES] {
            let mut hashes = [B256::ZERO; LANES];
            for (index, vector) in state.iter().take(4).enumerate() {
                for (hash, word) in hashes.iter_mut().zip(to_lanes(*vector)) {
                    hash[8 * index..][..8].copy_from_slice(&word.to_le_bytes());
                }
            }
            hashes
        }

        /// Keccak-f\[1600\] on every lane.
        #[target_feature(enable = $feature)]
        #[expect(clippy::arithmetic_side_effects, reason = "an index of 25 lanes")]
        fn permute(state: &mut [Vector; 25]) {
            let mut a = *state;
            for constant in ROUNDS {
                // Theta.
                let c0 = xor3(xor3(a[0], a[5], a[10]), a[15], a[20]);
                let c1 = xor3(xor3(a[1], a[6], a[11]), a[16], a[21]);
                let c2 = xor3(xor3(a[2], a[7], a[12]), a[17], a[22]);
                let c3 = xor3(xor3(a[3], a[8], a[13]), a[18], a[23]);
                let c4 = xor3(xor3(a[4], a[9], a[14]), a[19], a[24]);
                let d0 = xor(c4, rotate(c1, 1));
                let d1 = xor(c0, rotate(c2, 1));
                let d2 = xor(c1, rotate(c3, 1));
                let d3 = xor(c2, rotate(c4, 1));
                let d4 = xor(c3, rotate(c0, 1));
                // Rho and pi: the rows that chi takes.
                let rows = [
                    [
                        xor(a[0], d0),
                        rotate(xor(a[6], d1), 44),
                        rotate(xor(a[12], d2), 43),
                        rotate(xor(a[18], d3), 21),
                        rotate(xor(a[24], d4), 14),
                    ],
                    [
                        rotate(xor(a[3], d3), 28),
                        rotate(xor(a[9], d4), 20),
                        rotate(xor(a[10], d0), 3),
                        rotate(xor(a[16], d1), 45),
                        rotate(xor(a[22], d2), 61),
                    ],
                    [
                        rotate(xor(a[1], d1), 1),
                        rotate(xor(a[7], d2), 6),
                        rotate(xor(a[13], d3), 25),
                        rotate(xor(a[19], d4), 8),
                        rotate(xor(a[20], d0), 18),
                    ],
                    [
                        rotate(xor(a[4], d4), 27),
                        rotate(xor(a[5], d0), 36),
                        rotate(xor(a[11], d1), 10),
                        rotate(xor(a[17], d2), 15),
                        rotate(xor(a[23], d3), 56),
                    ],
                    [
                        rotate(xor(a[2], d2), 62),
                        rotate(xor(a[8], d3), 55),
                        rotate(xor(a[14], d4), 39),
                        rotate(xor(a[15], d0), 41),
                        rotate(xor(a[21], d1), 2),
                    ],
                ];
                // Chi.
                for (y, [b0, b1, b2, b3, b4]) in rows.into_iter().enumerate() {
                    a[5 * y] = chi(b0, b1, b2);
                    a[5 * y + 1] = chi(b1, b2, b3);
                    a[5 * y + 2] = chi(b2, b3, b4);
                    a[5 * y + 3] = chi(b3, b4, b0);
                    a[5 * y + 4] = chi(b4, b0, b1);
                }
                // Iota.
                a[0] = xor(a[0], splat(constant));
            }
            *state = a;
        }
    };
}
pub(crate) use sponge;
