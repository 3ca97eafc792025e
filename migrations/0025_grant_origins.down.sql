ALTER TABLE weir_grants DROP COLUMN origin;
