//! The connection to L1: one JSON-RPC endpoint over HTTP and, for blobs, one beacon endpoint.
//!
//! In: URLs. Out: [`L1Client`], cheap to clone, whose every request is bounded in time and retried
//! a bounded number of times with backoff, and the block references that the rest of the crate
//! speaks of. It keeps no state of the chain and subscribes to nothing: callers poll.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::{Ethereum, primitives::HeaderResponse},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::{client::ClientBuilder, types::Header},
    transports::{
        RpcError, TransportError, TransportErrorKind,
        layers::{RateLimitRetryPolicy, RetryBackoffLayer},
    },
};
use alloy_primitives::{B256, BlockNumber};
use reqwest::Url;
use tokio::sync::OnceCell;

use crate::{L1Error, batch_data::SlotClock, error::error_payload, kzg::KnownBlobs};

/// Longest time one HTTP request to L1 may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a failed request is sent again before the failure is reported.
const RETRIES_MAX: u32 = 4;
/// Pause before a request is sent again, unless the server names another.
const RETRY_BACKOFF_MS: u64 = 250;
/// Request budget of the backoff queue; high, as only failed requests count against it.
const COMPUTE_UNITS_PER_SECOND: u64 = 100_000;

/// One L1 block, as much of it as the rollup needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct L1BlockRef {
    /// Block number.
    pub number: BlockNumber,
    /// Block hash.
    pub hash: B256,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
}

impl From<&Header> for L1BlockRef {
    fn from(header: &Header) -> Self {
        Self {
            number: header.inner.number,
            hash: header.hash(),
            parent_hash: header.inner.parent_hash,
            timestamp: header.inner.timestamp,
        }
    }
}

/// The three heads of L1. `safe` and `finalized` are `None` while L1 has none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Heads {
    /// The tip.
    pub latest: L1BlockRef,
    /// Justified by the beacon chain.
    pub safe: Option<L1BlockRef>,
    /// Finalized by the beacon chain.
    pub finalized: Option<L1BlockRef>,
}

/// A connection to L1.
#[derive(Clone, Debug)]
pub struct L1Client {
    provider: DynProvider,
    http: reqwest::Client,
    beacon_url: Url,
    slot_clock: Arc<OnceCell<SlotClock>>,
    known_blobs: Arc<KnownBlobs>,
}

impl L1Client {
    /// Connects to an L1 node. `url` is its JSON-RPC endpoint over HTTP; `beacon_url` is the beacon
    /// API that serves blobs and defaults to `url`, where anvil serves them.
    ///
    /// No request is made: the first use finds out whether the node is there.
    ///
    /// # Errors
    /// [`L1Error::Invalid`] when a URL cannot be parsed or is not HTTP.
    pub fn connect(url: &str, beacon_url: Option<&str>) -> Result<Self, L1Error> {
        let rpc_url = parse_http_url("L1 RPC URL", url)?;
        let beacon_url = beacon_url.map(|url| parse_http_url("L1 beacon URL", url)).transpose()?;
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| L1Error::Invalid { what: "HTTP client", reason: error.to_string() })?;
        let retry = RetryBackoffLayer::new_with_policy(
            RETRIES_MAX,
            RETRY_BACKOFF_MS,
            COMPUTE_UNITS_PER_SECOND,
            RateLimitRetryPolicy::default().or(may_pass),
        );
        let transport = alloy::transports::http::Http::with_client(http.clone(), rpc_url.clone());
        let client = ClientBuilder::default().layer(retry).transport(transport, false);
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .network::<Ethereum>()
            .connect_client(client)
            .erased();
        let beacon_url = beacon_url.unwrap_or(rpc_url);
        Ok(Self {
            provider,
            http,
            beacon_url,
            slot_clock: Arc::default(),
            known_blobs: Arc::default(),
        })
    }

    /// The alloy provider below, for requests that this crate does not wrap.
    #[must_use]
    pub const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    pub(crate) const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) const fn beacon_url(&self) -> &Url {
        &self.beacon_url
    }

    pub(crate) fn slot_clock_cell(&self) -> &OnceCell<SlotClock> {
        &self.slot_clock
    }

    pub(crate) const fn known_blobs(&self) -> &Arc<KnownBlobs> {
        &self.known_blobs
    }

    /// The L1 chain id.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        self.provider.get_chain_id().await.map_err(L1Error::transport("eth_chainId"))
    }

    /// The tip of L1.
    ///
    /// # Errors
    /// When L1 does not answer, or has no block yet.
    pub async fn latest(&self) -> Result<L1BlockRef, L1Error> {
        self.block(BlockNumberOrTag::Latest.into())
            .await?
            .ok_or_else(|| L1Error::Missing { what: "its latest block".to_owned() })
    }

    /// Wei per gas that the tip of L1 burns.
    pub(crate) async fn latest_base_fee(&self) -> Result<u128, L1Error> {
        let header = self.provider.get_header(BlockNumberOrTag::Latest.into()).await;
        let header = header
            .map_err(L1Error::transport("eth_getBlock"))?
            .ok_or_else(|| L1Error::Missing { what: "its latest block".to_owned() })?;
        Ok(u128::from(header.inner.base_fee_per_gas.unwrap_or_default()))
    }

    /// The block with this number on the chain that the node follows, `None` above its head.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn block_by_number(
        &self,
        number: BlockNumber,
    ) -> Result<Option<L1BlockRef>, L1Error> {
        self.block(number.into()).await
    }

    /// Latest, safe and finalized heads.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn heads(&self) -> Result<L1Heads, L1Error> {
        let (latest, safe, finalized) = futures::try_join!(
            self.latest(),
            self.tagged_block(BlockNumberOrTag::Safe),
            self.tagged_block(BlockNumberOrTag::Finalized),
        )?;
        Ok(L1Heads { latest, safe, finalized })
    }

    async fn block(&self, id: BlockId) -> Result<Option<L1BlockRef>, L1Error> {
        let header =
            self.provider.get_header(id).await.map_err(L1Error::transport("eth_getBlock"))?;
        Ok(header.as_ref().map(L1BlockRef::from))
    }

    /// The block of a tag that a young chain may not have yet: clients answer null or an error.
    async fn tagged_block(&self, tag: BlockNumberOrTag) -> Result<Option<L1BlockRef>, L1Error> {
        match self.provider.get_header(tag.into()).await {
            Ok(header) => Ok(header.as_ref().map(L1BlockRef::from)),
            Err(error) if error_payload(&error).is_some() => Ok(None),
            Err(source) => Err(L1Error::Transport { what: "eth_getBlock", source }),
        }
    }
}

/// Failures of the connection and of the server, as opposed to answers: worth another try.
fn may_pass(error: &TransportError) -> bool {
    match error {
        RpcError::Transport(TransportErrorKind::Custom(_)) => true,
        RpcError::Transport(kind) => kind.as_http_error().is_some_and(|error| error.status >= 500),
        _ => false,
    }
}

fn parse_http_url(what: &'static str, url: &str) -> Result<Url, L1Error> {
    let parsed = Url::parse(url)
        .map_err(|error| L1Error::Invalid { what, reason: format!("{url}: {error}") })?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        scheme => Err(L1Error::Invalid {
            what,
            reason: format!("{url}: expected http or https, found {scheme}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_are_taken() {
        assert!(L1Client::connect("http://127.0.0.1:8545", Some("https://example.org")).is_ok());
        let error = L1Client::connect("ws://127.0.0.1:8545", None).unwrap_err().to_string();
        assert!(error.contains("found ws"), "{error}");
        assert!(L1Client::connect("not a url", None).is_err());
    }

    #[tokio::test]
    async fn a_dead_endpoint_is_an_error_to_retry_after_bounded_tries() {
        // Port 9 (discard) refuses connections.
        let client = L1Client::connect("http://127.0.0.1:9", None).unwrap();
        let error = client.latest().await.unwrap_err();
        assert_eq!(error.action(), crate::Action::Retry, "{error}");
    }
}
