DELETE FROM weir_sequence WHERE name = 'service_secrets';
DROP TABLE weir_service_secrets;
