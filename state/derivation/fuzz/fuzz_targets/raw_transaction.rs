//! Any bytes are a transaction or not, without a panic, and all who look agree: the bytes are
//! canonical, and the sender is the same for libsecp256k1 (host) and k256 (guest).
//!
//! The first byte says what the rest is: even, the raw bytes; odd, fields to build one from.
#![no_main]

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy,
    transaction::SignerRecoverable,
};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{
    Address, B256, Bytes, Signature, TxKind, U256, keccak256, normalize_v, uint,
};
use arbitrary::{Arbitrary, Unstructured};
use gainsay_transition::RecoveredTx;
use libfuzzer_sys::fuzz_target;
use op_alloy_consensus::OpTxEnvelope;

const CHAIN_ID: u64 = 901;
/// [EIP-2](https://eips.ethereum.org/EIPS/eip-2): half of the curve's order, rounded down.
const S_MAX: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

fuzz_target!(|input: &[u8]| {
    let Some((&mode, rest)) = input.split_first() else { return };
    let raw = if mode % 2 == 0 {
        Bytes::copy_from_slice(rest)
    } else {
        let Ok(fields) = Fields::arbitrary(&mut Unstructured::new(rest)) else { return };
        fields.encode()
    };
    check(raw);
});

fn check(raw: Bytes) {
    let Ok(tx) = RecoveredTx::decode_signed(raw.clone()) else {
        // Bytes that decode, but whose signature is bad, are refused by the guest, too.
        if let Ok(tx) = RecoveredTx::with_sender(raw, Address::ZERO)
            && let Some((signature, hash)) = signature(&tx.envelope)
        {
            let refused = signature.recover_address_from_prehash(&hash).is_err();
            assert!(refused || signature.s() > S_MAX, "k256 recovers what libsecp256k1 refuses");
            assert!(tx.envelope.recover_signer().is_err());
        }
        return;
    };
    assert_eq!(tx.raw, raw);
    assert_eq!(tx.envelope.encoded_2718(), raw, "the encoding is not canonical");
    assert_eq!(tx.hash, keccak256(&raw));
    assert!(!tx.is_deposit());
    let (signature, hash) = signature(&tx.envelope).expect("it is signed");
    assert!(signature.s() <= S_MAX, "s is in the upper half");
    let guest = signature.recover_address_from_prehash(&hash);
    assert_eq!(guest.expect("libsecp256k1 recovered it"), tx.sender, "host and guest differ");
    assert_eq!(RecoveredTx::with_sender(raw, tx.sender).expect("decoded before"), tx);
}

fn signature(envelope: &OpTxEnvelope) -> Option<(Signature, B256)> {
    Some(match envelope {
        OpTxEnvelope::Legacy(tx) => (*tx.signature(), tx.signature_hash()),
        OpTxEnvelope::Eip2930(tx) => (*tx.signature(), tx.signature_hash()),
        OpTxEnvelope::Eip1559(tx) => (*tx.signature(), tx.signature_hash()),
        OpTxEnvelope::Eip7702(tx) => (*tx.signature(), tx.signature_hash()),
        _ => return None,
    })
}

/// Any signed transaction; about every second random `r` is that of some key.
#[derive(Debug, Arbitrary)]
struct Fields {
    kind: u8,
    chain_id: Option<u64>,
    nonce: u64,
    max_fee: u128,
    priority_fee: u128,
    gas_limit: u64,
    to: Option<[u8; 20]>,
    value: [u8; 32],
    input: Vec<u8>,
    access_list: Vec<([u8; 20], Vec<[u8; 32]>)>,
    authorizations: Vec<Authority>,
    v: u8,
    r: [u8; 32],
    s: [u8; 32],
    /// Whether `s` is brought into the half that EIP-2 allows.
    low_s: bool,
}

#[derive(Debug, Arbitrary)]
struct Authority {
    address: [u8; 20],
    nonce: u64,
    y_parity: u8,
    r: [u8; 32],
    s: [u8; 32],
}

impl Authority {
    fn signed(self) -> SignedAuthorization {
        let (chain_id, address) = (U256::from(CHAIN_ID), Address::from(self.address));
        let [r, s] = [self.r, self.s].map(U256::from_be_bytes);
        let authorization = Authorization { chain_id, address, nonce: self.nonce };
        SignedAuthorization::new_unchecked(authorization, self.y_parity, r, s)
    }
}

impl Fields {
    fn encode(self) -> Bytes {
        let y_parity = normalize_v(u64::from(self.v % 2)).expect("0 or 1");
        let s = U256::from_be_bytes(self.s);
        let s = if self.low_s { s >> 1 } else { s };
        let signature = Signature::new(U256::from_be_bytes(self.r), s, y_parity);
        let item = |(address, keys): (_, Vec<_>)| AccessListItem {
            address: Address::from(address),
            storage_keys: keys.into_iter().map(B256::from).collect(),
        };
        let access_list = AccessList(self.access_list.into_iter().map(item).collect());
        let authorization_list = self.authorizations.into_iter().map(Authority::signed).collect();
        let (nonce, gas_limit, input) = (self.nonce, self.gas_limit, Bytes::from(self.input));
        let (max_fee_per_gas, max_priority_fee_per_gas) = (self.max_fee, self.priority_fee);
        let (gas_price, value) = (self.max_fee, U256::from_be_bytes(self.value));
        let chain_id = self.chain_id.unwrap_or(CHAIN_ID);
        let address = self.to.map(Address::from);
        let to = TxKind::from(address);
        let envelope: TxEnvelope = match self.kind % 4 {
            0 => {
                // A v of a chain id above 2^63 does not fit the u64 that alloy writes it as.
                let chain_id = self.chain_id.map(|id| id >> 2);
                let tx = TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input };
                tx.into_signed(signature).into()
            }
            1 => TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
                .into_signed(signature)
                .into(),
            2 => TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature)
            .into(),
            _ => TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: address.unwrap_or_default(),
                value,
                access_list,
                authorization_list,
                input,
            }
            .into_signed(signature)
            .into(),
        };
        envelope.encoded_2718().into()
    }
}
