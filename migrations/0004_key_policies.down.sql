ALTER TABLE weir_keys DROP COLUMN policy;
ALTER TABLE weir_keys DROP COLUMN workspace;
