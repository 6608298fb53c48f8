//! The receipt of one transaction with what consensus encoding leaves out, and the blooms of many.

use alloc::{vec, vec::Vec};
use alloy_primitives::{Address, B256, Bloom, Log, U256};
use gainsay_keccak::keccak256_many;
use op_alloy_consensus::OpReceiptEnvelope;

/// What one transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The consensus receipt: status, cumulative gas, bloom, logs, deposit nonce.
    pub envelope: OpReceiptEnvelope,
    /// Gas that this transaction alone used.
    pub gas_used: u64,
    /// L1 data fee paid, in wei. Zero for deposits.
    pub l1_fee: U256,
    /// Price paid for a unit of L2 gas, in wei. Zero for deposits.
    pub effective_gas_price: u128,
    /// The address of the contract that the transaction created.
    pub contract_address: Option<Address>,
}

/// Takes up the logs of a receipt that has none. Its bloom stays empty: see [`set_blooms`].
pub(crate) fn take_logs(envelope: &mut OpReceiptEnvelope, taken: Vec<Log>) {
    *logs_and_bloom(envelope).0 = taken;
}

/// Sets the blooms of all receipts of a block: each log's address and topics, hashed together.
/// Source: section 4.3.1 of the Yellow Paper.
pub(crate) fn set_blooms(receipts: &mut [Receipt]) {
    let logs = receipts.iter().flat_map(|receipt| receipt.envelope.logs());
    let inputs: Vec<&[u8]> = logs
        .flat_map(|log| {
            let topics = log.topics().iter().map(|topic| topic.as_slice());
            core::iter::once(log.address.as_slice()).chain(topics)
        })
        .collect();
    let mut hashes = vec![B256::ZERO; inputs.len()];
    keccak256_many(&inputs, &mut hashes);
    let mut hashes = hashes.iter();
    for receipt in receipts {
        let (logs, bloom) = logs_and_bloom(&mut receipt.envelope);
        let inputs: usize = logs.iter().map(|log| log.topics().len().saturating_add(1)).sum();
        hashes.by_ref().take(inputs).for_each(|hash| bloom.m3_2048_hashed(hash));
    }
}

const fn logs_and_bloom(envelope: &mut OpReceiptEnvelope) -> (&mut Vec<Log>, &mut Bloom) {
    match envelope {
        OpReceiptEnvelope::Legacy(it)
        | OpReceiptEnvelope::Eip2930(it)
        | OpReceiptEnvelope::Eip1559(it)
        | OpReceiptEnvelope::Eip7702(it)
        | OpReceiptEnvelope::PostExec(it) => (&mut it.receipt.logs, &mut it.logs_bloom),
        OpReceiptEnvelope::Deposit(it) => (&mut it.receipt.inner.logs, &mut it.logs_bloom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, logs_bloom};
    use op_alloy_consensus::OpTxType;

    #[test]
    fn blooms_are_those_of_each_receipts_own_logs() {
        let log = |number: u8| {
            let topics = (0..number % 5).map(|topic| B256::repeat_byte(number ^ topic)).collect();
            Log::new_unchecked(Address::repeat_byte(number), topics, Bytes::new())
        };
        let logs_of = |receipt: u8| -> Vec<Log> {
            (0..receipt % 4).map(|it| log(it * 7 + receipt)).collect()
        };
        let types = [OpTxType::Legacy, OpTxType::Eip1559, OpTxType::Deposit];
        let mut receipts: Vec<Receipt> = (0..40)
            .map(|number| {
                let tx_type = types[usize::from(number) % 3];
                let mut envelope = OpReceiptEnvelope::from_parts(true, 1, [], tx_type, None, None);
                take_logs(&mut envelope, logs_of(number));
                let (l1_fee, effective_gas_price) = (U256::ZERO, 0);
                Receipt {
                    envelope,
                    gas_used: 1,
                    l1_fee,
                    effective_gas_price,
                    contract_address: None,
                }
            })
            .collect();
        set_blooms(&mut receipts);
        for (receipt, number) in receipts.iter().zip(0..) {
            assert_eq!(*receipt.envelope.logs_bloom(), logs_bloom(&logs_of(number)), "{number}");
        }
    }
}
