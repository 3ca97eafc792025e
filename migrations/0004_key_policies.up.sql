-- Which workspace a key belongs to and which policy it is under; '' for none.
ALTER TABLE weir_keys ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE weir_keys ADD COLUMN policy TEXT NOT NULL DEFAULT '';
