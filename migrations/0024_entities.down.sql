DELETE FROM weir_sequence WHERE name = 'entities';
DROP TABLE weir_entities;
