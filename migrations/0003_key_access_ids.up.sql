-- A key is also found by the id of its pair for signing, which is the beginning of its hash.
CREATE UNIQUE INDEX weir_keys_access_id ON weir_keys (substr(hash, 1, 8));
