//! Computed trees and recorded runs on disk, so that a restart computes nothing again.
//!
//! In: trees and recorded runs under names that are hashes of what they were made from. Out: the
//! same, checked, or nothing. A damaged file is removed, so that it is computed again. The folder
//! is bounded: files that were not used for longest are removed first.
//!
//! | offset | size | field of a tree's file |
//! |---|---|---|
//! | 0 | 8 | `gtrace` and the version, 1 |
//! | 8 | 32 | root |
//! | 40 | 4 | length of the packed last state, big endian: 363 or 0 |
//! | 44 | | the packed last state |
//! | | 32 each | leaves; the last one is repeated up to the tree's width |

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use alloy_primitives::{B256, Bytes, hex};

use crate::{ChallengerError, dispute::Commitment, machine::OfflineBundle};

const MAGIC: [u8; 8] = *b"gtrace\x00\x01";
const HEAD_LEN: usize = 44;

/// Most bytes of all files together, besides the newest one.
const BYTES_MAX: u64 = 8 << 30;

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct TraceFiles {
    folder: PathBuf,
}

impl TraceFiles {
    /// The files in a folder, which is made if it is not there.
    pub(super) fn open(folder: PathBuf) -> Result<Self, ChallengerError> {
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        Ok(Self { folder })
    }

    /// Keeps a tree, with the packed last state of a run if that ends it.
    pub(super) fn put_tree(
        &self,
        key: B256,
        tree: &Commitment,
        leaves: &[B256],
        final_state: &[u8],
    ) -> Result<(), ChallengerError> {
        let distinct = leaves.last().map_or(0, |last| {
            leaves.iter().rposition(|leaf| leaf != last).map_or(1, |other| other + 2)
        });
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(tree.root().as_slice());
        let length = u32::try_from(final_state.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(final_state);
        leaves[..distinct].iter().for_each(|leaf| bytes.extend_from_slice(leaf.as_slice()));
        self.write(&self.path(key, "tree"), &bytes)
    }

    /// The tree of this height, and the packed last state.
    pub(super) fn tree(&self, key: B256, height: u8) -> Option<(Commitment, Bytes)> {
        let path = self.path(key, "tree");
        let bytes = Bytes::from(fs::read(&path).ok()?);
        let found = parse_tree(&bytes, height);
        keep_or_remove(&path, found)
    }

    /// Keeps what a run needs.
    pub(super) fn put_run(&self, run: &OfflineBundle) -> Result<(), ChallengerError> {
        self.write(&self.path(run.input, "run"), &run.to_bytes())
    }

    /// What the run with this input needs.
    pub(super) fn run(&self, input: B256) -> Option<OfflineBundle> {
        let path = self.path(input, "run");
        let bytes = fs::read(&path).ok()?;
        let found = OfflineBundle::from_bytes(&bytes).ok().filter(|run| run.input == input);
        keep_or_remove(&path, found)
    }

    fn path(&self, key: B256, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", hex::encode(key)))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ChallengerError> {
        self.make_room(BYTES_MAX).map_err(failed("tidy up", &self.folder))?;
        let partial = path.with_extension("part");
        let write = || -> io::Result<()> {
            let mut file = File::create(&partial)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&partial, path)
        };
        write().map_err(failed("write", path))
    }

    /// Removes the files that were not used for longest, until the rest is small enough.
    fn make_room(&self, bytes_max: u64) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        files.sort_unstable();
        let mut sum: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if sum <= bytes_max {
                break;
            }
            fs::remove_file(path)?;
            sum = sum.saturating_sub(bytes);
        }
        Ok(())
    }
}

/// Marks a good file as used, and removes a bad one.
fn keep_or_remove<T>(path: &Path, found: Option<T>) -> Option<T> {
    let done = match &found {
        Some(_) => File::options()
            .append(true)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now())),
        None => {
            tracing::warn!(path = %path.display(), "a damaged file is made again");
            fs::remove_file(path)
        }
    };
    if let Err(error) = done {
        // The file is good, but counts as older than it is, and may be removed too early.
        tracing::debug!(%error, path = %path.display(), "cannot touch a trace file");
    }
    found
}

fn parse_tree(bytes: &Bytes, height: u8) -> Option<(Commitment, Bytes)> {
    let head = bytes.first_chunk::<HEAD_LEN>()?;
    if head[..8] != MAGIC {
        return None;
    }
    let length = usize::try_from(u32::from_be_bytes(*head.last_chunk()?)).ok()?;
    let end = HEAD_LEN.checked_add(length)?;
    if bytes.len() < end {
        return None;
    }
    let final_state = bytes.slice(HEAD_LEN..end);
    let (leaves, rest) = bytes[end..].as_chunks::<32>();
    if !rest.is_empty() {
        return None;
    }
    let leaves: Vec<B256> = leaves.iter().map(B256::from).collect();
    let tree = Commitment::new(height, &leaves).ok()?;
    (tree.root().as_slice() == &head[8..40]).then_some((tree, final_state))
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ChallengerError + 'a {
    move |source| ChallengerError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<B256> {
        (1..=count).map(|it| B256::left_padding_from(&it.to_be_bytes())).collect()
    }

    #[test]
    fn a_tree_comes_back_or_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = TraceFiles::open(folder.path().to_owned()).unwrap();
        for (count, last_state) in [(1, &b""[..]), (5, b"a state"), (8, b"")] {
            let mut leaves = leaves(count);
            let tree = Commitment::new(3, &leaves).unwrap();
            leaves.resize(8, leaves[leaves.len() - 1]);
            let key = B256::with_last_byte(u8::try_from(count).unwrap());
            files.put_tree(key, &tree, &leaves, last_state).unwrap();
            let (found, state) = files.tree(key, 3).unwrap();
            assert_eq!((found, &state[..]), (tree, last_state));

            let path = files.path(key, "tree");
            let good = fs::read(&path).unwrap();
            assert_eq!(
                good.len(),
                HEAD_LEN + last_state.len() + 32 * usize::try_from(count).unwrap()
            );
            for len in 0..good.len() {
                fs::write(&path, &good[..len]).unwrap();
                assert_eq!(files.tree(key, 3), None, "{len} of {} bytes", good.len());
                assert!(!path.exists());
            }
            let mut bad = good;
            *bad.last_mut().unwrap() ^= 1;
            fs::write(&path, bad).unwrap();
            assert_eq!(files.tree(key, 3), None);
        }
    }

    #[test]
    fn the_folder_is_bounded_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let files = TraceFiles::open(folder.path().to_owned()).unwrap();
        let leaves = leaves(8);
        let tree = Commitment::new(3, &leaves).unwrap();
        let keys: Vec<B256> = (0..4).map(B256::with_last_byte).collect();
        for (age, key) in (0..4).rev().zip(&keys) {
            files.put_tree(*key, &tree, &leaves, &[]).unwrap();
            let at = SystemTime::now() - std::time::Duration::from_secs(100 * (age + 1));
            let file = File::options().append(true).open(files.path(*key, "tree")).unwrap();
            file.set_modified(at).unwrap();
        }
        // Reading the oldest makes it the newest.
        assert!(files.tree(keys[0], 3).is_some());
        files.make_room(2 * (HEAD_LEN as u64 + 8 * 32)).unwrap();
        let left: Vec<bool> = keys.iter().map(|key| files.tree(*key, 3).is_some()).collect();
        assert_eq!(left, [true, false, false, true]);
    }
}
