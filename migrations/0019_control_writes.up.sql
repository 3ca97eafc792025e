-- compatible: 4
-- Whose a key is, how often it was changed, and from where and for what it may be used: lists with a line an entry, ''
-- for no restriction.
ALTER TABLE weir_keys ADD COLUMN org_id BIGINT NOT NULL DEFAULT 1;
ALTER TABLE weir_keys ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE weir_keys ADD COLUMN routes TEXT NOT NULL DEFAULT '';
ALTER TABLE weir_keys ADD COLUMN allow_ips TEXT NOT NULL DEFAULT '';
ALTER TABLE weir_keys ADD COLUMN cors_origins TEXT NOT NULL DEFAULT '';
-- What was answered to requests that carried an Idempotency-Key: for a day the same request gets the same answer. Of the
-- key there is a hash, and the answer is sealed under what only the key opens. status 0: it is being worked on.
CREATE TABLE weir_answers (
  caller TEXT NOT NULL,
  key_hash BYTEA NOT NULL,
  body_sum BYTEA NOT NULL,
  status BIGINT NOT NULL,
  answer BYTEA NOT NULL,
  created_us BIGINT NOT NULL,
  PRIMARY KEY (caller, key_hash)
);
CREATE INDEX weir_answers_created ON weir_answers (created_us);
