-- compatible: 4
-- What the provider reports about a call beside what has a column of its own: an object of JSON, or NULL.
ALTER TABLE weir_ledger ADD COLUMN provider_metadata TEXT;
