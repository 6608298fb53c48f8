//! Which vectors this CPU has.
//!
//! In: messages and the place for their hashes, equally many. Out: the hashes, made by the code for
//! the chosen vectors. Architecture invariant: the only unsafe code of the crate is the calls here
//! into functions that are compiled for more than the baseline CPU.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
use core::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::{B256, keccak256};

#[cfg(all(feature = "std", target_arch = "x86_64"))]
use crate::{avx2, avx512};

/// How many messages share a permutation. A wide value is only made on a CPU that has the vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes(Width);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    One,
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Four,
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Eight,
}

/// Most lanes that are used, whatever the CPU has.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
static LANES_MAX: AtomicUsize = AtomicUsize::new(8);

/// Limits the messages that one permutation takes in, for this process from now on.
#[cfg(feature = "std")]
pub(crate) fn set_lanes_max(lanes: usize) {
    #[cfg(target_arch = "x86_64")]
    LANES_MAX.store(lanes, Ordering::Relaxed);
    #[cfg(not(target_arch = "x86_64"))]
    let _one_lane_anyway = lanes;
}

impl Lanes {
    /// The widest vectors of this CPU, within the limit.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    pub(crate) fn widest() -> Self {
        let lanes_max = LANES_MAX.load(Ordering::Relaxed);
        if lanes_max >= 8 && std::arch::is_x86_feature_detected!("avx512f") {
            Self(Width::Eight)
        } else if lanes_max >= 4 && std::arch::is_x86_feature_detected!("avx2") {
            Self(Width::Four)
        } else {
            Self(Width::One)
        }
    }

    /// The widest vectors of this CPU.
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    pub(crate) const fn widest() -> Self {
        Self(Width::One)
    }

    /// Every width that this CPU has.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self(Width::One)];
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                all.push(Self(Width::Four));
            }
            if std::arch::is_x86_feature_detected!("avx512f") {
                all.push(Self(Width::Eight));
            }
        }
        all
    }

    /// Hashes messages of any lengths.
    #[cfg_attr(
        all(feature = "std", target_arch = "x86_64"),
        expect(unsafe_code, reason = "calls code for vectors that this CPU has")
    )]
    pub(crate) fn many<T: AsRef<[u8]>>(self, messages: &[T], hashes: &mut [B256]) {
        match self.0 {
            Width::One => {
                for (message, hash) in messages.iter().zip(hashes) {
                    *hash = keccak256(message);
                }
            }
            // SAFETY: `Four` is only made where AVX2 was found.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Width::Four => unsafe { avx2::many(messages, hashes) },
            // SAFETY: `Eight` is only made where AVX-512F was found.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Width::Eight => unsafe { avx512::many(messages, hashes) },
        }
    }

    /// Hashes messages of one length below a block, which `bytes` makes of `items`.
    #[cfg_attr(
        all(feature = "std", target_arch = "x86_64"),
        expect(unsafe_code, reason = "calls code for vectors that this CPU has")
    )]
    pub(crate) fn each<T, const BYTES: usize>(
        self,
        items: &[T],
        hashes: &mut [B256],
        bytes: impl Fn(&T) -> [u8; BYTES],
    ) {
        match self.0 {
            Width::One => {
                for (item, hash) in items.iter().zip(hashes) {
                    *hash = keccak256(bytes(item));
                }
            }
            // SAFETY: `Four` is only made where AVX2 was found.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Width::Four => unsafe { avx2::each(items, hashes, bytes) },
            // SAFETY: `Eight` is only made where AVX-512F was found.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Width::Eight => unsafe { avx512::each(items, hashes, bytes) },
        }
    }
}
