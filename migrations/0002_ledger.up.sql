-- One row per settled attempt, never changed. Ids are time-ordered, so the primary key is also the order of listing.
CREATE TABLE weir_ledger (
  id BIGINT PRIMARY KEY NOT NULL,
  reserved_us BIGINT NOT NULL,
  settled_us BIGINT NOT NULL,
  request_id TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  key_id BIGINT NOT NULL,
  key_name TEXT NOT NULL,
  user_name TEXT NOT NULL,
  wire TEXT NOT NULL,
  operation TEXT NOT NULL,
  provider TEXT NOT NULL,
  credential TEXT NOT NULL,
  model TEXT NOT NULL,
  upstream_model TEXT NOT NULL,
  upstream_request_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT NOT NULL,
  status BIGINT NOT NULL,
  upstream_status BIGINT NOT NULL,
  streamed BIGINT NOT NULL,
  billable BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cache_write_5m_tokens BIGINT NOT NULL,
  cache_write_1h_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  usage_known BIGINT NOT NULL,
  usage_estimated BIGINT NOT NULL,
  cost_input_nano BIGINT NOT NULL,
  cost_output_nano BIGINT NOT NULL,
  cost_cache_write_nano BIGINT NOT NULL,
  cost_cache_read_nano BIGINT NOT NULL,
  cost_nano BIGINT NOT NULL,
  cost_known BIGINT NOT NULL,
  price_version BIGINT NOT NULL,
  reserved_nano BIGINT NOT NULL,
  first_token_us BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  overhead_us BIGINT NOT NULL
);

-- What all rows of a key add up to; moves in the transaction that adds the rows.
CREATE TABLE weir_ledger_balance (
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

-- Billable cost per quarter of an hour of settlement: every time zone's midnight falls on the edge of a slot.
CREATE TABLE weir_ledger_spend (
  key_id BIGINT NOT NULL,
  slot BIGINT NOT NULL,
  cost_nano BIGINT NOT NULL,
  PRIMARY KEY (key_id, slot)
);

-- How far each journal has been carried over.
CREATE TABLE weir_ledger_stream (
  stream TEXT PRIMARY KEY NOT NULL,
  position BIGINT NOT NULL,
  moved_us BIGINT NOT NULL
);
