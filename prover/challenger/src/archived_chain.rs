//! The chain that the challenger derived from L1, with the data of its batches: what is right, and
//! all data to prove it.
//!
//! In: `rollup.json`, a data folder. Out: the safe chain, the archive of batches, and a follower
//! that fills both. It judges nothing and sends nothing.

use std::{ops::Deref, path::Path, sync::Arc};

use gainsay_chain::{BatchArchive, Deriver, Follower, SafeChain, UnsafeBlocks};
use gainsay_l1::{L1Client, RollupConfig};
use gainsay_store::StoreOptions;

use crate::ChallengerError;

/// Follows L1 and writes the chain itself.
pub type ChainFollower = Follower<Deriver>;

/// Store and archive of one chain; clones share them.
#[derive(Clone, Debug)]
pub struct ArchivedChain {
    chain: SafeChain,
    /// The data of every batch that was derived.
    pub archive: BatchArchive,
}

impl ArchivedChain {
    /// Opens the data folder, or makes it, with the genesis block.
    ///
    /// # Errors
    /// As [`SafeChain::open`].
    pub fn open(
        rollup: RollupConfig,
        data: &Path,
        options: &StoreOptions,
    ) -> Result<Self, ChallengerError> {
        let chain = SafeChain::open(Arc::new(rollup), data, options)?;
        let archive = BatchArchive::open(data.join("batches"))?;
        Ok(Self { chain, archive })
    }

    /// Follows L1 from where the folder stands.
    ///
    /// # Errors
    /// As [`Follower::open`].
    pub async fn follow(&self, client: L1Client) -> Result<ChainFollower, ChallengerError> {
        let deriver = Deriver::new(self.chain.clone(), UnsafeBlocks::Drop);
        let archive = Some(self.archive.clone());
        Ok(Follower::open(self.chain.clone(), client, deriver, archive).await?)
    }
}

/// Lets the methods of [`SafeChain`] be called on an archived chain.
impl Deref for ArchivedChain {
    type Target = SafeChain;

    fn deref(&self) -> &SafeChain {
        &self.chain
    }
}
