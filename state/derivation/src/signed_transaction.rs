//! A signed transaction taken apart into the fields that the codec stores column by column, and
//! put together again, byte by byte.
//!
//! Access lists and authorizations stay RLP: nothing here checks them or the signature. That is
//! the transition's task.

use crate::DecodeError;
use alloc::vec::Vec;
use alloy_primitives::{Address, TxKind, U256};
use alloy_rlp::{Encodable, Header};

/// The kind of a signed transaction. The number is its code in the kinds column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SignedKind {
    /// Without replay protection.
    Legacy = 0,
    /// With [EIP-155](https://eips.ethereum.org/EIPS/eip-155) replay protection.
    Protected = 1,
    /// [EIP-2930](https://eips.ethereum.org/EIPS/eip-2930).
    AccessList = 2,
    /// [EIP-1559](https://eips.ethereum.org/EIPS/eip-1559).
    DynamicFee = 3,
    /// [EIP-7702](https://eips.ethereum.org/EIPS/eip-7702).
    SetCode = 4,
}

impl SignedKind {
    pub(crate) const fn from_code(code: u8) -> Result<Self, DecodeError> {
        match code {
            0 => Ok(Self::Legacy),
            1 => Ok(Self::Protected),
            2 => Ok(Self::AccessList),
            3 => Ok(Self::DynamicFee),
            4 => Ok(Self::SetCode),
            _ => Err(DecodeError::UnknownCode { code }),
        }
    }

    pub(crate) const fn has_chain_id(self) -> bool {
        !matches!(self, Self::Legacy)
    }

    pub(crate) const fn has_priority_fee(self) -> bool {
        matches!(self, Self::DynamicFee | Self::SetCode)
    }

    pub(crate) const fn has_access_list(self) -> bool {
        !matches!(self, Self::Legacy | Self::Protected)
    }
}

/// The fields of a signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedTransaction<'a> {
    pub(crate) kind: SignedKind,
    /// 0 if the kind has none.
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    /// Gas price or maximum fee, wei a gas.
    pub(crate) max_fee: u128,
    /// Wei a gas; 0 if the kind has none.
    pub(crate) priority_fee: u128,
    pub(crate) gas_limit: u64,
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) input: &'a [u8],
    /// RLP payload, without the list's header.
    pub(crate) access_list: &'a [u8],
    /// RLP payload, without the list's header.
    pub(crate) authorizations: &'a [u8],
    pub(crate) y_parity: bool,
    pub(crate) r: U256,
    pub(crate) s: U256,
}

impl SignedTransaction<'_> {
    /// The EIP-2718 bytes.
    // PROTOCOL.md BATCH-12
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::with_capacity(self.input.len().saturating_add(192));
        if self.kind.has_access_list() {
            self.chain_id.encode(&mut fields);
        }
        self.nonce.encode(&mut fields);
        if self.kind.has_priority_fee() {
            self.priority_fee.encode(&mut fields);
        }
        self.max_fee.encode(&mut fields);
        self.gas_limit.encode(&mut fields);
        TxKind::from(self.to).encode(&mut fields);
        self.value.encode(&mut fields);
        self.input.encode(&mut fields);
        if self.kind.has_access_list() {
            encode_list(self.access_list, &mut fields);
        }
        if self.kind == SignedKind::SetCode {
            encode_list(self.authorizations, &mut fields);
        }
        let parity = u128::from(self.y_parity);
        match self.kind {
            SignedKind::Legacy => parity.saturating_add(27).encode(&mut fields),
            SignedKind::Protected => {
                let doubled = u128::from(self.chain_id).saturating_mul(2);
                doubled.saturating_add(35).saturating_add(parity).encode(&mut fields);
            }
            _ => parity.encode(&mut fields),
        }
        self.r.encode(&mut fields);
        self.s.encode(&mut fields);

        let mut raw = Vec::with_capacity(fields.len().saturating_add(10));
        match self.kind {
            SignedKind::Legacy | SignedKind::Protected => {}
            SignedKind::AccessList => raw.push(1),
            SignedKind::DynamicFee => raw.push(2),
            SignedKind::SetCode => raw.push(4),
        }
        encode_list(&fields, &mut raw);
        raw
    }
}

fn encode_list(payload: &[u8], out: &mut Vec<u8>) {
    Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

#[cfg(feature = "std")]
impl<'a> SignedTransaction<'a> {
    /// Takes EIP-2718 bytes apart; `None` if [`Self::encode`] would not give them back.
    pub(crate) fn parse(raw: &'a [u8]) -> Option<Self> {
        let transaction = match raw.split_first()? {
            (1, body) => Self::parse_body(SignedKind::AccessList, body),
            (2, body) => Self::parse_body(SignedKind::DynamicFee, body),
            (4, body) => Self::parse_body(SignedKind::SetCode, body),
            (0xc0.., _) => Self::parse_body(SignedKind::Legacy, raw),
            _ => return None,
        }
        .ok()??;
        (transaction.encode() == raw).then_some(transaction)
    }

    fn parse_body(kind: SignedKind, mut body: &'a [u8]) -> alloy_rlp::Result<Option<Self>> {
        use alloy_rlp::Decodable;
        let fields = &mut Header::decode_bytes(&mut body, true)?;
        let mut transaction = Self {
            kind,
            chain_id: if kind.has_chain_id() { u64::decode(fields)? } else { 0 },
            nonce: u64::decode(fields)?,
            priority_fee: if kind.has_priority_fee() { u128::decode(fields)? } else { 0 },
            max_fee: u128::decode(fields)?,
            gas_limit: u64::decode(fields)?,
            to: TxKind::decode(fields)?.into_to(),
            value: U256::decode(fields)?,
            input: Header::decode_bytes(fields, false)?,
            access_list: &[],
            authorizations: &[],
            y_parity: false,
            r: U256::ZERO,
            s: U256::ZERO,
        };
        if kind.has_access_list() {
            transaction.access_list = Header::decode_bytes(fields, true)?;
        }
        if kind == SignedKind::SetCode {
            transaction.authorizations = Header::decode_bytes(fields, true)?;
        }
        match (kind, u128::decode(fields)?) {
            (SignedKind::Legacy, v @ 27..=28) => transaction.y_parity = v == 28,
            (SignedKind::Legacy, v @ 35..) => {
                let Ok(chain_id) = u64::try_from(v.saturating_sub(35) / 2) else { return Ok(None) };
                transaction.kind = SignedKind::Protected;
                transaction.chain_id = chain_id;
                transaction.y_parity = v % 2 == 0;
            }
            (SignedKind::Legacy, _) | (_, 2..) => return Ok(None),
            (_, v) => transaction.y_parity = v == 1,
        }
        transaction.r = U256::decode(fields)?;
        transaction.s = U256::decode(fields)?;
        Ok(Some(transaction))
    }
}
