DROP TABLE weir_keys;
DROP TABLE weir_sequence;
