DROP INDEX weir_keys_policy;
