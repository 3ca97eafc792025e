-- compatible: 4
-- Whose a key is by the number of the user or service account, 0 for nobody: an address may change, and be another's
-- later. email_us: since when a user has theirs; calls of before, under the same address, are not shown as theirs. 0:
-- since they were made.
ALTER TABLE weir_keys ADD COLUMN owner_user BIGINT NOT NULL DEFAULT 0;
ALTER TABLE weir_keys ADD COLUMN owner_service BIGINT NOT NULL DEFAULT 0;
UPDATE weir_keys SET owner_user = coalesce((SELECT u.id FROM weir_users u WHERE u.email = lower(weir_keys.user_name)
  AND u.org_id = weir_keys.org_id), 0) WHERE user_name <> '';
UPDATE weir_keys SET owner_service = coalesce((SELECT s.id FROM weir_services s WHERE
  'service:' || CAST(s.id AS TEXT) = weir_keys.user_name AND s.org_id = weir_keys.org_id), 0) WHERE user_name <> '';
CREATE INDEX weir_keys_owner_user ON weir_keys (owner_user, id) WHERE owner_user > 0;
CREATE INDEX weir_keys_owner_service ON weir_keys (owner_service, id) WHERE owner_service > 0;
ALTER TABLE weir_users ADD COLUMN email_us BIGINT NOT NULL DEFAULT 0;
