-- compatible: 4
-- Entries of the configuration that are made through the control API: bodies as JSON, with the members that they would
-- have in the file. user_name: whom an assignment is about, where it is a user.
CREATE TABLE weir_entities (
  id BIGINT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  user_name TEXT NOT NULL,
  body TEXT NOT NULL,
  position BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_us BIGINT NOT NULL,
  changed_us BIGINT NOT NULL,
  UNIQUE (kind, name)
);
INSERT INTO weir_sequence (name, value) VALUES ('entities', 0);
