//! Checkpoints: the whole store at one block, as hard links.
//!
//! In: a call for one. Out: the folder `checkpoints/<number>` next to the database, which takes
//! almost no disk until RocksDB compacts the files that it links. It is complete or absent, because
//! it is made under another name and renamed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rocksdb::checkpoint::Checkpoint;

use crate::{
    error::StoreError,
    store::{Store, StoreOptions},
};

/// Ends the name of a checkpoint that is being made.
const UNFINISHED: &str = "unfinished";

impl Store {
    /// Makes a checkpoint of the newest block; one of the same number is replaced. Commits wait for
    /// as long as the unflushed writes take to flush.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], and those of the disk.
    pub fn checkpoint(&self) -> Result<PathBuf, StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        let number = self.head_header()?.header.number;
        let folder = self.checkpoints_folder();
        fs::create_dir_all(&folder).map_err(io("create folder", &folder))?;
        let finished = folder.join(number.to_string());
        let unfinished = folder.join(format!("{number}.{UNFINISHED}"));
        remove_unfinished(&unfinished)?;
        Checkpoint::new(&self.inner.tables.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(&unfinished))
            .map_err(|source| StoreError::Database { action: "make a checkpoint", source })?;
        remove(&finished)?;
        fs::rename(&unfinished, &finished).map_err(io("rename checkpoint", &finished))?;
        Ok(finished)
    }

    /// All finished checkpoints, oldest block first.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn checkpoints(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
        let folder = self.checkpoints_folder();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io("list folder", &folder))? {
            let path = entry.map_err(io("list folder", &folder))?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            if let Some(number) = number {
                found.push((number, path));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes all checkpoints but the newest `keep`, and what unfinished ones left.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn prune_checkpoints(&self, keep: usize) -> Result<(), StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        let mut finished = self.checkpoints()?;
        finished.truncate(finished.len().saturating_sub(keep));
        for (_, path) in finished {
            remove(&path)?;
        }
        let folder = self.checkpoints_folder();
        if !folder.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&folder).map_err(io("list folder", &folder))? {
            let path = entry.map_err(io("list folder", &folder))?.path();
            if path.extension().is_some_and(|it| it == UNFINISHED) {
                remove_unfinished(&path)?;
            }
        }
        Ok(())
    }

    /// Opens a checkpoint for reading: every read works as on the store at that block.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_checkpoint(
        path: impl AsRef<Path>,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::open_database(path, path, options, None)
    }

    fn checkpoints_folder(&self) -> PathBuf {
        self.inner.path.join("checkpoints")
    }
}

/// Removes a checkpoint, if there is one. Renames it first, so that no half of it bears its name.
fn remove(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let removed = path.with_extension(format!("removed.{UNFINISHED}"));
    remove_unfinished(&removed)?;
    fs::rename(path, &removed).map_err(io("rename checkpoint", path))?;
    remove_unfinished(&removed)
}

fn remove_unfinished(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}
