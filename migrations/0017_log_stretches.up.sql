-- compatible: 7
-- Where in the order of settlement the rows of a key (kind 1; its number as text), a user (2), a workspace (3), a
-- provider (4) or a model (5) lie; 11 to 15: those of them that failed. Between first_us and last_us, inside one minute
-- and among at most 256 rows, there are some of the subject's, perhaps others', and all of the subject's lie in one of
-- its stretches, in a minute that is marked, or in an open quarter. Made with the roll-ups.
CREATE TABLE weir_ledger_stretches (
  kind BIGINT NOT NULL,
  subject TEXT NOT NULL,
  first_us BIGINT NOT NULL,
  last_us BIGINT NOT NULL,
  PRIMARY KEY (kind, subject, first_us, last_us)
);
CREATE INDEX weir_ledger_stretches_order ON weir_ledger_stretches (first_us);

-- 1 when what is made together with the sum was made: the stretches of a quarter, the levels 4 (a day by key, user and
-- workspace alone) and 5 (a day by provider, model and outcome alone) of a day. A program of before it leaves 0, which
-- is how the others learn that it made the sum.
ALTER TABLE weir_usage ADD COLUMN complete BIGINT NOT NULL DEFAULT 0;
CREATE INDEX weir_usage_open_quarters ON weir_usage (start_us) WHERE level = 1 AND complete = 0;
CREATE INDEX weir_usage_open_days ON weir_usage (start_us) WHERE level = 2 AND complete = 0;
