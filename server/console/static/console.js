// Passkeys, live updates, local times, keys. Everything else is plain forms and links.
"use strict";

/** A passkey's word on a challenge; the user is verified, not only present. */
async function assertion(challenge, keys, rpId) {
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge,
      rpId,
      allowCredentials: keys.map((key) => ({ type: "public-key", id: bytesOf(key.credential) })),
      userVerification: "required",
      timeout: 120000,
    },
  });
  return {
    credential: textOf(credential.rawId),
    client_data: textOf(credential.response.clientDataJSON),
    authenticator_data: textOf(credential.response.authenticatorData),
    signature: textOf(credential.response.signature),
  };
}

async function attestation(options) {
  const credential = await navigator.credentials.create({
    publicKey: {
      challenge: bytesOf(options.challenge),
      rp: { id: options.rpId, name: `Ailyus ${options.deployment}` },
      user: { id: bytesOf(options.userId), name: options.userName, displayName: options.userName },
      // an authenticator that holds one would overwrite it
      excludeCredentials: (options.keys ?? []).map((key) => ({ type: "public-key", id: bytesOf(key.credential) })),
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: 120000,
    },
  });
  return {
    credential: textOf(credential.rawId),
    client_data: textOf(credential.response.clientDataJSON),
    attestation_object: textOf(credential.response.attestationObject),
  };
}

/** Sign a document with one of the person's passkeys: the challenge is the document's digest. */
async function signed(name, document_, keys) {
  const word = await assertion(await digestOf(document_), keys, keys[0].rpId);
  const key = keys.find((one) => one.credential === word.credential);
  return { [name]: document_, keyid: key.keyid, assertion: word };
}

/** The digest of the document that this page displays, computed from what stands on it. */
async function displayed() {
  const lines = [...document.querySelectorAll("[data-line]")].sort((a, b) => a.dataset.line - b.dataset.line);
  return hex(await digestOf(lines.map(({ dataset: d }) => [d.label, d.value, d.origin])));
}

const REFUSALS = {
  NotAllowedError: "the passkey gave no answer: nothing was signed",
  InvalidStateError: "this device or key holds a passkey of yours already: use another",
};

const ceremonies = {
  "sign-in": async (form, options) => {
    form.elements.signed.value = JSON.stringify(await assertion(bytesOf(options.challenge), [], options.rpId));
  },
  enrol: async (form, options) => {
    form.elements.attestation.value = JSON.stringify(await attestation(options));
  },
  approve: async (form, options, button) => {
    const binding = { ...options.binding, verdict: button.value, comment: form.elements.comment.value.trim() };
    if (form.elements.role) binding.role = form.elements.role.value;
    if (binding.verdict === "refuse" && !binding.comment) throw new Error("say why: the reason reaches the agent");
    // the signer signs what it displays, never a digest that it was sent
    if ((await displayed()) !== binding.subject.display_digest)
      throw new Error("what is shown is not what would be signed: open the page again");
    form.elements.signed.value = JSON.stringify(await signed("binding", binding, options.keys));
  },
  release: async (form, options, button) => {
    const word = { ...options.document, verdict: button.value, comment: form.elements.comment.value.trim() };
    if (form.elements.role) word.role = form.elements.role.value;
    if (word.verdict === "refuse" && !word.comment) throw new Error("say why: the reason is kept with the refusal");
    if ((await displayed()) !== word.display_digest)
      throw new Error("what is shown is not what would be signed: open the page again");
    form.elements.signed.value = JSON.stringify(await signed("document", word, options.keys));
  },
  propose: async (form, options) => {
    const { policies } = options.document;
    for (const { name, value } of form.querySelectorAll("input[name^='edit:policies/']:not([name$='.test.yaml'])")) {
      const digest = value.trim() && hex(await sha256(new TextEncoder().encode(value)));
      // the author signs what stands on the page, never a digest that the page was sent
      if (digest !== (policies[name.slice("edit:policies/".length)] ?? ""))
        throw new Error("what is shown is not what would be signed: check it again");
    }
    form.elements.signed.value = JSON.stringify(await signed("document", options.document, options.keys));
  },
  resolve: async (form, options, button) => {
    const resolution = { ...options.resolution, asserted: button.value, comment: form.elements.comment.value.trim() };
    form.elements.signed.value = JSON.stringify(await signed("resolution", resolution, options.keys));
  },
  word: async (form, options) => {
    if (!options.keys.length) throw new Error("you need a passkey here for that");
    form.elements.signed.value = JSON.stringify(await signed("word", options.word, options.keys));
  },
  add: async (form, options) => {
    if (!options.keys.length) throw new Error("you need a passkey here for that");
    const made = await attestation(options);
    form.elements.attestation.value = JSON.stringify(made);
    const word = { ...options.word, about: hex(await digestOf(made.attestation_object)) };
    form.elements.signed.value = JSON.stringify(await signed("word", word, options.keys));
  },
};

function bind(root) {
  for (const form of root.querySelectorAll("form[data-ceremony]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const alert_ = form.querySelector(".alert");
      const buttons = form.querySelectorAll("button");
      alert_.hidden = true;
      buttons.forEach((button) => (button.disabled = true));
      try {
        await ceremonies[form.dataset.ceremony](form, JSON.parse(form.dataset.options), event.submitter);
        form.submit();
      } catch (error) {
        alert_.textContent = REFUSALS[error.name] ?? error.message;
        alert_.hidden = false;
        buttons.forEach((button) => (button.disabled = false));
      }
    });
  }
}
bind(document);

/** The page as the server would show it now. Parsed by the request itself: text is never made HTML here. */
function currentPage() {
  return new Promise((resolve, reject) => {
    const asked = new XMLHttpRequest();
    const here = location.href.split("#")[0]; // what was asked for, and so what an answer without a redirect names
    asked.onload = () => resolve(asked.status === 200 && asked.responseURL === here ? asked.response : null);
    asked.onerror = reject;
    asked.open("GET", here);
    asked.responseType = "document";
    asked.send();
  });
}

/** What changed is put into the page: a new visit would undo the click of somebody who is on the way to another page. */
async function lookAgain() {
  const page = await currentPage();
  if (page === null) return location.reload(); // signed out meanwhile, or the page is gone
  for (const part of ["header", "main"]) document.querySelector(part).replaceWith(page.querySelector(part));
  document.title = page.title;
  document.querySelector("link[rel=icon]").replaceWith(page.querySelector("link[rel=icon]"));
  document.body.dataset.mark = page.body.dataset.mark;
  bind(document.querySelector("main"));
  refine(document);
}

// server/console/filters.py `ago` has the same words and limits
const AHEAD_MS = Number(document.body.dataset.clock) - Date.now(); // by how much this clock is behind the gateway's
function ago(ms) {
  const clock = Date.now() + AHEAD_MS;
  const past = ms <= clock;
  const seconds = Math.floor(Math.abs(clock - ms) / 1000);
  if (seconds < 45) return past ? "just now" : "in a moment";
  if (seconds >= 45 * 86400) return new Date(ms).toISOString().slice(0, 10);
  const days = Math.round(seconds / 86400);
  let said = `${days} ${days === 1 ? "day" : "days"}`;
  if (seconds < 90 * 60) said = `${Math.round(seconds / 60) || 1} min`;
  else if (seconds < 36 * 3600) said = `${Math.round(seconds / 3600)} h`;
  return past ? `${said} ago` : `in ${said}`;
}

/** Times say the local time; ids get a button that copies them. */
function refine(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const local = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    if (time.dataset.ago === undefined) time.title = local;
    else time.title = `${local} · ${time.dateTime}`;
  }
  for (const button of root.querySelectorAll("button.copy[hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.copy));
  }
}
refine(document);
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const said = ago(Date.parse(time.dateTime));
    if (time.textContent !== said) time.textContent = said;
  }
}, 10000);

const PLACES = { h: "/", i: "/inbox", a: "/actions", r: "/receipts" };
/** Single keys, where nobody types and nobody turned them off. */
function keys() {
  const off = document.getElementById("keys-off");
  if (!off) return;
  const isOff = () => localStorage.getItem("keys") === "off";
  const label = () => (off.textContent = isOff() ? "turn these keys on" : "turn these keys off");
  off.hidden = false;
  off.addEventListener("click", () => {
    localStorage.setItem("keys", isOff() ? "on" : "off");
    label();
  });
  label();
  let went = 0;
  addEventListener("keydown", (event) => {
    if (isOff() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.isContentEditable || event.target.closest("input, select, textarea")) return;
    const isPlace = Date.now() - went < 1500 && event.key in PLACES;
    went = event.key === "g" ? Date.now() : 0;
    if (isPlace) return location.assign(document.body.dataset.base + PLACES[event.key]);
    if (event.key === "?") document.getElementById("keys").togglePopover();
    if (event.key === "j" || event.key === "k") {
      const all = [...document.querySelectorAll("main a.whole, main .card a.button")];
      const at = all.indexOf(document.activeElement);
      all[event.key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0)]?.focus();
    }
    if (event.key !== "/") return;
    event.preventDefault();
    const search = document.getElementById("q");
    if (!search.checkVisibility()) document.getElementById("menu").showPopover();
    search.focus();
  });
}
keys();

const PAUSE_MS = 1000;

/** The stream says the mark of what is; a page that shows something else looks again, unless somebody works on it. */
function watch() {
  const { base, watch: topic, watchAsks } = document.body.dataset;
  if (!topic) return;
  let stream;
  let newest = document.body.dataset.mark;
  let looking = false;
  const show = async () => {
    if (looking || newest === document.body.dataset.mark) return;
    const busy = document.activeElement?.closest("form, details[open], [popover]");
    if (watchAsks !== undefined || busy) {
      document.getElementById("live").hidden = false;
      return;
    }
    looking = true;
    try {
      await lookAgain();
    } catch {
      // the gateway did not answer: what is shown stays, and is looked at again
    } finally {
      looking = false;
      setTimeout(show, PAUSE_MS); // it may have changed while it was read
    }
  };
  const open = () => {
    stream = new EventSource(`${base}/events${topic === "inbox" ? "" : `?action=${encodeURIComponent(topic)}`}`);
    stream.addEventListener("mark", ({ data }) => {
      newest = data;
      show();
    });
  };
  // a browser has few connections to one host: a page that nobody sees gives its own back
  const follow = () => (document.hidden ? stream?.close() : open());
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => stream?.close());
  follow();
}
watch();
