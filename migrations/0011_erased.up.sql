-- compatible: 4
-- Persons who were erased not long ago, so that rows of theirs which arrive later from a journal lose the name too. The
-- name is not here: sum is HMAC-SHA-256 of it under salt.
CREATE TABLE weir_erased (
  pseudonym TEXT PRIMARY KEY NOT NULL,
  salt BYTEA NOT NULL,
  sum BYTEA NOT NULL,
  erased_us BIGINT NOT NULL
);
