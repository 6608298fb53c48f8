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

// What a command does stands above its arguments: a document of a variant would hide it.
#[derive(Debug, Subcommand)]
enum Command {
    Sequence(Box<node::SequenceArgs>),
    Follow(Box<node::FollowArgs>),
    Deploy(Box<cli::deploy::DeployArgs>),
    Deposit(Box<cli::deposit::DepositArgs>),
    ForceInclude(Box<cli::force_include::ForceIncludeArgs>),
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
