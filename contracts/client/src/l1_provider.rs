//! The connection to L1: one or several JSON-RPC nodes over HTTP and, for blobs, beacon nodes.
//!
//! In: URLs. Out: [`L1Client`], cheap to clone, whose every request is bounded in time and tries,
//! and headers whose hashes are recomputed. It keeps no state of the chain and subscribes to
//! nothing: callers poll.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    network::Ethereum,
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::{
        client::{BatchRequest, ClientBuilder, Waiter},
        types::Header,
    },
    transports::TransportResult,
};
use alloy_primitives::{Address, BlockNumber, Bytes};
use parking_lot::Mutex;
use reqwest::Url;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::{
    L1BlockRef, L1Error,
    batch_data::BeaconNode,
    endpoints::{Endpoints, http_client},
    error::{error_payload, is_missing_method},
    kzg::KnownBlobs,
    l1_header::L1Header,
};
use futures::future::BoxFuture;

/// Longest time one request for blobs may take.
const BEACON_TIMEOUT: Duration = Duration::from_secs(20);
/// A head that stands still for so long makes the next node be asked, where there are several.
const STALE_AFTER: Duration = Duration::from_secs(36);
/// How long a method that a node lacks is not asked for.
const LACKS_METHOD_FOR: Duration = Duration::from_secs(3_600);

const HEADER_BY_NUMBER: &str = "eth_getHeaderByNumber";
const BLOCK_BY_NUMBER: &str = "eth_getBlockByNumber";

/// Time for each node where all are asked.
const POLL_OF_ALL_TIMEOUT: Duration = Duration::from_secs(2);

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
    endpoints: Endpoints,
    http: reqwest::Client,
    beacons: Arc<[BeaconNode]>,
    known_blobs: Arc<KnownBlobs>,
    memory: Arc<Memory>,
}

/// What was learned about the nodes.
#[derive(Debug, Default)]
struct Memory {
    lacks_headers: LackedMethod,
    lacks_block_receipts: LackedMethod,
    /// The highest head so far, and when it was seen first.
    head: Mutex<Option<(BlockNumber, Instant)>>,
}

/// A method that a node said it lacks, and when. It is tried again after a while: the node may have
/// been replaced, or may have erred.
#[derive(Debug, Default)]
pub(crate) struct LackedMethod(Mutex<Option<Instant>>);

impl LackedMethod {
    pub(crate) fn get(&self) -> bool {
        self.0.lock().is_some_and(|since| since.elapsed() < LACKS_METHOD_FOR)
    }

    pub(crate) fn set(&self) {
        *self.0.lock() = Some(Instant::now());
    }
}

impl L1Client {
    /// Connects to L1. `urls` are the JSON-RPC endpoints of one or several nodes, over HTTP,
    /// separated by commas: the first one that works is asked. `beacon_urls` are in the same way
    /// those of beacon nodes that serve blobs; their default is `urls`, where anvil serves them.
    ///
    /// No request is made: the first use finds out whether the nodes are there.
    ///
    /// # Errors
    /// [`L1Error::Invalid`] when a URL cannot be parsed or is not HTTP.
    pub fn connect(urls: &str, beacon_urls: Option<&str>) -> Result<Self, L1Error> {
        let urls = parse_http_urls("L1 RPC URL", urls)?;
        let beacon_urls = match beacon_urls {
            Some(urls) => parse_http_urls("L1 beacon URL", urls)?,
            None => urls.clone(),
        };
        let endpoints = Endpoints::new(&urls)?;
        let client = ClientBuilder::default().transport(endpoints.clone(), false);
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .network::<Ethereum>()
            .connect_client(client)
            .erased();
        Ok(Self {
            provider,
            endpoints,
            http: http_client(BEACON_TIMEOUT)?,
            beacons: beacon_urls.into_iter().map(BeaconNode::new).collect(),
            known_blobs: Arc::default(),
            memory: Arc::default(),
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

    pub(crate) fn beacons(&self) -> &[BeaconNode] {
        &self.beacons
    }

    pub(crate) const fn known_blobs(&self) -> &Arc<KnownBlobs> {
        &self.known_blobs
    }

    pub(crate) fn lacks_block_receipts(&self) -> &LackedMethod {
        &self.memory.lacks_block_receipts
    }

    /// The L1 chain id.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        self.provider.get_chain_id().await.map_err(L1Error::transport("eth_chainId"))
    }

    /// The code of an account at the tip of L1; empty if it has none.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn code(&self, address: Address) -> Result<Bytes, L1Error> {
        self.provider.get_code_at(address).await.map_err(L1Error::transport("eth_getCode"))
    }

    /// The tip of L1. Where there are several nodes, one whose tip stands still gives way to one
    /// whose tip is higher.
    ///
    /// # Errors
    /// When L1 does not answer, or has no block yet.
    pub fn latest(&self) -> BoxFuture<'_, Result<L1BlockRef, L1Error>> {
        Box::pin(async move { Ok(self.latest_header().await?.block) })
    }

    /// Wei per gas that the tip of L1 burns.
    pub(crate) async fn latest_base_fee(&self) -> Result<u128, L1Error> {
        Ok(u128::from(self.latest_header().await?.base_fee))
    }

    async fn latest_header(&self) -> Result<L1Header, L1Error> {
        let header = self.header(BlockNumberOrTag::Latest).await?;
        let header =
            header.ok_or_else(|| L1Error::Missing { what: "its latest block".to_owned() })?;
        if !self.is_stale(header.block.number) {
            return Ok(header);
        }
        for (place, node) in self.endpoints.singles().enumerate() {
            let found = header_of(&node.provider, BlockNumberOrTag::Latest).await;
            if let Ok(Some(found)) = found
                && found.block.number > header.block.number
            {
                let (stuck, ahead) = (header.block.number, found.block.number);
                warn!(
                    stuck,
                    ahead, "L1 node stands still, node {} is asked from here on", node.host
                );
                self.endpoints.prefer(place);
                self.see_head(found.block.number);
                return Ok(found);
            }
        }
        // All nodes stand still, or the highest number so far was not of this chain.
        self.see_head(header.block.number);
        Ok(header)
    }

    fn see_head(&self, number: BlockNumber) {
        *self.memory.head.lock() = Some((number, Instant::now()));
    }

    /// Whether there is another node to ask and the head has stood at or below its highest for
    /// long.
    fn is_stale(&self, number: BlockNumber) -> bool {
        let mut head = self.memory.head.lock();
        match *head {
            Some((highest, since)) if number <= highest => {
                self.endpoints.are_several() && since.elapsed() >= STALE_AFTER
            }
            _ => {
                *head = Some((number, Instant::now()));
                false
            }
        }
    }

    /// The block with this number on the chain that the node follows, `None` above its head.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub fn block_by_number(
        &self,
        number: BlockNumber,
    ) -> BoxFuture<'_, Result<Option<L1BlockRef>, L1Error>> {
        Box::pin(async move { Ok(self.header(number.into()).await?.map(|header| header.block)) })
    }

    /// Latest, safe and finalized heads.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn heads(&self) -> Result<L1Heads, L1Error> {
        let (latest, safe, finalized) = futures::try_join!(
            self.latest(),
            self.tagged_block(BlockNumberOrTag::Safe),
            self.finalized(),
        )?;
        Ok(L1Heads { latest, safe, finalized })
    }

    /// The finalized head; `None` while L1 has none yet, or names one above its head. Of several
    /// nodes, what more than half of those that answer call final: what is final is never taken
    /// back, so one node must not say it alone.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub fn finalized(&self) -> BoxFuture<'_, Result<Option<L1BlockRef>, L1Error>> {
        Box::pin(async move {
            let found = if self.endpoints.are_several() {
                self.finalized_by_most().await?
            } else {
                self.tagged_block(BlockNumberOrTag::Finalized).await?
            };
            let Some(block) = found else { return Ok(None) };
            let is_above = |head: Option<(BlockNumber, Instant)>| {
                head.is_none_or(|(highest, _)| block.number > highest)
            };
            let seen = *self.memory.head.lock();
            if is_above(seen) {
                // L1 may have grown since its head was read.
                let head = self.latest().await?.number;
                if block.number > head {
                    warn!(
                        finalized = block.number,
                        head, "L1 node calls final what is above its head"
                    );
                    self.distrust();
                    return Ok(None);
                }
            }
            Ok(Some(block))
        })
    }

    /// The highest block that more than half of the nodes that answer call final, if as many have
    /// the same block there.
    async fn finalized_by_most(&self) -> Result<Option<L1BlockRef>, L1Error> {
        let said = self.ask_all(BlockNumberOrTag::Finalized).await?;
        let nodes = said.len();
        let mut numbers: Vec<BlockNumber> = said.iter().flatten().map(|it| it.number).collect();
        // The number at this place, or a higher one, is final for `nodes / 2 + 1` nodes.
        numbers.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
        let Some(number) = numbers.get(nodes / 2).copied() else { return Ok(None) };
        let blocks: Vec<L1BlockRef> =
            self.ask_all(number.into()).await?.into_iter().flatten().collect();
        let agree = |block: &L1BlockRef| blocks.iter().filter(|it| it.hash == block.hash).count();
        let found = blocks.iter().find(|block| agree(block) > blocks.len() / 2);
        if found.is_none() {
            warn!(number, "L1 nodes call different blocks final");
        }
        Ok(found.copied())
    }

    /// The block of each node that answers soon. A silent node must not delay the answers of the
    /// rest.
    async fn ask_all(&self, at: BlockNumberOrTag) -> Result<Vec<Option<L1BlockRef>>, L1Error> {
        let reads = self.endpoints.singles().map(|node| async move {
            (node, timeout(POLL_OF_ALL_TIMEOUT, header_of(&node.provider, at)).await)
        });
        let (mut answers, mut failure) = (Vec::new(), None);
        for (node, found) in futures::future::join_all(reads).await {
            match found {
                Ok(Ok(header)) => answers.push(header.map(|header| header.block)),
                Ok(Err(error)) => {
                    debug!(host = node.host, %error, "L1 node has no part in the vote");
                    failure = Some(error);
                }
                Err(_) => {
                    debug!(host = node.host, "L1 node is silent, and has no part in the vote")
                }
            }
        }
        match failure {
            Some(error) if answers.is_empty() => Err(error),
            _ => Ok(answers),
        }
    }

    /// Whether more of the nodes that answer have this block than have another one. If there are
    /// other nodes, a lie of the node that was followed is found here, because everything that was
    /// read depends on the hash of one block.
    ///
    /// # Errors
    /// [`L1Error::NodesDisagree`].
    pub fn require_agreement<'a>(
        &'a self,
        block: &'a L1BlockRef,
    ) -> BoxFuture<'a, Result<(), L1Error>> {
        Box::pin(async move {
            if !self.endpoints.are_several() {
                return Ok(());
            }
            let reads = self.endpoints.singles().map(|node| async move {
                (node, header_of(&node.provider, block.number.into()).await)
            });
            let (mut agree, mut disagree) = (0, Vec::new());
            for (node, found) in futures::future::join_all(reads).await {
                match found {
                    Ok(Some(header)) if header.block.hash == block.hash => agree += 1,
                    Ok(Some(header)) => disagree.push((node.host.clone(), header.block.hash)),
                    Ok(None) => {
                        warn!(host = node.host, number = block.number, "L1 node lags behind")
                    }
                    Err(error) => warn!(host = node.host, %error, "L1 node cannot be compared"),
                }
            }
            let is_outvoted = disagree.len() >= agree;
            match disagree.pop() {
                Some((host, other)) if is_outvoted => {
                    let (number, followed) = (block.number, block.hash);
                    Err(L1Error::NodesDisagree { number, followed, host, other })
                }
                Some((host, other)) => {
                    warn!(host, number = block.number, %other, "L1 node has another block than most");
                    Ok(())
                }
                None => Ok(()),
            }
        })
    }

    /// Asks the next L1 node from now on, because the answer of the first one was false.
    pub fn distrust(&self) {
        self.endpoints.prefer_next();
    }

    /// A header, in one request: a node that lacks the short method is asked for whole blocks.
    pub(crate) async fn header(
        &self,
        number: BlockNumberOrTag,
    ) -> Result<Option<L1Header>, L1Error> {
        if self.memory.lacks_headers.get() {
            return header_of(&self.provider, number).await;
        }
        let found: TransportResult<Option<Header>> =
            self.provider.raw_request(HEADER_BY_NUMBER.into(), (number,)).await;
        match found {
            Ok(header) => {
                header.map(|header| L1Header::check(number.as_number(), header)).transpose()
            }
            Err(error) if error_payload(&error).is_some() => {
                // The method is not standard. Providers refuse it in many ways.
                if is_missing_method(&error) {
                    self.memory.lacks_headers.set();
                }
                header_of(&self.provider, number).await
            }
            Err(source) => Err(L1Error::Transport { what: HEADER_BY_NUMBER, source }),
        }
    }

    /// Headers of consecutive blocks, in one batch of requests, up to the first that the node does
    /// not have.
    pub(crate) async fn headers(
        &self,
        numbers: std::ops::RangeInclusive<BlockNumber>,
    ) -> Result<Vec<L1Header>, L1Error> {
        if numbers.end() == numbers.start() {
            return Ok(self.header((*numbers.start()).into()).await?.into_iter().collect());
        }
        let lacks_headers = self.memory.lacks_headers.get();
        let what = if lacks_headers { BLOCK_BY_NUMBER } else { HEADER_BY_NUMBER };
        let mut batch = BatchRequest::new(self.provider.client());
        let mut answers: Vec<(BlockNumber, Waiter<Option<Header>>)> = Vec::new();
        for number in numbers {
            let tag = BlockNumberOrTag::from(number);
            let answer = if lacks_headers {
                batch.add_call(BLOCK_BY_NUMBER, &(tag, false))
            } else {
                batch.add_call(HEADER_BY_NUMBER, &(tag,))
            };
            answers.push((number, answer.map_err(L1Error::transport(what))?));
        }
        batch.send().await.map_err(L1Error::transport(what))?;
        let mut headers = Vec::with_capacity(answers.len());
        for (number, answer) in answers {
            match answer.await {
                Ok(Some(header)) => headers.push(L1Header::check(Some(number), header)?),
                Ok(None) => break,
                Err(source) => {
                    if is_missing_method(&source) {
                        self.memory.lacks_headers.set();
                    }
                    return Err(L1Error::Transport { what, source });
                }
            }
        }
        Ok(headers)
    }

    /// The block of a tag that a young chain may not have yet: clients answer null or an error.
    async fn tagged_block(&self, tag: BlockNumberOrTag) -> Result<Option<L1BlockRef>, L1Error> {
        match self.header(tag).await {
            Ok(header) => Ok(header.map(|header| header.block)),
            Err(L1Error::Transport { source, .. }) if error_payload(&source).is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The header of a whole block, which every node serves.
async fn header_of(
    provider: &DynProvider,
    number: BlockNumberOrTag,
) -> Result<Option<L1Header>, L1Error> {
    let header: Option<Header> = provider
        .raw_request(BLOCK_BY_NUMBER.into(), (number, false))
        .await
        .map_err(L1Error::transport(BLOCK_BY_NUMBER))?;
    header.map(|header| L1Header::check(number.as_number(), header)).transpose()
}

fn parse_http_urls(what: &'static str, urls: &str) -> Result<Vec<Url>, L1Error> {
    urls.split(',').map(|url| parse_http_url(what, url.trim())).collect()
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
