// The page of the verifier that is one file: what is dropped on it is verified here, and nothing leaves the page.
"use strict";

const given = { proof: null, roots: null };
const at = (id) => document.getElementById(id);

/** Which of the two a file is: trusted roots name a log and its keys, everything else is to be verified. */
function keep(name, text) {
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // the verification itself says what is wrong with it
  }
  const kind = value !== null && typeof value === "object" && "origin" in value && "keys" in value ? "roots" : "proof";
  given[kind] = text;
  at(`${kind}-name`).textContent = name;
}

async function take(files) {
  for (const file of files) keep(file.name, await file.text());
  await judge();
}

function row(list, text, kind) {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  list.append(item);
}

/** What the signed record says of the effect; this page evaluates no expectation. */
function effectOf(receipt) {
  if (receipt.action === null) return "not an action: it is about the gateway itself";
  const checks = Array.isArray(receipt.checks) ? receipt.checks : [];
  const met = checks.filter((one) => one.met === true).length;
  const read = checks.length ? `; ${met} of ${checks.length} expectations were met when it was read back` : "";
  return `not evaluated here: the signed ${receipt.kind} says “${receipt.status}”${read}`;
}

async function judge() {
  const [verdict, answers, list] = [at("verdict"), at("answers"), at("checks")];
  answers.replaceChildren();
  list.replaceChildren();
  if (given.proof === null || given.roots === null) {
    verdict.textContent = given.proof === null ? "Now the proof or the bundle." : "Now the trusted roots (roots.json).";
    verdict.className = "";
    return;
  }
  let roots = null;
  try {
    roots = strict(given.roots, "roots.json");
  } catch {
    roots = {}; // which the verification refuses
  }
  const { ok, checks, unseen, receipt } = await verifyProof(given.proof, roots);
  verdict.textContent = ok ? "Authentic, under the keys that you brought." : "Not authentic.";
  verdict.className = ok ? "holds" : "fails";
  row(answers, `authentic: ${ok ? "yes" : `no, ${checks.at(-1).says}`}`, ok ? "holds" : "fails");
  if (ok) {
    row(answers, "authorised: not checked here, since that needs Cedar: ailyus receipt verify FILE --trust roots.json", "quiet");
    row(answers, `effect confirmed: ${effectOf(receipt)}`, "quiet");
  }
  for (const { says, ok: met } of checks) row(list, says, met ? "holds" : "fails");
  for (const says of unseen) row(list, `not shown: ${says}`, "quiet");
}

for (const input of document.querySelectorAll("input[type=file]"))
  input.addEventListener("change", () => take(input.files));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
