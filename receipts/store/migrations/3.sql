-- Version 2 to 3: routes with breakers of their own.

ALTER TABLE intents ADD COLUMN via TEXT NOT NULL DEFAULT '';
CREATE INDEX intents_via ON intents (via, deadline_ms) WHERE via <> '';

CREATE TABLE halts_3 (
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('all', 'connection', 'contract', 'agent', 'route')),
  name TEXT NOT NULL,
  allow_undo INTEGER NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  lifted_ms INTEGER
) STRICT;
INSERT INTO halts_3 SELECT id, scope, name, allow_undo, by, reason, at_ms, lifted_ms FROM halts;
DROP TABLE halts;
ALTER TABLE halts_3 RENAME TO halts;
CREATE UNIQUE INDEX halts_live ON halts (scope, name) WHERE lifted_ms IS NULL;
