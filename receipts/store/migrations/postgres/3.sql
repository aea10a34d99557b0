-- Version 2 to 3: what an identity provider said of people's roles.

CREATE TABLE role_facts (
  person TEXT PRIMARY KEY,
  roles TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  refresh BYTEA NOT NULL -- sealed; empty where the provider gave no refresh token
);
