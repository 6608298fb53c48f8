//! What a follower asks of the sequencer: to take transactions, and what its pool holds.
//!
//! In: requests of clients that only the sequencer can answer. Out: its answers, passed on as they
//! are, errors included. Nothing that it says about blocks or state is believed.

use std::time::Duration;

use jsonrpsee::{
    core::{
        JsonRawValue,
        client::{ClientT, Error as ClientError},
        params::ArrayParams,
    },
    http_client::{HttpClient, HttpClientBuilder},
};

use super::error::RpcError;
use crate::error::NodeError;

/// Time after which the sequencer is taken to be unreachable.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Requests at a time.
const CONCURRENT_MAX: usize = 1_024;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u32 = 4 << 20;

/// A client of the sequencer's JSON-RPC.
#[derive(Debug)]
pub(super) struct SequencerClient(HttpClient);

impl SequencerClient {
    /// A client for this URL; nothing is sent yet.
    pub(super) fn new(url: &str) -> Result<Self, NodeError> {
        HttpClientBuilder::default()
            .request_timeout(TIMEOUT)
            .max_concurrent_requests(CONCURRENT_MAX)
            .max_response_size(ANSWER_BYTES_MAX)
            .build(url)
            .map(Self)
            .map_err(|source| NodeError::SequencerUrl {
                url: url.to_owned(),
                source: Box::new(source),
            })
    }

    /// Asks the sequencer.
    pub(super) async fn ask(
        &self,
        method: &str,
        params: ArrayParams,
    ) -> Result<Box<JsonRawValue>, RpcError> {
        self.0.request(method, params).await.map_err(|error| match error {
            ClientError::Call(object) => RpcError::Upstream(object),
            other => RpcError::UpstreamUnreachable(reason(&other)),
        })
    }
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
