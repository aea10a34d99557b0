// Verifies an ailyus-proof-v1 or ailyus-bundle-v1 file in the browser, with WebCrypto and nothing of the gateway's code.
// DSSE v1, RFC 6962 / RFC 9162 section 2.1.3.2, C2SP signed notes and tlog-proof@v1, WebAuthn Level 3 section 7.2.
"use strict";

const utf8 = new TextEncoder();
const un64 = (text) => {
  must(typeof text === "string", "a value is no base64");
  const bytes = atob(text);
  must(btoa(bytes) === text, "a value is no canonical base64");
  return Uint8Array.from(bytes, (c) => c.charCodeAt(0));
};
const unhex = (text) => {
  must(typeof text === "string" && /^([0-9a-f]{2})*$/.test(text), "a value is no hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
};
const joined = (...parts) => {
  const all = parts.map((part) => (typeof part === "string" ? utf8.encode(part) : new Uint8Array(part)));
  const out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  all.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
};
const hash = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

class Fails extends Error {}
const must = (holds, sentence) => {
  if (!holds) throw new Fails(sentence);
};

/** The value of a JSON text in which no object names a key twice: readers disagree about which one counts. */
function strict(text, what) {
  const value = JSON.parse(text);
  const open = [];
  let last = null;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const key = JSON.parse(last);
      // guard: keys that a file names twice, in the browser
      must(!open.at(-1).has(key), `${what} names the key ${key} twice`);
      open.at(-1).add(key);
    }
    last = token;
  }
  return value;
}

/** An object with exactly these keys; `more` may be there. */
function closed(value, keys, more = []) {
  const names = value !== null && typeof value === "object" && !Array.isArray(value) ? Object.keys(value) : null;
  const right = names && keys.every((key) => names.includes(key)) && names.every((name) => [...keys, ...more].includes(name));
  must(right, "the file is no ailyus-proof-v1");
}

async function ed25519(publicKey, signature, message) {
  const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

// -- the log ---------------------------------------------------------------------------------------------------------

async function noteKey(name, publicKey) {
  return (await hash(name, "\n", Uint8Array.of(1), publicKey)).slice(0, 4);
}

/** Who cosigned a checkpoint's note: the names of trusted witnesses (C2SP tlog-cosignature, Ed25519). */
async function cosigned(note, { cosigners }) {
  const cut = note.lastIndexOf("\n\n");
  const found = new Set();
  for (const line of note.slice(cut + 2).split("\n")) {
    const [dash, name, blob, more] = line.split(" ");
    const own = cosigners.find((one) => one.name === name);
    if (dash !== "—" || !own || more !== undefined || !blob) continue;
    let bytes;
    try {
      bytes = un64(blob);
    } catch {
      continue; // a signature of a kind that we do not know says nothing to us
    }
    if (bytes.length !== 76 || !same(bytes.slice(0, 4), own.id)) continue;
    const seconds = bytes.slice(4, 12).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (seconds >= 1n << 63n) continue;
    const message = utf8.encode(`cosignature/v1\ntime ${seconds}\n${note.slice(0, cut + 1)}`);
    if (await ed25519(own.key, bytes.slice(12), message)) found.add(name);
  }
  return [...found];
}

/** The witnesses of trusted roots, by their verifier keys: each once, and no more needed than there are. */
async function witnessesOf(roots) {
  if (roots.witness == null) return null;
  const { quorum, cosigners } = roots.witness;
  const right = Object.keys(roots.witness).length === 2 && Number.isInteger(quorum) && quorum >= 1 && Array.isArray(cosigners);
  must(right && quorum <= cosigners.length, "the witnesses of the trusted roots are malformed");
  const found = [];
  for (const text of cosigners) {
    const [, name, id, data] = /^([!-*,-~]{1,200})\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
    must(name, "a key of a witness is malformed");
    const key = un64(data);
    must(key.length === 33 && key[0] === 4, "a key of a witness is of another kind");
    must(hex((await hash(name, "\n", key)).slice(0, 4)) === id, "a key of a witness does not fit its name");
    found.push({ name, id: unhex(id), key: key.slice(1) });
  }
  for (const part of [found.map((one) => one.name), found.map((one) => hex(one.key))])
    must(new Set(part).size === found.length, "a witness is named twice");
  return { quorum, cosigners: found };
}

/** The names of the witnesses that cosigned; fewer than the roots ask for do not count. */
async function witnessed(note, witnesses) {
  if (witnesses === null) return [];
  const found = await cosigned(note, witnesses);
  const said = `the checkpoint is cosigned by ${found.length} of ${witnesses.cosigners.length} witnesses: ${witnesses.quorum} must be`;
  must(found.length >= witnesses.quorum, said); // guard: enough witnesses, in the browser
  return found;
}

/** A checkpoint whose signature holds under a trusted key, in the part of the log that this signs, and name. */
async function checkpoint(note, origin, keys) {
  const cut = note.lastIndexOf("\n\n");
  must(cut > 0, "the checkpoint is malformed");
  const body = note.slice(0, cut + 1);
  const [said, size, root, rest] = body.split("\n");
  must(rest === "" && /^(0|[1-9]\d{0,15})$/.test(size), "the checkpoint is malformed");
  for (const line of note.slice(cut + 2).split("\n")) {
    const [dash, name, blob, more] = line.split(" ");
    if (dash !== "—" || name !== origin || more !== undefined || !blob) continue;
    const bytes = un64(blob);
    for (const { key, first, end } of keys)
      if (
        same(bytes.slice(0, 4), await noteKey(name, key)) &&
        (await ed25519(key, bytes.slice(4), utf8.encode(body))) &&
        first <= Number(size) && Number(size) < end // guard: checkpoints of a key, in the browser
      ) {
        must(said === origin, "the checkpoint is of another log");
        return { size: Number(size), root: un64(root) };
      }
  }
  throw new Fails("the checkpoint is not signed by a trusted key");
}

async function included(leaf, index, size, proof, root) {
  if (!(index >= 0 && index < size)) return false;
  let [first, last, current] = [BigInt(index), BigInt(size) - 1n, leaf];
  for (const sibling of proof) {
    if (last === 0n) return false;
    if (first & 1n || first === last) {
      current = await hash(Uint8Array.of(1), sibling, current);
      while (!(first & 1n) && first) [first, last] = [first >> 1n, last >> 1n];
    } else current = await hash(Uint8Array.of(1), current, sibling);
    [first, last] = [first >> 1n, last >> 1n];
  }
  return last === 0n && same(current, root);
}

/** One statement as the file has it: whose signature it carries, and which place in the log it claims. */
function parsed(proven) {
  closed(proven, ["envelope", "proof"]);
  const outer = JSON.parse(proven.envelope);
  must(outer.signatures.length === 1 && outer.payloadType === "application/vnd.in-toto+json", "not a DSSE envelope");
  const [{ keyid, sig }] = outer.signatures;
  const one = { payload: outer.payload, payloadType: outer.payloadType, signatures: [{ keyid, sig }] };
  must(JSON.stringify(one) === proven.envelope, "the envelope is not in its canonical form");
  const payload = un64(outer.payload);
  const pae = joined(`DSSEv1 ${outer.payloadType.length} ${outer.payloadType} ${payload.length} `, payload);
  const cut = proven.proof.indexOf("\n\n");
  const [header, place, ...hashes] = proven.proof.slice(0, cut).split("\n");
  must(header === "c2sp.org/tlog-proof@v1" && /^index (0|[1-9]\d{0,15})$/.test(place), "not a tlog-proof@v1");
  return { keyid, sig, payload, pae, index: Number(place.slice(6)), hashes, note: proven.proof.slice(cut + 2) };
}

/** Is it signed by a key that may sign at its place? */
async function holdsUnder(keys, { keyid, sig, pae, index }) {
  // guard: the part of a key, in the browser
  const own = keys.find((one) => one.keyid === keyid && one.first <= index && index < one.end);
  return own !== undefined && (await ed25519(own.key, un64(sig), pae));
}

/** The two keys of a rotation that its former key signs; null for any other statement. */
async function rotation({ keyid, payload }) {
  let body;
  try {
    body = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return null;
  }
  const about = body?.predicate?.about;
  if (body?.predicateType !== "https://ailyus.dev/rotation/v1" || about?.of !== "log") return null;
  for (const [id, key] of [[about.keyid, about.public], [about.formerKeyid, about.formerPublic]])
    if (!/^[0-9a-f]{64}$/.test(key) || hex(await hash(unhex(key))).slice(0, 32) !== id) return null;
  return keyid === about.formerKeyid && about.keyid !== about.formerKeyid ? about : null;
}

/** The keys after a rotation at this place; what is known of a key already must be what it says. */
function after(keys, { keyid, public: key, formerKeyid }, index) {
  const end = index + 1;
  const former = keys.find((one) => one.keyid === formerKeyid && one.first <= index && index < one.end);
  const known = keys.find((one) => one.keyid === keyid);
  const open = former && former.end === Infinity;
  const fits = known
    ? former && (open || former.end === end) && (known.first === end || (known.first === 0 && known.end === Infinity))
    : open;
  // guard: a rotation in its place, in the browser
  must(fits, "a rotation of the log's key is not one that the trusted keys know");
  const others = keys.filter((one) => one !== former && one !== known);
  return [...others, { ...former, end }, { keyid, key: unhex(key), end: known ? known.end : Infinity, first: end }];
}

/** The trusted keys, and those that came after them by the rotations in the file, which are checked like every statement. */
async function keysOf(entries, roots) {
  let keys = Object.entries(roots.keys).map(([keyid, key]) => {
    const { first, end } = roots.ranges?.[keyid] ?? { first: 0 };
    return { keyid, key: unhex(key), first, end: end ?? Infinity };
  });
  for (const entry of [...entries].sort((a, b) => a.index - b.index)) {
    const said = await rotation(entry);
    if (said !== null) keys = after(keys, said, entry.index);
  }
  return keys;
}

/** One statement: its signature, its place in the log, its body. */
async function statement(entry, origin, keys, witnesses) {
  const { keyid, sig, payload, index, hashes, note } = entry;
  must(await holdsUnder(keys, entry), "a statement's signature does not hold under a trusted key");
  const head = await checkpoint(note, origin, keys);
  const vouched = await witnessed(note, witnesses);
  const leaf = canonical({ keyid, payload: hex(await hash(payload)), sig });
  const inside = await included(await hash(Uint8Array.of(0), leaf), index, head.size, hashes.map(un64), head.root);
  must(inside, "a statement is not in the log that its proof names");
  const body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  must(same(utf8.encode(canonical(body)), payload), "a payload is not canonical");
  const { predicate } = body;
  const kind = `https://ailyus.dev/${predicate.kind}/v1`;
  const right = body._type === "https://in-toto.io/Statement/v1" && body.predicateType === kind;
  must(right && typeof predicate.receipt === "string", "a payload is not a canonical in-toto statement");
  return { index, head, vouched, predicate, subjects: canonical(body.subject), subject: body.subject };
}

// -- people's words --------------------------------------------------------------------------------------------------

/** A COSE key (RFC 9052): a CBOR map of small integers to integers and byte strings. */
function cose(bytes) {
  let at = 0;
  const item = () => {
    const [kind, low] = [bytes[at] >> 5, bytes[at] & 31];
    at += 1;
    must(low < 26, "the passkey's public key is malformed");
    let size = low < 24 ? low : 0;
    for (let left = low < 24 ? 0 : 2 ** (low - 24); left > 0; left--) size = size * 256 + bytes[at++];
    if (kind === 0) return size;
    if (kind === 1) return -1 - size;
    if (kind === 2) return bytes.slice(at, (at += size));
    must(kind === 5, "the passkey's public key is malformed");
    const map = new Map();
    for (let left = size; left > 0; left--) map.set(item(), item());
    return map;
  };
  const map = item();
  must(map instanceof Map && at === bytes.length, "the passkey's public key is malformed");
  return map;
}

/** ECDSA signatures come in DER; WebCrypto wants r ‖ s. */
function rawEcdsa(der) {
  const part = (at) => {
    must(der[at] === 2, "a passkey's signature is malformed");
    const bytes = der.slice(at + 2, at + 2 + der[at + 1]);
    const plain = bytes.length > 32 ? bytes.slice(bytes.length - 32) : bytes;
    return [joined(new Uint8Array(32 - plain.length), plain), at + 2 + der[at + 1]];
  };
  const [r, next] = part(2);
  return joined(r, part(next)[0]);
}

async function coseVerifies(key, signature, message) {
  const alg = key.get(3);
  if (alg === -8) return ed25519(key.get(-2), signature, message);
  const ecdsa = alg === -7;
  must(ecdsa || alg === -257, "the passkey's algorithm is not one that we know");
  const jwk = ecdsa
    ? { kty: "EC", crv: "P-256", x: textOf(key.get(-2)), y: textOf(key.get(-3)) }
    : { kty: "RSA", n: textOf(key.get(-1)), e: textOf(key.get(-2)) };
  const how = ecdsa
    ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
    : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("jwk", jwk, how, false, ["verify"]);
  return crypto.subtle.verify(how, imported, ecdsa ? rawEcdsa(signature) : signature, message);
}

async function asserts(assertion, challenge, about) {
  const clientData = bytesOf(assertion.client_data);
  const said = JSON.parse(new TextDecoder().decode(clientData));
  const authenticator = bytesOf(assertion.authenticator_data);
  must(assertion.credential === about.credential, "the assertion is of another passkey");
  must(said.type === "webauthn.get" && said.challenge === textOf(challenge), "the passkey signed another document");
  must(said.origin === about.origin && !said.crossOrigin, "the passkey answered at another origin");
  must(same(authenticator.slice(0, 32), await hash(about.rpId)), "the passkey answered for another site");
  must((authenticator[32] & 5) === 5, "the passkey did not verify its user");
  const message = joined(authenticator, await hash(clientData));
  const holds = await coseVerifies(cose(unhex(about.public)), bytesOf(assertion.signature), message);
  must(holds, "the passkey's signature does not hold");
}

/** Does the statement say of this approval what its approver said? */
function counted(binding, id, keyid, label, predicate) {
  if (label === "decision") return binding.verdict === "refuse" && predicate.status === "refused";
  if (binding.verdict !== "approve") return false;
  if (label === "approval") return predicate.approval === id && predicate.keyid === keyid;
  return Array.isArray(predicate.approvals) && predicate.approvals.includes(id);
}

/** Is this very action what was signed? A step of a plan carries the approval of its plan. */
async function isFor(subject, own, statements, disclosed) {
  const action = subject.action_id;
  const ofPlan = own.predicate.action !== action && own.predicate.plan?.action === action;
  const home = ofPlan ? statements.find((s) => s.predicate.action === action) : own;
  if (!home || home.predicate.action !== action) return false;
  const said = home.predicate;
  const contract = { id: subject.contract, version: subject.version, digest: subject.contract_digest };
  const signed = [subject.tenant, subject.agent, subject.origin, subject.target_digest, contract];
  if (canonical([said.tenant, said.agent, said.origin, said.target, said.contract]) !== canonical(signed)) return false;
  // computed from what was signed, so that neither digest nor parameters can be exchanged
  const computed = await hash(
    canonical({
      purpose: "ailyus-action-v1",
      contract: subject.contract,
      version: subject.version,
      contractDigest: subject.contract_digest,
      tenant: subject.tenant,
      agent: subject.agent,
      person: subject.person,
      connection: said.connection,
      target: subject.target_digest,
      params: subject.params,
    }),
  );
  const named = home.subject.find((one) => one.name === action)?.digest.sha256;
  if (named !== subject.action_digest || hex(computed) !== subject.action_digest) return false;
  const params = disclosed.get(`${said.receipt} params`);
  if (params && !same(params, utf8.encode(canonical(subject.params)))) return false;
  const record = home === own ? disclosed.get(`${said.receipt} resource`) : undefined;
  if (!record) return true;
  const { type, id } = JSON.parse(new TextDecoder().decode(record));
  return type === subject.resource_type && id === subject.resource_id;
}

/** An approval is the word of a key that the log linked before it, on this very action and the document that was shown. */
async function approval(data, receipt, label, statements, disclosed) {
  const word = strict(new TextDecoder().decode(data), `the approval in ${receipt}`);
  const { binding, keyid, signature, assertion } = word;
  const own = statements.find((s) => s.predicate.receipt === receipt);
  const at = own.index;
  const known = statements.filter((s) => s.predicate.kind === "key" && s.predicate.about.keyid === keyid && s.index < at);
  const last = known.sort((a, b) => a.index - b.index).at(-1);
  must(last && last.predicate.about.event === "linked", "the key was not linked when it signed");
  const about = last.predicate.about;
  must(hex(await hash(unhex(about.public))).slice(0, 32) === keyid, "the key is not the one that its id names");
  const person = disclosed.get(`${last.predicate.receipt} person`);
  must(!person || new TextDecoder().decode(person) === binding.approver, "the key is somebody else's");
  const digest = await hash(canonical(binding));
  if (about.keyKind === "passkey") await asserts(assertion, digest, about);
  else {
    const message = utf8.encode(`ailyus-approval-v1\n${hex(digest)}`);
    must(await ed25519(unhex(about.public), unhex(signature), message), "the approval's signature does not hold");
  }
  const id = hex(digest);
  must(counted(binding, id, keyid, label, own.predicate), `the approval in ${receipt} is not the one that its statement names`);
  // guard: an approval and its action, in the browser
  must(await isFor(binding.subject, own, statements, disclosed), `the approval in ${receipt} is for another action`);
  const asked = label.startsWith("approval/") ? undefined : disclosed.get(`${receipt} asked`);
  const lines = asked ? JSON.parse(new TextDecoder().decode(asked)).display.lines : null;
  if (lines) {
    const shown = hex(await hash(canonical(lines.map((line) => [line.label, line.value, line.origin]))));
    must(shown === binding.subject.display_digest, "another document was shown than was signed");
  }
  return { who: binding.approver, role: binding.role, verdict: binding.verdict, kind: about.keyKind, shown: !!lines };
}

// -- the whole file --------------------------------------------------------------------------------------------------

const UNSEEN =
  "whoever wrote the file can have left statements out: a later look, a person's resolution, or a key's revocation would not be missed";
const SELF = "without a witness the log is attested by its own operator";

/** What the verdict does not cover, and what whoever wrote the file can have left out. */
function notShown(statements, disclosed) {
  const intents = statements.filter((s) => s.predicate.kind === "intent");
  const slots = intents.flatMap((s) => (s.predicate.approvals ?? []).map((_, i) => `${s.predicate.receipt} approval/${i}`));
  const missing = slots.filter((slot) => !disclosed.has(slot)).length;
  const erasures = statements.filter((s) => s.predicate.kind === "erasure");
  const erased = new Set(erasures.flatMap((s) => (Array.isArray(s.predicate.about?.actions) ? s.predicate.about.actions : [])));
  const shut = (s) => Object.keys(s.predicate.commitments ?? {}).filter((label) => !disclosed.has(`${s.predicate.receipt} ${label}`));
  const ofActions = statements.filter((s) => s.predicate.action != null);
  const gone = ofActions.filter((s) => erased.has(s.predicate.action)).flatMap(shut).length;
  const unopened = ofActions.filter((s) => !erased.has(s.predicate.action)).flatMap(shut);
  return [
    UNSEEN,
    !statements[0].vouched.length && SELF,
    missing && `${missing} of ${slots.length} approvals that the intents name are not in the file`,
    intents.length && !slots.length &&
      "no approval: the intents name none, so the gateway's word is taken that the policies asked for none",
    gone && `erased: ${gone} pieces of evidence, as a statement in the log says`,
    unopened.length && `${unopened.length} pieces of evidence are not opened: ${unopened.slice(0, 12).join(", ")}`,
  ].filter(Boolean);
}

/** Trusted roots: the log's name, and keys of 32 bytes under the ids that their digests begin with. */
async function checkRoots(roots) {
  const right = roots && typeof roots.origin === "string" && roots.keys && typeof roots.keys === "object";
  const more = Object.keys(roots).filter((key) => !["origin", "keys", "ranges", "witness"].includes(key));
  must(right && more.length === 0, "the trusted roots are malformed");
  for (const [keyid, { first, end }] of Object.entries(roots.ranges ?? {})) {
    const isRange = Number.isInteger(first) && first >= 0 && (end == null || (Number.isInteger(end) && end > first));
    must(isRange && Object.hasOwn(roots.keys, keyid), "a range of the trusted roots is malformed");
  }
  for (const [keyid, key] of Object.entries(roots.keys)) {
    must(typeof key === "string" && /^[0-9a-f]{64}$/.test(key), "a trusted key is not 32 bytes in hex");
    must(hex(await hash(unhex(key))).slice(0, 32) === keyid, "a trusted key is not the one that its id names");
  }
}

/** A bundle's own keys; its proof is checked as every proof is. */
function checkBundle(bundle) {
  closed(bundle, ["format", "kind", "id", "proof", "withheld"]);
  const { kind, id, withheld } = bundle;
  const right = ["receipt", "action", "plan"].includes(kind) && typeof id === "string" && id.length <= 200;
  const patterns = Array.isArray(withheld) && withheld.length <= 100 && withheld.every((one) => typeof one === "string");
  must(right && patterns, "the file is no ailyus-proof-v1");
}

/** A consistency proof is not used here, and one that the command cannot read is none. */
function checkConsistency(proof) {
  if (proof === null) return;
  closed(proof, ["old", "hashes"]);
  const right = Number.isInteger(proof.old) && Array.isArray(proof.hashes) && proof.hashes.every((one) => typeof one === "string");
  must(right, "the file is no ailyus-proof-v1");
}

/** Is the proof's receipt of what the bundle is about? */
function isAbout({ kind, id }, receipt) {
  if (kind === "receipt") return receipt.receipt === id;
  return receipt.action === id && (kind === "plan") === Boolean(receipt.planOf);
}

/** Every check in order, as `{says, ok}`; the first that fails is the last. `unseen`: what the verdict does not cover. */
async function verifyProof(proofText, roots) {
  const checks = [];
  const holds = (says) => checks.push({ says, ok: true });
  try {
    const whole = strict(proofText, "the file");
    const bundle = whole?.format === "ailyus-bundle-v1" ? whole : null;
    if (bundle) checkBundle(bundle);
    const file = bundle ? bundle.proof : whole;
    closed(file, ["format", "receipt", "statements", "disclosures"], ["consistency"]);
    must(file.format === "ailyus-proof-v1", "the file is no ailyus-proof-v1");
    // guard: lists are lists, in the browser
    must(Array.isArray(file.statements) && Array.isArray(file.disclosures), "the file is no ailyus-proof-v1");
    // guard: a consistency proof of the right form, in the browser
    checkConsistency(file.consistency ?? null);
    await checkRoots(roots);
    const entries = file.statements.map(parsed);
    const [keys, witnesses] = [await keysOf(entries, roots), await witnessesOf(roots)];
    const statements = [];
    for (const entry of entries) statements.push(await statement(entry, roots.origin, keys, witnesses));
    const { head, vouched } = statements[0];
    must(
      statements.every((s) => s.head.size === head.size && same(s.head.root, head.root)),
      "the proofs end in different checkpoints",
    );
    for (const part of [statements.map((s) => s.predicate.receipt), statements.map((s) => s.index)])
      must(new Set(part).size === part.length, "a statement is in the file twice");
    const own = statements.find((s) => s.predicate.receipt === file.receipt);
    must(own, "the receipt is not among the statements");
    // guard: a bundle and its proof, in the browser
    must(!bundle || isAbout(bundle, own.predicate), "the bundle is about something else than its proof");
    holds(`${statements.length} statements are signed by a trusted key, and in a log of ${head.size}`);
    if (vouched.length) holds(`the log up to there is witnessed by ${vouched.join(", ")}`);
    for (const { index, predicate, subjects } of statements) {
      if (predicate.kind !== "outcome" || predicate.intent == null) continue;
      const intent = statements.find((s) => s.predicate.receipt === predicate.intent);
      const before = intent && intent.index < index && intent.predicate.action === predicate.action && intent.subjects === subjects;
      must(before, "the outcome's intent is not in the log before it");
      holds(`the intent of ${predicate.action} was in the log before its outcome`);
    }
    const disclosed = new Map();
    for (const item of file.disclosures) {
      closed(item, ["receipt", "label", "salt", "data"]);
      const of = statements.find((s) => s.predicate.receipt === item.receipt);
      const committed = of && Object.hasOwn(of.predicate.commitments, item.label) && of.predicate.commitments[item.label];
      const salt = un64(item.salt);
      // a salt of any other length would let bytes of the evidence be cut off, or be put in front of it
      // guard: length of a salt, in the browser
      const opens = salt.length === 16 && committed && committed === hex(await hash(salt, un64(item.data)));
      must(opens, `the disclosure ${item.label} is not what was committed to`);
      must(!disclosed.has(`${item.receipt} ${item.label}`), `the disclosure ${item.label} is in the file twice`);
      disclosed.set(`${item.receipt} ${item.label}`, un64(item.data));
    }
    holds(`${disclosed.size} disclosures are what was committed to`);
    for (const [name, data] of disclosed) {
      const [receipt, label] = name.split(" ");
      if (!/^(approval(\/.*)?|decision)$/.test(label)) continue;
      const word = await approval(data, receipt, label, statements, disclosed);
      const what = word.shown ? "on the document that was shown" : "on exactly this action";
      holds(`${word.who} signed as ${word.role} with a ${word.kind} key, ${what}: ${word.verdict}`);
    }
    const { status, changed } = own.predicate;
    holds(`the receipt ${file.receipt} says: ${status || own.predicate.kind}${changed === null ? "" : changed ? ", changed" : ", nothing changed"}`);
    return { ok: true, checks, unseen: notShown(statements, disclosed), receipt: own.predicate, disclosed };
  } catch (error) {
    checks.push({ says: error instanceof Fails ? error.message : "the file is malformed", ok: false });
    return { ok: false, checks, unseen: [] };
  }
}
globalThis.verifyProof = verifyProof;

const form = document.getElementById("verify");
if (form)
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [verdict, list] = [document.getElementById("verdict"), document.getElementById("checks")];
    verdict.textContent = "computing …";
    list.replaceChildren();
    const [brought, other] = [form.elements.roots.files[0], form.elements.proof.files[0]];
    const proof = other ? await other.text() : await (await fetch(form.dataset.proof)).text();
    let roots = { origin: "", keys: {} };
    try {
      roots = strict(brought ? await brought.text() : await (await fetch(form.dataset.roots)).text(), "roots.json");
    } catch {
      verdict.textContent = "this is no roots.json";
      return;
    }
    // our own roots show nothing of witnesses that our own keys do not: a receipt of this minute is not cosigned yet
    if (!brought) delete roots.witness;
    const { ok, checks, unseen } = await verifyProof(proof, roots);
    for (const { says, ok: met } of checks) {
      const item = document.createElement("li");
      item.className = met ? "holds" : "fails";
      item.textContent = says;
      list.append(item);
    }
    for (const says of unseen) {
      const item = document.createElement("li");
      item.className = "quiet";
      item.textContent = `not shown: ${says}`;
      list.append(item);
    }
    const whose = brought ? "under the keys that you brought" : "under this gateway's own keys, which shows that nothing was changed on the way, not who signed";
    verdict.textContent = ok ? `Authentic, ${whose}.` : "Not authentic.";
    verdict.className = ok ? "card holds" : "card fails";
  });
