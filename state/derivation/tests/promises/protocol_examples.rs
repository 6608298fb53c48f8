//! The examples of the specification: what `state/PROTOCOL.md` shows is what this crate computes.
//!
//! The text itself is read, so that neither can change alone. A block of code with the name of an
//! example holds one value a line; two spaces begin what is for readers.

use alloy_primitives::{Address, B256, U256, address, hex};
use gainsay_derivation::{
    BatchHeader, BatchIndex, BatchKind, Cursor, Deposit, DepositIndex, DepositKind, claim,
    data_hash_of_calldata, decode_blocks, extend_batch_acc, extend_deposit_acc, output_root,
};

use gainsay_keccak::Commitment;

const PROTOCOL: &str = include_str!("../../../PROTOCOL.md");

/// The bytes of each line of an example.
fn example(name: &str) -> Vec<Vec<u8>> {
    let (_, rest) = PROTOCOL.split_once(&format!("```{name}\n")).unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let bytes = |line: &str| {
        let value = line.split("  ").next().unwrap();
        hex::decode(value.replace(' ', "")).unwrap()
    };
    text.lines().map(bytes).collect()
}

fn hashes(name: &str) -> Vec<B256> {
    example(name).iter().map(|line| B256::from_slice(line)).collect()
}

/// The same values as in `contracts/test/InboxDeposits.t.sol`.
#[test]
// PROTOCOL.md INBOX-4
fn inbox_example() {
    let from = address!("00000000000000000000000000000000000A11CE");
    let to = address!("0000000000000000000000000000000000000B0B");
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let gas_limit = 100_000_u64.to_be_bytes();
    let payload =
        [to.as_slice(), &word(5), &word(3), &gas_limit, &[0], &[0xc0, 0xff, 0xee]].concat();
    let deposit = Deposit {
        kind: DepositKind::Transaction,
        from,
        l1_block: 25_001_000,
        l1_time: 1_800_000_777,
        index: DepositIndex(0),
        l1_base_fee: U256::from(1_000_000_007),
        l1_blob_base_fee: U256::from(399),
        payload: payload.into(),
    };
    let deposit_acc = extend_deposit_acc(B256::ZERO, &deposit);
    let header = BatchHeader {
        kind: BatchKind::Calldata,
        index: BatchIndex(0),
        deposits_read: DepositIndex(1),
        l1_block: 25_001_000,
        l1_time: 1_800_000_777,
        data_hash: data_hash_of_calldata(&[0, 1, 2, 3]),
    };
    let batch_acc = extend_batch_acc(B256::ZERO, &header, deposit_acc);
    assert_eq!(hashes("inbox-example"), [deposit_acc, batch_acc]);
    assert_ne!(deposit.to_transaction().from, Address::ZERO);
}

#[test]
// PROTOCOL.md BATCH-13
fn batch_example() {
    let data = example("batch-example").concat();
    let blocks = decode_blocks(&data, 1).unwrap();
    let times: Vec<_> = blocks.iter().map(|it| (it.timestamp, it.deposit_count)).collect();
    assert_eq!(times, [(1_700_000_000, 2), (1_700_000_001, 0)]);
    assert_eq!(blocks[0].transactions, [example("batch-example-transaction").concat()]);
    assert!(blocks[1].transactions.is_empty());
    // Nothing of it can be left out.
    for len in 0..data.len() {
        assert!(decode_blocks(&data[..len], 1).is_err(), "{len} bytes");
    }
}

#[test]
// PROTOCOL.md CLAIM-6
fn claim_example() {
    let word = B256::repeat_byte;
    let output = output_root(word(0x11), word(0x22), word(0x33));
    let cursor = Cursor { batch: BatchIndex(1), block: 2, deposits_read: DepositIndex(3) };
    let tree = Commitment::new(2, &[word(0xaa), word(0xbb), word(0xcc)]).unwrap();
    assert_eq!(hashes("claim-example"), [output, claim(output, &cursor), tree.root()]);
}
