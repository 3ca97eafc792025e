DROP TABLE weir_meta;
DELETE FROM weir_sequence WHERE name = 'replicas';
DROP TABLE weir_replicas;
