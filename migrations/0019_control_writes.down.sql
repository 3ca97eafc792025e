DROP TABLE weir_answers;
ALTER TABLE weir_keys DROP COLUMN cors_origins;
ALTER TABLE weir_keys DROP COLUMN allow_ips;
ALTER TABLE weir_keys DROP COLUMN routes;
ALTER TABLE weir_keys DROP COLUMN version;
ALTER TABLE weir_keys DROP COLUMN org_id;
