-- Version 10 to 11: passkeys have names, and say when they last signed.

ALTER TABLE passkeys ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE passkeys ADD COLUMN used_ms BIGINT;
