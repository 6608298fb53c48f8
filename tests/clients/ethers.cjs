// ethers v6 against a devnet: send, wait, read logs, estimate, fees, proofs, WebSocket, reverts.
'use strict';
const ethers = require('ethers');
const {
  assert, endpoints, rollup, check, bounded, until, main, artifact, CREATE_REFUSER,
} = require('./checks.cjs');

// ethers keeps answers for 250 ms, which is longer than a block here: it would use a nonce twice.
const options = { pollingInterval: 100, cacheTimeout: -1 };
const provider = new ethers.JsonRpcProvider(endpoints.l2_rpc, undefined, options);
const wallet = new ethers.Wallet(endpoints.accounts[1].private_key, provider);
const mined = (sent) => bounded(sent.wait(), `receipt of ${sent.hash}`);

main(async () => {
  await check('network', async () => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(rollup.chain.chainId));
  });

  const fresh = ethers.Wallet.createRandom().address;
  await check('EIP-1559, access-list and legacy transfers arrive', async () => {
    const value = ethers.parseEther('1');
    for (const type of [2, 1, 0]) {
      const receipt = await mined(await wallet.sendTransaction({ to: fresh, value, type }));
      assert.equal(receipt.status, 1);
      assert.equal(receipt.type, type);
    }
    assert.equal(await provider.getBalance(fresh), 3n * value);
  });

  await check('transactions sent without waiting are all included, in order', async () => {
    const nonce = await provider.getTransactionCount(wallet.address);
    const send = (index) => wallet.sendTransaction({ to: fresh, value: 1n, nonce: nonce + index });
    // The last first: the pool holds back what is too early.
    const sent = [];
    for (const index of [4, 3, 2, 1, 0]) sent.push(await send(index));
    const receipts = await Promise.all(sent.map(mined));
    const places = receipts.reverse().map((receipt) => receipt.blockNumber * 10_000 + receipt.index);
    assert.deepEqual(places, [...places].sort((a, b) => a - b));
  });

  const weth = new ethers.ContractFactory(...parts('WETH.sol/WETH.json'), wallet);
  const token = await check('a contract is deployed, called, and tells what happened', async () => {
    const deployed = await weth.deploy();
    await bounded(deployed.waitForDeployment(), 'the deployment');
    assert.equal(await deployed.symbol(), 'WETH');
    const gas = await deployed.deposit.estimateGas({ value: 1000n });
    const receipt = await mined(await deployed.deposit({ value: 1000n }));
    assert.ok(receipt.gasUsed <= gas, `used ${receipt.gasUsed}, estimated ${gas}`);
    assert.equal(await deployed.balanceOf(wallet.address), 1000n);
    const transfer = await mined(await deployed.transfer(fresh, 400n));
    const events = await deployed.queryFilter(deployed.filters.Transfer(wallet.address, fresh), 0);
    assert.deepEqual(events.map((event) => [event.transactionHash, event.args[2]]), [[transfer.hash, 400n]]);
    assert.deepEqual(await deployed.queryFilter(deployed.filters.Transfer(fresh, fresh), 0), []);
    return deployed;
  });

  await check('the state of an earlier block can be read', async () => {
    const receipt = await mined(await token.transfer(fresh, 1n));
    const [before, after] = await Promise.all([
      token.balanceOf(fresh, { blockTag: receipt.blockNumber - 1 }),
      token.balanceOf(fresh, { blockTag: receipt.blockNumber }),
    ]);
    assert.deepEqual([before, after], [400n, 401n]);
  });

  await check('a revert is decoded', async () => {
    const sent = await wallet.sendTransaction({ data: CREATE_REFUSER });
    const { contractAddress } = await mined(sent);
    const refuser = new ethers.Contract(contractAddress, ['function ask() view returns (uint256)'], provider);
    await assert.rejects(refuser.ask(), (error) => {
      assert.equal(error.code, 'CALL_EXCEPTION');
      assert.equal(error.reason, 'no');
      return true;
    });
    await assert.rejects(token.transfer.staticCall(fresh, 10n ** 30n), { code: 'CALL_EXCEPTION' });
    const failed = await wallet.sendTransaction({ to: contractAddress, gasLimit: 100_000n });
    await assert.rejects(mined(failed), { code: 'CALL_EXCEPTION' });
    assert.equal((await provider.getTransactionReceipt(failed.hash)).status, 0);
  });

  await check('an estimate suffices in the next second, too', async () => {
    // storage[0] = timestamp: cheap when nothing changes, as in a second call within one second.
    const { contractAddress: to } = await mined(await wallet.sendTransaction({ data: '0x60048060095f395ff3425f5500' }));
    const first = await mined(await wallet.sendTransaction({ to, gasLimit: 100_000n }));
    const gasLimit = await wallet.estimateGas({ to });
    const time = async (tag) => (await provider.getBlock(tag)).timestamp;
    const start = await time(first.blockNumber);
    await until('the next second', async () => Math.floor(Date.now() / 1000) > start + 1);
    const sent = await wallet.sendTransaction({ to, gasLimit });
    const { status, gasUsed } = await until('the receipt', () => provider.getTransactionReceipt(sent.hash));
    assert.equal(status, 1, `used ${gasUsed} gas, ${gasLimit} were estimated a moment before`);
  });

  await check('fees', async () => {
    const fees = await provider.getFeeData();
    assert.ok(fees.gasPrice > 0n && fees.maxFeePerGas > fees.maxPriorityFeePerGas, JSON.stringify(fees));
    const history = await provider.send('eth_feeHistory', ['0x3', 'latest', [50]]);
    for (const row of history.reward) assert.match(row[0], /^0x/);
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
  });

  await check('a proof names the account as it is', async () => {
    const tag = ethers.toQuantity(await provider.getBlockNumber());
    const proof = await provider.send('eth_getProof', [token.target, [], tag]);
    const block = await provider.send('eth_getBlockByNumber', [tag, false]);
    assert.equal(ethers.keccak256(proof.accountProof[0]), block.stateRoot);
    const leaf = ethers.decodeRlp(proof.accountProof.at(-1));
    const [nonce, balance, storageRoot, codeHash] = ethers.decodeRlp(leaf[1]);
    assert.equal(codeHash, ethers.keccak256(await provider.getCode(token.target)));
    assert.equal(storageRoot, proof.storageHash);
    assert.deepEqual([BigInt(nonce), BigInt(balance)], [1n, 1000n]);
  });

  await check('a transaction is replaced by one that pays more', async () => {
    const nonce = await provider.getTransactionCount(wallet.address);
    const fees = await provider.getFeeData();
    const request = (value, factor) => ({
      to: fresh, value, nonce: nonce + 1, gasLimit: 21_000n, type: 2,
      maxFeePerGas: fees.maxFeePerGas * factor, maxPriorityFeePerGas: fees.maxPriorityFeePerGas * factor,
    });
    const first = await wallet.sendTransaction(request(1n, 10n));
    await assert.rejects(wallet.sendTransaction(request(2n, 10n)), /underpriced|replacement/i);
    const second = await wallet.sendTransaction(request(3n, 20n));
    await mined(await wallet.sendTransaction({ to: fresh, value: 1n, nonce }));
    assert.equal((await mined(second)).status, 1);
    assert.equal(await provider.getTransactionReceipt(first.hash), null);
  });

  await check('blocks and events are pushed over WebSocket', async () => {
    const socket = new ethers.WebSocketProvider(endpoints.l2_rpc.replace('http', 'ws'));
    const blocks = [];
    const events = [];
    await socket.on('block', (number) => blocks.push(number));
    await token.connect(socket).on('Deposit', (_, amount) => events.push(amount));
    await until('a pushed block', () => blocks.length > 0);
    const receipt = await mined(await token.deposit({ value: 77n }));
    await until('the pushed block', () => blocks.some((number) => number >= receipt.blockNumber));
    await until('the pushed event', () => events.includes(77n));
    await socket.destroy();
  });

  await check('a follower takes transactions and shows them', async () => {
    const follower = new ethers.JsonRpcProvider(endpoints.follower_rpc, undefined, options);
    const receipt = await mined(await wallet.connect(follower).sendTransaction({ to: fresh, value: 1n }));
    const expected = await provider.getTransactionReceipt(receipt.hash);
    assert.equal(receipt.blockHash, expected.blockHash);
  });

  await check('a withdrawal is recorded in the message passer', async () => {
    const passer = new ethers.Contract(
      '0x4200000000000000000000000000000000000016', parts('L2ToL1MessagePasser.sol/L2ToL1MessagePasser.json')[0], wallet,
    );
    const receipt = await mined(await passer.initiateWithdrawal(fresh, 50_000n, '0x', { value: 9n }));
    const [event] = receipt.logs.map((log) => passer.interface.parseLog(log));
    assert.equal(event.name, 'MessagePassed');
    assert.ok(await passer.sentMessages(event.args.withdrawalHash));
  });

  await check('bad requests are refused by code', async () => {
    const code = async (method, params) => {
      const answer = await fetch(endpoints.l2_rpc, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      });
      return (await answer.json()).error?.code;
    };
    assert.equal(await code('eth_noSuchMethod', []), -32601);
    assert.equal(await code('eth_getBalance', ['0x12', 'latest']), -32602);
    assert.equal(await code('eth_getBlockByNumber', ['yesterday', false]), -32602);
    assert.notEqual(await code('eth_sendRawTransaction', ['0x03ff']), undefined);
  });
});

function parts(name) {
  const { abi, bytecode } = artifact(name);
  return [abi, bytecode];
}
