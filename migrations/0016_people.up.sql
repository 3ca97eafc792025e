-- compatible: 4
-- Who may do what: organisations, which are tenants, and what belongs to one: workspaces, teams, users, service
-- accounts, custom roles, and grants of roles. `version` is one more with every change of a row.
INSERT INTO weir_sequence (name, value) VALUES ('organisations', 1);
INSERT INTO weir_sequence (name, value) VALUES ('workspaces', 0);
INSERT INTO weir_sequence (name, value) VALUES ('teams', 0);
INSERT INTO weir_sequence (name, value) VALUES ('team_members', 0);
INSERT INTO weir_sequence (name, value) VALUES ('users', 0);
INSERT INTO weir_sequence (name, value) VALUES ('services', 0);
INSERT INTO weir_sequence (name, value) VALUES ('roles', 0);
INSERT INTO weir_sequence (name, value) VALUES ('grants', 0);

CREATE TABLE weir_organisations (
  id BIGINT PRIMARY KEY NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  timezone TEXT NOT NULL,
  week_start TEXT NOT NULL,
  created_us BIGINT NOT NULL
);
INSERT INTO weir_organisations (id, version, name, description, timezone, week_start, created_us)
  VALUES (1, 1, 'default', '', 'UTC', 'monday', 0);

-- Keys and rows of the ledger name a workspace by its name, which is therefore unique everywhere.
CREATE TABLE weir_workspaces (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  created_us BIGINT NOT NULL
);
CREATE INDEX weir_workspaces_org ON weir_workspaces (org_id, id);
-- Whose a name is, also after the workspace is gone: another organisation that took it would see the calls of before.
CREATE TABLE weir_workspace_names (
  name TEXT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL
);
CREATE INDEX weir_keys_workspace ON weir_keys (workspace);
INSERT INTO weir_workspaces (id, org_id, version, name, description, created_us)
  SELECT row_number() OVER (ORDER BY workspace), 1, 1, workspace, '', min(created_us) FROM weir_keys
  WHERE workspace <> '' GROUP BY workspace;
INSERT INTO weir_workspace_names (name, org_id) SELECT name, org_id FROM weir_workspaces;
UPDATE weir_sequence SET value = (SELECT count(*) FROM weir_workspaces) WHERE name = 'workspaces';

CREATE TABLE weir_teams (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX weir_teams_name ON weir_teams (org_id, name);
CREATE INDEX weir_teams_org ON weir_teams (org_id, id);
CREATE TABLE weir_team_members (
  id BIGINT PRIMARY KEY NOT NULL,
  team_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL
);
CREATE UNIQUE INDEX weir_team_members_team ON weir_team_members (team_id, user_id);
CREATE INDEX weir_team_members_user ON weir_team_members (user_id, team_id);

-- external: the identity provider's issuer and subject, a line each; '' for none.
CREATE TABLE weir_users (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  external TEXT NOT NULL,
  is_disabled BIGINT NOT NULL,
  is_invited BIGINT NOT NULL,
  created_us BIGINT NOT NULL,
  last_seen_us BIGINT NOT NULL
);
CREATE INDEX weir_users_org ON weir_users (org_id, id);
CREATE UNIQUE INDEX weir_users_external ON weir_users (external) WHERE external <> '';

CREATE TABLE weir_services (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  is_disabled BIGINT NOT NULL,
  created_us BIGINT NOT NULL,
  last_seen_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX weir_services_name ON weir_services (org_id, name);
CREATE INDEX weir_services_org ON weir_services (org_id, id);

-- permissions: their names with a space between.
CREATE TABLE weir_roles (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  permissions TEXT NOT NULL,
  created_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX weir_roles_name ON weir_roles (org_id, name);
CREATE INDEX weir_roles_org ON weir_roles (org_id, id);

-- A role given to a user, a service account or a team. workspace_id 0: in the whole organisation. role: a built-in
-- one's name, role_id 0; or 'role:' and the id of a custom one, which role_id is.
CREATE TABLE weir_grants (
  id BIGINT PRIMARY KEY NOT NULL,
  org_id BIGINT NOT NULL,
  to_kind TEXT NOT NULL,
  to_id BIGINT NOT NULL,
  workspace_id BIGINT NOT NULL,
  role TEXT NOT NULL,
  role_id BIGINT NOT NULL,
  created_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX weir_grants_to ON weir_grants (to_kind, to_id, workspace_id, role);
CREATE INDEX weir_grants_role ON weir_grants (org_id, role);
CREATE INDEX weir_grants_role_id ON weir_grants (role_id);
CREATE INDEX weir_grants_workspace ON weir_grants (workspace_id);
