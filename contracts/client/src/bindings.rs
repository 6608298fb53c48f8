//! The L1 contracts as Rust types, generated from the Solidity interfaces themselves.
//!
//! In: `IInbox.sol`, `IAssertionChain.sol` and `IEdgeGame.sol` of `contracts/src`, read at build
//! time, so that there is no second copy to keep in step. Out: calls, events, errors and views.

#![expect(missing_docs, reason = "NatSpec documents what the generator does not")]
#![expect(clippy::too_many_arguments, reason = "the ABI decides")]

use alloy::sol;

sol!(
    #[sol(rpc, all_derives)]
    "../src/IInbox.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IStepVerifier.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IPreimageOracle.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IAssertionChain.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IEdgeGame.sol"
);
