DELETE FROM weir_sequence WHERE name = 'events';
DROP TABLE weir_events;
