DROP INDEX weir_keys_access_id;
