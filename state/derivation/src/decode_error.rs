//! Why batch data is garbage. Only hosts look at it, for their logs: to the chain all garbage is
//! the same, a batch of deposits alone.

/// What is wrong with the data of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The data is empty or its version is not ours.
    #[error("unknown batch version {found:?}")]
    UnknownVersion {
        /// First byte, if there is one.
        found: Option<u8>,
    },
    /// Something ends before what its count or length promises.
    #[error("batch is truncated")]
    Truncated,
    /// Bytes are left over where there should be none.
    #[error("batch has {count} bytes that nothing reads")]
    UnreadBytes {
        /// Bytes left over in the first place that has any.
        count: usize,
    },
    /// The compressed part is not a complete Brotli stream with a window of at most 24 bits.
    #[error("not a Brotli stream")]
    NotBrotli,
    /// More bytes than [`BATCH_BYTES_MAX`](crate::BATCH_BYTES_MAX).
    #[error("batch exceeds {max} bytes when decompressed")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// No block or more than [`BATCH_BLOCKS_MAX`](crate::BATCH_BLOCKS_MAX).
    #[error("batch has {found} blocks, expected 1 to {max}")]
    BlockCount {
        /// Count in the data.
        found: u64,
        /// The bound.
        max: usize,
    },
    /// More than [`BATCH_TRANSACTIONS_MAX`](crate::BATCH_TRANSACTIONS_MAX), or not as many
    /// signatures as transactions that need one.
    #[error("batch has a wrong count of {found} transactions, expected {expected} or at most that")]
    TransactionCount {
        /// Count in the data.
        found: usize,
        /// The bound, or the number of signatures.
        expected: usize,
    },
    /// A number that does not fit its field.
    #[error("number in a batch does not fit its field")]
    NumberTooLarge,
    /// An index into a dictionary that has no such entry.
    #[error("dictionary index {index} of {len}")]
    UnknownIndex {
        /// The index.
        index: u64,
        /// Entries so far.
        len: usize,
    },
    /// A transaction type or calldata token that this version does not have.
    #[error("unknown code {code} in a batch")]
    UnknownCode {
        /// The code.
        code: u8,
    },
}
