#!/usr/bin/env node
// Writes preinstalls.json: contracts of others that tooling expects on every chain, at the
// addresses they have everywhere. In: the bytecodes in Preinstalls.sol of the npm package
// @eth-optimism/contracts-bedrock, EntryPoint v0.7 of @account-abstraction/contracts, and the
// EIP-2935 code below. Out: [{name, address, codeHash, code}], sorted by address.
// Every code must have the hash written here, so no change of a package can change genesis.
//
// Permit2 holds the chain id and its EIP-712 domain separator as immutables. The entry's `code`
// has zeros in both places, `codeHash` is that of this template, and `patches` lists
//   {offset, value: "chainId"}          32 bytes at `offset` := the L2 chain id, big endian
//   {offset, value: "domainSeparator"}  32 bytes := keccak256(domain.typeHash ‖ domain.nameHash ‖
//                                       chain id as 32 bytes ‖ address left-padded to 32 bytes)
//
// Usage: node make-preinstalls.js [--check]     --check compares with the file and writes nothing
// @account-abstraction/contracts brings many packages along for two bytecodes, so it is not in
// package.json. To build these two anew: npm install --no-save @account-abstraction/contracts@0.7.0
// Without it they are kept as preinstalls.json has them, under the same hash check.
"use strict";

const fs = require("fs");
const path = require("path");
const { keccak256 } = require("js-sha3"); // a dependency of solc

const modules = path.join(__dirname, "..", "node_modules");
const output = path.join(__dirname, "preinstalls.json");

// Name in Preinstalls.sol -> keccak256 of its code.
const FROM_OPTIMISM = {
  MultiCall3: "0xd5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891",
  Create2Deployer: "0xb0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2",
  Safe_v130: "0xbba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e",
  SafeL2_v130: "0x21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f",
  MultiSendCallOnly_v130: "0xa9865ac2d9c7a1591619b188c4d88167b50df6cc0c5327fcbd1c8c75f7c066ad",
  SafeSingletonFactory: "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989",
  DeterministicDeploymentProxy:
    "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989",
  MultiSend_v130: "0x81db0e4afdf5178583537b58c5ad403bd47a4ac7f9bde2442ef3e341d433126a",
  SenderCreator: "0xae818091eaaf1b6175ee41472359a689f3823d0908a41e2e5c4ad508f2fc04a3",
  EntryPoint: "0xc93c806e738300b5357ecdc2e971d6438d34d8e4e17b99b758b1f9cac91c8e70",
};
// With the chain id and domain separator of Ethereum, as the package has it.
const PERMIT2_HASH = "0xc67d1657868aa5146eaf24fb879fb1fdec3d2d493b3683a61c9c2f4fb2851131";
const PERMIT2_CHAIN_ID_OFFSET = 6945;
const PERMIT2_DOMAIN_SEPARATOR_OFFSET = 6983;

// https://eips.ethereum.org/EIPS/eip-2935
const HISTORY_STORAGE = {
  address: "0x0000F90827F1C53a10cb7A02335B175320002935",
  code:
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257" +
    "611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
  codeHash: "0x6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d",
};

// EntryPoint v0.7 was deployed by CREATE2, so its address proves the package's creation code; the
// constructor creates SenderCreator with nonce 1 and keeps its address as an immutable.
const ENTRY_POINT_V07 = {
  address: "0x0000000071727De22E5E9d8BAf0edAc6f37da032",
  salt: "90d8084deab30c2a37c45e8d47f49f2f7965183cb6990a98943ef94940681de3",
  codeHash: "0x8db5ff695839d655407cc8490bb7a5d82337a86a6b39c3f0258aa6c3b582fc58",
  senderCreatorImmutableOffsets: [3362, 12875],
};
const SENDER_CREATOR_V07 = {
  address: "0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C",
  codeHash: "0x283c9d14378f5f4c4e24045b87d621d48443fa5b4af7dd7180a599b3756a7689",
  creationCodeOffset: 16199,
  size: 451,
};

const hash = (hex) => keccak256(Buffer.from(hex, "hex"));
const hashText = (text) => "0x" + keccak256(text);
const word = (hex) => hex.replace(/^0x/, "").toLowerCase().padStart(64, "0");

function expect(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: found ${found}, expected ${expected}`);
}

function put(code, offset, value) {
  return code.slice(0, 2 * offset) + value + code.slice(2 * offset + value.length);
}

function entry(name, address, code, codeHash) {
  expect(`code hash of ${name}`, "0x" + hash(code), codeHash);
  return { name, address, codeHash, code: "0x" + code };
}

function optimism() {
  const file = "@eth-optimism/contracts-bedrock/src/libraries/Preinstalls.sol";
  const source = fs.readFileSync(path.join(modules, file), "utf8");
  const find = (pattern) => {
    const match = source.match(pattern);
    if (!match) throw new Error(`${file} has nothing like ${pattern}`);
    return match[1];
  };
  const addressOf = (name) =>
    find(new RegExp(`address internal constant ${name} = (0x[0-9a-fA-F]{40});`));
  const codeOf = (name) =>
    find(new RegExp(`bytes internal constant ${name} =\\s*hex"([0-9a-f]+)";`));

  const entries = Object.entries(FROM_OPTIMISM).map(([name, codeHash]) =>
    entry(name, addressOf(name), codeOf(`${name}Code`), codeHash)
  );
  entries.push(permit2(addressOf("Permit2"), codeOf("Permit2TemplateCode")));
  return entries;
}

function permit2(address, mainnetCode) {
  expect("code hash of Permit2 on Ethereum", "0x" + hash(mainnetCode), PERMIT2_HASH);
  const domain = {
    typeHash: hashText("EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
    nameHash: hashText("Permit2"),
  };
  const fill = (chainId, separator) =>
    put(
      put(mainnetCode, PERMIT2_CHAIN_ID_OFFSET, chainId),
      PERMIT2_DOMAIN_SEPARATOR_OFFSET,
      separator
    );
  const separator = (chainId) =>
    hash(word(domain.typeHash) + word(domain.nameHash) + chainId + word(address));
  // The rule given to readers of the file must rebuild the code known to be right.
  expect("Permit2 patched for chain 1", fill(word("1"), separator(word("1"))), mainnetCode);

  const template = fill(word("0"), word("0"));
  return {
    ...entry("Permit2", address, template, "0x" + hash(template)),
    domain,
    patches: [
      { offset: PERMIT2_CHAIN_ID_OFFSET, value: "chainId" },
      { offset: PERMIT2_DOMAIN_SEPARATOR_OFFSET, value: "domainSeparator" },
    ],
  };
}

function entryPointV07() {
  const file = path.join(modules, "@account-abstraction/contracts/artifacts/EntryPoint.json");
  if (!fs.existsSync(file)) return keptEntryPointV07();
  const artifact = JSON.parse(fs.readFileSync(file, "utf8"));
  const creation = artifact.bytecode.slice(2);
  const { salt, senderCreatorImmutableOffsets } = ENTRY_POINT_V07;
  const deployer = word("4e59b44847b379578588920cA78FbF26c0B4956C").slice(24);
  const address = "0x" + hash("ff" + deployer + salt + hash(creation)).slice(24);
  expect("CREATE2 address of EntryPoint v0.7", address, ENTRY_POINT_V07.address.toLowerCase());

  let code = artifact.deployedBytecode.slice(2);
  for (const offset of senderCreatorImmutableOffsets) {
    code = put(code, offset, word(SENDER_CREATOR_V07.address));
  }
  const at = 2 * SENDER_CREATOR_V07.creationCodeOffset;
  const senderCreator = creation.slice(at, at + 2 * SENDER_CREATOR_V07.size);
  return [
    entry("EntryPoint_v070", ENTRY_POINT_V07.address, code, ENTRY_POINT_V07.codeHash),
    entry(
      "SenderCreator_v070",
      SENDER_CREATOR_V07.address,
      senderCreator,
      SENDER_CREATOR_V07.codeHash
    ),
  ];
}

function keptEntryPointV07() {
  const present = JSON.parse(fs.readFileSync(output, "utf8"));
  const keep = (name, { address, codeHash }) => {
    const kept = present.find((one) => one.name === name);
    if (!kept) throw new Error(`${output} has no ${name}, and its package is not installed`);
    return entry(name, address, kept.code.slice(2), codeHash);
  };
  return [
    keep("EntryPoint_v070", ENTRY_POINT_V07),
    keep("SenderCreator_v070", SENDER_CREATOR_V07),
  ];
}

function main() {
  const { address, code, codeHash } = HISTORY_STORAGE;
  const entries = [
    ...optimism(),
    ...entryPointV07(),
    entry("HistoryStorage", address, code, codeHash),
  ];
  entries.sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
  const text = JSON.stringify(entries, null, 2) + "\n";
  if (process.argv.includes("--check")) {
    if (fs.readFileSync(output, "utf8") !== text) {
      throw new Error(`${output} is not what this script writes`);
    }
    console.log(`preinstalls.json is up to date: ${entries.length} contracts`);
    return;
  }
  fs.writeFileSync(output, text);
  console.log(`wrote ${entries.length} contracts to ${output}`);
}

main();
