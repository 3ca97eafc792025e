DELETE FROM weir_sequence WHERE name = 'usage';
DROP TABLE weir_usage_zone;
DROP TABLE weir_usage_dirty;
DROP TABLE weir_usage;
