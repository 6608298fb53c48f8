// Uniswap v2, as its npm packages built it, deployed on L2: liquidity in, swaps, liquidity out.
'use strict';
const ethers = require('ethers');
const { assert, endpoints, check, bounded, main, artifact } = require('./checks.cjs');

// ethers keeps answers for 250 ms, which is longer than a block here: it would use a nonce twice.
const options = { pollingInterval: 100, cacheTimeout: -1 };
const provider = new ethers.JsonRpcProvider(endpoints.l2_rpc, undefined, options);
const wallet = new ethers.Wallet(endpoints.accounts[2].private_key, provider);
const core = (name) => artifact(`@uniswap/v2-core/build/${name}.json`);
const periphery = (name) => artifact(`@uniswap/v2-periphery/build/${name}.json`);
const mined = async (sending) => {
  const sent = await sending;
  return bounded(sent.wait(), `receipt of ${sent.hash}`);
};
const ether = ethers.parseEther;
// An L2 block's time may be ahead of this machine's clock.
const deadline = 2n ** 63n;

async function deploy({ abi, bytecode }, ...args) {
  const contract = await new ethers.ContractFactory(abi, bytecode, wallet).deploy(...args);
  await bounded(contract.waitForDeployment(), 'a deployment');
  assert.notEqual(await provider.getCode(contract.target), '0x');
  return contract;
}

/// What x * y = k gives for `amountIn`, less the fee of 0.3 %.
const swapped = (amountIn, reserveIn, reserveOut) =>
  (amountIn * 997n * reserveOut) / (reserveIn * 1000n + amountIn * 997n);

main(async () => {
  await check('the router looks for pairs by the hash of the code that the factory deploys', async () => {
    const hash = ethers.keccak256(core('UniswapV2Pair').bytecode).slice(2);
    assert.ok(periphery('UniswapV2Router02').bytecode.includes(hash), `the router does not hold ${hash}`);
  });

  const [weth, factory, tokenA, tokenB] = await check('WETH9, factory and two tokens', async () => [
    await deploy(periphery('WETH9')),
    await deploy(core('UniswapV2Factory'), wallet.address),
    await deploy(core('ERC20'), ether('1000000')),
    await deploy(core('ERC20'), ether('1000000')),
  ]);
  const router = await check('router', () => deploy(periphery('UniswapV2Router02'), factory.target, weth.target));

  await check('allowances', async () => {
    for (const token of [tokenA, tokenB]) {
      await mined(token.approve(router.target, ethers.MaxUint256));
      assert.equal(await token.allowance(wallet.address, router.target), ethers.MaxUint256);
    }
  });

  const pair = await check('liquidity goes in', async () => {
    await mined(router.addLiquidity(
      tokenA.target, tokenB.target, ether('1000'), ether('4000'), 0, 0, wallet.address, deadline,
    ));
    const address = await factory.getPair(tokenA.target, tokenB.target);
    const found = new ethers.Contract(address, core('UniswapV2Pair').abi, wallet);
    assert.deepEqual(await reserves(found, tokenA), [ether('1000'), ether('4000')]);
    assert.equal(await found.totalSupply(), ether('2000'), 'sqrt(1000 * 4000)');
    return found;
  });

  await check('a swap gives what the formula says, and moves the reserves', async () => {
    const amountIn = ether('10');
    const [reserveA, reserveB] = await reserves(pair, tokenA);
    const expected = swapped(amountIn, reserveA, reserveB);
    const path = [tokenA.target, tokenB.target];
    assert.deepEqual([...(await router.getAmountsOut(amountIn, path))], [amountIn, expected]);
    const before = await tokenB.balanceOf(wallet.address);
    const receipt = await mined(router.swapExactTokensForTokens(amountIn, expected, path, wallet.address, deadline));
    assert.equal((await tokenB.balanceOf(wallet.address)) - before, expected);
    assert.deepEqual(await reserves(pair, tokenA), [reserveA + amountIn, reserveB - expected]);
    const events = receipt.logs.filter((log) => log.address === pair.target).map((log) => pair.interface.parseLog(log).name);
    assert.deepEqual(events, ['Sync', 'Swap']);
    console.log(`    10 A for ${ethers.formatEther(expected)} B, ${receipt.gasUsed} gas`);
  });

  await check('a swap below its minimum reverts with the reason', async () => {
    const path = [tokenB.target, tokenA.target];
    const swap = router.swapExactTokensForTokens(ether('1'), ether('1'), path, wallet.address, deadline);
    await assert.rejects(swap, /INSUFFICIENT_OUTPUT_AMOUNT/);
  });

  await check('ether is swapped for a token and back', async () => {
    await mined(router.addLiquidityETH(
      tokenA.target, ether('500'), 0, 0, wallet.address, deadline, { value: ether('5') },
    ));
    const there = [weth.target, tokenA.target];
    const before = await tokenA.balanceOf(wallet.address);
    await mined(router.swapExactETHForTokens(0, there, wallet.address, deadline, { value: ether('1') }));
    const bought = (await tokenA.balanceOf(wallet.address)) - before;
    assert.equal(bought, swapped(ether('1'), ether('5'), ether('500')));
    const etherBefore = await provider.getBalance(wallet.address);
    const receipt = await mined(router.swapExactTokensForETH(bought, 0, [...there].reverse(), wallet.address, deadline));
    const { l1Fee } = await provider.send('eth_getTransactionReceipt', [receipt.hash]);
    const cost = receipt.gasUsed * receipt.gasPrice + BigInt(l1Fee);
    const gained = (await provider.getBalance(wallet.address)) - etherBefore + cost;
    assert.equal(gained, swapped(bought, ether('500') - bought, ether('6')));
  });

  await check('a route over two pairs', async () => {
    const path = [weth.target, tokenA.target, tokenB.target];
    const expected = (await router.getAmountsOut(ether('0.1'), path)).at(-1);
    const before = await tokenB.balanceOf(wallet.address);
    await mined(router.swapExactETHForTokens(expected, path, wallet.address, deadline, { value: ether('0.1') }));
    assert.equal((await tokenB.balanceOf(wallet.address)) - before, expected);
  });

  await check('liquidity comes out', async () => {
    const liquidity = await pair.balanceOf(wallet.address);
    await mined(pair.approve(router.target, liquidity));
    await mined(router.removeLiquidity(tokenA.target, tokenB.target, liquidity, 0, 0, wallet.address, deadline));
    assert.equal(await pair.balanceOf(wallet.address), 0n);
    // The first 1000 units of liquidity stay locked for ever.
    assert.equal(await pair.totalSupply(), 1000n);
  });
});

/// The pair's reserves, those of `first` first.
async function reserves(pair, first) {
  const [[reserve0, reserve1], token0] = await Promise.all([pair.getReserves(), pair.token0()]);
  return token0 === first.target ? [reserve0, reserve1] : [reserve1, reserve0];
}
