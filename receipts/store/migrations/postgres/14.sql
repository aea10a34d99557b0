-- Version 13 to 14: personal values are sealed, each under the key of its action.

-- What seals the personal values of each action, wrapped by the key of its tenant, and that by a key that is not here
-- (`receipts/store/data_keys.py`).
CREATE TABLE wrapping_keys (tenant TEXT PRIMARY KEY, wrapped BYTEA NOT NULL);
CREATE TABLE data_keys (
  id BIGINT PRIMARY KEY,
  action_id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  wrapped BYTEA NOT NULL
);

-- The words that begin so.
CREATE TABLE word_beginnings (
  tenant TEXT NOT NULL,
  beginning TEXT NOT NULL,
  word TEXT NOT NULL,
  PRIMARY KEY (tenant, beginning, word)
);
