-- compatible: 4
-- What the rows of a key add up to that have left the ledger for a file: with the rows that are there it is the balance.
CREATE TABLE weir_ledger_archived (
  key_id BIGINT PRIMARY KEY NOT NULL,
  entries BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cache_write_5m_tokens BIGINT NOT NULL,
  cache_write_1h_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  cost_nano BIGINT NOT NULL,
  billable_nano BIGINT NOT NULL
);

-- The files, each with the BLAKE2b-256 of its bytes in hexadecimal.
CREATE TABLE weir_archives (
  name TEXT PRIMARY KEY NOT NULL,
  entries BIGINT NOT NULL,
  cost_nano BIGINT NOT NULL,
  first_us BIGINT NOT NULL,
  last_us BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  digest TEXT NOT NULL,
  made_us BIGINT NOT NULL
);
