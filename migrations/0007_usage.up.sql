-- compatible: 4
-- What rows of the ledger add up to, per stretch of time and whatever they are told apart by. level 0: a minute; 1: a
-- quarter of an hour; 2: a day in the zone of weir_usage_zone; 3: a quarter of an hour of rows that are archived, to be
-- added to level 1. Any part can be made again from the rows (level 2 from 1 and 3).
CREATE TABLE weir_usage (
  level BIGINT NOT NULL,
  start_us BIGINT NOT NULL,
  key_id BIGINT NOT NULL,
  user_name TEXT NOT NULL,
  workspace TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  outcome TEXT NOT NULL,
  key_name TEXT NOT NULL,
  requests BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cache_write_5m_tokens BIGINT NOT NULL,
  cache_write_1h_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  cost_nano BIGINT NOT NULL,
  billable_nano BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  durations BIGINT NOT NULL,
  first_token_us BIGINT NOT NULL,
  first_tokens BIGINT NOT NULL,
  PRIMARY KEY (level, start_us, key_id, user_name, workspace, provider, model, outcome)
);

-- Minutes whose rows changed since they were added up, and how often.
CREATE TABLE weir_usage_dirty (
  minute BIGINT PRIMARY KEY NOT NULL,
  changes BIGINT NOT NULL
);

-- The time zone of the days; one row.
CREATE TABLE weir_usage_zone (
  name TEXT PRIMARY KEY NOT NULL
);

INSERT INTO weir_sequence (name, value) VALUES ('usage', 0);
INSERT INTO weir_usage_dirty (minute, changes) SELECT DISTINCT settled_us / 60000000, 1 FROM weir_ledger;
