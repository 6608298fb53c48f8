//! The data of batches, kept for as long as there may be a dispute about them: L1 forgets blobs
//! after some weeks.
//!
//! In: batches with their data, as fetched from L1. Out: the same data, checked against its hash.
//! One file a batch, named by the batch's accumulator: a reorg of L1 makes no file wrong, and no
//! file is overwritten with other data.
//!
//! | kind | file |
//! |---|---|
//! | calldata | the data |
//! | blobs | for each blob: versioned hash 32 ‖ blob 131,072 |
//! | forced | none |

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, Bytes, hex};
use gainsay_derivation::{
    BLOB_LEN, BatchHeader, BatchKind, blob_data, data_hash_of_blobs, data_hash_of_calldata,
};
use gainsay_l1::{BatchData, DataLocation, PostedBatch};

use crate::ChainError;

/// Bytes of a blob with its name.
const ENTRY_LEN: usize = 32 + BLOB_LEN;

/// What a batch committed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedBatch {
    /// The bytes of [`BatchHeader::data_hash`]: calldata, or the versioned hashes of the blobs.
    pub committed: Bytes,
    /// The blobs by their versioned hashes; none if the data was calldata.
    pub blobs: BTreeMap<B256, Bytes>,
}

impl ArchivedBatch {
    /// The data for [`decode_batch`](gainsay_derivation::decode_batch).
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        if self.blobs.is_empty() {
            return self.committed.to_vec();
        }
        // The same blob may come twice in one batch.
        let names = self.committed.as_chunks::<32>().0.iter().map(B256::from);
        let blobs: Vec<&[u8]> =
            names.filter_map(|name| self.blobs.get(&name)).map(AsRef::as_ref).collect();
        blob_data(&blobs)
    }
}

/// The files of all batches.
#[derive(Clone, Debug)]
pub struct BatchArchive {
    folder: PathBuf,
}

impl BatchArchive {
    /// The archive in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`ChainError::File`].
    pub fn open(folder: PathBuf) -> Result<Self, ChainError> {
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        Ok(Self { folder })
    }

    /// Keeps the data of a batch. When it returns, the data is on the disk.
    ///
    /// # Errors
    /// [`ChainError::File`].
    pub fn put(&self, batch: &PostedBatch, data: &BatchData) -> Result<(), ChainError> {
        let bytes: Bytes = match (data, &batch.location) {
            (BatchData::Calldata(data), _) => data.clone(),
            (BatchData::Blobs(blobs), DataLocation::Blobs { versioned_hashes }) => {
                let entries = versioned_hashes.iter().zip(blobs);
                let entries =
                    entries.map(|(name, blob)| [name.as_slice(), blob.as_slice()].concat());
                entries.collect::<Vec<_>>().concat().into()
            }
            _ => return Ok(()),
        };
        let path = self.path(batch.acc);
        if path.is_file() {
            return Ok(());
        }
        let partial = path.with_extension("part");
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            let mut file = File::create(&partial)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().map_err(failed("write", &path))
    }

    /// The data of a batch, given its header and the accumulator after it.
    ///
    /// # Errors
    /// [`ChainError::File`] if it was never put, [`ChainError::WrongBatchData`] if the
    /// file is not what the Inbox committed to.
    pub fn get(&self, header: &BatchHeader, acc: B256) -> Result<ArchivedBatch, ChainError> {
        let mut blobs = BTreeMap::new();
        if header.kind == BatchKind::Forced {
            return Ok(ArchivedBatch { committed: Bytes::new(), blobs });
        }
        let path = self.path(acc);
        let bytes = Bytes::from(fs::read(&path).map_err(failed("read", &path))?);
        let (committed, found) = match header.kind {
            BatchKind::Blobs => {
                let mut names = Vec::new();
                for start in (0..bytes.len()).step_by(ENTRY_LEN) {
                    let end = bytes.len().min(start.saturating_add(ENTRY_LEN));
                    let entry = bytes.slice(start..end);
                    let Some((name, _)) = entry.split_first_chunk::<32>() else { break };
                    names.push(B256::from(name));
                    blobs.insert(B256::from(name), entry.slice(32..));
                }
                (names.concat().into(), data_hash_of_blobs(&names))
            }
            _ => (bytes.clone(), data_hash_of_calldata(&bytes)),
        };
        if found != header.data_hash || blobs.values().any(|blob| blob.len() != BLOB_LEN) {
            let (index, expected) = (header.index, header.data_hash);
            return Err(ChainError::WrongBatchData { index, expected, found });
        }
        Ok(ArchivedBatch { committed, blobs })
    }

    /// In one of 256 folders, so that none has too many files.
    fn path(&self, acc: B256) -> PathBuf {
        self.folder.join(hex::encode(&acc[..1])).join(hex::encode(acc))
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChainError {
    let path = path.to_owned();
    move |source| ChainError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use alloy::eips::eip4844::Blob;
    use gainsay_derivation::{BatchIndex, DepositIndex, to_blobs};
    use gainsay_l1::L1Origin;

    use super::*;

    fn posted(kind: BatchKind, data_hash: B256, location: DataLocation) -> PostedBatch {
        PostedBatch {
            header: BatchHeader {
                kind,
                index: BatchIndex(3),
                deposits_read: DepositIndex(0),
                l1_block: 1,
                l1_time: 2,
                data_hash,
            },
            acc: data_hash,
            location,
            origin: L1Origin {
                block_number: 1,
                block_hash: B256::ZERO,
                transaction: B256::ZERO,
                log_index: 0,
            },
        }
    }

    #[test]
    fn data_comes_back_and_other_data_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let archive = BatchArchive::open(folder.path().join("batches")).unwrap();
        let data = Bytes::from(vec![7; 200_000]);
        let calldata =
            posted(BatchKind::Calldata, data_hash_of_calldata(&data), DataLocation::Calldata);
        archive.put(&calldata, &BatchData::Calldata(data.clone())).unwrap();
        let found = archive.get(&calldata.header, calldata.acc).unwrap();
        assert_eq!((found.data(), found.blobs.len()), (data.to_vec(), 0));

        let blobs: Vec<Blob> = to_blobs(&data).iter().map(|it| Blob::from_slice(&it[..])).collect();
        let names: Vec<B256> = (1..).zip(&blobs).map(|(it, _)| B256::repeat_byte(it)).collect();
        let location = DataLocation::Blobs { versioned_hashes: names.clone() };
        let in_blobs = posted(BatchKind::Blobs, data_hash_of_blobs(&names), location);
        archive.put(&in_blobs, &BatchData::Blobs(blobs)).unwrap();
        let found = archive.get(&in_blobs.header, in_blobs.acc).unwrap();
        assert_eq!(found.committed, Bytes::from(names.concat()));
        assert_eq!(found.data()[..data.len()], data[..]);

        let forced = posted(BatchKind::Forced, B256::ZERO, DataLocation::Forced);
        assert!(archive.get(&forced.header, forced.acc).unwrap().data().is_empty());
        let error = archive.get(&calldata.header, B256::repeat_byte(9)).unwrap_err();
        assert!(matches!(error, ChainError::File { action: "read", .. }), "{error}");
        let error = archive.get(&calldata.header, in_blobs.acc).unwrap_err();
        assert!(
            matches!(error, ChainError::WrongBatchData { index: BatchIndex(3), .. }),
            "{error}"
        );
        fs::write(archive.path(in_blobs.acc), &names.concat()[..64]).unwrap();
        assert!(archive.get(&in_blobs.header, in_blobs.acc).is_err());
    }
}
