//! Four messages at once: vectors of AVX2.
//!
//! In: messages. Out: their hashes. Its functions run only on a CPU with AVX2.

use std::arch::x86_64::{
    __m256i as Vector, _mm256_and_si256, _mm256_andnot_si256, _mm256_extract_epi64,
    _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_sllv_epi64, _mm256_srlv_epi64,
    _mm256_xor_si256,
};

use alloy_primitives::B256;

use crate::{
    BLOCK_BYTES,
    sponge::{BLOCK_WORDS, ROUNDS, pad, sponge, word},
};

const LANES: usize = 4;

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u64) -> Vector {
    _mm256_set1_epi64x(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn from_lanes(words: [u64; LANES]) -> Vector {
    let [w0, w1, w2, w3] = words.map(u64::cast_signed);
    _mm256_set_epi64x(w3, w2, w1, w0)
}

#[inline]
#[target_feature(enable = "avx2")]
fn to_lanes(vector: Vector) -> [u64; LANES] {
    [
        _mm256_extract_epi64::<0>(vector),
        _mm256_extract_epi64::<1>(vector),
        _mm256_extract_epi64::<2>(vector),
        _mm256_extract_epi64::<3>(vector),
    ]
    .map(i64::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx2")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm256_and_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

/// `a ^ (!b & c)`
#[inline]
#[target_feature(enable = "avx2")]
fn chi(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(a, _mm256_andnot_si256(b, c))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate(vector: Vector, left: i64) -> Vector {
    let high = _mm256_sllv_epi64(vector, _mm256_set1_epi64x(left));
    let low = _mm256_srlv_epi64(vector, _mm256_set1_epi64x(64_i64.wrapping_sub(left)));
    _mm256_or_si256(high, low)
}

sponge!("avx2");
