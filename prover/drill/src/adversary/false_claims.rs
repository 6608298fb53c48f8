//! Claims of a chain that was derived wrongly from one block on.
//!
//! In: the right chain, the claims of the right child, a [`Fault`], and which block. Out: output
//! root and cursor after each block. The wrong block is what a node with other rules or another
//! Inbox would make: it is executed, with other contents, on the right state. The blocks after it
//! keep their contents and get the wrong one as their ancestor.

use alloy_primitives::{Address, B256, U256, keccak256};
use gainsay_derivation::{
    BlockInput, BlockNumber, Cursor, Deposit, DepositIndex, DepositKind, output_root,
};
use gainsay_transition::transition;

use super::Fault;
use gainsay_chain::RightChild;
use gainsay_challenger::{ArchivedChain, ChallengerError};

/// Output root and cursor: what a claim is the hash of.
pub(super) type ClaimParts = (B256, Cursor);

/// The right claims.
pub(super) fn right_claims(
    chain: &ArchivedChain,
    expected: &RightChild,
) -> Result<Vec<ClaimParts>, ChallengerError> {
    expected
        .first_block
        .up_to(expected.last_block().next())
        .map(|number| Ok(chain.claimed(number).map(|it| (it.output_root, it.cursor))?))
        .collect()
}

/// The claims with a fault at `block`, counted from the first one of the assertion; none if that
/// fault changes nothing there. `salt` makes liars of one kind differ.
pub(super) fn false_claims(
    chain: &ArchivedChain,
    expected: &RightChild,
    fault: Fault,
    block: usize,
    salt: u64,
) -> Result<Option<Vec<ClaimParts>>, ChallengerError> {
    let mut claims = right_claims(chain, expected)?;
    if fault == Fault::AfterEnd {
        let wrong = keccak256([expected.output_root.as_slice(), &salt.to_be_bytes()].concat());
        claims.push((wrong, expected.cursor));
        return Ok(Some(claims));
    }
    let Some((right_root, right_cursor)) = claims.get(block).copied() else { return Ok(None) };
    let number = expected.first_block.plus(block as u64);
    if fault == Fault::Cursor {
        claims[block].1.deposits_read = right_cursor.deposits_read.plus(salt.saturating_add(1));
        return Ok(Some(claims));
    }
    let mut header = match altered_input(chain, number, fault, salt)? {
        Some(input) => execute(chain, number, input)?,
        None => {
            let stored = chain.store.header(number.get())?;
            stored.ok_or_else(|| missing(number))?.header
        }
    };
    let mix = |right: B256| keccak256([right.as_slice(), &salt.to_be_bytes()].concat());
    match fault {
        Fault::DroppedBatch
        | Fault::ReorderedBatch
        | Fault::AlteredBatch
        | Fault::IgnoredDeposit
        | Fault::InventedDeposit => {}
        Fault::Receipts => header.receipts_root = mix(header.receipts_root),
        _ => header.state_root = mix(header.state_root),
    }
    for (offset, claim) in claims.iter_mut().enumerate().skip(block) {
        if offset > block {
            let parent_hash = header.hash_slow();
            let number = expected.first_block.plus(offset as u64);
            header = chain.store.header(number.get())?.ok_or_else(|| missing(number))?.header;
            header.parent_hash = parent_hash;
        }
        let messages = header.withdrawals_root.unwrap_or_default();
        claim.0 = output_root(header.state_root, messages, header.hash_slow());
    }
    if claims[block].0 == right_root {
        return Ok(None);
    }
    if fault == Fault::Interior {
        let right = right_claims(chain, expected)?;
        claims[block + 1..].copy_from_slice(&right[block + 1..]);
    }
    Ok(Some(claims))
}

fn missing(number: BlockNumber) -> ChallengerError {
    ChallengerError::Incomplete { what: format!("header of block {number}") }
}

/// What the block would be made of, were the Inbox another one; none if the fault is not about
/// that.
fn altered_input(
    chain: &ArchivedChain,
    number: BlockNumber,
    fault: Fault,
    salt: u64,
) -> Result<Option<BlockInput>, ChallengerError> {
    let mut input = chain.block_input(number)?;
    match fault {
        Fault::DroppedBatch => input.transactions.clear(),
        Fault::ReorderedBatch => input.transactions.reverse(),
        Fault::AlteredBatch => {
            input.transactions.pop();
        }
        Fault::IgnoredDeposit => {
            input.deposits.pop();
        }
        Fault::InventedDeposit => {
            let index = input.cursor_after.deposits_read;
            let deposit = invented(chain, input.deposits.last(), index, salt)?;
            input.deposits.push(deposit);
        }
        _ => return Ok(None),
    }
    Ok(Some(input))
}

/// A gift of 1,000 ether to the liar's friend.
fn invented(
    chain: &ArchivedChain,
    like: Option<&Deposit>,
    index: DepositIndex,
    salt: u64,
) -> Result<Deposit, ChallengerError> {
    let first = chain.store.deposit(DepositIndex::ZERO)?.map(|record| record.deposit);
    let like = like.cloned().or(first);
    let missing = || ChallengerError::Incomplete { what: "deposit 0".to_owned() };
    let friend = Address::left_padding_from(&salt.to_be_bytes());
    let amount = U256::from(1_000) * U256::from(10).pow(U256::from(18));
    let mut payload = friend.to_vec();
    payload.extend_from_slice(&amount.to_be_bytes::<32>());
    payload.extend_from_slice(&amount.to_be_bytes::<32>());
    payload.extend_from_slice(&100_000_u64.to_be_bytes());
    payload.push(0);
    Ok(Deposit {
        kind: DepositKind::Transaction,
        from: friend,
        index,
        payload: payload.into(),
        ..like.ok_or_else(missing)?
    })
}

/// The header of the block that has these contents.
fn execute(
    chain: &ArchivedChain,
    number: BlockNumber,
    input: BlockInput,
) -> Result<alloy::consensus::Header, ChallengerError> {
    let before = number.previous().ok_or(ChallengerError::GenesisBlock)?;
    let parent = chain.store.header(before.get())?.ok_or_else(|| missing(before))?;
    let state = chain.store.state_at(before.get())?;
    let config = &chain.rollup.chain;
    let step =
        transition(config, parent.hash, &parent.header, input, &state, &state).map_err(Box::new)?;
    Ok(step.block.header)
}
