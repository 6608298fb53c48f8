// The devnet's chain as viem's op-stack actions take one.
'use strict';
const viem = require('viem');
const op = require('viem/op-stack');
const { endpoints, rollup } = require('./checks.cjs');

module.exports = viem.defineChain({
  ...op.chainConfig,
  id: rollup.chain.chainId,
  name: 'Gainsay devnet',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [endpoints.l2_rpc], webSocket: [endpoints.l2_rpc.replace('http', 'ws')] } },
  contracts: {
    ...op.chainConfig.contracts,
    portal: { [rollup.l1ChainId]: { address: rollup.bridge.portal } },
    disputeGameFactory: { [rollup.l1ChainId]: { address: rollup.bridge.confirmedGames } },
  },
});
