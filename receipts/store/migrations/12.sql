-- Version 11 to 12: closed actions may be in archives.

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
