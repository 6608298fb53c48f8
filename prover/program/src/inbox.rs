//! What the Inbox recorded, read back from its accumulators.
//!
//! In: accumulators and hashes. Out: a batch's header, its data, and the deposits that it reads.

use alloc::vec::Vec;
use alloy_primitives::B256;
use gainsay_derivation::{
    BLOB_LEN, BatchHeader, BatchKind, Deposit, DepositIndex, blob_data, unpack_deposit_acc,
};
use gainsay_oracle::{Oracle, Request};

use crate::{ProgramError, read};

/// Bytes of a blob's field element.
const FIELD_ELEMENT_LEN: usize = 32;

/// The header of the batch that made this accumulator, and the deposit accumulator at its end.
///
/// # Errors
/// A preimage that is missing, or that no honest chain has.
pub fn read_header<O: Oracle>(
    oracle: &O,
    batch_acc: B256,
) -> Result<(BatchHeader, B256), ProgramError<O::Error>> {
    let malformed = ProgramError::Malformed { hash: batch_acc, expected: "batch accumulator" };
    let packed = read(oracle, batch_acc, "batch accumulator")?;
    BatchHeader::unpack(&packed).ok_or(malformed)
}

/// The data of a batch, as [`decode_batch`](gainsay_derivation::decode_batch) wants it.
///
/// # Errors
/// A preimage that is missing, or that no honest chain has.
pub fn read_batch_data<O: Oracle>(
    oracle: &O,
    header: &BatchHeader,
) -> Result<Vec<u8>, ProgramError<O::Error>> {
    let posted = match header.kind {
        BatchKind::Forced => return Ok(Vec::new()),
        BatchKind::Calldata | BatchKind::Blobs => {
            oracle.read(&Request::Keccak(header.data_hash)).map_err(ProgramError::Read)?
        }
    };
    if header.kind == BatchKind::Calldata {
        return Ok(posted.into());
    }
    let mut blobs = Vec::new();
    for versioned_hash in posted.as_chunks().0 {
        let versioned_hash = B256::from(*versioned_hash);
        let mut blob = Vec::with_capacity(BLOB_LEN);
        for index in 0..(BLOB_LEN / FIELD_ELEMENT_LEN) as u64 {
            let request = Request::Blob { versioned_hash, index };
            blob.extend_from_slice(&oracle.read(&request).map_err(ProgramError::Read)?);
        }
        blobs.push(blob);
    }
    Ok(blob_data(&blobs))
}

/// The deposits `from..to`: the chain walked down from `acc`, the accumulator after `to`.
///
/// # Errors
/// A preimage that is missing, or that no honest chain has.
pub fn read_deposits<O: Oracle>(
    oracle: &O,
    mut acc: B256,
    to: DepositIndex,
    from: DepositIndex,
) -> Result<Vec<Deposit>, ProgramError<O::Error>> {
    let mut deposits = Vec::new();
    for _ in from.up_to(to) {
        let link: [u8; 64] = read(oracle, acc, "deposit accumulator")?;
        let (previous, leaf) = unpack_deposit_acc(&link);
        let packed = read(oracle, leaf, "deposit")?;
        let malformed = ProgramError::Malformed { hash: leaf, expected: "deposit" };
        let (mut deposit, payload_hash) = Deposit::unpack(&packed).ok_or(malformed)?;
        deposit.payload =
            oracle.read(&Request::Keccak(payload_hash)).map_err(ProgramError::Read)?;
        deposits.push(deposit);
        acc = previous;
    }
    deposits.reverse();
    Ok(deposits)
}
