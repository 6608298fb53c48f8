//! Signs L2 transactions of every type that the chain takes.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy},
    eips::{
        eip2718::Encodable2718,
        eip2930::{AccessList, AccessListItem},
        eip7702::{Authorization, SignedAuthorization},
    },
    primitives::{Address, B256, Bytes, Signature, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};

/// Far above the minimum base fee of a devnet.
const GAS_PRICE_WEI: u128 = 1_000_000_000;
const PRIORITY_FEE_WEI: u128 = 1_000_000;

/// The types of signed transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Before EIP-2718, with EIP-155 protection.
    Legacy,
    /// With an access list.
    Eip2930,
    /// With a priority fee.
    Eip1559,
    /// With an authorization, by the sender itself, of the contract called.
    Eip7702,
}

/// What a transaction does.
#[derive(Clone, Debug)]
pub struct Call {
    /// The recipient; none deploys a contract.
    pub to: Option<Address>,
    /// Wei sent along.
    pub value: U256,
    /// Call data or init code.
    pub data: Bytes,
    /// Gas limit.
    pub gas: u64,
}

impl Call {
    /// A transfer of ether.
    pub fn transfer(to: Address, value: U256) -> Self {
        // In addition to 21,000 gas, access lists and authorizations cost gas.
        Self { to: Some(to), value, data: Bytes::new(), gas: 100_000 }
    }

    /// A call of a contract.
    pub fn to(contract: Address, data: Bytes) -> Self {
        Self { to: Some(contract), value: U256::ZERO, data, gas: 300_000 }
    }

    /// A new contract.
    pub fn create(init_code: &[u8]) -> Self {
        Self {
            to: None,
            value: U256::ZERO,
            data: Bytes::copy_from_slice(init_code),
            gas: 1_000_000,
        }
    }
}

/// A key on one chain.
#[derive(Clone, Debug)]
pub struct Wallet {
    signer: PrivateKeySigner,
    chain_id: u64,
}

impl Wallet {
    /// The wallet of a key.
    pub const fn new(signer: PrivateKeySigner, chain_id: u64) -> Self {
        Self { signer, chain_id }
    }

    /// Its address.
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs; the bytes to send.
    pub fn sign(&self, kind: Kind, nonce: u64, call: Call) -> Bytes {
        let Call { to, value, data: input, gas: gas_limit } = call;
        let (chain_id, to_kind) = (self.chain_id, to.map_or(TxKind::Create, TxKind::Call));
        let envelope = match kind {
            Kind::Legacy => self.envelope(TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price: GAS_PRICE_WEI,
                gas_limit,
                to: to_kind,
                value,
                input,
            }),
            Kind::Eip2930 => self.envelope(TxEip2930 {
                chain_id,
                nonce,
                gas_price: GAS_PRICE_WEI,
                gas_limit,
                to: to_kind,
                value,
                access_list: self.access_list(to),
                input,
            }),
            Kind::Eip1559 => self.envelope(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: GAS_PRICE_WEI,
                max_priority_fee_per_gas: PRIORITY_FEE_WEI,
                to: to_kind,
                value,
                access_list: AccessList::default(),
                input,
            }),
            Kind::Eip7702 => {
                let to = to.expect("a type 4 transaction has a recipient");
                self.envelope(TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: GAS_PRICE_WEI,
                    max_priority_fee_per_gas: PRIORITY_FEE_WEI,
                    to,
                    value,
                    access_list: AccessList::default(),
                    // The sender's nonce has been raised when authorizations are read.
                    authorization_list: vec![self.authorize(to, nonce + 1)],
                    input,
                })
            }
        };
        envelope.encoded_2718().into()
    }

    /// Lets the wallet's own account run a contract's code.
    pub fn authorize(&self, contract: Address, nonce: u64) -> SignedAuthorization {
        let chain_id = U256::from(self.chain_id);
        let authorization = Authorization { chain_id, address: contract, nonce };
        let signature = self.sign_hash(authorization.signature_hash());
        authorization.into_signed(signature)
    }

    fn access_list(&self, to: Option<Address>) -> AccessList {
        let address = to.unwrap_or(self.address());
        AccessList(vec![AccessListItem { address, storage_keys: vec![B256::ZERO] }])
    }

    fn envelope<T>(&self, tx: T) -> TxEnvelope
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy::consensus::Signed<T>>,
    {
        let signature = self.sign_hash(tx.signature_hash());
        tx.into_signed(signature).into()
    }

    fn sign_hash(&self, hash: B256) -> Signature {
        self.signer.sign_hash_sync(&hash).unwrap()
    }
}
