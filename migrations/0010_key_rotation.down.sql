DROP INDEX weir_keys_expiring;
ALTER TABLE weir_keys DROP COLUMN expired_us;
DROP TABLE weir_key_old;
