//! A WebSocket's subscriptions, and what waits to be sent on it.
//!
//! In: `eth_subscribe` and `eth_unsubscribe`. Out: tasks that write notifications into the outbox,
//! at most so many at a time; all end with the session. It reads and writes no socket.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use jsonrpsee::{
    core::JsonRawValue,
    types::{ErrorObjectOwned, error::reject_too_many_subscriptions},
};
use parking_lot::Mutex;
use tokio::{sync::oneshot, task::AbortHandle};

use super::{
    args::Args,
    error::RpcError,
    node::RpcNode,
    node::to_json,
    outbox::{Outbox, Start},
    subscriptions,
};

/// One WebSocket.
#[derive(Debug)]
pub(super) struct Session {
    outbox: Outbox,
    subscriptions: Mutex<HashMap<String, AbortHandle>>,
    subscriptions_max: u32,
}

impl Session {
    /// A session whose messages go out by `outbox`.
    pub(super) fn new(outbox: Outbox, subscriptions_max: u32) -> Arc<Self> {
        Arc::new(Self { outbox, subscriptions: Mutex::default(), subscriptions_max })
    }

    /// Makes a subscription: its id, and what lets it speak once its id has been sent.
    pub(super) async fn subscribe(
        self: &Arc<Self>,
        node: &Arc<RpcNode>,
        args: Args,
    ) -> Result<(Box<JsonRawValue>, Start), ErrorObjectOwned> {
        // It listens from before the client knows of it, so that nothing falls between.
        let news = subscriptions::listen(node, args).await?;
        let id = format!("{:#x}", rand::random::<u128>());
        let sink = subscriptions::Sink { id: id.clone(), outbox: self.outbox.clone() };
        let (start, started) = oneshot::channel();
        let session = Arc::downgrade(self);
        let mut subscriptions = self.subscriptions.lock();
        if subscriptions.len() >= self.subscriptions_max as usize {
            return Err(reject_too_many_subscriptions(self.subscriptions_max));
        }
        let node = Arc::clone(node);
        let task = tokio::spawn(async move {
            if started.await.is_ok() {
                subscriptions::run(news, &node, &sink).await;
            }
            forget(&session, &sink.id);
        });
        subscriptions.insert(id.clone(), task.abort_handle());
        Ok((to_json(&id)?, start))
    }

    /// Ends a subscription; whether there was one.
    pub(super) fn unsubscribe(&self, mut args: Args) -> Result<Box<JsonRawValue>, RpcError> {
        let id: String = args.required()?;
        let task = self.subscriptions.lock().remove(&id);
        if let Some(task) = &task {
            task.abort();
        }
        to_json(&task.is_some())
    }
}

fn forget(session: &Weak<Session>, id: &str) {
    if let Some(session) = session.upgrade() {
        session.subscriptions.lock().remove(id);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.subscriptions.lock().values().for_each(AbortHandle::abort);
    }
}
