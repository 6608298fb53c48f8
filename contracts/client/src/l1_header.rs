//! Block headers of L1, checked against their own hash.
//!
//! In: a header as a node served it. Out: [`L1Header`], whose fields are those that the block's
//! hash commits to: a field that is altered changes the hash. Whether the block is on the chain is
//! shown by the hashes of parents, which the log reader compares.

use alloy::rpc::types::Header;
use alloy_primitives::{Address, B256, BlockNumber, Bloom, BloomInput};

use crate::{
    Contracts, L1Error,
    bindings::{
        IAssertionChain::IAssertionChainEvents, IEdgeGame::IEdgeGameEvents, IInbox::IInboxEvents,
    },
    contract_events::{GAME_EVENTS, PORTAL_EVENTS},
};

/// One L1 block, as much of it as the rollup needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct L1BlockRef {
    /// Block number.
    pub number: BlockNumber,
    /// Block hash.
    pub hash: B256,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
}

/// A header whose hash was recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct L1Header {
    pub(crate) block: L1BlockRef,
    /// Wei per gas that the block burns.
    pub(crate) base_fee: u64,
    /// Root of the trie of receipts.
    pub(crate) receipts_root: B256,
    logs_bloom: Bloom,
}

impl L1Header {
    /// Checks what a node served when it was asked for `number`, or for a tag.
    ///
    /// # Errors
    /// [`L1Error::FalseAnswer`] when the header is another one than asked for, or its fields do not
    /// hash to what it says.
    pub(crate) fn check(number: Option<BlockNumber>, header: Header) -> Result<Self, L1Error> {
        let (hash, found) = (header.inner.hash_slow(), header.inner.number);
        if hash != header.hash {
            return Err(L1Error::FalseAnswer {
                what: format!("header of block {found}"),
                expected: format!("hash {hash}, as its fields make"),
                found: header.hash.to_string(),
            });
        }
        if let Some(number) = number.filter(|number| *number != found) {
            return Err(L1Error::FalseAnswer {
                what: "header".to_owned(),
                expected: format!("block {number}"),
                found: format!("block {found}"),
            });
        }
        Ok(Self {
            block: L1BlockRef {
                number: found,
                hash,
                parent_hash: header.inner.parent_hash,
                timestamp: header.inner.timestamp,
            },
            base_fee: header.inner.base_fee_per_gas.unwrap_or_default(),
            receipts_root: header.inner.receipts_root,
            logs_bloom: header.inner.logs_bloom,
        })
    }

    /// Whether the block may hold an event of the contracts. A "no" of a bloom filter is never
    /// wrong.
    pub(crate) fn may_hold_event(&self, contracts: &Contracts) -> bool {
        let Contracts { inbox, assertion_chain, edge_game, portal, confirmed_games } = *contracts;
        self.may_hold(inbox, IInboxEvents::SELECTORS)
            || self.may_hold(assertion_chain, IAssertionChainEvents::SELECTORS)
            || self.may_hold(edge_game, IEdgeGameEvents::SELECTORS)
            || self.may_hold(portal, &PORTAL_EVENTS)
            || self.may_hold(confirmed_games, &GAME_EVENTS)
    }

    fn may_hold(&self, contract: Address, topics: &[[u8; 32]]) -> bool {
        let contains = |bytes: &[u8]| self.logs_bloom.contains_input(BloomInput::Raw(bytes));
        contains(contract.as_slice()) && topics.iter().any(|topic| contains(topic))
    }
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolEvent;
    use alloy_primitives::{Log, LogData, logs_bloom};

    use super::*;
    use crate::bindings::{
        IEdgeGame::EdgeProven, IInbox::BatchPosted, IPortal::TransactionDeposited,
    };

    fn header(number: BlockNumber, logs: &[Log]) -> Header {
        let inner =
            alloy::consensus::Header { number, logs_bloom: logs_bloom(logs), ..Default::default() };
        Header { hash: inner.hash_slow(), inner, total_difficulty: None, size: None }
    }

    #[test]
    fn a_header_that_does_not_hash_to_what_it_says_is_refused() {
        assert!(L1Header::check(Some(7), header(7, &[])).is_ok());
        let mut altered = header(7, &[]);
        altered.inner.logs_bloom = Bloom::repeat_byte(1);
        let error = L1Header::check(Some(7), altered).unwrap_err();
        assert_eq!(error.action(), crate::Action::Retry, "{error}");
        let error = L1Header::check(Some(8), header(7, &[])).unwrap_err().to_string();
        assert!(error.contains("expected block 8, found block 7"), "{error}");
    }

    #[test]
    fn every_event_of_each_contract_shows_in_the_bloom() {
        let [inbox, assertion_chain, edge_game, portal, confirmed_games] =
            [1, 2, 3, 4, 5].map(Address::repeat_byte);
        let contracts = Contracts { inbox, assertion_chain, edge_game, portal, confirmed_games };
        let sees = |address, topic: [u8; 32]| {
            let data = LogData::new_unchecked(vec![topic.into()], Default::default());
            let header = L1Header::check(None, header(1, &[Log { address, data }])).unwrap();
            header.may_hold_event(&contracts)
        };
        for (address, topics) in [
            (inbox, IInboxEvents::SELECTORS),
            (assertion_chain, IAssertionChainEvents::SELECTORS),
            (edge_game, IEdgeGameEvents::SELECTORS),
            (portal, &PORTAL_EVENTS),
            (confirmed_games, &GAME_EVENTS),
        ] {
            assert!(!topics.is_empty());
            for topic in topics {
                assert!(sees(address, *topic));
                assert!(!sees(Address::repeat_byte(9), *topic), "a log of somebody else");
            }
        }
        assert!(!sees(inbox, EdgeProven::SIGNATURE_HASH.0), "no event of the Inbox");
        assert!(!sees(portal, TransactionDeposited::SIGNATURE_HASH.0), "the Inbox records it");
        assert!(!sees(edge_game, BatchPosted::SIGNATURE_HASH.0), "no event of the EdgeGame");
    }
}
