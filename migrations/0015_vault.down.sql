DROP TABLE weir_signing_keys;
