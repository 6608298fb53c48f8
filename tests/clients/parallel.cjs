// ethers v6 and viem against a devnet: 1,000 transactions of one account, all sent at once.
'use strict';
const ethers = require('ethers');
const viem = require('viem');
const { privateKeyToAccount } = require('viem/accounts');
const { assert, endpoints, rollup, check, bounded, until, main } = require('./checks.cjs');

const COUNT = 1_000;
const to = '0x00000000000000000000000000000000000000aa';

/// The places 0 to COUNT - 1 in an order that a seed fixes, the first one last: nothing can run
/// before everything has come.
function shuffled(seed) {
  const places = [...Array(COUNT).keys()].slice(1);
  let state = seed;
  for (let left = places.length; left > 1; left -= 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const at = state % left;
    [places[left - 1], places[at]] = [places[at], places[left - 1]];
  }
  return [...places, 0];
}

/// Checks that all of `sent` are mined, in the order of their nonces.
async function allMined(provider, address, end, sent) {
  assert.equal(sent.filter((it) => it.status === 'fulfilled').length, COUNT, refusals(sent));
  await until('all nonces are used', async () => (await provider.getTransactionCount(address)) === end);
  const receipts = await Promise.all(sent.map((it) => provider.getTransactionReceipt(it.value)));
  assert.ok(receipts.every((receipt) => receipt?.status === 1));
}

function refusals(sent) {
  const reasons = sent.filter((it) => it.status === 'rejected').map((it) => it.reason.message);
  return `${reasons.length} of ${sent.length} refused: ${reasons[0]?.slice(0, 1_000)}`;
}

main(async () => {
  const options = { pollingInterval: 100, cacheTimeout: -1 };
  const provider = new ethers.JsonRpcProvider(endpoints.l2_rpc, undefined, options);

  await check(`ethers: ${COUNT} sends at once, the first nonce last`, async () => {
    const wallet = new ethers.Wallet(endpoints.accounts[0].private_key, provider);
    const first = await provider.getTransactionCount(wallet.address);
    const sends = shuffled(1).map(async (place) => {
      return (await wallet.sendTransaction({ to, value: 1n, nonce: first + place })).hash;
    });
    const sent = await bounded(Promise.allSettled(sends), 'the sends', 300_000);
    await allMined(provider, wallet.address, first + COUNT, sent);
  });

  await check(`viem: ${COUNT} sends at once, the first nonce last`, async () => {
    const account = privateKeyToAccount(endpoints.accounts[1].private_key);
    const chain = viem.defineChain({
      id: rollup.chain.chainId,
      name: 'Gainsay devnet',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [endpoints.l2_rpc] } },
    });
    const transport = viem.http(endpoints.l2_rpc, { timeout: 300_000 });
    const wallet = viem.createWalletClient({ account, chain, transport });
    const first = await provider.getTransactionCount(account.address);
    const send = (place) => wallet.sendTransaction({ to, value: 1n, nonce: first + place });
    const sends = shuffled(2).map(send);
    const sent = await bounded(Promise.allSettled(sends), 'the sends', 300_000);
    await allMined(provider, account.address, first + COUNT, sent);
  });
});
