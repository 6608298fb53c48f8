//! The listeners to new pending transactions of a follower.
//!
//! In: hashes and whole transactions from `pending_feed`. Out: each to every listener. It asks
//! nobody for a transaction, and keeps none but those that a slow listener has not taken yet.

use std::sync::Arc;

use alloy_primitives::B256;
use jsonrpsee::core::JsonRawValue;
use parking_lot::Mutex;
use tokio::sync::{
    MutexGuard,
    broadcast::{Receiver, Sender, channel},
};

/// Hashes kept for a slow listener.
const HASHES_MAX: usize = 4_096;
/// Whole transactions kept for a slow listener.
const BODIES_MAX: usize = 512;

/// A whole transaction, as JSON.
pub(super) type Body = Arc<JsonRawValue>;

/// The listeners of a follower, who share one poll.
#[derive(Debug, Default)]
pub(super) struct PendingListeners {
    /// Empty when nobody listens.
    running: Mutex<Option<Senders>>,
    /// Held while a listener starts the poll: others that come first wait, and join.
    starting: tokio::sync::Mutex<()>,
}

impl PendingListeners {
    /// The poll that runs, if one does. What `listen` makes of it keeps it going.
    pub(super) fn join<T>(&self, listen: impl Fn(&Senders) -> T) -> Option<T> {
        self.running.lock().as_ref().map(listen)
    }

    /// Waits until nobody else starts a poll, and keeps everybody else from it.
    pub(super) async fn starting(&self) -> MutexGuard<'_, ()> {
        self.starting.lock().await
    }

    /// A poll with these senders runs from now on.
    pub(super) fn begin(&self, senders: Senders) {
        *self.running.lock() = Some(senders);
    }

    /// Ends the poll; its listeners' receivers end, too.
    pub(super) fn end(&self) {
        *self.running.lock() = None;
    }

    /// Ends the poll if nobody listens; whether it has ended.
    pub(super) fn leave(&self) -> bool {
        let mut running = self.running.lock();
        // Under the lock: a listener that comes later starts another poll.
        let is_idle = running.as_ref().is_none_or(|feed| {
            feed.hashes.receiver_count() == 0 && feed.bodies.receiver_count() == 0
        });
        if is_idle {
            *running = None;
        }
        is_idle
    }
}

/// The senders of a poll, from which listeners get their receivers.
#[derive(Clone, Debug)]
pub(super) struct Senders {
    hashes: Sender<B256>,
    bodies: Sender<Body>,
}

impl Default for Senders {
    fn default() -> Self {
        Self { hashes: channel(HASHES_MAX).0, bodies: channel(BODIES_MAX).0 }
    }
}

impl Senders {
    /// Listens to hashes.
    pub(super) fn hashes(&self) -> Receiver<B256> {
        self.hashes.subscribe()
    }

    /// Listens to whole transactions.
    pub(super) fn bodies(&self) -> Receiver<Body> {
        self.bodies.subscribe()
    }

    /// Gives these hashes to everybody who listens to hashes.
    pub(super) fn tell(&self, hashes: &[B256]) {
        for hash in hashes {
            let _listeners = self.hashes.send(*hash);
        }
    }

    /// Gives one transaction to everybody who listens to whole ones.
    pub(super) fn tell_body(&self, body: Body) {
        let _listeners = self.bodies.send(body);
    }

    /// Whether anybody listens to whole transactions.
    pub(super) fn somebody_wants_bodies(&self) -> bool {
        self.bodies.receiver_count() > 0
    }
}
