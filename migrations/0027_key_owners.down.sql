ALTER TABLE weir_users DROP COLUMN email_us;
DROP INDEX weir_keys_owner_service;
DROP INDEX weir_keys_owner_user;
ALTER TABLE weir_keys DROP COLUMN owner_service;
ALTER TABLE weir_keys DROP COLUMN owner_user;
