//! Why a contract refused a call, as a typed value.
//!
//! In: the revert data of a dry run or of a replayed transaction. Out: [`ContractRevert`]. Data of
//! no error that our contracts declare is kept as it came.

use std::fmt;

use alloy::{
    rpc::json_rpc::ErrorPayload,
    sol_types::{Revert, SolError, SolInterface},
};
use alloy_primitives::Bytes;

use crate::bindings::{
    IAssertionChain::IAssertionChainErrors, IConfirmedGames::IConfirmedGamesErrors,
    IEdgeGame::IEdgeGameErrors, IInbox::IInboxErrors, IPortal::IPortalErrors,
};

/// A decoded revert reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractRevert {
    /// A custom error of the Inbox.
    Inbox(IInboxErrors),
    /// A custom error of the Portal.
    Portal(IPortalErrors),
    /// A custom error of the list of confirmed games.
    ConfirmedGames(IConfirmedGamesErrors),
    /// A custom error of the AssertionChain.
    AssertionChain(IAssertionChainErrors),
    /// A custom error of the EdgeGame.
    EdgeGame(IEdgeGameErrors),
    /// `require` with a text, or the node's message when it gave no data.
    Message(String),
    /// Data that no known error explains.
    Unknown(Bytes),
}

impl ContractRevert {
    /// Decodes revert data.
    #[must_use]
    pub fn decode(data: &Bytes) -> Self {
        if let Ok(error) = IInboxErrors::abi_decode(data) {
            return Self::Inbox(error);
        }
        if let Ok(error) = IPortalErrors::abi_decode(data) {
            return Self::Portal(error);
        }
        if let Ok(error) = IConfirmedGamesErrors::abi_decode(data) {
            return Self::ConfirmedGames(error);
        }
        if let Ok(error) = IAssertionChainErrors::abi_decode(data) {
            return Self::AssertionChain(error);
        }
        if let Ok(error) = IEdgeGameErrors::abi_decode(data) {
            return Self::EdgeGame(error);
        }
        match Revert::abi_decode(data) {
            Ok(revert) => Self::Message(revert.reason().to_owned()),
            Err(_) => Self::Unknown(data.clone()),
        }
    }

    /// The revert that a node's error answer reports, `None` when it reports something else.
    pub(crate) fn from_payload(payload: &ErrorPayload) -> Option<Self> {
        if let Some(data) = payload.as_revert_data() {
            return Some(Self::decode(&data));
        }
        // Code 3 is "execution reverted" in every client; some send no data with it.
        (payload.code == 3 || payload.message.contains("revert"))
            .then(|| Self::Message(payload.message.to_string()))
    }
}

impl fmt::Display for ContractRevert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inbox(error) => write!(f, "{error:?}"),
            Self::Portal(error) => write!(f, "{error:?}"),
            Self::ConfirmedGames(error) => write!(f, "{error:?}"),
            Self::AssertionChain(error) => write!(f, "{error:?}"),
            Self::EdgeGame(error) => write!(f, "{error:?}"),
            Self::Message(message) => f.write_str(message),
            Self::Unknown(data) if data.is_empty() => f.write_str("no reason given"),
            Self::Unknown(data) => write!(f, "unknown error {data}"),
        }
    }
}
