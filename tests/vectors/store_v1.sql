-- One store: journal, log, approvals, evidence. Every table is STRICT, so that a value never changes its type silently.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- What is to be done, and how far it is. `call_key` is the identity of the call (contracts/README.md).
CREATE TABLE actions (
  id TEXT PRIMARY KEY,
  call_key TEXT, -- null for reads, which are never the same call twice
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
  held_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
-- INVARIANT: the same call, while it is open, is the same action.
CREATE UNIQUE INDEX actions_open ON actions (call_key) WHERE state <> 'ended';
CREATE INDEX actions_call ON actions (call_key, created_ms) WHERE call_key IS NOT NULL;
CREATE INDEX actions_active ON actions (state, tenant, agent, person) WHERE state <> 'ended';

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
  PRIMARY KEY (action_id, step, attempt)
) STRICT;
CREATE INDEX intents_open ON intents (state) WHERE state = 'intent';

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
-- INVARIANT: an approval is used at most once.
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
CREATE INDEX statements_time ON statements (tenant, at_ms);
CREATE TABLE search (value TEXT NOT NULL, leaf_index INTEGER NOT NULL, PRIMARY KEY (value, leaf_index)) STRICT, WITHOUT ROWID;
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

-- Stable, documented views (receipts/README.md).
CREATE VIEW receipts AS
SELECT id AS receipt_id, leaf_index, kind, action_id, tenant, agent, contract, status, changed, at_ms FROM statements;
CREATE VIEW open_intents AS
SELECT i.action_id, a.tenant, a.agent, a.contract, i.attempt, i.deadline_ms, i.receipt_id
FROM intents AS i JOIN actions AS a ON a.id = i.action_id WHERE i.state = 'intent';
