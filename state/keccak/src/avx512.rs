//! Eight messages at once: vectors of AVX-512F.
//!
//! In: messages. Out: their hashes. Its functions run only on a CPU with AVX-512F.

use std::arch::x86_64::{
    __m512i as Vector, _mm256_extract_epi64, _mm512_and_si512, _mm512_extracti64x4_epi64,
    _mm512_rolv_epi64, _mm512_set_epi64, _mm512_set1_epi64, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

use alloy_primitives::B256;

use crate::{
    BLOCK_BYTES,
    sponge::{BLOCK_WORDS, ROUNDS, pad, sponge, word},
};

const LANES: usize = 8;

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u64) -> Vector {
    _mm512_set1_epi64(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn from_lanes(words: [u64; LANES]) -> Vector {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = words.map(u64::cast_signed);
    _mm512_set_epi64(w7, w6, w5, w4, w3, w2, w1, w0)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn to_lanes(vector: Vector) -> [u64; LANES] {
    let low = _mm512_extracti64x4_epi64::<0>(vector);
    let high = _mm512_extracti64x4_epi64::<1>(vector);
    [
        _mm256_extract_epi64::<0>(low),
        _mm256_extract_epi64::<1>(low),
        _mm256_extract_epi64::<2>(low),
        _mm256_extract_epi64::<3>(low),
        _mm256_extract_epi64::<0>(high),
        _mm256_extract_epi64::<1>(high),
        _mm256_extract_epi64::<2>(high),
        _mm256_extract_epi64::<3>(high),
    ]
    .map(i64::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm512_and_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

/// `a ^ b ^ c`: its truth table is 0x96.
#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// `a ^ (!b & c)`: its truth table is 0xd2.
#[inline]
#[target_feature(enable = "avx512f")]
fn chi(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0xd2>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate(vector: Vector, left: i64) -> Vector {
    _mm512_rolv_epi64(vector, _mm512_set1_epi64(left))
}

sponge!("avx512f");
