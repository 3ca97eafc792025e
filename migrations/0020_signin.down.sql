DELETE FROM weir_sequence WHERE name = 'sessions';
DROP TABLE weir_attempts;
DROP TABLE weir_links;
DROP TABLE weir_sessions;
DROP TABLE weir_recovery_codes;
DROP TABLE weir_totp;
DROP TABLE weir_passwords;
