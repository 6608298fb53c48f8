//! Integers that one call could confuse, each kind as a type of its own: places in the Inbox, and
//! blocks of L2. A count is the position of what comes next.
//!
//! No arithmetic leads from one kind to another. Code that needs the number, as for RPC, contracts
//! and tables, calls [`get`]. Numbers of L1 blocks stay plain integers.
//!
//! [`get`]: BatchIndex::get

use core::fmt::{self, Debug, Display, Formatter};
use serde::{Deserialize, Serialize};

macro_rules! positions {
    ($($(#[$what:meta])* $name:ident)*) => {$(
        $(#[$what])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Position 0.
            pub const ZERO: Self = Self(0);

            /// The position as a plain integer.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The position after this one; the largest one stays the same.
            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }

            /// The position before this one; `None` for 0.
            #[must_use]
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(before) => Some(Self(before)),
                    None => None,
                }
            }

            /// The position `count` further on, or the largest one.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }

            /// The number of positions in `from..self`.
            #[must_use]
            pub const fn since(self, from: Self) -> u64 {
                self.0.saturating_sub(from.0)
            }

            /// The positions in `self..end`.
            pub fn up_to(self, end: Self) -> impl DoubleEndedIterator<Item = Self> {
                (self.0..end.0).map(Self)
            }
        }

        // As the bare number: error messages print cursors.
        impl Debug for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Debug::fmt(&self.0, f)
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(&self.0, f)
            }
        }
    )*};
}

positions! {
    /// A batch of the Inbox, from 0.
    BatchIndex
    /// A deposit of the Inbox, from 0.
    DepositIndex
    /// A block of L2; the genesis is 0.
    BlockNumber
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_move_by_steps_and_stay_in_their_bounds() {
        let (first, last) = (BatchIndex::ZERO, BatchIndex(u64::MAX));
        assert_eq!((first.previous(), first.next().previous()), (None, Some(first)));
        assert_eq!((last.next(), last.plus(9)), (last, last));
        assert_eq!(
            (BlockNumber(7).since(BlockNumber(3)), BlockNumber(3).since(BlockNumber(7))),
            (4, 0)
        );
        assert!(DepositIndex(2).up_to(DepositIndex(4)).eq([DepositIndex(2), DepositIndex(3)]));
        assert_eq!(format!("{:?} {}", BlockNumber(7), BlockNumber(8)), "7 8");
    }
}
