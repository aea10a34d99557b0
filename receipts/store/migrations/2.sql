-- Version 1 to 2: plans, halts, escalations, secrets, rechecks.

ALTER TABLE actions ADD COLUMN plan_id TEXT;
ALTER TABLE actions ADD COLUMN position INTEGER;
ALTER TABLE actions ADD COLUMN undoes TEXT;
ALTER TABLE actions ADD COLUMN plan BLOB;
ALTER TABLE actions ADD COLUMN connection TEXT NOT NULL DEFAULT '';
ALTER TABLE actions ADD COLUMN sent_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE actions ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE actions ADD COLUMN strike INTEGER NOT NULL DEFAULT 0;
UPDATE actions SET connection = coalesce(json_extract(CAST(request AS TEXT), '$.connection'), '');
UPDATE actions SET sent_ms = created_ms WHERE fence > 0;
CREATE INDEX actions_plan ON actions (plan_id, position) WHERE plan_id IS NOT NULL;
CREATE INDEX actions_rate ON actions (tenant, agent, contract, sent_ms) WHERE sent_ms > 0;
CREATE INDEX actions_undone ON actions (undoes) WHERE undoes IS NOT NULL;

ALTER TABLE intents ADD COLUMN connection TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN lock TEXT;
ALTER TABLE intents ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN after BLOB;
ALTER TABLE intents ADD COLUMN ours INTEGER NOT NULL DEFAULT 0;
UPDATE intents SET connection = coalesce((SELECT a.connection FROM actions AS a WHERE a.id = intents.action_id), '');
CREATE INDEX intents_connection ON intents (connection, at_ms) WHERE at_ms > 0;
CREATE UNIQUE INDEX intents_lock ON intents (lock) WHERE state = 'intent' AND lock IS NOT NULL;

-- What a person or the breaker stopped. A lifted row stays, so that a streak counts only from there.
CREATE TABLE halts (
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('all', 'connection', 'contract', 'agent')),
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
  acknowledged_by TEXT
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
