//! What a follower asks of the sequencer: to take transactions, and what its pool holds.
//!
//! In: requests of clients that only the sequencer can answer. Out: its answers, passed on as they
//! are, errors included. Nothing that it says about blocks or state is believed, and what another
//! node forwarded to this one is not forwarded again.

use std::time::Duration;

use hyper::header::HeaderName;
use jsonrpsee::{
    core::{
        JsonRawValue,
        client::{ClientT, Error as ClientError},
        params::ArrayParams,
    },
    http_client::{HeaderMap, HeaderValue, HttpClient, HttpClientBuilder},
};
use tokio::sync::Semaphore;

use super::error::RpcError;
use crate::error::NodeError;

/// Time after which the sequencer is taken to be unreachable.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Requests at a time.
const CONCURRENT_MAX: usize = 1_024;
/// Bytes of an answer about one transaction, or of one poll.
const ANSWER_BYTES_MAX: u32 = 4 << 20;
/// Bytes of an answer about the whole pool: what a sequencer sends at most, and its envelope.
const POOL_ANSWER_BYTES_MAX: u32 = (64 << 20) + (4 << 10);
/// Questions about the whole pool at a time. More wait.
const POOL_QUESTIONS_MAX: usize = 2;
/// The header by which a node knows that a request was forwarded to it.
const FORWARDED: &str = "x-gainsay-forwarded";

tokio::task_local! {
    /// Whether another node forwarded the current request to this one.
    static IS_FORWARDED: bool;
}

/// Answers a request that came with these headers. What was forwarded once is not forwarded again:
/// nodes that name each other, or a node that names itself, would ask in circles.
pub(super) async fn in_request<T>(headers: &HeaderMap, answer: impl Future<Output = T>) -> T {
    IS_FORWARDED.scope(headers.contains_key(FORWARDED), answer).await
}

/// A client of the sequencer's JSON-RPC.
#[derive(Debug)]
pub(super) struct SequencerClient {
    client: HttpClient,
    /// For questions about the whole pool.
    pool_client: HttpClient,
    pool_questions: Semaphore,
}

impl SequencerClient {
    /// A client for this URL; nothing is sent yet.
    pub(super) fn new(url: &str) -> Result<Self, NodeError> {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static(FORWARDED),
            HeaderValue::from_static("1"),
        )]);
        let client = |answer_bytes_max| {
            HttpClientBuilder::default()
                .request_timeout(TIMEOUT)
                .max_concurrent_requests(CONCURRENT_MAX)
                .max_response_size(answer_bytes_max)
                .set_headers(headers.clone())
                .build(url)
                .map_err(|source| NodeError::SequencerUrl {
                    url: url.to_owned(),
                    source: Box::new(source),
                })
        };
        Ok(Self {
            client: client(ANSWER_BYTES_MAX)?,
            pool_client: client(POOL_ANSWER_BYTES_MAX)?,
            pool_questions: Semaphore::new(POOL_QUESTIONS_MAX),
        })
    }

    /// Asks the sequencer.
    pub(super) async fn ask(
        &self,
        method: &str,
        params: ArrayParams,
    ) -> Result<Box<JsonRawValue>, RpcError> {
        refuse_forwarded()?;
        ask(&self.client, method, params).await
    }

    /// Asks the sequencer about the whole pool, of which it may say a lot.
    pub(super) async fn ask_about_pool(
        &self,
        method: &str,
        params: ArrayParams,
    ) -> Result<Box<JsonRawValue>, RpcError> {
        refuse_forwarded()?;
        let _turn = self.pool_questions.acquire().await;
        ask(&self.pool_client, method, params).await
    }
}

/// Refuses to ask on behalf of a request that was forwarded already. To be called before a wait for
/// a turn: in a circle, the request that holds the turn waits for this one.
pub(super) fn refuse_forwarded() -> Result<(), RpcError> {
    match IS_FORWARDED.try_with(|is_forwarded| *is_forwarded).unwrap_or(false) {
        true => Err(RpcError::ForwardedAlready),
        false => Ok(()),
    }
}

async fn ask(
    client: &HttpClient,
    method: &str,
    params: ArrayParams,
) -> Result<Box<JsonRawValue>, RpcError> {
    client.request(method, params).await.map_err(|error| match error {
        ClientError::Call(object) => RpcError::Upstream(object),
        other => RpcError::UpstreamUnreachable(reason(&other)),
    })
}

/// Why there is no answer, in words for a user: the last cause, which the layers above wrap.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Transport(error) => {
            let mut cause: &dyn std::error::Error = &**error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            cause.to_string()
        }
        ClientError::RequestTimeout => format!("it took more than {} s", TIMEOUT.as_secs()),
        _ => "what it answered is no answer to this request".into(),
    }
}
