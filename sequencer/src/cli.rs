//! Commands of the `gainsay` binary that start, use and look at a chain, as library functions.
//!
//! Each file is one command: its arguments and `run`. [`main`] chooses. Architecture invariant:
//! a command holds no state of the chain; what it knows, it asks L1 or a node. Keys never come from
//! arguments.
//!
//! | module | job |
//! |---|---|
//! | `deploy` | `gainsay deploy`: a new chain's contracts and `rollup.json` |
//! | `deposit` | `gainsay deposit`: a transaction from L1 to L2 |
//! | `force_include` | `gainsay force-include`: deposits that the sequencer passed over |
//! | `withdraw` | `gainsay withdraw`: ether or a call from L2 to L1, the whole way |
//! | `relay` | `gainsay relay`: finalizes withdrawals of other people |
//! | `status` | `gainsay status`: how far a chain is |
//! | `l2_genesis` | the accounts of block 0, and block 0 |
//! | `finalizer` | the L1 calls that pay withdrawals out |
//! | `amount`, `l1_sender`, `l2_rpc` | amounts and addresses; a key that signs; questions to an L2 node |

use clap::{Parser, Subcommand};

use crate::node;

pub mod deploy;
pub mod deposit;
pub mod force_include;
pub mod relay;
pub mod status;
pub mod withdraw;

mod amount;
mod finalizer;
mod l1_sender;
mod l2_genesis;
mod l2_rpc;

pub use amount::{
    Funding, ParseValueError, format_ether, format_secs, parse_address, parse_amount, parse_data,
    parse_ether,
};
pub use deploy::DeployArgs;
pub use deposit::DepositArgs;
pub use force_include::ForceIncludeArgs;
pub use l2_genesis::{GenesisSources, build_alloc, genesis_block};
pub use relay::RelayArgs;
pub use status::StatusArgs;
pub use withdraw::WithdrawArgs;

/// An optimistic rollup: sequence transactions, post them to L1, rebuild the chain from L1 alone.
#[derive(Debug, Parser)]
#[command(name = "gainsay", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

// What a command does stands above its arguments: a document of a variant would hide it.
#[derive(Debug, Subcommand)]
enum Command {
    Sequence(Box<node::SequenceArgs>),
    Follow(Box<node::FollowArgs>),
    Deploy(Box<DeployArgs>),
    Deposit(Box<DepositArgs>),
    ForceInclude(Box<ForceIncludeArgs>),
    Withdraw(Box<WithdrawArgs>),
    Relay(Box<RelayArgs>),
    Status(StatusArgs),
}

/// The whole program `gainsay`. It is here and not in the binary, because an `async fn` is compiled
/// where it is awaited: the binary would compile the library a second time.
///
/// # Errors
/// What the command could not do.
#[tokio::main]
pub async fn main() -> anyhow::Result<()> {
    // Clients that send nonsense must not fill the log.
    gainsay_l1::start_log("info,hyper=warn,jsonrpsee=warn,jsonrpsee-server=error");
    match Arguments::parse().command {
        Command::Sequence(args) => Ok(node::sequence(*args).await?),
        Command::Follow(args) => Ok(node::follow(*args).await?),
        Command::Deploy(args) => deploy::run(*args).await,
        Command::Deposit(args) => deposit::run(*args).await,
        Command::ForceInclude(args) => force_include::run(*args).await,
        Command::Withdraw(args) => withdraw::run(*args).await,
        Command::Relay(args) => relay::run(*args).await,
        Command::Status(args) => status::run(args).await,
    }
}
