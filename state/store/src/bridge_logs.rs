//! Logs of the bridge's contracts on L1, found by what they are about.
//!
//! In: logs with the L1 blocks that hold them, and their removal by reorgs. Out: the last log with
//! given first and second topic: what became of a withdrawal, which game has a number. The logs of
//! assertions and disputes are in `l1_logs`, which a node reads as a whole at its start: these are
//! too many for that.
//!
//! | table | key | value |
//! |---|---|---|
//! | `bridge_logs` | L1 block:u64 ‖ log index:u64 | as `l1_logs` |
//! | `bridge_index` | topic 0 ‖ topic 1 ‖ L1 block:u64 ‖ log index:u64 | empty |

use alloy_primitives::B256;
use rocksdb::WriteBatch;

use crate::{error::StoreError, l1_records::L1LogRecord, store::Store, tables::Table};

/// Bytes of a key of `bridge_index` before the place of its log.
const TOPICS_BYTES: usize = 64;

impl Store {
    /// The last log of the bridge whose first topic is `event`, and whose second is `about` if one is
    /// given. Without one it is that of the greatest second topic.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn last_bridge_log(
        &self,
        event: B256,
        about: Option<B256>,
    ) -> Result<Option<L1LogRecord>, StoreError> {
        let mut prefix = event.to_vec();
        prefix.extend(about.iter().flat_map(|about| about.iter().copied()));
        let mut last = prefix.clone();
        last.resize(TOPICS_BYTES.saturating_add(16), 0xff);
        let Some((key, _)) = self.inner.tables.last_up_to(Table::BridgeIndex, &last)? else {
            return Ok(None);
        };
        if !key.starts_with(&prefix) {
            return Ok(None);
        }
        let place = key.get(TOPICS_BYTES..).unwrap_or_default();
        self.read(Table::BridgeLogs, place, |value| L1LogRecord::decode(place, value))
    }

    /// Adds logs of the bridge.
    pub(crate) fn put_bridge_logs(&self, batch: &mut WriteBatch, logs: &[L1LogRecord]) {
        let tables = &self.inner.tables;
        for log in logs {
            batch.put_cf(tables.cf(Table::BridgeLogs), log.key(), log.encode());
            batch.put_cf(tables.cf(Table::BridgeIndex), index_key(log), []);
        }
    }

    /// Removes the logs of L1 blocks from number `from` on.
    pub(crate) fn put_bridge_cut(
        &self,
        batch: &mut WriteBatch,
        from: u64,
    ) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        for item in tables.scan(Table::BridgeLogs, &from.to_be_bytes()) {
            let (key, value) = item?;
            let log = L1LogRecord::decode(&key, &value)
                .map_err(|reason| StoreError::corrupt(Table::BridgeLogs.name(), &key, reason))?;
            batch.delete_cf(tables.cf(Table::BridgeLogs), &key);
            batch.delete_cf(tables.cf(Table::BridgeIndex), index_key(&log));
        }
        Ok(())
    }
}

fn index_key(log: &L1LogRecord) -> Vec<u8> {
    let topic = |index: usize| log.log.topics().get(index).copied().unwrap_or_default();
    [topic(0).as_slice(), topic(1).as_slice(), &log.key()].concat()
}
