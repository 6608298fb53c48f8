#!/usr/bin/env node
// The Solidity compiler as forge expects it: `--version`, or `--standard-json` on standard input.
// Wraps the npm package `solc`, whose version package.json pins.
const solc = require("solc");

if (process.argv.includes("--version")) {
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else if (process.argv.includes("--standard-json")) {
  const input = require("fs").readFileSync(0, "utf8");
  process.stdout.write(solc.compile(input));
} else {
  console.error(`solc.js: found ${process.argv.slice(2)}, expected --version or --standard-json`);
  process.exit(1);
}
