//! What the Inbox on L1 holds, read as a node reads it, and compared with a node's chain.
//!
//! In: L1 and a node. Out: a panic unless each block that batches on L1 yield is the node's block,
//! once and in order, with each deposit in its place.

use alloy::primitives::{B256, keccak256};
use gainsay_derivation::{Cursor, Deposit, Derivation, decode_batch};
use gainsay_l1::{L1News, LogReader, PostedBatch, ReaderConfig, ReaderState};
use serde_json::json;

use crate::{Devnet, Node, number};

/// All that the Inbox recorded, on the L1 chain that is canonical now.
#[derive(Clone, Debug, Default)]
pub struct InboxRecord {
    /// In order.
    pub deposits: Vec<Deposit>,
    /// In order.
    pub batches: Vec<PostedBatch>,
}

impl InboxRecord {
    /// Reads L1 from the chain's first block to the head.
    pub async fn read(devnet: &Devnet) -> Self {
        let client = devnet.l1.client();
        let start = devnet.rollup.check_l1(&client).await.unwrap();
        let config = ReaderConfig::new(devnet.rollup.contracts(&client).await.unwrap());
        let mut reader = LogReader::new(client, config, ReaderState::genesis(start)).unwrap();
        let mut record = Self::default();
        loop {
            let updates = reader.poll().await.unwrap();
            if updates.is_empty() {
                return record;
            }
            for update in updates {
                let L1News::Advanced(advance) = update else { panic!("L1 changed: {update:?}") };
                record.deposits.extend(advance.deposits.into_iter().map(|it| it.deposit));
                record.batches.extend(advance.batches);
            }
        }
    }

    /// The L2 transaction of each deposit.
    pub fn deposit_hashes(&self) -> Vec<B256> {
        self.deposits.iter().map(hash_of).collect()
    }
}

fn hash_of(deposit: &Deposit) -> B256 {
    deposit.to_transaction().tx_hash()
}

/// Checks that the batches on L1 hold the node's safe blocks, each one once and in order, none that
/// had to be replaced, and that these took each deposit once. The number of blocks.
pub async fn assert_posted_once(devnet: &Devnet, node: &mut Node) -> u64 {
    let record = InboxRecord::read(devnet).await;
    let (rpc, count) = (node.rpc.clone(), record.batches.len() as u64);
    node.wait("to derive all batches", || async {
        let derived = number(&rpc.status().await["batches"]["derived"]);
        if derived >= count { Ok(()) } else { Err(format!("{derived} batches of {count}")) }
    })
    .await;
    let client = devnet.l1.client();
    let mut cursor = Cursor::default();
    let mut height = 0;
    for batch in &record.batches {
        let header = &batch.header;
        assert_eq!((header.index, cursor.block), (cursor.batch, 0), "batches in order");
        let data = client.fetch_batch_data(batch).await.unwrap().to_bytes();
        let decoded = decode_batch(header, &data, &devnet.rollup.chain);
        let [from, to] = [cursor.deposits_read, header.deposits_read]
            .map(|count| usize::try_from(count.get()).unwrap());
        let deposits = record.deposits[from..to].to_vec();
        let mut derivation = Derivation::new(header, decoded, deposits, cursor).unwrap();
        while let Some(input) = derivation.next_block() {
            height += 1;
            let mut expected: Vec<B256> = input.deposits.iter().map(hash_of).collect();
            expected.extend(input.transactions.iter().map(keccak256));
            let block = node.rpc.block(height).await;
            assert_eq!(
                block["transactions"],
                json!(expected),
                "transactions of block {height}, as batch {} has them: {block:#}",
                header.index
            );
        }
        cursor = derivation.cursor();
    }
    let safe = node.rpc.height("safe").await;
    assert!(height <= safe, "the batches have {height} blocks, {safe} are safe");
    height
}
