-- Version 10 to 11: the tokens of connections whose people signed in.

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
