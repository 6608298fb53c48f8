//! Hash chains, claims and deposit transactions against the ABI encoder's view of the layouts.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use gainsay_derivation::{
    BATCH_ACC_LEN, BatchHeader, BatchIndex, BatchKind, Cursor, DEPOSIT_LEAF_LEN, DEPOSITOR,
    Deposit, DepositIndex, DepositKind, FEE_REPORT_GAS, L1_BLOCK, claim, data_hash_of_blobs,
    data_hash_of_calldata, extend_batch_acc, extend_deposit_acc, output_root,
};
use proptest::prelude::*;

sol! {
    function setL1BlockValues(uint64 number, uint64 timestamp, uint256 basefee, uint256 blobBaseFee);
}

fn word() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::from)
}

prop_compose! {
    fn deposit()(
        is_report in any::<bool>(), from in any::<[u8; 20]>(), l1 in any::<(u64, u64)>(),
        index in any::<u64>(), fees in (word(), word()),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) -> Deposit {
        Deposit {
            kind: if is_report { DepositKind::FeeReport } else { DepositKind::Transaction },
            from: from.into(), l1_block: l1.0, l1_time: l1.1, index: DepositIndex(index),
            l1_base_fee: fees.0.into(), l1_blob_base_fee: fees.1.into(), payload: payload.into(),
        }
    }
}

proptest! {
    #[test]
    fn deposit_chain_packs_as_solidity_does(d in deposit(), acc in word()) {
        let leaf = keccak256((
            U256::from(d.kind as u8).to_be_bytes_vec()[31..].to_vec(), d.from, d.l1_block, d.l1_time,
            d.index.get(), d.l1_base_fee, d.l1_blob_base_fee, keccak256(&d.payload),
        ).abi_encode_packed());
        let packed = (
            U256::from(d.kind as u8).to_be_bytes_vec()[31..].to_vec(), d.from, d.l1_block, d.l1_time,
            d.index.get(), d.l1_base_fee, d.l1_blob_base_fee, keccak256(&d.payload),
        ).abi_encode_packed();
        let packed: [u8; DEPOSIT_LEAF_LEN] = packed.try_into().unwrap();
        let unpacked = Deposit { payload: Bytes::new(), ..d.clone() };
        prop_assert_eq!(Deposit::unpack(&packed), Some((unpacked, keccak256(&d.payload))));
        prop_assert_eq!(d.leaf_hash(), leaf);
        prop_assert_eq!(extend_deposit_acc(acc, &d), keccak256((acc, leaf).abi_encode_packed()));
        let kind = U256::from(d.kind as u8);
        prop_assert_eq!(d.source_hash(), keccak256((kind, leaf).abi_encode_packed()));
        prop_assert_eq!(DepositKind::try_from(d.kind as u8), Ok(d.kind));
    }

    #[test]
    fn batch_chain_packs_as_solidity_does(
        kind in 0..3_u8, numbers in any::<[u64; 4]>(), words in [word(), word(), word()],
    ) {
        let [index, deposits_read, l1_block, l1_time] = numbers;
        let [acc, data_hash, deposit_acc] = words;
        let header = BatchHeader {
            kind: BatchKind::try_from(kind).unwrap(),
            index: BatchIndex(index), deposits_read: DepositIndex(deposits_read), l1_block, l1_time, data_hash,
        };
        let packed = (acc, [kind].to_vec(), index, deposits_read, l1_block, l1_time, data_hash, deposit_acc)
            .abi_encode_packed();
        prop_assert_eq!(extend_batch_acc(acc, &header, deposit_acc), keccak256(&packed));
        let packed: [u8; BATCH_ACC_LEN] = packed.try_into().unwrap();
        prop_assert_eq!(BatchHeader::unpack(&packed), Some((header, deposit_acc)));
        prop_assert_eq!(data_hash_of_blobs(&words), keccak256(words.concat()));
        prop_assert_eq!(data_hash_of_calldata(&numbers[0].to_be_bytes()), keccak256(numbers[0].to_be_bytes()));
    }

    #[test]
    fn claims_pack_as_solidity_does(numbers in any::<[u64; 3]>(), words in [word(), word(), word()]) {
        let [batch, block, deposits_read] = numbers;
        let cursor = Cursor { batch: BatchIndex(batch), block, deposits_read: DepositIndex(deposits_read) };
        prop_assert_eq!(Cursor::unpack(&cursor.pack()), cursor);
        let [state_root, passer_root, block_hash] = words;
        let root = output_root(state_root, passer_root, block_hash);
        prop_assert_eq!(root, keccak256((B256::ZERO, state_root, passer_root, block_hash).abi_encode()));
        prop_assert_eq!(
            claim(root, &cursor),
            keccak256((root, batch, block, deposits_read).abi_encode_packed())
        );
    }

    #[test]
    fn any_deposit_becomes_a_transaction(d in deposit()) {
        let transaction = d.to_transaction();
        prop_assert_eq!(transaction.source_hash, d.source_hash());
        prop_assert!(!transaction.is_system_transaction);
    }

    #[test]
    fn a_payload_says_what_its_transaction_does(
        mut d in deposit(), to in any::<[u8; 20]>(), mint in any::<u128>(), value in word(),
        gas_limit in any::<u64>(), creation in any::<bool>(),
        data in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        d.kind = DepositKind::Transaction;
        let (to, value) = (Address::from(to), U256::from_be_bytes(value.0));
        d.payload = (to, U256::from(mint), value, gas_limit, creation, Bytes::from(data.clone()))
            .abi_encode_packed().into();
        let transaction = d.to_transaction();
        prop_assert_eq!(transaction.from, d.from);
        prop_assert_eq!(transaction.to, if creation { TxKind::Create } else { TxKind::Call(to) });
        prop_assert_eq!((transaction.mint, transaction.value), (mint, value));
        prop_assert_eq!((transaction.gas_limit, &transaction.input[..]), (gas_limit, &data[..]));
    }

    #[test]
    fn a_fee_report_sets_the_l1_block_values(mut d in deposit()) {
        d.kind = DepositKind::FeeReport;
        let transaction = d.to_transaction();
        let call = setL1BlockValuesCall {
            number: d.l1_block, timestamp: d.l1_time,
            basefee: d.l1_base_fee, blobBaseFee: d.l1_blob_base_fee,
        };
        prop_assert_eq!(&transaction.input[..], &call.abi_encode()[..]);
        prop_assert_eq!((transaction.from, transaction.to), (DEPOSITOR, TxKind::Call(L1_BLOCK)));
        prop_assert_eq!((transaction.gas_limit, transaction.mint), (FEE_REPORT_GAS, 0));
        prop_assert_eq!(transaction.value, U256::ZERO);
    }
}

#[test]
fn a_malformed_payload_does_nothing() {
    let mut payload = vec![0xff; 93];
    payload[92] = 2;
    for payload in [payload, vec![0; 92], vec![]] {
        let d = Deposit {
            kind: DepositKind::Transaction,
            from: Address::repeat_byte(7),
            l1_block: 1,
            l1_time: 2,
            index: DepositIndex(3),
            l1_base_fee: U256::from(4),
            l1_blob_base_fee: U256::from(5),
            payload: payload.into(),
        };
        let transaction = d.to_transaction();
        assert_eq!((transaction.from, transaction.gas_limit), (d.from, 0));
        assert_eq!((transaction.mint, transaction.value), (0, U256::ZERO));
        assert!(transaction.input.is_empty());
    }
}

#[test]
fn a_mint_beyond_u128_saturates() {
    let d = Deposit {
        kind: DepositKind::Transaction,
        from: Address::ZERO,
        l1_block: 0,
        l1_time: 0,
        index: DepositIndex(0),
        l1_base_fee: U256::ZERO,
        l1_blob_base_fee: U256::ZERO,
        payload: (Address::ZERO, U256::from(1) << 128, U256::ZERO, 0_u64, false)
            .abi_encode_packed()
            .into(),
    };
    assert_eq!(d.to_transaction().mint, u128::MAX);
}
