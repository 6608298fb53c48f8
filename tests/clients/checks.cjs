// What the client scripts share: the devnet's endpoints, checks that count, and an end that says so.
//
// A script is run with the path of an endpoints.json (scripts/devnet writes one; default
// .devnet/endpoints.json) and with NODE_PATH at the npm packages, contracts/node_modules.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '../..');
const file = process.argv[2] ?? path.join(root, '.devnet/endpoints.json');
const endpoints = JSON.parse(fs.readFileSync(file, 'utf8'));
const rollup = JSON.parse(fs.readFileSync(endpoints.rollup_config, 'utf8'));
// The genesis accounts are megabytes that no client needs.
delete rollup.genesis;

let count = 0;

/// Runs one check; a failing one ends the script with what was found and expected.
async function check(what, body) {
  try {
    const result = await body();
    count += 1;
    console.log(`ok  ${what}`);
    return result;
  } catch (error) {
    error.message = `${what}: ${error.message}`;
    throw error;
  }
}

/// Fails when `promise` takes longer than any healthy node would.
function bounded(promise, what, ms = 120_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/// Asks until `look` returns something.
async function until(what, look, ms = 120_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not so after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/// Runs a script to its end and says how many checks it made.
function main(script) {
  script().then(
    () => {
      console.log(`done: ${count} checks`);
      process.exit(0);
    },
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

/// A contract as forge or an npm package built it.
function artifact(name) {
  const built = path.join(root, 'contracts/out', name);
  const json = fs.existsSync(built) ? JSON.parse(fs.readFileSync(built, 'utf8')) : require(name);
  const bytecode = typeof json.bytecode === 'string' ? json.bytecode : json.bytecode.object;
  return { abi: json.abi, bytecode: bytecode.startsWith('0x') ? bytecode : `0x${bytecode}` };
}

/// Creates a contract that stores a word under a key and logs the key (see tests/src/contract.rs).
const CREATE_NOTEBOOK = '0x60128060095f395ff3602035600035555f355f52602a60205fa100';
/// Creates a contract that reverts with Error("no").
const CREATE_REFUSER =
  '0x60208060095f395ff362461bcd60e51b5f526020600452600260245261' + '6e6f60f01b60445260645ffd';

module.exports = {
  assert, endpoints, rollup, check, bounded, until, main, artifact, CREATE_NOTEBOOK, CREATE_REFUSER,
};
