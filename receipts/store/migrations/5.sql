-- Version 4 to 5: challenges of the console that were answered, so that each is answered once by whichever replica;
-- and what was written to a resource last.

CREATE TABLE answered (challenge BLOB PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX intents_resource ON intents (lock) WHERE lock IS NOT NULL;
