-- compatible: 4
-- What a key was before it was rotated: good until a time, and known for a while longer, so that who still shows it is
-- told why it is refused.
CREATE TABLE weir_key_old (
  old_hash BYTEA PRIMARY KEY NOT NULL,
  key_id BIGINT NOT NULL,
  until_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX weir_key_old_access_id ON weir_key_old (substr(old_hash, 1, 8));
CREATE INDEX weir_key_old_key ON weir_key_old (key_id);
CREATE INDEX weir_key_old_until ON weir_key_old (until_us);
-- The expiry that the audit log knows has come.
ALTER TABLE weir_keys ADD COLUMN expired_us BIGINT NOT NULL DEFAULT 0;
CREATE INDEX weir_keys_expiring ON weir_keys (expires_us) WHERE expires_us > 0 AND expired_us <> expires_us;
