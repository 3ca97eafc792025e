-- Ids that are never used twice, also after a row was removed.
CREATE TABLE weir_sequence (
  name TEXT PRIMARY KEY NOT NULL,
  value BIGINT NOT NULL
);
INSERT INTO weir_sequence (name, value) VALUES ('keys', 0);

CREATE TABLE weir_keys (
  id BIGINT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  user_name TEXT NOT NULL,
  hash BYTEA NOT NULL UNIQUE,
  models TEXT NOT NULL,
  rpm BIGINT NOT NULL,
  tpm BIGINT NOT NULL,
  concurrency BIGINT NOT NULL,
  budget_nano BIGINT NOT NULL,
  budget_period TEXT NOT NULL,
  created_us BIGINT NOT NULL,
  expires_us BIGINT NOT NULL,
  last_used_us BIGINT NOT NULL,
  blocked BIGINT NOT NULL
);
