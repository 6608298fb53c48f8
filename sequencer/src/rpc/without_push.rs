//! Over HTTP nothing can be pushed: subscriptions are refused there, in geth's words.
//!
//! In: calls. Out: the same calls, but those that need a WebSocket.

use std::future::{Future, ready};

use futures::future::Either;
use jsonrpsee::{
    core::middleware::{Batch, Notification, RpcServiceT},
    server::MethodResponse,
    types::{ErrorObject, Request, error::METHOD_NOT_FOUND_CODE},
};

/// The calls that need a connection to push to.
const PUSHING: [&str; 2] = ["eth_subscribe", "eth_unsubscribe"];

/// A service that refuses subscriptions if it serves HTTP.
#[derive(Clone, Debug)]
pub(super) struct WithoutPush<S> {
    pub(super) service: S,
    /// Whether what is served is a WebSocket.
    pub(super) is_websocket: bool,
}

impl<S> RpcServiceT for WithoutPush<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse>,
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
        self.service.batch(batch)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = S::NotificationResponse> + Send + 'a {
        self.service.notification(notification)
    }
}
