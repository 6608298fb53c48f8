//! The memory of answers that clients have not taken yet: bounded over all connections.
//!
//! In: answers. Out: the same answers, whose bytes count until the last one is written; or an error
//! in place of an answer for which there is no memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONTENT_TYPE, HeaderValue},
};
use jsonrpsee::types::ErrorObject;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::BoxError;

use super::{
    connection::{HttpBody, HttpResponse},
    message::{Id, error_text},
};

/// Bytes of all answers longer than [`SHORT_BYTES`] that wait for their clients.
const BYTES_MAX: usize = 256 << 20;
/// Answers up to this length are not counted: the bound on connections bounds them, too.
const SHORT_BYTES: usize = 64 << 10;
/// Bytes handed out at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Room for answers.
#[derive(Clone, Debug)]
pub(super) struct AnswersInFlight(Arc<Semaphore>);

impl AnswersInFlight {
    pub(super) fn new() -> Self {
        Self::with_bytes(BYTES_MAX)
    }

    /// Room for so many bytes.
    pub(super) fn with_bytes(bytes_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes_max)))
    }

    /// Room for a text, until the permit is dropped; `None` when there is not enough left.
    pub(super) fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.0.clone().try_acquire_many_owned(permits).ok()
    }

    /// The answer over HTTP to the call with this id. It counts until it is sent.
    pub(super) fn admit(&self, text: String, id: &Id) -> HttpResponse {
        if text.len() <= SHORT_BYTES {
            return json_answer(StatusCode::OK, text);
        }
        match self.take(text.len()) {
            Some(permit) => json_answer(StatusCode::OK, text)
                .map(|body| Counted { body, rest: Bytes::new(), _permit: permit }.boxed_unsync()),
            None => json_answer(StatusCode::SERVICE_UNAVAILABLE, no_room(id)),
        }
    }
}

/// The error that a client gets in place of an answer for which there is no memory.
pub(super) fn no_room(id: &Id) -> String {
    let why = "server is busy: too many answers wait for their clients, try again later";
    error_text(id, &ErrorObject::borrowed(-32005, why, None))
}

/// An answer to a request whose id has not been read.
pub(super) fn error_answer(status: StatusCode, code: i32, message: &str) -> HttpResponse {
    let error = serde_json::json!({
        "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": message },
    });
    json_answer(status, error.to_string())
}

/// An answer in JSON.
pub(super) fn json_answer(status: StatusCode, json: String) -> HttpResponse {
    text_answer(status, "application/json; charset=utf-8", json)
}

/// An answer of this type.
pub(super) fn text_answer(
    status: StatusCode,
    content_type: &'static str,
    text: String,
) -> HttpResponse {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
    let mut response = HttpResponse::new(body.boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body with its room. It is handed out piece by piece: the server asks for the next one when the
/// client has taken some, and drops the body with the last.
struct Counted {
    body: HttpBody,
    /// What is left of the current frame.
    rest: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            match frame?.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let len = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.size_hint().lower().saturating_add(self.rest.len() as u64))
    }
}
