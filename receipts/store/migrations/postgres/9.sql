-- Version 8 to 9: closed actions may be in archives.

-- The files to which closed actions went (receipts/README.md, "Archives"): what each is, and which action and leaf of the
-- log is in which. `done_ms` is null while rows are still being removed.
CREATE TABLE archives (
  digest TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  receipt TEXT NOT NULL,
  actions BIGINT NOT NULL,
  statements BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  done_ms BIGINT
);
CREATE TABLE archive_actions (
  id TEXT PRIMARY KEY,
  archive TEXT NOT NULL REFERENCES archives (digest),
  call_key TEXT, -- how often a call was made counts what is archived too
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  person TEXT NOT NULL -- a pseudonym
);
CREATE INDEX archive_calls ON archive_actions (call_key) WHERE call_key IS NOT NULL;
CREATE TABLE archive_leaves (leaf_index BIGINT PRIMARY KEY, receipt TEXT NOT NULL UNIQUE, action_id TEXT NOT NULL);
