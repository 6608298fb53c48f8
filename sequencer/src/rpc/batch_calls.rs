//! Batches of calls: transactions that stand next to each other in one go in together.
//!
//! In: a JSON-RPC batch. Out: its answers, in order. jsonrpsee runs the calls of a batch one after
//! the other, so that the pool would see, and recover, one transaction at a time. All other calls
//! keep that order, and so do transactions with regard to them: a nonce asked for after a
//! transaction counts it.

use std::future::Future;

use futures::{StreamExt, stream::FuturesOrdered};
use jsonrpsee::{
    core::{
        middleware::{Batch, BatchEntry, Notification, RpcServiceT},
        server::BatchResponseBuilder,
    },
    server::MethodResponse,
    types::Request,
};

/// The call that may run at the same time as others of its kind.
const SEND: &str = "eth_sendRawTransaction";

/// A service that runs transactions of a batch together.
#[derive(Clone, Debug)]
pub(super) struct BatchCalls<S> {
    pub(super) service: S,
    /// Bytes of all answers to one batch.
    pub(super) response_bytes_max: u32,
}

impl<S> RpcServiceT for BatchCalls<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Send
        + Sync
        + Clone
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.service.call(request)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.service.clone();
        let bytes_max = usize::try_from(self.response_bytes_max).unwrap_or(usize::MAX);
        async move {
            let mut answers = BatchResponseBuilder::new_with_limit(bytes_max);
            let mut sends = FuturesOrdered::new();
            let mut notified = false;
            for entry in batch {
                if let Ok(BatchEntry::Call(call)) = &entry
                    && call.method == SEND
                    && let Ok(BatchEntry::Call(call)) = entry
                {
                    sends.push_back(service.call(call));
                    continue;
                }
                while let Some(answer) = sends.next().await {
                    if let Err(too_large) = answers.append(answer) {
                        return too_large;
                    }
                }
                let answer = match entry {
                    Ok(BatchEntry::Call(call)) => service.call(call).await,
                    Ok(BatchEntry::Notification(notification)) => {
                        notified = true;
                        service.notification(notification).await;
                        continue;
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
            while let Some(answer) = sends.next().await {
                if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
            match answers.is_empty() && notified {
                true => MethodResponse::notification(),
                // An empty batch is an invalid request.
                false => MethodResponse::from_batch(answers.finish()),
            }
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.service.notification(notification)
    }
}
