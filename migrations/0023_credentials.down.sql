DELETE FROM weir_sequence WHERE name = 'credentials';
DROP TABLE weir_credentials;
