-- compatible: 4
-- Which processes live on this database. The seat stands in the ids of the ledger rows its process makes, so that no
-- two of them ever make the same id; it is leased by the database's clock.
CREATE TABLE weir_replicas (
  seat BIGINT PRIMARY KEY NOT NULL,
  boot TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  started_us BIGINT NOT NULL,
  seen_us BIGINT NOT NULL
);
INSERT INTO weir_sequence (name, value) VALUES ('replicas', 0);

-- What all processes on this database must agree on.
CREATE TABLE weir_meta (
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
);
