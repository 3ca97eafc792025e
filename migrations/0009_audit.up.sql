-- compatible: 4
-- Who changed what, in a chain: every entry holds the hash of the one before it (src/store/audit_chain.h). What is
-- personal in an entry (actor, before, after) is in its hash only by way of a salted sum, so that it can be erased:
-- then the salt is empty, and a later entry vouches for what stands there instead.
CREATE TABLE weir_audit (
  id BIGINT PRIMARY KEY NOT NULL,
  at_us BIGINT NOT NULL,
  actor TEXT NOT NULL,
  origin TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  before JSON NOT NULL,
  after JSON NOT NULL,
  salt BYTEA NOT NULL,
  personal_sum BYTEA NOT NULL,
  prev_hash BYTEA NOT NULL,
  hash BYTEA NOT NULL
);
CREATE INDEX weir_audit_subject ON weir_audit (subject, id);

-- The two ends of the chain: 'head' is the newest entry, 'anchor' the last one that was removed at the old end.
CREATE TABLE weir_audit_end (
  name TEXT PRIMARY KEY NOT NULL,
  id BIGINT NOT NULL,
  hash BYTEA NOT NULL
);
