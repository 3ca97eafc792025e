-- compatible: 4
-- Keys that tokens of ours are signed with. sealed: the private half, which only the vault can open. Ids are given by
-- whoever makes one, the highest and one, so that of two that make the next one only one does.
CREATE TABLE weir_signing_keys (
  id BIGINT PRIMARY KEY NOT NULL,
  kid TEXT NOT NULL UNIQUE,
  public_key BYTEA NOT NULL,
  sealed BYTEA NOT NULL,
  version BIGINT NOT NULL,
  created_us BIGINT NOT NULL,
  signs_us BIGINT NOT NULL
);
