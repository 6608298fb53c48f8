//! Commands of the `gainsay` binary that start, use and look at a chain, as library functions.
//!
//! Each file is one command: its arguments and `run`. `main.rs` dispatches. Architecture invariant:
//! a command holds no state of the chain; what it knows, it asks L1 or a node. Keys never come from
//! arguments.
//!
//! | module | job |
//! |---|---|
//! | `deploy` | `gainsay deploy`: a new chain's contracts and `rollup.json` |
//! | `deposit` | `gainsay deposit`: a transaction from L1 to L2 |
//! | `force_include` | `gainsay force-include`: deposits that the sequencer passed over |
//! | `status` | `gainsay status`: how far a chain is |
//! | `l2_genesis` | the accounts of block 0, and block 0 |
//! | `amount`, `l1_sender`, `l2_rpc` | amounts and addresses; a key that signs; questions to an L2 node |

pub mod deploy;
pub mod deposit;
pub mod force_include;
pub mod status;

mod amount;
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
pub use status::StatusArgs;
