-- Version 7 to 8: the tokens of connections whose people signed in.

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
  access BYTEA NOT NULL,
  refresh BYTEA NOT NULL, -- empty where the server gave none
  version BIGINT NOT NULL, -- moves with its tokens
  fence BIGINT NOT NULL,
  lease_until_ms BIGINT NOT NULL,
  tried BIGINT NOT NULL, -- refreshes in a row that gave none
  expires_ms BIGINT, -- null where the server does not say
  next_ms BIGINT, -- when it is to be refreshed; null: it need not
  connected_by TEXT NOT NULL,
  connected_ms BIGINT NOT NULL,
  refreshed_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL -- to the minute
);
CREATE INDEX grants_next ON grants (next_ms) WHERE next_ms IS NOT NULL;
