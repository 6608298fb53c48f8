//! Small values that a node keeps besides the chain, by name: where its L1 reader stands.
//!
//! In: a name and bytes. Out: the bytes. Stored in the table `meta` under `note/NAME`; the store
//! never looks into them.

use rocksdb::WriteBatch;

use crate::{error::StoreError, store::Store, tables::Table};

impl Store {
    /// The note kept under `name`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(Table::Meta, key(name), |value| Ok(value.to_vec()))
    }

    /// Keeps a note under `name`, in place of an older one.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], and those of the disk.
    pub fn put_note(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.check_writable()?;
        let mut batch = WriteBatch::default();
        batch.put_cf(self.inner.tables.cf(Table::Meta), key(name), value);
        self.write(batch, false)
    }
}

fn key(name: &str) -> Vec<u8> {
    [b"note/", name.as_bytes()].concat()
}
