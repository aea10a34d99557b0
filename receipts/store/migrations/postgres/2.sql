-- Version 1 to 2: challenges of the console that were answered, so that each is answered once by whichever replica;
-- and what was written to a resource last.

CREATE TABLE answered (challenge BYTEA PRIMARY KEY, expires_ms BIGINT NOT NULL);
CREATE INDEX intents_resource ON intents (lock, rowid) WHERE lock IS NOT NULL;
