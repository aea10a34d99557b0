-- Version 3 to 4: passkeys, people's sessions, introductions of new passkeys, notices.

CREATE TABLE passkeys (
  keyid TEXT PRIMARY KEY REFERENCES keys (keyid),
  credential TEXT NOT NULL UNIQUE,
  rp_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  uses INTEGER NOT NULL -- the authenticator's own count, 0 where it has none
) STRICT;
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  keyid TEXT NOT NULL,
  expires_ms INTEGER NOT NULL
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
  delivered_ms INTEGER
) STRICT;
-- INVARIANT: nobody is told the same twice.
CREATE UNIQUE INDEX notices_once ON notices (action_id, event, route);
CREATE INDEX notices_open ON notices (next_ms) WHERE delivered_ms IS NULL;
