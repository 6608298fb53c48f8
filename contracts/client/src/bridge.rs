//! The bridge on L1: where its contracts are, and the calls that deposit and pay withdrawals out.
//!
//! In: addresses out of `rollup.json`, arguments as the protocol names them. Out: receipts of
//! confirmed transactions, and a check that the contracts on L1 belong together. It makes no
//! proof and knows no state of L2.

use alloy::{
    eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA,
    providers::{DynProvider, Provider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::SolCall,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::{
    L1Client, L1Error,
    bindings::{
        IConfirmedGames, IL1Bridge, IL1CrossDomainMessenger,
        IPortal::{self, IPortalInstance, proveAndFinalizeCall},
    },
    inbox::Inbox,
    transaction::L1Call,
    tx_sender::TxSender,
};

/// The contracts between L1 and L2 that hold money or lead to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BridgeContracts {
    /// Holds the ether of L2: deposits go in here, withdrawals come out.
    pub portal: Address,
    /// Lists confirmed assertions as OP's dispute games.
    pub confirmed_games: Address,
    /// Sends messages to L2 and runs those that come from it.
    pub cross_domain_messenger: Address,
    /// Moves ether and ERC-20 tokens by messages, and holds the tokens.
    pub standard_bridge: Address,
    /// Moves ERC-721 tokens by messages, and holds them.
    pub erc721_bridge: Address,
    /// Makes L1 tokens for tokens that are native to L2.
    pub mintable_erc20_factory: Address,
}

impl BridgeContracts {
    /// Compares these addresses with those that the contracts name.
    ///
    /// # Errors
    /// [`L1Error::ConfigMismatch`] names the first difference; [`L1Error::BadAnswer`] when the L1
    /// node knows no such contract.
    pub async fn check(
        &self,
        client: &L1Client,
        inbox: Address,
        assertion_chain: Address,
    ) -> Result<(), L1Error> {
        let portal = Portal::new(client, self.portal);
        same("bridge.portal", self.portal, Inbox::new(client, inbox).portal().await?)?;
        same("inbox of the portal", inbox, portal.inbox().await?)?;
        same("bridge.confirmedGames", self.confirmed_games, portal.games().await?)?;
        let games = IConfirmedGames::new(self.confirmed_games, client.provider().clone());
        let read = games.ASSERTION_CHAIN().call().await;
        let read = read.map_err(L1Error::view("ASSERTION_CHAIN", self.confirmed_games))?;
        same("assertion chain of the games", assertion_chain, read)?;
        let provider = client.provider();
        let messenger = IL1CrossDomainMessenger::new(self.cross_domain_messenger, provider.clone());
        let read = messenger.PORTAL().call().await;
        let read = read.map_err(L1Error::view("PORTAL", self.cross_domain_messenger))?;
        same("portal of the messenger", self.portal, read)?;
        for (what, bridge) in [
            ("messenger of the standard bridge", self.standard_bridge),
            ("messenger of the ERC-721 bridge", self.erc721_bridge),
        ] {
            let read = IL1Bridge::new(bridge, provider.clone()).MESSENGER().call().await;
            let read = read.map_err(L1Error::view("MESSENGER", bridge))?;
            same(what, self.cross_domain_messenger, read)?;
        }
        Ok(())
    }
}

/// The Portal at its address.
#[derive(Clone, Debug)]
pub struct Portal {
    contract: IPortalInstance<DynProvider>,
}

impl Portal {
    /// The Portal at `address`.
    #[must_use]
    pub fn new(client: &L1Client, address: Address) -> Self {
        Self { contract: IPortal::new(address, client.provider().clone()) }
    }

    /// Address of the contract.
    #[must_use]
    pub const fn address(&self) -> Address {
        *self.contract.address()
    }

    /// Enqueues a transaction from L1 to L2, from the sender's own address. `mint` wei are paid on
    /// L1 and minted to the sender on L2.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    // PROTOCOL.md BRIDGE-1
    pub async fn deposit_transaction(
        &self,
        sender: &TxSender,
        call: IPortal::depositTransactionCall,
        mint: U256,
    ) -> Result<TransactionReceipt, L1Error> {
        sender.send(L1Call::new(self.address(), call.abi_encode()).with_value(mint)).await
    }

    /// Proves withdrawals by one game and makes their calls.
    ///
    /// # Errors
    /// As [`TxSender::send`]; [`L1Error::Reverted`] when one of them is not proven.
    // PROTOCOL.md BRIDGE-8
    pub async fn prove_and_finalize(
        &self,
        sender: &TxSender,
        call: &proveAndFinalizeCall,
    ) -> Result<TransactionReceipt, L1Error> {
        sender.send(L1Call::new(self.address(), call.abi_encode())).await
    }

    /// Which withdrawals [`Self::prove_and_finalize`] would pay: the call of another one fails.
    ///
    /// # Errors
    /// The same [`L1Error::Reverted`], and when L1 does not answer.
    pub async fn would_pay(
        &self,
        from: Address,
        call: &proveAndFinalizeCall,
    ) -> Result<Vec<bool>, L1Error> {
        let request = TransactionRequest {
            from: Some(from),
            to: Some(self.address().into()),
            input: Bytes::from(call.abi_encode()).into(),
            gas: Some(MAX_TX_GAS_LIMIT_OSAKA),
            ..Default::default()
        };
        let what = "proveAndFinalize";
        let answer = self.contract.provider().call(request).await;
        let answer = answer.map_err(|source| L1Error::revert_or("eth_call", what, source))?;
        proveAndFinalizeCall::abi_decode_returns(&answer).map_err(|error| L1Error::BadAnswer {
            what: format!("{what} of contract {}", self.address()),
            reason: error.to_string(),
        })
    }

    /// The Inbox that it enqueues deposits in.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn inbox(&self) -> Result<Address, L1Error> {
        self.contract.INBOX().call().await.map_err(self.view("INBOX"))
    }

    /// The list of games that it pays by.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn games(&self) -> Result<Address, L1Error> {
        self.contract.disputeGameFactory().call().await.map_err(self.view("disputeGameFactory"))
    }

    fn view(&self, what: &'static str) -> impl FnOnce(alloy::contract::Error) -> L1Error {
        L1Error::view(what, self.address())
    }
}

/// The list of confirmed games at its address.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmedGames {
    address: Address,
}

impl ConfirmedGames {
    /// The list at `address`.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Lists the state of an assertion that is confirmed, or may be.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    // PROTOCOL.md BRIDGE-2
    pub async fn publish(
        &self,
        sender: &TxSender,
        (assertion, state_root, storage_root): (B256, B256, B256),
        header: Bytes,
    ) -> Result<TransactionReceipt, L1Error> {
        let call = IConfirmedGames::publishCall {
            assertionId: assertion,
            stateRoot: state_root,
            messagePasserStorageRoot: storage_root,
            header,
        };
        sender.send(L1Call::new(self.address, call.abi_encode())).await
    }
}

fn same(what: &'static str, expected: Address, found: Address) -> Result<(), L1Error> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_string(), found.to_string());
    Err(L1Error::ConfigMismatch { what, expected, found })
}
