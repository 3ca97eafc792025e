-- compatible: 4
-- What Weir shows to providers, beside what the configuration declares. sealed: what only the vault can open, for
-- sealed_version; last4: how it ends, for people. A name is a provider's once, for breakers and the ledger go by it.
CREATE TABLE weir_credentials (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  provider TEXT NOT NULL,
  name TEXT NOT NULL,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL,
  last4 TEXT NOT NULL,
  sealed BYTEA NOT NULL,
  sealed_version BIGINT NOT NULL,
  weight BIGINT NOT NULL,
  active BIGINT NOT NULL,
  created_us BIGINT NOT NULL,
  changed_us BIGINT NOT NULL,
  UNIQUE (provider, name)
);
INSERT INTO weir_sequence (name, value) VALUES ('credentials', 0);
