//! Messages in, answers out: single calls and batches, over HTTP and WebSocket alike.
//!
//! In: the bytes of one message, and the WebSocket session that it came by. Out: the text of its
//! answer, none for a notification. Each answer bears the id of its call exactly as the client
//! wrote it, whatever number or text it is. It runs no method itself and knows no socket.
//!
//! Transactions that stand next to each other in a batch go in together, so that the pool recovers
//! their senders on all cores. All other calls run one after the other, and so do transactions with
//! regard to them: a nonce asked for after a transaction counts it.

use std::{fmt, sync::Arc, time::Duration};

use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesOrdered,
};
use jsonrpsee::{
    core::JsonRawValue,
    types::{
        ErrorObject, ErrorObjectOwned,
        error::{
            ErrorCode, METHOD_NOT_FOUND_CODE, OVERSIZED_RESPONSE_CODE, OVERSIZED_RESPONSE_MSG,
            reject_too_big_batch_request, reject_too_big_batch_response,
        },
    },
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    RpcLimits,
    args::Args,
    error::RpcError,
    message::{Call, Entry, Id, error_text, parse_entries, parse_entry},
    node::{Methods, RpcNode},
    outbox::{Answer, Start},
    session::Session,
};

/// The call that may run at the same time as others of its kind.
const SEND: &str = "eth_sendRawTransaction";
const SUBSCRIBE: &str = "eth_subscribe";
const UNSUBSCRIBE: &str = "eth_unsubscribe";

/// Finds what a message asks for, and answers it.
pub(super) struct Dispatcher {
    methods: Methods,
    node: Arc<RpcNode>,
    limits: RpcLimits,
    /// A permit for each batch at work, over all connections: a batch keeps its answers together
    /// until the last one is there.
    batches: Semaphore,
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Dispatcher").field("methods", &self.methods).finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// A dispatcher of these methods.
    pub(super) fn new(methods: Methods, node: Arc<RpcNode>) -> Self {
        let limits = node.limits.clone();
        Self { methods, node, batches: Semaphore::new(limits.batches_max), limits }
    }

    /// Answers one message that came at `since`. `session` is there for a WebSocket. A call without
    /// an answer in time gets an error that says so, under its own id.
    pub(super) async fn answer(
        &self,
        message: &[u8],
        session: Option<&Arc<Session>>,
        since: Instant,
    ) -> Answer {
        let until = since + Duration::from_millis(self.limits.answer_time_ms_max);
        match message.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => self.answer_one(message, session, until).await,
            Some(b'[') => self.answer_batch(message, session, until).await,
            _ => Answer::error(&Id::null(), ErrorCode::ParseError.into()),
        }
    }

    async fn answer_one(
        &self,
        message: &[u8],
        session: Option<&Arc<Session>>,
        until: Instant,
    ) -> Answer {
        let Ok(raw) = serde_json::from_slice::<&JsonRawValue>(message) else {
            return Answer::error(&Id::null(), ErrorCode::ParseError.into());
        };
        // A long answer over HTTP goes out in pieces; one over WebSocket waits in its buffer.
        let bytes_max = match session {
            Some(_) => self.limits.batch_response_bytes_max,
            None => self.limits.response_bytes_max,
        };
        match parse_entry(raw) {
            Entry::Call(call) => {
                let id = call.id.clone();
                let (text, start) = self.call(call, session, bytes_max as usize, until).await;
                Answer { text: Some(text), starts: start.into_iter().collect(), id }
            }
            Entry::Notification => Answer::default(),
            Entry::Invalid(id, error) => Answer::error(&id, error),
        }
    }

    async fn answer_batch(
        &self,
        message: &[u8],
        session: Option<&Arc<Session>>,
        until: Instant,
    ) -> Answer {
        let (len_max, bytes_max) =
            (self.limits.batch_len_max as usize, self.limits.batch_response_bytes_max as usize);
        let entries = match parse_entries(message) {
            Ok(entries) if entries.is_empty() => {
                return Answer::error(&Id::null(), ErrorCode::InvalidRequest.into());
            }
            Ok(entries) if entries.len() > len_max => {
                return Answer::error(&Id::null(), reject_too_big_batch_request(len_max));
            }
            Ok(entries) => entries,
            Err(_) => return Answer::error(&Id::null(), ErrorCode::ParseError.into()),
        };
        // Without a turn in time no call is run: each is answered by the same short error.
        let _turn = timeout_at(until, self.batches.acquire()).await;
        let mut answers = Answers { text: String::from("["), bytes_max, starts: Vec::new() };
        let mut sends = FuturesOrdered::<BoxFuture<'_, (String, Option<Start>)>>::new();
        let mut is_full = false;
        for raw in entries {
            let entry = match parse_entry(raw) {
                Entry::Call(call) if call.method == SEND => {
                    sends.push_back(self.call(call, session, bytes_max, until).boxed());
                    continue;
                }
                other => other,
            };
            while let Some(answer) = sends.next().await {
                is_full |= !answers.append(answer);
            }
            if is_full {
                break;
            }
            is_full |= match entry {
                Entry::Call(call) => {
                    !answers.append(self.call(call, session, bytes_max, until).await)
                }
                Entry::Notification => continue,
                Entry::Invalid(id, error) => !answers.append((error_text(&id, &error), None)),
            };
            if is_full {
                break;
            }
        }
        while let Some(answer) = sends.next().await {
            is_full |= !answers.append(answer);
        }
        if is_full {
            return Answer::error(&Id::null(), reject_too_big_batch_response(bytes_max));
        }
        answers.finish()
    }

    /// The answer to one call, at most `bytes_max` long, and the subscription that it made.
    async fn call(
        &self,
        call: Call,
        session: Option<&Arc<Session>>,
        bytes_max: usize,
        until: Instant,
    ) -> (String, Option<Start>) {
        let Call { id, method, params } = call;
        let outcome = match Instant::now() < until {
            true => timeout_at(until, self.run(&method, params, session)).await,
            // A call whose time is over must not even begin.
            false => return (error_text(&id, &self.too_slow()), None),
        };
        let (result, start) = match outcome {
            Ok(Ok((result, start))) => (Ok(result), start),
            Ok(Err(error)) => (Err(error), None),
            Err(_) => (Err(self.too_slow()), None),
        };
        let result = result.and_then(|result| match result.get().len() <= bytes_max {
            true => Ok(result),
            false => Err(too_big_response(bytes_max)),
        });
        match result {
            Ok(result) => {
                let (id, result) = (id.text(), result.get());
                (format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#), start)
            }
            Err(error) => (error_text(&id, &error), None),
        }
    }

    fn too_slow(&self) -> ErrorObjectOwned {
        let allowed_ms = self.limits.answer_time_ms_max;
        RpcError::TooSlow { what: "the request", allowed_ms }.into()
    }

    async fn run(
        &self,
        method: &str,
        params: Option<Box<JsonRawValue>>,
        session: Option<&Arc<Session>>,
    ) -> Result<(Box<JsonRawValue>, Option<Start>), ErrorObjectOwned> {
        let params = params.as_deref().map(JsonRawValue::get);
        match (method, session) {
            (SUBSCRIBE, Some(session)) => {
                let subscribed = session.subscribe(&self.node, Args::new(params)?).await?;
                Ok((subscribed.0, Some(subscribed.1)))
            }
            (UNSUBSCRIBE, Some(session)) => Ok((session.unsubscribe(Args::new(params)?)?, None)),
            (SUBSCRIBE | UNSUBSCRIBE, None) => {
                let reason =
                    "notifications not supported: subscribe over WebSocket, on the same port";
                Err(ErrorObject::borrowed(METHOD_NOT_FOUND_CODE, reason, None))
            }
            _ => {
                let Some(handler) = self.methods.get(method) else {
                    return Err(ErrorCode::MethodNotFound.into());
                };
                let answer = handler(Arc::clone(&self.node), Args::new(params)?).await;
                Ok((answer?, None))
            }
        }
    }
}

impl Answer {
    fn error(id: &Id, error: ErrorObjectOwned) -> Self {
        Self { text: Some(error_text(id, &error)), starts: Vec::new(), id: id.clone() }
    }
}

/// The answers to a batch so far.
struct Answers {
    text: String,
    bytes_max: usize,
    starts: Vec<Start>,
}

impl Answers {
    /// Adds an answer; whether there was room for it.
    fn append(&mut self, (answer, start): (String, Option<Start>)) -> bool {
        if self.text.len() + answer.len() + 1 > self.bytes_max {
            return false;
        }
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&answer);
        self.starts.extend(start);
        true
    }

    /// Nothing is sent when all were notifications.
    fn finish(mut self) -> Answer {
        let has_answers = self.text.len() > 1;
        self.text.push(']');
        Answer { text: has_answers.then_some(self.text), starts: self.starts, id: Id::null() }
    }
}

fn too_big_response(bytes_max: usize) -> ErrorObjectOwned {
    let data = format!("Exceeded max limit of {bytes_max}");
    ErrorObject::owned(OVERSIZED_RESPONSE_CODE, OVERSIZED_RESPONSE_MSG, Some(data))
}
