//! Arguments that several subcommands share: where the chain is, which block, which program.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use gainsay_chain::Progress;
use gainsay_derivation::BlockNumber;
use gainsay_l1::{L1Client, L1Failure, Outage, RollupConfig};
use gainsay_store::{StoreError, StoreOptions};
use gainsay_vm::Program;

use crate::{ArchivedChain, ChainFollower, ChallengerError, machine::OfflineBundle};

/// Pause when L1 is out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two lines of progress.
const PROGRESS_PAUSE: Duration = Duration::from_secs(2);

/// Where the chain is.
#[derive(Clone, Debug, clap::Args)]
pub struct ChainArgs {
    /// The chain's rollup.json.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub rollup: PathBuf,
    /// Folder for what is derived from L1; made if it is not there. Not a node's folder.
    #[arg(long, alias = "data-dir", value_name = "DIR", default_value = "challenger-data")]
    pub data: PathBuf,
    /// Beacon API of an L1 node, for blobs. Several, separated by commas, are asked in turn.
    /// Default: the same as --l1-rpc (anvil serves both).
    #[arg(long, value_name = "URL")]
    pub l1_beacon: Option<String>,
    /// Blocks whose state stays readable: those that can be proven, and taken back when L1 is
    /// reorganised.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(64..))]
    pub history_blocks: u64,
    /// Mebibytes of memory for caches.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub cache_mib: usize,
}

impl ChainArgs {
    /// Opens the data folder.
    pub(crate) fn open(&self) -> anyhow::Result<ArchivedChain> {
        let rollup = RollupConfig::load(&self.rollup)?;
        let options = StoreOptions {
            history_blocks: self.history_blocks,
            cache_bytes: self.cache_mib << 20,
            genesis_hash: None,
        };
        ArchivedChain::open(rollup, &self.data, &options)
            .with_context(|| format!("cannot open {}", self.data.display()))
    }
}

/// Where a replay stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At L1's head.
    Latest,
    /// At L1's safe block.
    Safe,
    /// At L1's finalized block.
    Finalized,
    /// With the batch that brings this L2 block.
    Block(BlockNumber),
}

impl std::str::FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "latest" => Self::Latest,
            "safe" => Self::Safe,
            "finalized" => Self::Finalized,
            _ => Self::Block(text.parse().map(BlockNumber).map_err(|_| {
                format!("found '{text}', expected latest, safe, finalized or a block number")
            })?),
        })
    }
}

/// Derives until then, through failures of L1 that pass, and says how far it is.
pub(crate) async fn derive_until(
    follower: &mut ChainFollower,
    client: &L1Client,
    until: Until,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let first = follower.chain().safe_block();
    let mut said = Instant::now();
    let mut outage = Outage::new("replay");
    loop {
        let step = match step(follower, client, until).await {
            Ok(step) => {
                outage.ended();
                step
            }
            Err(error) if error.may_pass() => {
                outage.failed(&error);
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
            Err(error) => return Err(anyhow::Error::from(error).context("following L1")),
        };
        let is_done = match step {
            Step::More => false,
            Step::Done => true,
            Step::NoHead(what) => bail!("L1 has no {what} block yet"),
            Step::NotOnL1(number) => {
                bail!(
                    "block {number} is not on L1 yet, which has blocks up to {}",
                    follower.chain().safe_block()
                )
            }
        };
        if is_done || said.elapsed() > PROGRESS_PAUSE {
            said = Instant::now();
            let block = follower.chain().safe_block();
            let seconds = started.elapsed().as_secs_f64();
            let rate = block.since(first) as f64 / seconds.max(1e-9);
            let l1_block = follower.l1_block().number;
            eprintln!("derived    block {block} at L1 block {l1_block}, {rate:.0} blocks/s");
        }
        if is_done {
            return Ok(());
        }
    }
}

/// The result of one step of deriving.
enum Step {
    More,
    Done,
    /// L1 has no such head.
    NoHead(&'static str),
    /// L1 is read to its head, and no batch brings this block.
    NotOnL1(BlockNumber),
}

async fn step(
    follower: &mut ChainFollower,
    client: &L1Client,
    until: Until,
) -> Result<Step, ChallengerError> {
    let heads = client.heads().await?;
    let head = match until {
        Until::Block(number) if follower.chain().safe_block() >= number => return Ok(Step::Done),
        Until::Block(_) | Until::Latest => Ok(heads.latest),
        Until::Safe => heads.safe.ok_or("safe"),
        Until::Finalized => heads.finalized.ok_or("finalized"),
    };
    let head = match head {
        Ok(head) => head,
        Err(what) => return Ok(Step::NoHead(what)),
    };
    let progress = follower.step(&head).await?;
    follower.follow_finality().await?;
    Ok(match (progress, until) {
        (Progress::Advanced, _) => Step::More,
        (Progress::CaughtUp, Until::Block(number)) => Step::NotOnL1(number),
        (Progress::CaughtUp, _) => Step::Done,
    })
}

/// The program that the machine runs.
#[derive(Clone, Debug, clap::Args)]
pub struct ProgramArgs {
    /// The program's ELF file, as scripts/build-program made it.
    #[arg(long, value_name = "FILE", env = "GAINSAY_PROGRAM_ELF")]
    pub program: PathBuf,
}

impl ProgramArgs {
    /// Loads the program from its file.
    ///
    /// # Errors
    /// When the file cannot be read, or is no program for the machine.
    pub fn load(&self) -> anyhow::Result<Arc<Program>> {
        let path = self.program.display();
        let file = fs::read(&self.program).with_context(|| format!("cannot read {path}"))?;
        let program = Program::from_elf(&file)
            .with_context(|| format!("{path} is no program for this machine"))?;
        Ok(Arc::new(program))
    }
}

/// Which block.
#[derive(Clone, Debug, clap::Args)]
pub struct BlockArgs {
    /// Where the chain is.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// JSON-RPC of an L1 node, over HTTP: derives up to L1's head before. Without it the data
    /// folder must have the block already.
    #[arg(long, value_name = "URL", conflicts_with = "bundle")]
    pub l1_rpc: Option<String>,
    /// Number of the block.
    #[arg(long, value_name = "N", required_unless_present = "bundle", conflicts_with = "bundle")]
    pub block: Option<u64>,
    /// The file of a block that `bundle` wrote: needs neither L1 nor a data folder.
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
}

/// A block, ready to run, and the chain that it is from if it came from there.
pub(crate) struct LoadedBlock {
    pub(crate) bundle: OfflineBundle,
    pub(crate) chain: Option<ArchivedChain>,
    /// Transactions and gas, of a block from a chain.
    pub(crate) size: Option<(usize, u64)>,
}

impl BlockArgs {
    /// Gets the block from the bundle, or from the chain.
    pub(crate) async fn load(&self, program: &Program) -> anyhow::Result<LoadedBlock> {
        let hash = program.hash();
        if let Some(path) = &self.bundle {
            let name = path.display();
            let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
            let bundle = OfflineBundle::from_bytes(&bytes).context(name.to_string())?;
            ensure!(
                bundle.program_hash == hash,
                "{name} is for the program {}, --program has the hash {hash}",
                bundle.program_hash
            );
            return Ok(LoadedBlock { bundle, chain: None, size: None });
        }
        let block = self.block.context("--block or --bundle is needed")?;
        let block = BlockNumber(block);
        let chain = self.chain.open()?;
        if let Some(url) = &self.l1_rpc {
            let client = L1Client::connect(url, self.chain.l1_beacon.as_deref())?;
            let mut follower = chain.follow(client.clone()).await?;
            derive_until(&mut follower, &client, Until::Latest).await?;
        }
        let expected = chain.rollup.assertions.program_hash;
        if !expected.is_zero() && expected != hash {
            tracing::warn!(%expected, found = %hash, "disputes of this chain run another program");
        }
        let recorded =
            tokio::task::block_in_place(|| chain.block_witness(block)).map_err(|error| {
                let is_pruned = matches!(
                    error,
                    crate::ChallengerError::Store(StoreError::HistoryPruned { .. })
                );
                let hint = if is_pruned { " (see --history-blocks)" } else { "" };
                anyhow::Error::from(error).context(format!("block {block}{hint}"))
            })?;
        let size = Some((recorded.transactions, recorded.gas_used));
        let bundle = OfflineBundle::new(recorded, hash);
        Ok(LoadedBlock { bundle, chain: Some(chain), size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_takes_a_head_or_a_number() {
        assert_eq!("finalized".parse(), Ok(Until::Finalized));
        assert_eq!("17".parse(), Ok(Until::Block(BlockNumber(17))));
        assert!("soon".parse::<Until>().unwrap_err().contains("found 'soon'"));
    }
}
