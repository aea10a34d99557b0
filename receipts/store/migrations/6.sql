-- Version 5 to 6: what an identity provider said of people's roles.

CREATE TABLE role_facts (
  person TEXT PRIMARY KEY,
  roles TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  refresh BLOB NOT NULL -- sealed; empty where the provider gave no refresh token
) STRICT, WITHOUT ROWID;
