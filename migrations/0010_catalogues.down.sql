DROP TABLE weir_catalogues;
