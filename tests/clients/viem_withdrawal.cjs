// viem against a devnet whose L1 can travel in time: a withdrawal through all its states, by the public
// op-stack actions alone. The one thing that is not OP's is to list a confirmed state as a game.
'use strict';
const path = require('node:path');
const viem = require('viem');
const { privateKeyToAccount } = require('viem/accounts');
const { foundry } = require('viem/chains');
const op = require('viem/op-stack');
// viem has the code and exports it under no name.
const { multicall3Bytecode } = require(path.join(path.dirname(require.resolve('viem')), 'constants/contracts.js'));
const { assert, endpoints, rollup, check, until, main } = require('./checks.cjs');
const chain = require('./op_chain.cjs');

const account = privateKeyToAccount(endpoints.accounts[2].private_key);
const recipient = '0x0000000000000000000000000000000000f00d01';
const l2Public = viem
  .createPublicClient({ chain, transport: viem.http(), pollingInterval: 100 })
  .extend(op.publicActionsL2());
const l2Wallet = viem
  .createWalletClient({ account, chain, transport: viem.http() })
  .extend(op.walletActionsL2());
const bareL1 = viem.createPublicClient({
  chain: { ...foundry, id: rollup.l1ChainId },
  transport: viem.http(endpoints.l1_rpc),
  pollingInterval: 200,
});
const gamesAbi = viem.parseAbi(['function publish(bytes32,bytes32,bytes32,bytes) returns (address)']);

main(async () => {
  // Ethereum has Multicall3, through which viem reads games; an anvil has it once it is deployed.
  const creation = await viem
    .createWalletClient({ account, chain: bareL1.chain, transport: viem.http(endpoints.l1_rpc) })
    .deployContract({ abi: [], bytecode: multicall3Bytecode });
  const { contractAddress } = await bareL1.waitForTransactionReceipt({ hash: creation, timeout: 120_000 });
  const l1 = { ...bareL1.chain, contracts: { multicall3: { address: contractAddress } } };
  const l1Public = viem
    .createPublicClient({ chain: l1, transport: viem.http(endpoints.l1_rpc), pollingInterval: 200 })
    .extend(op.publicActionsL1());
  const l1Wallet = viem
    .createWalletClient({ account, chain: l1, transport: viem.http(endpoints.l1_rpc) })
    .extend(op.walletActionsL1());
  const minedOnL1 = async (hash) => {
    const receipt = await l1Public.waitForTransactionReceipt({ hash, timeout: 120_000 });
    assert.equal(receipt.status, 'success');
    return receipt;
  };
  const mined = (hash) => l2Public.waitForTransactionReceipt({ hash, timeout: 120_000 });

  await check('a deposit is found on L2 by the hash that viem computes', async () => {
    const mint = viem.parseEther('2');
    const args = await l2Public.buildDepositTransaction({ account: account.address, mint, to: account.address });
    const receipt = await minedOnL1(await l1Wallet.depositTransaction({ ...args, account }));
    const [hash] = op.getL2TransactionHashes(receipt);
    assert.equal((await mined(hash)).status, 'success');
  });

  const value = viem.parseEther('1');
  const receipt = await check('initiateWithdrawal', async () => {
    const args = await l1Public.buildInitiateWithdrawal({ account, to: recipient, value });
    return mined(await l2Wallet.initiateWithdrawal(args));
  });
  const [withdrawal] = op.getWithdrawals(receipt);
  const status = () => l1Public.getWithdrawalStatus({ receipt, targetChain: chain });
  const ours = () => l2Public.request({ method: 'rollup_getWithdrawal', params: [withdrawal.withdrawalHash] });

  await check('waiting-to-prove, until the challenge period is over', async () => {
    assert.equal(await status(), 'waiting-to-prove');
    await until('an assertion', async () => (await ours()).status === 'inAssertion');
    assert.equal(await status(), 'waiting-to-prove');
    const secs = rollup.assertions.challengePeriodSecs + 1;
    await l1Public.request({ method: 'evm_increaseTime', params: [secs] });
    await l1Public.request({ method: 'evm_mine', params: [] });
    // viem compares times of L1 with the clock of its own machine, which must have travelled, too.
    const now = Date.now;
    Date.now = () => now() + secs * 1000;
  });

  await check('publish: the confirmed state becomes a game', async () => {
    const { proof } = await until('a proof', async () => ((await ours()).proof ? ours() : undefined));
    const parts = proof.outputRootProof;
    assert.equal(proof.gameIndex, null);
    const args = [proof.assertion, parts.stateRoot, parts.messagePasserStorageRoot, proof.header];
    const address = rollup.bridge.confirmedGames;
    await minedOnL1(await l1Wallet.writeContract({ address, abi: gamesAbi, functionName: 'publish', args }));
    await until('the node to see it', async () => (await ours()).proof.gameIndex === 0);
    assert.equal((await ours()).status, 'confirmed');
  });

  await check('waitToProve, proveWithdrawal', async () => {
    assert.equal(await status(), 'ready-to-prove');
    const { game, withdrawal: found } = await l1Public.waitToProve({ receipt, targetChain: chain });
    const { proof } = await ours();
    assert.equal(game.l2BlockNumber, BigInt(proof.blockNumber));
    const args = await l2Public.buildProveWithdrawal({ account, game, withdrawal: found });
    assert.deepEqual(args.withdrawalProof, proof.withdrawalProof);
    assert.deepEqual(args.outputRootProof, proof.outputRootProof);
    await minedOnL1(await l1Wallet.proveWithdrawal(args));
    const proven = await until('the node to see it', async () => {
      const it = await ours();
      return it.status === 'proven' && it;
    });
    assert.equal(viem.getAddress(proven.provenBy), account.address);
  });

  await check('waitToFinalize, finalizeWithdrawal: no second waiting time', async () => {
    assert.equal(await status(), 'ready-to-finalize');
    const { withdrawalHash } = withdrawal;
    await l1Public.waitToFinalize({ withdrawalHash, targetChain: chain });
    await minedOnL1(await l1Wallet.finalizeWithdrawal({ account, targetChain: chain, withdrawal }));
    assert.equal(await status(), 'finalized');
    assert.equal(await l1Public.getBalance({ address: recipient }), value);
    await until('the node to see it', async () => (await ours()).status === 'finalized');
  });
});
