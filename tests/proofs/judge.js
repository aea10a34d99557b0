// Runs the console's own verify.js outside of a browser: files in, one verdict a line out.
"use strict";
const fs = require("node:fs");
const vm = require("node:vm");
const [folder, list] = process.argv.slice(2);
globalThis.document = { querySelectorAll: () => [], getElementById: () => null, body: { dataset: {} } };
globalThis.setInterval = () => 0; // nothing here renews its times, and a timer would keep the process alive
for (const name of ["encoding.js", "console.js", "verify.js"]) vm.runInThisContext(fs.readFileSync(`${folder}/${name}`, "utf8"), name);

async function main() {
  for (const line of fs.readFileSync(list, "utf8").trim().split("\n")) {
    const { proof, roots } = JSON.parse(line);
    const said = await verifyProof(Buffer.from(proof, "base64").toString("utf8"), roots);
    const disclosed = said.ok ? [...said.disclosed].map(([name, data]) => [name, Buffer.from(data).toString("base64")]) : [];
    const { ok, unseen, receipt, checks } = said;
    process.stdout.write(JSON.stringify({ ok, unseen, receipt, disclosed, says: checks.at(-1)?.says }) + "\n");
  }
}
main();
