-- compatible: 4
-- What service accounts prove at /oauth/token who they are with; kept as a hash under the server's secret, like keys.
CREATE TABLE weir_service_secrets (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  service_id BIGINT NOT NULL,
  prefix TEXT NOT NULL,
  hash BYTEA NOT NULL UNIQUE,
  created_us BIGINT NOT NULL,
  expires_us BIGINT NOT NULL
);
CREATE INDEX weir_service_secrets_service ON weir_service_secrets (service_id, id);
INSERT INTO weir_sequence (name, value) VALUES ('service_secrets', 0);
