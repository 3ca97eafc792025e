-- compatible: 4
-- Work for the background: it waits, runs under a lease, has ended. due_us says when a worker may take it: the time it
-- is to run while it is queued, the end of its lease while it runs.
INSERT INTO weir_sequence (name, value) VALUES ('jobs', 0);

CREATE TABLE weir_jobs (
  id BIGINT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  args JSON NOT NULL,
  state TEXT NOT NULL,
  run_at_us BIGINT NOT NULL,
  due_us BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  max_attempts BIGINT NOT NULL,
  leased_by TEXT NOT NULL,
  cancel BIGINT NOT NULL,
  progress BIGINT NOT NULL,
  note TEXT NOT NULL,
  result JSON NOT NULL,
  error TEXT NOT NULL,
  unique_key TEXT NOT NULL,
  created_us BIGINT NOT NULL,
  started_us BIGINT NOT NULL,
  ended_us BIGINT NOT NULL
);
CREATE INDEX weir_jobs_due ON weir_jobs (due_us, id) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX weir_jobs_unique ON weir_jobs (unique_key) WHERE unique_key <> '' AND state IN ('queued', 'running');
CREATE INDEX weir_jobs_ended ON weir_jobs (ended_us) WHERE ended_us > 0;
CREATE INDEX weir_jobs_dead ON weir_jobs (kind) WHERE state = 'dead';

-- When each kind of job is next made by the clock; one row a kind that has a schedule.
CREATE TABLE weir_schedules (
  kind TEXT PRIMARY KEY NOT NULL,
  cron TEXT NOT NULL,
  next_us BIGINT NOT NULL,
  last_us BIGINT NOT NULL,
  last_job BIGINT NOT NULL
);
