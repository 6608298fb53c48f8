// viem against a devnet: send, wait, read, watch, prove, and the op-stack actions that apply.
'use strict';
const viem = require('viem');
const { privateKeyToAccount, generatePrivateKey } = require('viem/accounts');
const { foundry } = require('viem/chains');
const op = require('viem/op-stack');
const {
  assert, endpoints, rollup, check, bounded, until, main, CREATE_NOTEBOOK, CREATE_REFUSER,
} = require('./checks.cjs');
const chain = require('./op_chain.cjs');

const L2_TO_L1_MESSAGE_PASSER = '0x4200000000000000000000000000000000000016';
const account = privateKeyToAccount(endpoints.accounts[0].private_key);
const publicClient = viem
  .createPublicClient({ chain, transport: viem.http(), pollingInterval: 100 })
  .extend(op.publicActionsL2());
const wallet = viem
  .createWalletClient({ account, chain, transport: viem.http() })
  .extend(op.walletActionsL2());
const l1 = { ...foundry, id: rollup.l1ChainId };
const l1Public = viem
  .createPublicClient({ chain: l1, transport: viem.http(endpoints.l1_rpc), pollingInterval: 200 })
  .extend(op.publicActionsL1());
const l1Wallet = viem
  .createWalletClient({ account, chain: l1, transport: viem.http(endpoints.l1_rpc) })
  .extend(op.walletActionsL1());
const notebookAbi = viem.parseAbi(['event Noted(uint256 key)']);
const note = (key, word) => viem.concat([viem.toHex(key, { size: 32 }), viem.toHex(word, { size: 32 })]);
const mined = (hash) => publicClient.waitForTransactionReceipt({ hash, timeout: 120_000 });

main(async () => {
  await check('chain id, version and head', async () => {
    assert.equal(await publicClient.getChainId(), rollup.chain.chainId);
    assert.match(await publicClient.request({ method: 'web3_clientVersion' }), /^gainsay\//);
    assert.equal(await publicClient.request({ method: 'net_version' }), String(rollup.chain.chainId));
    assert.ok((await publicClient.getBlockNumber()) >= 0n);
  });

  const fresh = privateKeyToAccount(generatePrivateKey()).address;
  await check('EIP-1559 and legacy transfers arrive', async () => {
    const value = viem.parseEther('1');
    const receipt = await mined(await wallet.sendTransaction({ to: fresh, value }));
    assert.equal(receipt.status, 'success');
    assert.equal(receipt.type, 'eip1559');
    assert.ok(receipt.l1Fee >= 0n, `receipt.l1Fee is ${receipt.l1Fee}`);
    const gasPrice = await publicClient.getGasPrice();
    const legacy = await mined(await wallet.sendTransaction({ to: fresh, value, gasPrice, type: 'legacy' }));
    assert.equal(legacy.type, 'legacy');
    assert.equal(await publicClient.getBalance({ address: fresh }), 2n * value);
  });

  await check('a sender pays value, gas and the L1 fee, no more', async () => {
    const before = await publicClient.getBalance({ address: account.address });
    const receipt = await mined(await wallet.sendTransaction({ to: fresh, value: 5n }));
    const after = await publicClient.getBalance({ address: account.address });
    const cost = receipt.gasUsed * receipt.effectiveGasPrice + receipt.l1Fee;
    assert.equal(before - after, 5n + cost);
  });

  await check('everything but the fees can be sent: the L1 fee is in the estimate', async () => {
    const poor = privateKeyToAccount(generatePrivateKey());
    await mined(await wallet.sendTransaction({ to: poor.address, value: viem.parseEther('1') }));
    const balance = await publicClient.getBalance({ address: poor.address });
    const fee = await publicClient.estimateTotalFee({ account: poor.address, to: fresh, value: 1n });
    const poorWallet = viem.createWalletClient({ account: poor, chain, transport: viem.http() });
    const receipt = await mined(await poorWallet.sendTransaction({ to: fresh, value: balance - 2n * fee }));
    assert.equal(receipt.status, 'success');
  });

  const notebook = await check('a contract is deployed', async () => {
    const receipt = await mined(await wallet.deployContract({ abi: notebookAbi, bytecode: CREATE_NOTEBOOK }));
    assert.equal(receipt.status, 'success');
    const code = await publicClient.getCode({ address: receipt.contractAddress });
    assert.equal(code, `0x${CREATE_NOTEBOOK.slice(2 + 18)}`);
    return receipt.contractAddress;
  });

  await check('a call is estimated, sent and logged', async () => {
    const data = note(1, 11);
    const gas = await publicClient.estimateGas({ account: account.address, to: notebook, data });
    const receipt = await mined(await wallet.sendTransaction({ to: notebook, data, gas }));
    assert.equal(receipt.status, 'success');
    assert.ok(receipt.gasUsed <= gas, `used ${receipt.gasUsed}, estimated ${gas}`);
    assert.equal(receipt.logs.length, 1);
    const { blockNumber } = receipt;
    const logs = await publicClient.getLogs({ address: notebook, fromBlock: blockNumber, toBlock: blockNumber });
    assert.deepEqual(logs.map((log) => [log.data, log.transactionHash]), [[viem.toHex(1, { size: 32 }), receipt.transactionHash]]);
    const word = await publicClient.getStorageAt({ address: notebook, slot: viem.toHex(1, { size: 32 }) });
    assert.equal(BigInt(word), 11n);
  });

  await check('an authorization (EIP-7702) gives an account code', async () => {
    const eoa = privateKeyToAccount(generatePrivateKey());
    const authorization = await eoa.signAuthorization({ contractAddress: notebook, chainId: chain.id, nonce: 0 });
    const hash = await wallet.sendTransaction({
      authorizationList: [authorization], to: eoa.address, data: note(7, 77), gas: 200_000n,
    });
    const receipt = await mined(hash);
    assert.equal(receipt.status, 'success');
    assert.equal(receipt.type, 'eip7702');
    const code = await publicClient.getCode({ address: eoa.address });
    assert.equal(code, viem.concat(['0xef0100', notebook]).toLowerCase());
    assert.equal(BigInt(await publicClient.getStorageAt({ address: eoa.address, slot: '0x7' })), 77n);
  });

  await check('a revert is decoded, in calls and in estimates', async () => {
    const { contractAddress } = await mined(await wallet.deployContract({ abi: [], bytecode: CREATE_REFUSER }));
    const abi = viem.parseAbi(['function ask() view returns (uint256)']);
    const refused = publicClient.readContract({ address: contractAddress, abi, functionName: 'ask' });
    await assert.rejects(refused, (error) => {
      const reverted = error.walk((cause) => cause instanceof viem.ContractFunctionRevertedError);
      assert.equal(reverted?.reason, 'no', error.message);
      return true;
    });
    await assert.rejects(publicClient.estimateGas({ account: account.address, to: contractAddress }), /revert/);
  });

  await check('fees: history, price, priority', async () => {
    const history = await publicClient.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 50, 90] });
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
    assert.ok(history.reward.every((row) => row.length === 3 && row.every((fee) => typeof fee === 'bigint')));
    const { maxFeePerGas, maxPriorityFeePerGas } = await publicClient.estimateFeesPerGas();
    assert.ok(maxFeePerGas > maxPriorityFeePerGas);
    assert.ok((await publicClient.getGasPrice()) >= BigInt(rollup.chain.minBaseFeeWei));
  });

  await check('a block holds its transactions and hashes to its hash', async () => {
    const receipt = await mined(await wallet.sendTransaction({ to: fresh, value: 1n }));
    const block = await publicClient.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
    const hashes = block.transactions.map((tx) => tx.hash);
    assert.ok(hashes.includes(receipt.transactionHash), `${hashes}`);
    assert.equal(block.hash, headerHash(await rawBlock(receipt.blockNumber)));
  });

  await check('proofs of an account and its storage lead to the state root', async () => {
    const blockNumber = await publicClient.getBlockNumber();
    const block = await rawBlock(blockNumber);
    const slots = [viem.toHex(1, { size: 32 }), viem.toHex(2, { size: 32 })];
    const proof = await publicClient.getProof({ address: notebook, storageKeys: slots, blockNumber });
    const leaf = walk(block.stateRoot, viem.keccak256(notebook), proof.accountProof);
    const [nonce, balance, storageRoot, codeHash] = viem.fromRlp(leaf);
    const code = await publicClient.getCode({ address: notebook });
    assert.deepEqual(
      [BigInt(nonce === '0x' ? 0 : nonce), BigInt(balance === '0x' ? 0 : balance), storageRoot, codeHash],
      [BigInt(proof.nonce), proof.balance, proof.storageHash, viem.keccak256(code)],
    );
    const [set, unset] = proof.storageProof;
    assert.equal(BigInt(viem.fromRlp(walk(storageRoot, viem.keccak256(slots[0]), set.proof))), 11n);
    assert.equal(set.value, 11n);
    assert.equal(walk(storageRoot, viem.keccak256(slots[1]), unset.proof), undefined);
    assert.equal(unset.value, 0n);
  });

  await check('blocks and logs are pushed over WebSocket', async () => {
    const socket = viem.createPublicClient({ chain, transport: viem.webSocket() });
    const seen = [];
    const errors = [];
    const onError = (error) => errors.push(error);
    const stopBlocks = socket.watchBlocks({ onBlock: (block) => seen.push(block), onError, emitMissed: false });
    const logs = [];
    const stopLogs = socket.watchEvent({ address: notebook, onLogs: (some) => logs.push(...some), onError });
    // Subscriptions are confirmed by the server; only what comes later is pushed.
    await until('the first pushed block', () => seen.length > 0);
    const receipt = await mined(await wallet.sendTransaction({ to: notebook, data: note(8, 88) }));
    await until('the pushed block', () => seen.some((block) => block.hash === receipt.blockHash));
    await until('the pushed log', () => logs.some((log) => log.transactionHash === receipt.transactionHash));
    stopBlocks();
    stopLogs();
    assert.deepEqual(errors, []);
    (await socket.transport.getRpcClient()).close();
  });

  await check('several calls in one by Multicall3', async () => {
    const abi = viem.parseAbi(['function symbol() view returns (string)', 'function decimals() view returns (uint8)']);
    const weth = '0x4200000000000000000000000000000000000006';
    const results = await publicClient.multicall({
      multicallAddress: '0xcA11bde05977b3631167028862bE2a173976CA11',
      contracts: ['symbol', 'decimals'].map((functionName) => ({ address: weth, abi, functionName })),
    });
    assert.deepEqual(results.map(({ result }) => result), ['WETH', 18]);
  });

  await check('op-stack: fees', async () => {
    const request = { account: account.address, to: fresh, value: 1n };
    const [l1Fee, total, l1BaseFee] = await Promise.all([
      publicClient.estimateL1Fee(request), publicClient.estimateTotalFee(request), publicClient.getL1BaseFee(),
    ]);
    assert.ok(l1Fee > 0n, `estimateL1Fee gave ${l1Fee}`);
    assert.ok(total > l1Fee, `estimateTotalFee gave ${total}, with an L1 fee of ${l1Fee}`);
    assert.ok(l1BaseFee > 0n, `getL1BaseFee gave ${l1BaseFee}`);
  });

  await check('op-stack: a deposit built on L2 and sent on L1 arrives', async () => {
    const to = privateKeyToAccount(generatePrivateKey()).address;
    const mint = viem.parseEther('1.5');
    // The sender of a deposit must exist for the estimate; it mints what it sends.
    const deposit = await publicClient.buildDepositTransaction({ account: account.address, mint, to });
    assert.equal(deposit.request.mint, mint);
    const hash = await l1Wallet.depositTransaction({ ...deposit, account });
    const receipt = await l1Public.waitForTransactionReceipt({ hash, timeout: 120_000 });
    assert.equal(receipt.status, 'success');
    const [l2Hash] = op.getL2TransactionHashes(receipt);
    const onL2 = await mined(l2Hash);
    assert.equal(onL2.status, 'success');
    assert.equal((await publicClient.getTransaction({ hash: l2Hash })).hash, onL2.transactionHash);
    assert.equal(await publicClient.getBalance({ address: to }), mint);
  });

  await check('op-stack: a withdrawal is initiated and provable', async () => {
    const value = viem.parseEther('0.25');
    // What the withdrawal will do is estimated on L1, where it ends.
    const { request } = await l1Public.buildInitiateWithdrawal({ account, to: account.address, value });
    const hash = await wallet.initiateWithdrawal({ request, account });
    const receipt = await mined(hash);
    assert.equal(receipt.status, 'success');
    const [withdrawal] = op.getWithdrawals(receipt);
    assert.equal(withdrawal.value, value);
    const slot = op.getWithdrawalHashStorageSlot(withdrawal);
    const { blockNumber } = receipt;
    const proof = await publicClient.getProof({ address: L2_TO_L1_MESSAGE_PASSER, storageKeys: [slot], blockNumber });
    const block = await rawBlock(blockNumber);
    assert.equal(proof.storageProof[0].value, 1n);
    assert.equal(proof.storageHash, block.withdrawalsRoot, 'the header names the storage root (as Isthmus)');
    assert.equal(viem.fromRlp(walk(proof.storageHash, viem.keccak256(slot), proof.storageProof[0].proof)), '0x01');
  });

  await check('heads: finalized <= safe <= latest, and the follower has the safe one', async () => {
    const [latest, safe, finalized] = await Promise.all(
      ['latest', 'safe', 'finalized'].map((blockTag) => publicClient.getBlock({ blockTag })),
    );
    assert.ok(finalized.number <= safe.number, `finalized ${finalized.number}, safe ${safe.number}`);
    assert.ok(safe.number <= latest.number + 64n, `safe ${safe.number}, latest ${latest.number}`);
    const follower = viem.createPublicClient({ chain, transport: viem.http(endpoints.follower_rpc) });
    const same = await until('the block on the follower', () =>
      follower.getBlock({ blockNumber: safe.number }).catch(() => undefined));
    assert.equal(same.hash, safe.hash);
  });

  await check('refusals are errors that say why', async () => {
    const nonce = await publicClient.getTransactionCount({ address: account.address });
    const stale = wallet.sendTransaction({ to: fresh, value: 1n, nonce: nonce - 1, gas: 21_000n });
    await assert.rejects(bounded(stale, 'a stale nonce'), /nonce/i);
    const empty = privateKeyToAccount(generatePrivateKey());
    const raw = await empty.signTransaction({
      chainId: chain.id, nonce: 0, to: fresh, value: 1n, gas: 21_000n, maxFeePerGas: 10n ** 9n, type: 'eip1559',
    });
    await assert.rejects(publicClient.sendRawTransaction({ serializedTransaction: raw }), /insufficient funds/i);
    const foreign = await account.signTransaction({
      chainId: 1, nonce, to: fresh, value: 1n, gas: 21_000n, maxFeePerGas: 10n ** 9n, type: 'eip1559',
    });
    await assert.rejects(publicClient.sendRawTransaction({ serializedTransaction: foreign }), /chain/i);
  });
});

function rawBlock(blockNumber) {
  return publicClient.request({ method: 'eth_getBlockByNumber', params: [viem.toHex(blockNumber), false] });
}

/// The hash of a header as a Prague header is encoded.
function headerHash(block) {
  const quantity = (hex) => (BigInt(hex) === 0n ? '0x' : viem.toHex(BigInt(hex)));
  return viem.keccak256(viem.toRlp([
    block.parentHash, block.sha3Uncles, block.miner, block.stateRoot, block.transactionsRoot,
    block.receiptsRoot, block.logsBloom, quantity(block.difficulty), quantity(block.number),
    quantity(block.gasLimit), quantity(block.gasUsed), quantity(block.timestamp), block.extraData,
    block.mixHash, block.nonce, quantity(block.baseFeePerGas), block.withdrawalsRoot,
    quantity(block.blobGasUsed), quantity(block.excessBlobGas), block.parentBeaconBlockRoot, block.requestsHash,
  ]));
}

/// Walks a Merkle-Patricia proof from `root` along `key`; the value, or undefined when the proof
/// shows that there is none. Throws when a node's hash is not what its parent names.
function walk(root, key, proof) {
  let path = key.slice(2);
  let expected = root;
  for (const [depth, encoded] of proof.entries()) {
    if (expected.length === 66) assert.equal(viem.keccak256(encoded), expected, `node ${depth} of the proof`);
    let node = viem.fromRlp(encoded);
    for (;;) {
      if (node.length === 17) {
        expected = node[Number.parseInt(path[0], 16)];
        path = path.slice(1);
      } else {
        const nibbles = node[0].slice(2);
        const odd = '13'.includes(nibbles[0]);
        const part = nibbles.slice(odd ? 1 : 2);
        if (!path.startsWith(part)) return undefined;
        path = path.slice(part.length);
        if ('23'.includes(nibbles[0])) return path === '' ? node[1] : undefined;
        expected = node[1];
      }
      if (expected === '0x') return undefined;
      // A node shorter than 32 bytes stands in its parent.
      if (typeof expected === 'string') break;
      node = expected;
    }
  }
  assert.fail(`the proof ends before the key does (${path.length} nibbles left)`);
}
