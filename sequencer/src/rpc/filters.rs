//! The filters that clients have installed: what each asked for, and what it was given last.
//!
//! In: filters and polls. Out: filters by their id. Their number is bounded, and one that nobody
//! polls makes room for another. It reads no blocks and matches no logs.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, U128, map::HashMap};
use alloy_rpc_types_eth::Filter;
use parking_lot::Mutex;
use tokio::sync::broadcast::Receiver;

use super::error::RpcError;

#[derive(Debug)]
pub(super) enum FilterKind {
    /// Hashes of new blocks.
    Blocks,
    /// Logs that match.
    Logs(Box<Filter>),
    /// Hashes of transactions that reach the pool.
    Pending(Receiver<B256>),
}

/// The filter of a client.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) kind: FilterKind,
    /// The blocks that were the last ones at the last poll, newest last: enough to find where a
    /// rewind went to.
    pub(super) told: Vec<(u64, B256)>,
    /// Rewinds before the last poll.
    pub(super) rewinds: u64,
    polled: Instant,
}

/// All filters of all clients.
#[derive(Debug)]
pub(super) struct Filters {
    installed: Mutex<HashMap<U128, Installed>>,
    count_max: usize,
    expiry: Duration,
}

impl Filters {
    /// No filters yet, and room for `count_max`; one not polled for `expiry_secs` may go.
    pub(super) fn new(count_max: usize, expiry_secs: u64) -> Self {
        let expiry = Duration::from_secs(expiry_secs);
        Self { installed: Mutex::default(), count_max, expiry }
    }

    /// Takes in a filter of what follows the last of the blocks `told`, and gives its id.
    pub(super) fn install(
        &self,
        kind: FilterKind,
        told: Vec<(u64, B256)>,
        rewinds: u64,
    ) -> Result<U128, RpcError> {
        let mut installed = self.installed.lock();
        let now = Instant::now();
        if installed.len() >= self.count_max {
            installed.retain(|_, filter| now.duration_since(filter.polled) < self.expiry);
        }
        if installed.len() >= self.count_max {
            let (found, allowed) = (installed.len() as u64, self.count_max as u64);
            return Err(RpcError::LimitExceeded { what: "installed filters", found, allowed });
        }
        let id = U128::from(rand::random::<u128>());
        installed.insert(id, Installed { kind, told, rewinds, polled: now });
        Ok(id)
    }

    /// Removes what nobody polls any more.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        self.installed.lock().retain(|_, it| now.duration_since(it.polled) < self.expiry);
    }

    /// Takes a filter out, to be put back after its poll; `None` when there is none (any more).
    pub(super) fn take(&self, id: U128) -> Option<Installed> {
        let filter = self.installed.lock().remove(&id)?;
        (filter.polled.elapsed() < self.expiry).then_some(filter)
    }

    pub(super) fn put_back(&self, id: U128, mut filter: Installed) {
        filter.polled = Instant::now();
        self.installed.lock().insert(id, filter);
    }

    /// Removes a filter; whether there was one.
    pub(super) fn remove(&self, id: U128) -> bool {
        self.installed.lock().remove(&id).is_some()
    }
}
