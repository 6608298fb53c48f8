//! What calls are let through: over HTTP no subscriptions, and of batches a few at a time.
//!
//! In: calls and batches. Out: their answers, or geth's words for what is not possible over HTTP.
//! A batch keeps its answers together until the last one is there, which is what bounds are for.

use std::{
    future::{Future, ready},
    sync::Arc,
};

use futures::future::Either;
use jsonrpsee::{
    core::middleware::{Batch, Notification, RpcServiceT},
    server::MethodResponse,
    types::{ErrorObject, Request, error::METHOD_NOT_FOUND_CODE},
};
use tokio::sync::Semaphore;

/// The calls that need a connection to push to.
const PUSHING: [&str; 2] = ["eth_subscribe", "eth_unsubscribe"];

/// A service with bounds.
#[derive(Clone, Debug)]
pub(super) struct CallBounds<S> {
    pub(super) service: S,
    /// Whether what is served is a WebSocket.
    pub(super) is_websocket: bool,
    /// A permit for each batch at work, over all connections. The others wait for their turn.
    pub(super) batches: Arc<Semaphore>,
}

impl<S> RpcServiceT for CallBounds<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        if self.is_websocket || !PUSHING.contains(&request.method_name()) {
            return Either::Left(self.service.call(request));
        }
        let reason = "notifications not supported: subscribe over WebSocket, on the same port";
        let error = ErrorObject::borrowed(METHOD_NOT_FOUND_CODE, reason, None);
        Either::Right(ready(MethodResponse::error(request.id().into_owned(), error)))
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = S::BatchResponse> + Send + 'a {
        let (service, batches) = (self.service.clone(), self.batches.clone());
        async move {
            let _turn = batches.acquire_owned().await;
            service.batch(batch).await
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = S::NotificationResponse> + Send + 'a {
        self.service.notification(notification)
    }
}
