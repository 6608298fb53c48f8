//! Accounts: balances, nonces, code, storage and proofs.
//!
//! In: an address and a block of the history window. Out: what its state holds there. The message
//! passer is proven by any block that an assertion ends at, too.

use std::sync::Arc;

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use gainsay_store::StoreError;
use gainsay_transition::{
    MESSAGE_PASSER, StateReader,
    trie::{
        Account, EMPTY_ROOT_HASH, Nibbles, NodeReader, TrieAccount, TrieError, get, prove,
        verify_proof,
    },
};
use jsonrpsee::{core::JsonRawValue, rpc_params};
use serde::{Deserialize, Serialize, de::Error as _};

use super::{
    args::Args,
    error::RpcError,
    node::{Methods, RpcNode, Sink, to_json},
};

pub(super) fn register(methods: &mut Methods) {
    methods.read("eth_getBalance", balance);
    methods.read("eth_getCode", code);
    methods.read("eth_getStorageAt", storage_at);
    methods.read("eth_getProof", proof);
    methods.asynchronous("eth_getTransactionCount", transaction_count);
}

fn account(node: &RpcNode, address: Address, id: Option<BlockId>) -> Result<Account, RpcError> {
    let (_, view) = node.state(id)?;
    Ok(view.account(address)?.unwrap_or_default())
}

fn balance(node: &RpcNode, args: &mut Args) -> Result<U256, RpcError> {
    Ok(account(node, args.required()?, args.optional()?)?.balance)
}

fn code(node: &RpcNode, args: &mut Args) -> Result<Bytes, RpcError> {
    let address: Address = args.required()?;
    let (_, view) = node.state(args.optional()?)?;
    match view.account(address)? {
        Some(account) => Ok(view.code(account.code_hash)?),
        None => Ok(Bytes::new()),
    }
}

fn storage_at(node: &RpcNode, args: &mut Args) -> Result<B256, RpcError> {
    let (address, slot): (Address, StorageKey) = (args.required()?, args.required()?);
    let (_, view) = node.state(args.optional()?)?;
    Ok(view.storage(address, slot.slot)?.into())
}

async fn transaction_count(
    node: Arc<RpcNode>,
    mut args: Args,
) -> Result<Box<JsonRawValue>, RpcError> {
    let address: Address = args.required()?;
    let id: Option<BlockId> = args.optional()?;
    let pending = id.is_some_and(|id| id.is_pending());
    match &node.sink {
        Sink::Pool(collector) if pending => {
            if let Some(nonce) = collector.pool.next_nonce(address) {
                return to_json(&U64::from(nonce));
            }
        }
        Sink::Forward(client) if pending => {
            // A wallet that sends through this node counts on what it sent before.
            let params = rpc_params![address, "pending"];
            if let Ok(answer) = client.ask("eth_getTransactionCount", params).await {
                return Ok(answer);
            }
        }
        _ => {}
    }
    node.read(move |node| to_json(&U64::from(account(node, address, id)?.nonce))).await
}

/// A storage key: 32 bytes, or any shorter hex number. It is shown as it came.
#[derive(Clone, Debug)]
struct StorageKey {
    shown: String,
    slot: U256,
}

impl<'de> Deserialize<'de> for StorageKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        if digits.is_empty() || digits.len() > 64 {
            return Err(D::Error::custom("a storage key has 1 to 64 hex digits"));
        }
        let slot = U256::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        let shown =
            if digits.len() == 64 { B256::from(slot).to_string() } else { format!("{slot:#x}") };
        Ok(Self { shown, slot })
    }
}

/// Answer of `eth_getProof`, [EIP-1186](https://eips.ethereum.org/EIPS/eip-1186).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountProof {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_hash: B256,
    storage_proof: Vec<SlotProof>,
}

#[derive(Clone, Debug, Serialize)]
struct SlotProof {
    key: String,
    value: U256,
    proof: Vec<Bytes>,
}

fn proof(node: &RpcNode, args: &mut Args) -> Result<AccountProof, RpcError> {
    let address: Address = args.required()?;
    let keys: Vec<StorageKey> = args.optional()?.unwrap_or_default();
    let allowed = node.limits.proof_slots_max;
    if keys.len() > allowed {
        let (found, allowed) = (keys.len() as u64, allowed as u64);
        return Err(RpcError::LimitExceeded { what: "storage slots of one proof", found, allowed });
    }
    let id: Option<BlockId> = args.optional()?;
    let (header, view) = match node.state(id) {
        Err(RpcError::Store(pruned @ StoreError::HistoryPruned { .. }))
            if address == MESSAGE_PASSER =>
        {
            return kept_proof(node, id, keys, pruned);
        }
        found => found?,
    };
    let (root, path) = (header.header.state_root, Nibbles::unpack(keccak256(address)));
    let account_proof = prove(&view, None, root, &path).map_err(trie_error)?;
    let leaf = get(&view, None, root, &path).map_err(trie_error)?;
    account_answer(address, account_proof, leaf, &view, keys)
}

/// The proof of the message passer by a block that an assertion ends at, whose state is not kept any
/// more: withdrawals are proven by it as long as anybody likes.
fn kept_proof(
    node: &RpcNode,
    id: Option<BlockId>,
    keys: Vec<StorageKey>,
    pruned: StoreError,
) -> Result<AccountProof, RpcError> {
    let header = node.header(id)?;
    let kept = node.store().message_account(header.header.number)?;
    let path = Nibbles::unpack(keccak256(MESSAGE_PASSER));
    // One that was kept of another block at this number proves nothing.
    let proof = kept.and_then(|proof| {
        let leaf = verify_proof(header.header.state_root, &path, &proof).ok()?;
        Some((proof, leaf))
    });
    let (account_proof, leaf) = proof.ok_or(pruned)?;
    account_answer(MESSAGE_PASSER, account_proof, leaf, &node.store().message_nodes(), keys)
}

fn account_answer<R: NodeReader<Error = StoreError>>(
    address: Address,
    account_proof: Vec<Bytes>,
    leaf: Option<Bytes>,
    nodes: &R,
    keys: Vec<StorageKey>,
) -> Result<AccountProof, RpcError> {
    let owner = keccak256(address);
    let account = leaf.map(|leaf| TrieAccount::from_leaf(&leaf)).transpose().map_err(corrupt)?;
    let account = account.unwrap_or(TrieAccount::new(Account::default(), EMPTY_ROOT_HASH));
    let storage_proof = keys
        .into_iter()
        .map(|key| slot_proof(nodes, owner, account.storage_root, key))
        .collect::<Result<_, _>>()?;
    Ok(AccountProof {
        address,
        account_proof,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: U64::from(account.nonce),
        storage_hash: account.storage_root,
        storage_proof,
    })
}

fn slot_proof<R: NodeReader<Error = StoreError>>(
    nodes: &R,
    owner: B256,
    root: B256,
    key: StorageKey,
) -> Result<SlotProof, RpcError> {
    let path = Nibbles::unpack(keccak256(key.slot.to_be_bytes::<32>()));
    let proof = prove(nodes, Some(owner), root, &path).map_err(trie_error)?;
    let value = match get(nodes, Some(owner), root, &path).map_err(trie_error)? {
        Some(leaf) => alloy_rlp::decode_exact(&leaf).map_err(corrupt)?,
        None => U256::ZERO,
    };
    Ok(SlotProof { key: key.shown, value, proof })
}

pub(super) fn trie_error(error: TrieError<StoreError>) -> RpcError {
    match error {
        TrieError::Read(error) => error.into(),
        other => RpcError::Internal(other.to_string()),
    }
}

fn corrupt(error: alloy_rlp::Error) -> RpcError {
    RpcError::Internal(format!("corrupt leaf: {error}"))
}
