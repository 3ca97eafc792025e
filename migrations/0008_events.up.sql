-- compatible: 4
-- What has changed, for other processes that keep copies. Ids come from weir_sequence in the transaction of the change:
-- in the order of commits, without a gap.
CREATE TABLE weir_events (
  id BIGINT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  at_us BIGINT NOT NULL
);
INSERT INTO weir_sequence (name, value) VALUES ('events', 0);
