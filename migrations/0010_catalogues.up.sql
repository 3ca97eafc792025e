-- compatible: 4
-- Vendors' lists of models and prices, as they were fetched last. vendor: the address a list comes from.
CREATE TABLE weir_catalogues (
  vendor TEXT PRIMARY KEY NOT NULL,
  body BYTEA NOT NULL,
  fetched_us BIGINT NOT NULL
);
