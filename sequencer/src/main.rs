//! `gainsay`: the sequencer, the follower and the commands of their operators and users.

use clap::{Parser, Subcommand};
use gainsay::{cli, node};

/// Threads free here what others allocated, all the time: glibc's allocator takes locks for that.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An optimistic rollup: sequence transactions, post them to L1, rebuild the chain from L1 alone.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Order transactions into blocks, post batches and make claims on L1.
    Sequence(Box<node::SequenceArgs>),
    /// Rebuild the chain from L1 and serve it read-only.
    Follow(Box<node::FollowArgs>),
    /// Deploy the contracts of a new chain to L1 and write its rollup.json.
    Deploy(Box<cli::deploy::DeployArgs>),
    /// Send a message or ether from L1 to L2.
    Deposit(Box<cli::deposit::DepositArgs>),
    /// Have overdue deposits executed without the sequencer.
    ForceInclude(Box<cli::force_include::ForceIncludeArgs>),
    /// Show where a chain stands.
    Status(cli::status::StatusArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Clients that send nonsense must not fill the log.
    gainsay_l1::start_log("info,hyper=warn,jsonrpsee=warn,jsonrpsee-server=error");
    match Arguments::parse().command {
        Command::Sequence(args) => Ok(node::sequence(*args).await?),
        Command::Follow(args) => Ok(node::follow(*args).await?),
        Command::Deploy(args) => cli::deploy::run(*args).await,
        Command::Deposit(args) => cli::deposit::run(*args).await,
        Command::ForceInclude(args) => cli::force_include::run(*args).await,
        Command::Status(args) => cli::status::run(args).await,
    }
}
