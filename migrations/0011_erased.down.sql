DROP TABLE weir_erased;
