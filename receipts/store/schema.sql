-- One store: journal, log, approvals, evidence. Every table is STRICT, so that a value never changes its type silently.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- What is to be done, and how far it is. `call_key` is the identity of the call (contracts/README.md).
CREATE TABLE actions (
  id TEXT PRIMARY KEY,
  call_key TEXT, -- null for reads, previews, steps of a plan and undos, which are never the same call twice
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  person TEXT NOT NULL,
  contract TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'running', 'ended')),
  status TEXT NOT NULL,
  fence INTEGER NOT NULL DEFAULT 0,
  lease_until_ms INTEGER NOT NULL DEFAULT 0,
  release TEXT NOT NULL,
  request BLOB NOT NULL,
  caller BLOB NOT NULL,
  asked BLOB,
  result BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL DEFAULT 0,
  held_until_ms INTEGER NOT NULL DEFAULT 0,
  plan_id TEXT, -- the plan that this is a step of
  position INTEGER, -- which unit of the plan
  undoes TEXT, -- the action that this one takes back
  plan BLOB, -- of a plan: its units and how far it is
  connection TEXT NOT NULL DEFAULT '',
  sent_ms INTEGER NOT NULL DEFAULT 0, -- when its first intent was committed
  spent INTEGER NOT NULL DEFAULT 0, -- what it takes from a budget
  strike INTEGER NOT NULL DEFAULT 0, -- 1: the target lied, or it ended diverged or unknown
  cancel_requested_ms INTEGER, -- of a plan: when somebody asked for its end
  kind TEXT NOT NULL DEFAULT '', -- read or write; with the next two as lists filter and tell actions
  risk TEXT NOT NULL DEFAULT '',
  says TEXT NOT NULL DEFAULT '' -- the sentence; '' where an older version made the row
) STRICT;
-- INVARIANT: the same call, while it is open, is the same action.
-- guard: one open action
CREATE UNIQUE INDEX actions_open ON actions (call_key) WHERE state <> 'ended';
CREATE INDEX actions_call ON actions (call_key, created_ms) WHERE call_key IS NOT NULL;
CREATE INDEX actions_active ON actions (state, tenant, agent, person) WHERE state <> 'ended';
CREATE INDEX actions_plan ON actions (plan_id, position) WHERE plan_id IS NOT NULL;
CREATE INDEX actions_rate ON actions (tenant, agent, contract, sent_ms) WHERE sent_ms > 0;
-- What budgets count, over all agents.
CREATE INDEX actions_sent ON actions (tenant, contract, sent_ms) WHERE sent_ms > 0;
CREATE INDEX actions_undone ON actions (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX actions_refused ON actions (tenant, agent, contract, held_until_ms) WHERE status = 'refused';
-- Lists are read by one of these, newest first: an id begins with its time.
CREATE INDEX actions_listed ON actions (tenant, id);
CREATE INDEX actions_at ON actions (tenant, created_ms);
CREATE INDEX actions_status ON actions (tenant, status, id);
CREATE INDEX actions_agent ON actions (tenant, agent, id);
CREATE INDEX actions_person ON actions (tenant, person, id);
CREATE INDEX actions_contract ON actions (tenant, contract, id);
CREATE INDEX actions_connection ON actions (tenant, connection, id);

-- The words of sentences, and with `=` before them the names of records and people, as pseudonyms under the tenant's key
-- (`receipts/action/word_index.py`). Erased with its action.
CREATE TABLE action_words (
  tenant TEXT NOT NULL,
  word TEXT NOT NULL,
  action_id TEXT NOT NULL,
  PRIMARY KEY (tenant, word, action_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX action_words_action ON action_words (action_id);
-- The words that begin so.
CREATE TABLE word_beginnings (
  tenant TEXT NOT NULL,
  beginning TEXT NOT NULL,
  word TEXT NOT NULL,
  PRIMARY KEY (tenant, beginning, word)
) STRICT, WITHOUT ROWID;

-- One row per send. Nothing leaves before its row is durable.
CREATE TABLE intents (
  action_id TEXT NOT NULL REFERENCES actions (id),
  step INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  route INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('intent', 'done', 'failed', 'escalated')),
  deadline_ms INTEGER NOT NULL,
  settle_ms INTEGER NOT NULL,
  action_digest TEXT NOT NULL,
  target_digest TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  before BLOB NOT NULL,
  receipt_id TEXT NOT NULL,
  connection TEXT NOT NULL DEFAULT '',
  lock TEXT, -- the resource that nothing else may change meanwhile; null for an undo
  at_ms INTEGER NOT NULL DEFAULT 0, -- where the connection counts per minute, else 0
  after BLOB, -- the state that it left, which an undo must find unchanged
  ours INTEGER NOT NULL DEFAULT 0, -- 1: the change is tied to our request
  via TEXT NOT NULL DEFAULT '', -- the route, where its contract has several: its breaker counts by this name
  PRIMARY KEY (action_id, step, attempt)
) STRICT;
CREATE INDEX intents_open ON intents (action_id) WHERE state = 'intent';
CREATE INDEX intents_connection ON intents (connection, at_ms) WHERE at_ms > 0;
CREATE INDEX intents_resource ON intents (lock) WHERE lock IS NOT NULL;
CREATE INDEX intents_via ON intents (via, deadline_ms) WHERE via <> '';
-- INVARIANT: what names the objects it makes is in flight at most once per resource.
CREATE UNIQUE INDEX intents_lock ON intents (lock) WHERE state = 'intent' AND lock IS NOT NULL;

CREATE TABLE approvals (
  id TEXT PRIMARY KEY,
  action_id TEXT NOT NULL REFERENCES actions (id),
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  signed BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
-- INVARIANT: one person counts once for one action.
CREATE UNIQUE INDEX approvals_person ON approvals (action_id, person);
CREATE INDEX approvals_by ON approvals (person, action_id);
-- INVARIANT: an approval is used at most once.
-- guard: single use of an approval
CREATE TABLE approval_uses (approval_id TEXT PRIMARY KEY, action_id TEXT NOT NULL, fence INTEGER NOT NULL) STRICT;

-- The log. `envelope` is the DSSE envelope; every other column is an index over it that `audit` compares with the body.
CREATE TABLE statements (
  leaf_index INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  action_id TEXT,
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  contract TEXT NOT NULL,
  status TEXT NOT NULL,
  changed INTEGER,
  at_ms INTEGER NOT NULL,
  envelope BLOB NOT NULL
) STRICT;
CREATE INDEX statements_action ON statements (action_id, leaf_index);
CREATE INDEX statements_time ON statements (tenant, at_ms, kind, status);
CREATE INDEX statements_listed ON statements (tenant, leaf_index);
CREATE INDEX statements_agent ON statements (tenant, agent, leaf_index);
CREATE INDEX statements_contract ON statements (tenant, contract, leaf_index);
CREATE INDEX statements_status ON statements (tenant, status, leaf_index);
-- What the gateway reads of the log when it starts: whose keys and agents there are, and what is halted.
CREATE INDEX statements_control ON statements (leaf_index)
WHERE kind IN ('key', 'agent', 'halt', 'role', 'tenant') OR status = 'withdrawn';
-- A proof finds the release of its time, however many statements came after that.
CREATE INDEX statements_release ON statements (leaf_index) WHERE kind = 'release';
CREATE TABLE search (value TEXT NOT NULL, leaf_index INTEGER NOT NULL, PRIMARY KEY (value, leaf_index)) STRICT, WITHOUT ROWID;
CREATE INDEX search_leaf ON search (leaf_index);
CREATE TABLE nodes (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;

-- What the commitments in the signed bodies open to. Erasing a row breaks no proof.
CREATE TABLE evidence (
  leaf_index INTEGER NOT NULL, -- in the order of the log, so that it only ever grows at its end
  label TEXT NOT NULL,
  salt BLOB NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (leaf_index, label)
) STRICT, WITHOUT ROWID;

-- What seals the personal values of each action, wrapped by the key of its tenant, and that by a key that is not here
-- (`receipts/store/data_keys.py`).
CREATE TABLE wrapping_keys (tenant TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE data_keys (
  id INTEGER PRIMARY KEY,
  action_id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE tenant_keys (tenant TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT;
CREATE TABLE keys (
  keyid TEXT PRIMARY KEY,
  public BLOB NOT NULL,
  person TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('passkey', 'file', 'development')),
  revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE agents (
  name TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  owner TEXT NOT NULL,
  person TEXT NOT NULL,
  roles TEXT NOT NULL,
  observe_only INTEGER NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
-- What was released under each name and version, so that other content under the same version is never silent.
CREATE TABLE contract_versions (name TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (name, version, digest)) STRICT;

-- What a person or the breaker stopped. A lifted row stays, so that a streak counts only from there.
CREATE TABLE halts (
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('all', 'connection', 'contract', 'agent', 'route')),
  name TEXT NOT NULL,
  allow_undo INTEGER NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  lifted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX halts_live ON halts (scope, name) WHERE lifted_ms IS NULL;

-- An unresolved diverged or unknown outcome on a resource (a pseudonym).
CREATE TABLE incidents (action_id TEXT PRIMARY KEY, resource TEXT NOT NULL, at_ms INTEGER NOT NULL, resolved_ms INTEGER) STRICT;

-- Who was told, when, and whether somebody took it on.
CREATE TABLE escalations (
  id TEXT PRIMARY KEY,
  action_id TEXT NOT NULL,
  route TEXT NOT NULL,
  tried INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL,
  delivered_ms INTEGER,
  acknowledged_ms INTEGER,
  acknowledged_by TEXT,
  handed_on_ms INTEGER -- when the next route was told instead
) STRICT;
CREATE INDEX escalations_open ON escalations (next_ms) WHERE acknowledged_ms IS NULL;

-- Secrets on their way, sealed (AES-256-GCM). `sealed` is null once the value is gone.
CREATE TABLE handles (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  person TEXT NOT NULL,
  plan_id TEXT,
  made_by TEXT NOT NULL,
  destinations TEXT NOT NULL,
  sealed BLOB,
  expires_ms INTEGER NOT NULL
) STRICT;
-- INVARIANT: a handle is used once per destination.
CREATE TABLE handle_uses (handle TEXT NOT NULL, destination TEXT NOT NULL, action_id TEXT NOT NULL, PRIMARY KEY (handle, destination)) STRICT, WITHOUT ROWID;

-- When to look again at what was confirmed.
CREATE TABLE rechecks (action_id TEXT NOT NULL, due_ms INTEGER NOT NULL, done_ms INTEGER, PRIMARY KEY (action_id, due_ms)) STRICT;

-- Where a passkey answers, who is signed in at the console, who may bring a new passkey, and who was told what.
CREATE TABLE passkeys (
  keyid TEXT PRIMARY KEY REFERENCES keys (keyid),
  credential TEXT NOT NULL UNIQUE,
  rp_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  uses INTEGER NOT NULL, -- the authenticator's own count, 0 where it has none
  name TEXT NOT NULL DEFAULT '', -- what its person calls it; no statement says it, and nothing is decided by it
  used_ms INTEGER -- when it last signed; null until it does
) STRICT;
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  keyid TEXT NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Challenges that were answered: each is answered once.
CREATE TABLE answered (challenge BLOB PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- What an identity provider said of people's roles.
CREATE TABLE role_facts (
  person TEXT PRIMARY KEY,
  roles TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  refresh BLOB NOT NULL -- sealed; empty where the provider gave no refresh token
) STRICT, WITHOUT ROWID;
CREATE TABLE introductions (
  id TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  words BLOB NOT NULL, -- the signed words of the admins who introduce them; [] is the terminal's
  token_hash TEXT UNIQUE, -- null until enough of them did
  expires_ms INTEGER NOT NULL,
  used_ms INTEGER
) STRICT;
CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  action_id TEXT NOT NULL,
  event TEXT NOT NULL,
  route TEXT NOT NULL,
  tried INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL,
  delivered_ms INTEGER,
  failed_ms INTEGER -- when it was given up
) STRICT;
-- INVARIANT: nobody is told the same twice.
CREATE UNIQUE INDEX notices_once ON notices (action_id, event, route);
CREATE INDEX notices_open ON notices (next_ms) WHERE delivered_ms IS NULL;

-- The tokens that connections got when people signed in, sealed (AES-256-GCM). One replica at a time refreshes them.
CREATE TABLE grants (
  id TEXT PRIMARY KEY, -- the reference of its tokens, with the person's name where each signs in
  connection TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('read', 'write', 'both')),
  tenant TEXT NOT NULL,
  person TEXT NOT NULL, -- '' where all share it
  account TEXT NOT NULL,
  scopes TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ready', 'refreshing', 'needs_person')),
  reason TEXT NOT NULL,
  access BLOB NOT NULL,
  refresh BLOB NOT NULL, -- empty where the server gave none
  version INTEGER NOT NULL, -- moves with its tokens
  fence INTEGER NOT NULL,
  lease_until_ms INTEGER NOT NULL,
  tried INTEGER NOT NULL, -- refreshes in a row that gave none
  expires_ms INTEGER, -- null where the server does not say
  next_ms INTEGER, -- when it is to be refreshed; null: it need not
  connected_by TEXT NOT NULL,
  connected_ms INTEGER NOT NULL,
  refreshed_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL -- to the minute
) STRICT;
CREATE INDEX grants_next ON grants (next_ms) WHERE next_ms IS NOT NULL;

-- The files to which closed actions went (receipts/README.md, "Archives"): what each is, and which action and leaf of the
-- log is in which. `done_ms` is null while rows are still being removed.
CREATE TABLE archives (
  digest TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  receipt TEXT NOT NULL,
  actions INTEGER NOT NULL,
  statements INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  done_ms INTEGER
) STRICT;
CREATE TABLE archive_actions (
  id TEXT PRIMARY KEY,
  archive TEXT NOT NULL REFERENCES archives (digest),
  call_key TEXT, -- how often a call was made counts what is archived too
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  person TEXT NOT NULL -- a pseudonym
) STRICT;
CREATE INDEX archive_calls ON archive_actions (call_key) WHERE call_key IS NOT NULL;
CREATE TABLE archive_leaves (leaf_index INTEGER PRIMARY KEY, receipt TEXT NOT NULL UNIQUE, action_id TEXT NOT NULL) STRICT;

-- Stable, documented views (receipts/README.md).
CREATE VIEW receipts AS
SELECT id AS receipt_id, leaf_index, kind, action_id, tenant, agent, contract, status, changed, at_ms FROM statements;
CREATE VIEW open_intents AS
SELECT i.action_id, a.tenant, a.agent, a.contract, i.attempt, i.deadline_ms, i.receipt_id
FROM intents AS i JOIN actions AS a ON a.id = i.action_id WHERE i.state = 'intent';
