//! The contracts' logs as typed, checked values.
//!
//! In: logs of one stretch of one L1 chain, in order, and where the two hash chains stood before.
//! Out: deposits and batches, every accumulator recomputed and compared, and the events of the
//! other contracts. Pure: it asks nothing of L1, and changes nothing unless every event is right.

use std::collections::HashMap;

use alloy::{rpc::types::Log, sol_types::SolEventInterface};
use alloy_primitives::{B256, BlockNumber};
use gainsay_derivation::{
    BatchHeader, BatchIndex, BatchKind, Deposit, DepositIndex, data_hash_of_blobs,
    extend_batch_acc, extend_deposit_acc,
};
use serde::{Deserialize, Serialize};

use crate::{
    ContractEvent, Contracts, L1Error,
    bindings::IInbox::{BatchPosted, DepositEnqueued, IInboxEvents},
    reader_state::{Checkpoint, DepositAccs},
};

/// Where on L1 an event was emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Origin {
    /// Number of the L1 block.
    pub block_number: BlockNumber,
    /// Its hash.
    pub block_hash: B256,
    /// The transaction.
    pub transaction: B256,
    /// Index of the log in the block.
    pub log_index: u64,
}

/// A deposit with the accumulator after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnqueuedDeposit {
    /// The deposit.
    pub deposit: Deposit,
    /// `depositAcc[deposit.index + 1]`, recomputed.
    pub acc: B256,
    /// Where it was enqueued.
    pub origin: L1Origin,
}

/// Where the data of a batch is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataLocation {
    /// In the calldata of the batch's transaction (see its [`L1Origin`]).
    Calldata,
    /// In the blobs with these versioned hashes, in order, of the batch's L1 block.
    Blobs {
        /// EIP-4844 versioned hashes.
        versioned_hashes: Vec<B256>,
    },
    /// Nowhere: a forced batch is deposits alone.
    Forced,
}

/// A batch with the accumulator after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostedBatch {
    /// What the Inbox recorded.
    pub header: BatchHeader,
    /// `batchAcc[header.index + 1]`, recomputed.
    pub acc: B256,
    /// Where its data is.
    pub location: DataLocation,
    /// Where it was posted.
    pub origin: L1Origin,
}

/// The checked events of one stretch of L1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckedEvents {
    pub(crate) deposits: Vec<EnqueuedDeposit>,
    pub(crate) batches: Vec<PostedBatch>,
    pub(crate) others: Vec<ContractEvent>,
}

/// Decodes and checks the logs that follow `before`. `before` has no more deposits than `accs`, and
/// each log has the time of its block.
///
/// # Errors
/// [`L1Error::IndexGap`] when an event is missing, [`L1Error::AccumulatorMismatch`] when contents
/// and accumulator disagree, [`L1Error::BadEvent`] when an event breaks another rule.
pub(crate) fn check_events(
    contracts: &Contracts,
    before: &Checkpoint,
    accs: &DepositAccs,
    logs: &[Log],
) -> Result<(CheckedEvents, Checkpoint), L1Error> {
    let blobs = collect_blobs(contracts, logs)?;
    let mut chains = Chains { after: before.clone(), accs, fresh: Vec::new() };
    let mut events = CheckedEvents::default();
    for log in logs {
        let origin = origin_of(log)?;
        if log.address() == contracts.inbox {
            let event = IInboxEvents::decode_log(&log.inner)
                .map_err(|error| bad_event(&origin, format!("an unknown event: {error}")))?;
            match event.data {
                IInboxEvents::DepositEnqueued(event) => {
                    events.deposits.push(chains.enqueue(event, origin)?);
                }
                IInboxEvents::BatchPosted(event) => {
                    let hashes = blobs.get(&(origin.transaction, event.index));
                    events.batches.push(chains.append(event, hashes, origin)?);
                }
                IInboxEvents::BlobsPosted(_) => {}
            }
        } else if !contracts.is_repetition(&log.inner) {
            let l1_time = log.block_timestamp.ok_or_else(no_block)?;
            let place = (origin.block_number, l1_time, origin.log_index);
            let event = ContractEvent::decode(contracts, place, log.inner.clone())
                .map_err(|reason| bad_event(&origin, reason))?;
            events.others.push(event);
        }
    }
    Ok((events, chains.after))
}

/// The two hash chains while events are applied to them.
struct Chains<'a> {
    after: Checkpoint,
    accs: &'a DepositAccs,
    /// Accumulators after `accs`.
    fresh: Vec<B256>,
}

impl Chains<'_> {
    fn deposit_acc(&self, index: u64) -> Option<B256> {
        let kept = self.accs.first.saturating_add(self.accs.accs.len() as u64);
        match index.checked_sub(kept) {
            Some(offset) => self.fresh.get(usize::try_from(offset).ok()?).copied(),
            None => self.accs.get(index),
        }
    }

    fn enqueue(
        &mut self,
        event: DepositEnqueued,
        origin: L1Origin,
    ) -> Result<EnqueuedDeposit, L1Error> {
        let expected = self.after.deposit_count;
        check_index("deposit", expected, event.index, &origin)?;
        check_l1_block(event.l1Block, &origin)?;
        let claimed = event.acc;
        let deposit =
            Deposit::try_from(event).map_err(|error| bad_event(&origin, error.to_string()))?;
        let previous = self
            .deposit_acc(expected)
            .ok_or_else(|| bad_event(&origin, format!("depositAcc[{expected}] is not known")))?;
        let acc = extend_deposit_acc(previous, &deposit);
        check_acc("deposit", expected, acc, claimed, &origin)?;
        self.fresh.push(acc);
        self.after.deposit_count += 1;
        Ok(EnqueuedDeposit { deposit, acc, origin })
    }

    fn append(
        &mut self,
        event: BatchPosted,
        blobs: Option<&Vec<B256>>,
        origin: L1Origin,
    ) -> Result<PostedBatch, L1Error> {
        check_index("batch", self.after.batch_count, event.index, &origin)?;
        check_l1_block(event.l1Block, &origin)?;
        let kind = BatchKind::try_from(event.kind)
            .map_err(|kind| bad_event(&origin, format!("unknown batch kind {kind}")))?;
        if !(self.after.deposits_read..=self.after.deposit_count).contains(&event.depositsRead) {
            return Err(bad_event(
                &origin,
                format!(
                    "depositsRead is {}, expected {} to {}",
                    event.depositsRead, self.after.deposits_read, self.after.deposit_count
                ),
            ));
        }
        let header = BatchHeader {
            kind,
            index: BatchIndex(event.index),
            deposits_read: DepositIndex(event.depositsRead),
            l1_block: event.l1Block,
            l1_time: event.l1Time,
            data_hash: event.dataHash,
        };
        let location = locate(&header, blobs, &origin)?;
        let deposit_acc = self.deposit_acc(event.depositsRead).ok_or_else(|| {
            bad_event(&origin, format!("depositAcc[{}] is not known", event.depositsRead))
        })?;
        let acc = extend_batch_acc(self.after.batch_acc, &header, deposit_acc);
        check_acc("batch", event.index, acc, event.acc, &origin)?;
        self.after.batch_acc = acc;
        self.after.batch_count += 1;
        self.after.deposits_read = event.depositsRead;
        Ok(PostedBatch { header, acc, location, origin })
    }
}

/// `BlobsPosted` by transaction and batch index; it may stand before or after its `BatchPosted`.
fn collect_blobs(
    contracts: &Contracts,
    logs: &[Log],
) -> Result<HashMap<(B256, u64), Vec<B256>>, L1Error> {
    let mut blobs = HashMap::new();
    for log in logs.iter().filter(|log| log.address() == contracts.inbox) {
        if let Ok(event) = IInboxEvents::decode_log(&log.inner)
            && let IInboxEvents::BlobsPosted(event) = event.data
        {
            let origin = origin_of(log)?;
            blobs.insert((origin.transaction, event.index), event.versionedHashes);
        }
    }
    Ok(blobs)
}

fn locate(
    header: &BatchHeader,
    blobs: Option<&Vec<B256>>,
    origin: &L1Origin,
) -> Result<DataLocation, L1Error> {
    match header.kind {
        BatchKind::Calldata => Ok(DataLocation::Calldata),
        BatchKind::Forced => Ok(DataLocation::Forced),
        BatchKind::Blobs => {
            let hashes = blobs.ok_or_else(|| {
                bad_event(origin, format!("no BlobsPosted for blob batch {}", header.index))
            })?;
            let found = data_hash_of_blobs(hashes);
            if found != header.data_hash {
                return Err(L1Error::DataMismatch {
                    index: header.index.get(),
                    expected: header.data_hash,
                    found,
                });
            }
            Ok(DataLocation::Blobs { versioned_hashes: hashes.clone() })
        }
    }
}

fn origin_of(log: &Log) -> Result<L1Origin, L1Error> {
    match (log.block_number, log.block_hash, log.transaction_hash, log.log_index) {
        (Some(block_number), Some(block_hash), Some(transaction), Some(log_index)) => {
            Ok(L1Origin { block_number, block_hash, transaction, log_index })
        }
        _ => Err(no_block()),
    }
}

fn no_block() -> L1Error {
    L1Error::Missing { what: "the block of a log that it served".to_owned() }
}

const fn check_index(
    what: &'static str,
    expected: u64,
    found: u64,
    origin: &L1Origin,
) -> Result<(), L1Error> {
    if expected == found {
        return Ok(());
    }
    Err(L1Error::IndexGap { what, expected, found, l1_block: origin.block_number })
}

fn check_acc(
    what: &'static str,
    index: u64,
    computed: B256,
    found: B256,
    origin: &L1Origin,
) -> Result<(), L1Error> {
    if computed == found {
        return Ok(());
    }
    let l1_block = origin.block_number;
    Err(L1Error::AccumulatorMismatch { what, index, l1_block, computed, found })
}

fn check_l1_block(found: u64, origin: &L1Origin) -> Result<(), L1Error> {
    if found == origin.block_number {
        return Ok(());
    }
    Err(bad_event(origin, format!("l1Block is {found}, emitted in {}", origin.block_number)))
}

const fn bad_event(origin: &L1Origin, reason: String) -> L1Error {
    L1Error::BadEvent { l1_block: origin.block_number, transaction: origin.transaction, reason }
}

#[cfg(test)]
#[path = "inbox_events_tests.rs"]
mod tests;
