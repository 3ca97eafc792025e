-- compatible: 4
-- How people sign in. A password is an Argon2id string with its own parameters and salt (RFC 9106).
CREATE TABLE weir_passwords (
  user_id BIGINT PRIMARY KEY NOT NULL,
  hash TEXT NOT NULL,
  changed_us BIGINT NOT NULL
);

-- Second factors (RFC 6238). secret: sealed by the vault, for this version; last_step: the newest that was used, which
-- no code may be of again.
CREATE TABLE weir_totp (
  user_id BIGINT PRIMARY KEY NOT NULL,
  version BIGINT NOT NULL,
  secret BYTEA NOT NULL,
  confirmed_us BIGINT NOT NULL,
  last_step BIGINT NOT NULL
);
CREATE TABLE weir_recovery_codes (
  user_id BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  used_us BIGINT NOT NULL,
  PRIMARY KEY (user_id, hash)
);

-- One row a browser that is signed in. refresh: HMAC of the token that is good now, refresh_before of the one it has
-- replaced. Ended ones stay for a while, so that what belonged to them is known as such.
CREATE TABLE weir_sessions (
  id BIGINT PRIMARY KEY NOT NULL,
  user_id BIGINT NOT NULL,
  org_id BIGINT NOT NULL,
  refresh BYTEA NOT NULL,
  refresh_before BYTEA NOT NULL,
  created_us BIGINT NOT NULL,
  rotated_us BIGINT NOT NULL,
  expires_us BIGINT NOT NULL,
  ended_us BIGINT NOT NULL,
  way TEXT NOT NULL,
  address TEXT NOT NULL,
  agent TEXT NOT NULL
);
CREATE INDEX weir_sessions_user ON weir_sessions (user_id, id);
CREATE INDEX weir_sessions_expires ON weir_sessions (expires_us);

-- Links that are good once: setup, invite, reset, magic. user_id 0: nobody's yet.
CREATE TABLE weir_links (
  hash BYTEA PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  user_id BIGINT NOT NULL,
  created_us BIGINT NOT NULL,
  expires_us BIGINT NOT NULL
);
CREATE INDEX weir_links_user ON weir_links (user_id, kind);
CREATE INDEX weir_links_expires ON weir_links (expires_us);

-- Attempts to sign in, by a hash of whom and from where. known_us: when somebody was let in there.
CREATE TABLE weir_attempts (
  scope BYTEA PRIMARY KEY NOT NULL,
  failures BIGINT NOT NULL,
  last_us BIGINT NOT NULL,
  known_us BIGINT NOT NULL
);
CREATE INDEX weir_attempts_last ON weir_attempts (last_us);

INSERT INTO weir_sequence (name, value) VALUES ('sessions', 0);
