//! The L1 contracts as Rust types, generated from the Solidity interfaces themselves.
//!
//! In: the interfaces of `contracts/src` (`IInbox.sol`, `IPortal.sol`, `IAssertionChain.sol` and so
//! on), read at build time, so that there is no second copy to keep in step. Out: calls, events,
//! errors and views.

#![expect(missing_docs, reason = "NatSpec documents what the generator does not")]
#![expect(clippy::too_many_arguments, reason = "the ABI decides")]

use alloy::sol;
use gainsay_derivation::{BatchIndex, Cursor, Deposit, DepositIndex, UnknownDepositKind};

sol!(
    #[sol(rpc, all_derives)]
    "../src/IInbox.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IPortal.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IConfirmedGames.sol"
);

sol!(
    #[sol(rpc, all_derives)]
    "../src/IStepVerifier.sol"
);

// Getters of StepVerifier that its interface lacks, to check what is deployed.
sol! {
    #[sol(rpc)]
    interface IHasOracle {
        function ORACLE() external view returns (address);
    }
}

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

sol! {
    /// Getters of `L1CrossDomainMessenger` for its other contracts.
    #[sol(rpc)]
    interface IL1CrossDomainMessenger {
        function PORTAL() external view returns (address);
    }

    /// Getters of `L1StandardBridge` and `L1ERC721Bridge` for their other contracts.
    #[sol(rpc)]
    interface IL1Bridge {
        function MESSENGER() external view returns (address);
    }
}

impl From<IAssertionChain::Cursor> for Cursor {
    fn from(it: IAssertionChain::Cursor) -> Self {
        Self {
            batch: BatchIndex(it.batch),
            block: it.block,
            deposits_read: DepositIndex(it.depositsRead),
        }
    }
}

impl From<Cursor> for IAssertionChain::Cursor {
    fn from(it: Cursor) -> Self {
        Self { batch: it.batch.get(), block: it.block, depositsRead: it.deposits_read.get() }
    }
}

impl TryFrom<IInbox::DepositEnqueued> for Deposit {
    type Error = UnknownDepositKind;

    fn try_from(it: IInbox::DepositEnqueued) -> Result<Self, UnknownDepositKind> {
        Ok(Self {
            kind: it.kind.try_into()?,
            from: it.from,
            l1_block: it.l1Block,
            l1_time: it.l1Time,
            index: DepositIndex(it.index),
            l1_base_fee: it.l1BaseFee,
            l1_blob_base_fee: it.l1BlobBaseFee,
            payload: it.payload,
        })
    }
}
