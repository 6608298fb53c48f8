//! Signed transfers of many senders, the same for every chain with the same id.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

/// What the transfers move.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asset {
    /// Ether, to one of the senders.
    Ether,
    /// Tokens of the ERC-20 contract at this address.
    Token(Address),
}

/// Senders with keys that anybody can compute.
#[derive(Clone, Debug)]
pub(crate) struct Senders {
    signers: Vec<PrivateKeySigner>,
    chain_id: u64,
}

impl Senders {
    pub(crate) fn new(count: usize, chain_id: u64) -> Self {
        let key = |index: usize| keccak256(format!("gainsay bench sender {index}"));
        let signer = |index| PrivateKeySigner::from_bytes(&key(index)).unwrap();
        Self { signers: (0..count).into_par_iter().map(signer).collect(), chain_id }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.signers.iter().map(PrivateKeySigner::address)
    }

    /// Transfers with the nonces from `first_nonce` on: every sender's first, then every sender's
    /// second, and so on. Recipients and amounts are random.
    pub(crate) fn transfers(&self, asset: Asset, first_nonce: u64, each: u64) -> Vec<Bytes> {
        let round = |nonce: u64| {
            let mut random = StdRng::seed_from_u64(nonce);
            let mut transfer = |signer| {
                let to = self.signers[random.random_range(0..self.signers.len())].address();
                (signer, to, U256::from(random.random_range(1..1_000_000_u64)))
            };
            let transfers: Vec<_> = self.signers.iter().map(&mut transfer).collect();
            let signed = transfers.into_par_iter();
            signed
                .map(|(signer, to, amount)| self.sign(signer, asset, nonce, to, amount))
                .collect::<Vec<_>>()
        };
        (first_nonce..first_nonce + each).flat_map(round).collect()
    }

    fn sign(
        &self,
        signer: &PrivateKeySigner,
        asset: Asset,
        nonce: u64,
        to: Address,
        amount: U256,
    ) -> Bytes {
        let (gas_limit, to, value, input) = match asset {
            Asset::Ether => (21_000, to, amount, Bytes::new()),
            Asset::Token(token) => (80_000, token, U256::ZERO, transfer_call(to, amount)),
        };
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: 1_000_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        };
        let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// `transfer(address,uint256)`
fn transfer_call(to: Address, amount: U256) -> Bytes {
    let mut call = vec![0xa9, 0x05, 0x9c, 0xbb];
    call.extend_from_slice(to.into_word().as_slice());
    call.extend_from_slice(B256::from(amount).as_slice());
    call.into()
}
