ALTER TABLE weir_ledger DROP COLUMN provider_metadata;
