//! Fetches the data of a posted batch and proves that it is what the Inbox committed to.
//!
//! In: a [`PostedBatch`]. Out: its calldata, or its blobs as they are on the wire (the derivation
//! crate unpacks them). Calldata is compared with the data hash, each blob's KZG commitment with
//! its versioned hash: the server of the data is not trusted. Wrong data counts as missing data:
//! the next server is asked, and the caller asks again later.
//!
//! Blobs come from the beacon API endpoint `/eth/v1/beacon/blobs/{slot}`. The slot of an L1 block
//! follows from `/eth/v1/beacon/genesis` and `/eth/v1/config/spec`. Anvil serves the first of these
//! endpoints without slots, by block number, and has no spec: a missing spec shows that it is
//! anvil.

use std::sync::Arc;

use alloy::{
    eips::eip4844::{AsCkzg, BYTES_PER_BLOB, Blob, kzg_to_versioned_hash},
    providers::Provider,
    sol_types::SolCall,
};
use alloy_primitives::{B256, Bytes};
use futures::{StreamExt, TryStreamExt, stream};
use gainsay_derivation::{MAX_BLOBS, blob_data, data_hash_of_calldata};
use parking_lot::Mutex;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use tracing::debug;

use crate::{
    L1Client, L1Error,
    bindings::IInbox::postBatchCall,
    inbox_events::{DataLocation, PostedBatch},
    kzg::{KnownBlobs, verifying_setup},
};
use futures::future::BoxFuture;

/// Most bytes taken from one beacon answer: 72 blobs in hex, more than any schedule allows today.
const ANSWER_BYTES_MAX: usize = 72 * 2 * BYTES_PER_BLOB;

/// The verified data of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchData {
    /// The `data` argument of `postBatch`.
    Calldata(Bytes),
    /// The blobs, in order.
    Blobs(Vec<Blob>),
    /// A forced batch has no data.
    Forced,
}

impl BatchData {
    /// The bytes that [`decode_batch`](gainsay_derivation::decode_batch) takes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Calldata(data) => data.to_vec(),
            Self::Blobs(blobs) => {
                blob_data(&blobs.iter().map(|blob| blob.as_slice()).collect::<Vec<_>>())
            }
            Self::Forced => Vec::new(),
        }
    }
}

/// How the beacon endpoint names the block of given blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotClock {
    /// A beacon chain: by slot.
    Beacon { genesis_time: u64, slot_ms: u64 },
    /// Anvil: by L1 block number.
    BlockNumber,
}

impl SlotClock {
    const fn block_id(self, l1_block: u64, l1_time: u64) -> u64 {
        match self {
            Self::Beacon { genesis_time, slot_ms } => {
                l1_time.saturating_sub(genesis_time).saturating_mul(1_000) / slot_ms
            }
            Self::BlockNumber => l1_block,
        }
    }
}

/// A server of blobs.
#[derive(Debug)]
pub(crate) struct BeaconNode {
    url: Url,
    clock: Mutex<Option<SlotClock>>,
}

impl BeaconNode {
    pub(crate) fn new(url: Url) -> Self {
        Self { url, clock: Mutex::default() }
    }

    fn path(&self, path: &str) -> Result<Url, L1Error> {
        let mut base = self.url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        base.join(path)
            .map_err(|error| L1Error::Invalid { what: "L1 beacon URL", reason: error.to_string() })
    }
}

impl L1Client {
    /// Fetches and verifies the data of a batch.
    ///
    /// # Errors
    /// [`L1Error::Missing`], [`L1Error::BlobsUnavailable`] and [`L1Error::FalseAnswer`] when it is
    /// not (yet) served.
    // PROTOCOL.md INBOX-5
    pub fn fetch_batch_data<'a>(
        &'a self,
        batch: &'a PostedBatch,
    ) -> BoxFuture<'a, Result<BatchData, L1Error>> {
        Box::pin(async move {
            match &batch.location {
                DataLocation::Forced => Ok(BatchData::Forced),
                DataLocation::Calldata => self.fetch_calldata(batch).await.map(BatchData::Calldata),
                DataLocation::Blobs { versioned_hashes } => {
                    self.fetch_blobs(batch, versioned_hashes).await.map(BatchData::Blobs)
                }
            }
        })
    }

    /// Looks for the calldata in the transaction that the node named for the log, then in all
    /// transactions of the block: no header commits to the transaction of a log.
    async fn fetch_calldata(&self, batch: &PostedBatch) -> Result<Bytes, L1Error> {
        const TRANSACTION: &str = "eth_getTransactionByHash";
        const BLOCK: &str = "eth_getBlockByHash";
        let (hash, block_hash) = (batch.origin.transaction, batch.origin.block_hash);
        let named: Option<TransactionInput> = self
            .provider()
            .raw_request(TRANSACTION.into(), (hash,))
            .await
            .map_err(L1Error::transport(TRANSACTION))?;
        if let Some(data) = named.and_then(|transaction| transaction.batch_data(batch)) {
            return Ok(data);
        }
        let block: Option<BlockInputs> = self
            .provider()
            .raw_request(BLOCK.into(), (block_hash, true))
            .await
            .map_err(L1Error::transport(BLOCK))?;
        let number = batch.origin.block_number;
        let block = block
            .ok_or_else(|| L1Error::Missing { what: format!("transactions of block {number}") })?;
        let count = block.transactions.len();
        let found = block.transactions.into_iter().find_map(|it| it.batch_data(batch));
        found.ok_or_else(|| L1Error::FalseAnswer {
            what: format!("transaction {hash} and block {number}"),
            expected: format!(
                "data of batch {} with hash {}",
                batch.header.index, batch.header.data_hash
            ),
            found: format!("{count} transactions without it"),
        })
    }

    async fn fetch_blobs(
        &self,
        batch: &PostedBatch,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Blob>, L1Error> {
        // One request a blob: beacon nodes and anvil disagree on how to list several hashes.
        // Collected, so that the future is `Send`: a closure over references may not cross an
        // await.
        let fetches: Vec<_> =
            versioned_hashes.iter().map(|hash| self.fetch_blob(batch, *hash)).collect();
        let blobs: Vec<Bytes> = stream::iter(fetches).buffered(MAX_BLOBS).try_collect().await?;
        Ok(blobs.iter().map(|bytes| Blob::from_slice(bytes)).collect())
    }

    /// The bytes of one blob, from the first beacon node that serves it. Not a [`Blob`]: futures
    /// that hold 128 KiB overflow the stack.
    async fn fetch_blob(&self, batch: &PostedBatch, hash: B256) -> Result<Bytes, L1Error> {
        let mut failure = None;
        for beacon in self.beacons() {
            match self.fetch_blob_from(beacon, batch, hash).await {
                Ok(blob) => return Ok(blob),
                Err(error) => {
                    if self.beacons().len() > 1 {
                        debug!(%error, "this beacon node does not serve a blob");
                    }
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or_else(|| L1Error::Missing { what: format!("blob {hash}") }))
    }

    async fn fetch_blob_from(
        &self,
        beacon: &BeaconNode,
        batch: &PostedBatch,
        hash: B256,
    ) -> Result<Bytes, L1Error> {
        let l1_block = batch.origin.block_number;
        let clock = self.slot_clock(beacon, l1_block).await?;
        let id = clock.block_id(l1_block, batch.header.l1_time);
        let mut url = beacon.path(&format!("eth/v1/beacon/blobs/{id}"))?;
        url.query_pairs_mut().append_pair("versioned_hashes", &hash.to_string());
        let unavailable = |reason: String| L1Error::BlobsUnavailable {
            l1_block,
            endpoint: endpoint_of(&url),
            reason,
        };
        let answer: Option<Answer<Vec<Bytes>>> =
            self.beacon_get(&url).await.map_err(unavailable)?;
        let served = answer.ok_or_else(|| unavailable(format!("block id {id} is not known")))?.data;
        let count = served.len();
        let known = Arc::clone(self.known_blobs());
        let select = move || select_blob(served, hash, &known);
        let found = tokio::task::spawn_blocking(select).await;
        let found = found.map_err(|error| unavailable(error.to_string()))?;
        found.ok_or_else(|| unavailable(format!("blob {hash} is not among {count} served")))
    }

    /// How a beacon node counts. A clock is kept. That a node has no spec, as anvil, is not kept:
    /// the node may have erred.
    async fn slot_clock(&self, beacon: &BeaconNode, l1_block: u64) -> Result<SlotClock, L1Error> {
        if let Some(clock) = *beacon.clock.lock() {
            return Ok(clock);
        }
        let spec_url = beacon.path("eth/v1/config/spec")?;
        let unavailable = |reason| L1Error::BlobsUnavailable {
            l1_block,
            endpoint: endpoint_of(&spec_url),
            reason,
        };
        let spec: Option<Answer<Spec>> = self.beacon_get(&spec_url).await.map_err(unavailable)?;
        let Some(spec) = spec else { return Ok(SlotClock::BlockNumber) };
        let genesis_url = beacon.path("eth/v1/beacon/genesis")?;
        let genesis: Option<Answer<Genesis>> =
            self.beacon_get(&genesis_url).await.map_err(unavailable)?;
        let genesis =
            genesis.ok_or_else(|| unavailable("beacon genesis is not known".to_owned()))?;
        let slot_ms = spec.data.slot_ms().ok_or_else(|| {
            unavailable("spec has neither SLOT_DURATION_MS nor SECONDS_PER_SLOT".to_owned())
        })?;
        let genesis_time =
            genesis.data.genesis_time.parse().map_err(|_| {
                unavailable(format!("genesis_time is {}", genesis.data.genesis_time))
            })?;
        let clock = SlotClock::Beacon { genesis_time, slot_ms };
        *beacon.clock.lock() = Some(clock);
        Ok(clock)
    }

    /// The answer; `None` for a 404. The error says why there is no answer, or none that can be
    /// read.
    async fn beacon_get<T: DeserializeOwned>(&self, url: &Url) -> Result<Option<T>, String> {
        let answer = self.http().get(url.clone()).send().await;
        let mut answer = answer.map_err(|error| error.without_url().to_string())?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status().is_success() {
            return Err(format!("HTTP status {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| error.without_url().to_string())?
        {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("answer exceeds {ANSWER_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map(Some).map_err(|error| error.to_string())
    }
}

/// The blob with the wanted hash, if it was served.
fn select_blob(served: Vec<Bytes>, wanted: B256, known: &KnownBlobs) -> Option<Bytes> {
    served
        .into_iter()
        .find(|bytes| known.is(bytes, wanted) || versioned_hash_of(bytes) == Some(wanted))
}

/// The versioned hash of a blob, `None` when the bytes are not a blob.
fn versioned_hash_of(bytes: &[u8]) -> Option<B256> {
    let blob: &Blob = bytes.try_into().ok()?;
    let commitment = verifying_setup().blob_to_kzg_commitment(blob.as_ckzg()).ok()?;
    Some(kzg_to_versioned_hash(commitment.to_bytes().as_ref()))
}

/// Scheme, host and path: a query is long and user info is secret.
fn endpoint_of(url: &Url) -> String {
    format!("{}{}", url.host_str().unwrap_or_default(), url.path())
}

/// The part of a transaction that holds a calldata batch.
#[derive(Debug, Deserialize)]
struct TransactionInput {
    input: Bytes,
}

impl TransactionInput {
    /// The data of the batch, if this transaction posted it.
    fn batch_data(&self, batch: &PostedBatch) -> Option<Bytes> {
        let call = postBatchCall::abi_decode(&self.input).ok()?;
        (data_hash_of_calldata(&call.data) == batch.header.data_hash).then_some(call.data)
    }
}

/// The part of a block that holds its transactions.
#[derive(Debug, Deserialize)]
struct BlockInputs {
    transactions: Vec<TransactionInput>,
}

#[derive(Debug, Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Debug, Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Debug, Deserialize)]
struct Spec {
    #[serde(rename = "SLOT_DURATION_MS")]
    slot_duration_ms: Option<String>,
    #[serde(rename = "SECONDS_PER_SLOT")]
    seconds_per_slot: Option<String>,
}

impl Spec {
    fn slot_ms(&self) -> Option<u64> {
        let parse = |text: &Option<String>| text.as_ref()?.parse::<u64>().ok();
        let ms = parse(&self.slot_duration_ms)
            .or_else(|| parse(&self.seconds_per_slot)?.checked_mul(1_000))?;
        (ms > 0).then_some(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_count_from_beacon_genesis() {
        // Mainnet: slot 4,700,013 is execution block 15,537,394, the first after the merge.
        let mainnet = SlotClock::Beacon { genesis_time: 1_606_824_023, slot_ms: 12_000 };
        assert_eq!(mainnet.block_id(15_537_394, 1_663_224_179), 4_700_013);
        assert_eq!(SlotClock::BlockNumber.block_id(7, 1_663_224_179), 7);
    }

    #[test]
    fn either_name_of_the_slot_duration_is_understood() {
        let spec = |json| serde_json::from_str::<Spec>(json).unwrap().slot_ms();
        assert_eq!(spec(r#"{"SECONDS_PER_SLOT":"12"}"#), Some(12_000));
        assert_eq!(spec(r#"{"SLOT_DURATION_MS":"6000","SECONDS_PER_SLOT":"12"}"#), Some(6_000));
        assert_eq!(spec(r#"{"SECONDS_PER_SLOT":"0"}"#), None);
        assert_eq!(spec("{}"), None);
    }

    #[test]
    fn a_corrupted_blob_is_not_taken_for_the_committed_one() {
        let mut blob = vec![0; BYTES_PER_BLOB];
        blob[1] = 7;
        let hash = versioned_hash_of(&blob).unwrap();
        let other = vec![0; BYTES_PER_BLOB];
        let served = [Bytes::from(other), Bytes::from(blob.clone())];
        assert!(select_blob(served.to_vec(), hash, &KnownBlobs::default()).unwrap() == blob);

        blob[BYTES_PER_BLOB - 1] ^= 1;
        assert!(
            select_blob(vec![Bytes::from(blob.clone())], hash, &KnownBlobs::default()).is_none()
        );
        blob.pop();
        assert!(select_blob(vec![Bytes::from(blob)], hash, &KnownBlobs::default()).is_none());
    }
}
