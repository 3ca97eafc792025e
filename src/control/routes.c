/* THE TABLE of the control API. One row a route; its shapes and its handler are in the file of its resource. What is
 * checked, answered and documented follows from it; the routes of one path stand one after the other. Read by api.c and
 * openapi.c.
 * house: tested-by tests/unit/control/test_api_table.c */
#include "control/views.h"

#define ROW(how, at, name, of, what, may, mine, which, said, takes, sent, gives, with)                                 \
  .method = (how), .path = (at), .id = (name), .tag = (of), .summary = (what), .permission = PERMISSION_##may,         \
  .own = PERMISSION_##mine, .kind = API_##which, .status = (said), .query = (takes), .body = (sent),                   \
  .answer = (gives), .handle = (with)
/* GET: what may be seen, in full or of one's own, and by which parameters. */
#define GET(at, name, of, what, may, mine, which, takes, gives, with)                                                  \
  { ROW("GET", at, name, of, what, may, mine, which, 200, takes, NULL, gives, with) }
/* _WITHIN: a permission that is held in one workspace alone is enough to come in, because the handler sees to where it
 * holds, or shows nothing that is another workspace's. Every other row needs it in the whole organisation. */
#define GET_WITHIN(at, name, of, what, may, mine, which, takes, gives, with)                                           \
  { ROW("GET", at, name, of, what, may, mine, which, 200, takes, NULL, gives, with), .is_within = true }
/* _SHARED: the same of what belongs to the whole installation. */
#define GET_SHARED(at, name, of, what, may, which, takes, gives, with)                                                 \
  { ROW("GET", at, name, of, what, may, may, which, 200, takes, NULL, gives, with), .is_shared = true }
/* POST on a list: makes one, 201. */
#define MAKE(at, name, of, what, may, mine, sent, gives, with)                                                         \
  { ROW("POST", at, name, of, what, may, mine, ONE, 201, NULL, sent, gives, with) }
#define MAKE_WITHIN(at, name, of, what, may, mine, sent, gives, with)                                                  \
  { ROW("POST", at, name, of, what, may, mine, ONE, 201, NULL, sent, gives, with), .is_within = true }
#define MAKE_SHARED(at, name, of, what, may, sent, gives, with)                                                        \
  { ROW("POST", at, name, of, what, may, may, ONE, 201, NULL, sent, gives, with), .is_shared = true }
/* POST on one thing: does something with it, 200. */
#define DO(at, name, of, what, may, mine, sent, gives, with)                                                           \
  { ROW("POST", at, name, of, what, may, mine, ONE, 200, NULL, sent, gives, with) }
#define DO_WITHIN(at, name, of, what, may, mine, sent, gives, with)                                                    \
  { ROW("POST", at, name, of, what, may, mine, ONE, 200, NULL, sent, gives, with), .is_within = true }
#define DO_SHARED(at, name, of, what, may, sent, gives, with)                                                          \
  { ROW("POST", at, name, of, what, may, may, ONE, 200, NULL, sent, gives, with), .is_shared = true }
#define PATCH(at, name, of, what, may, mine, sent, gives, with)                                                        \
  { ROW("PATCH", at, name, of, what, may, mine, ONE, 200, NULL, sent, gives, with) }
#define PATCH_WITHIN(at, name, of, what, may, mine, sent, gives, with)                                                 \
  { ROW("PATCH", at, name, of, what, may, mine, ONE, 200, NULL, sent, gives, with), .is_within = true }
#define PATCH_SHARED(at, name, of, what, may, sent, gives, with)                                                       \
  { ROW("PATCH", at, name, of, what, may, may, ONE, 200, NULL, sent, gives, with), .is_shared = true }
/* PUT: makes it so, 204. */
#define PUT(at, name, of, what, may, mine, with)                                                                       \
  { ROW("PUT", at, name, of, what, may, mine, NOTHING, 204, NULL, NULL, NULL, with) }
/* PUT of a value, which is answered as it is then. */
#define PUT_SHARED(at, name, of, what, may, sent, gives, with)                                                         \
  { ROW("PUT", at, name, of, what, may, may, ONE, 200, NULL, sent, gives, with), .is_shared = true }
#define DELETE(at, name, of, what, may, mine, with)                                                                    \
  { ROW("DELETE", at, name, of, what, may, mine, NOTHING, 204, NULL, NULL, NULL, with) }
#define DELETE_WITHIN(at, name, of, what, may, mine, with)                                                             \
  { ROW("DELETE", at, name, of, what, may, mine, NOTHING, 204, NULL, NULL, NULL, with), .is_within = true }
#define DELETE_SHARED(at, name, of, what, may, with)                                                                   \
  { ROW("DELETE", at, name, of, what, may, may, NOTHING, 204, NULL, NULL, NULL, with), .is_shared = true }
/* Of the installation, and some of it a workspace's. */
#define GET_SHARED_WITHIN(at, name, of, what, may, which, takes, gives, with)                                          \
  {                                                                                                                    \
    ROW("GET", at, name, of, what, may, may, which, 200, takes, NULL, gives, with), .is_shared = true,                 \
                                                                                    .is_within = true                  \
  }
#define MAKE_SHARED_WITHIN(at, name, of, what, may, sent, gives, with)                                                 \
  { ROW("POST", at, name, of, what, may, may, ONE, 201, NULL, sent, gives, with), .is_shared = true, .is_within = true }
#define PATCH_SHARED_WITHIN(at, name, of, what, may, sent, gives, with)                                                \
  {                                                                                                                    \
    ROW("PATCH", at, name, of, what, may, may, ONE, 200, NULL, sent, gives, with), .is_shared = true,                  \
                                                                                   .is_within = true                   \
  }
#define DELETE_SHARED_WITHIN(at, name, of, what, may, with)                                                            \
  {                                                                                                                    \
    ROW("DELETE", at, name, of, what, may, may, NOTHING, 204, NULL, NULL, NULL, with), .is_shared = true,              \
                                                                                       .is_within = true               \
  }

/* clang-format off */
const struct api_route api_routes[] = {
    GET_WITHIN("/api/v1/keys", "listKeys", "Keys", "Keys: what the file declares, then what the store has", KEYS_READ, KEYS_OWN, LIST, &key_filter_shape, &key_shape, keys_list),
    MAKE_WITHIN("/api/v1/keys", "createKey", "Keys", "Makes a key, which is shown in the answer and never again", KEYS_WRITE, KEYS_OWN, &key_new_shape, &key_made_shape, keys_create),
    GET_WITHIN("/api/v1/keys/{id}", "getKey", "Keys", "One key of the store", KEYS_READ, KEYS_OWN, ONE, NULL, &key_shape, keys_get),
    PATCH_WITHIN("/api/v1/keys/{id}", "updateKey", "Keys", "Changes what is given of a key; of one's own only the name, and that it is blocked", KEYS_WRITE, KEYS_OWN, &key_change_shape, &key_shape, keys_change),
    DELETE_WITHIN("/api/v1/keys/{id}", "deleteKey", "Keys", "Ends a key for ever; its rows in the request log stay", KEYS_WRITE, KEYS_OWN, keys_delete),
    DO_WITHIN("/api/v1/keys/{id}/rotate", "rotateKey", "Keys", "A new key in place of the old one, which is good for a while more", KEYS_WRITE, KEYS_OWN, &key_rotate_shape, &key_made_shape, keys_rotate),
    DO_WITHIN("/api/v1/keys/{id}/block", "blockKey", "Keys", "Refuses a key from now on", KEYS_WRITE, KEYS_OWN, NULL, &key_shape, keys_block),
    DO_WITHIN("/api/v1/keys/{id}/unblock", "unblockKey", "Keys", "Takes it back", KEYS_WRITE, KEYS_WRITE, NULL, &key_shape, keys_unblock),
    GET("/api/v1/organisations", "listOrganisations", "People", "Organisations; for who belongs to one, their own", ORGANISATION_READ, ORGANISATION_READ, LIST, &people_filter_shape, &organisation_shape, people_list),
    MAKE("/api/v1/organisations", "createOrganisation", "People", "Makes an organisation; only over the operator's socket", ORGANISATION_WRITE, ORGANISATION_WRITE, &organisation_new_shape, &organisation_shape, people_create),
    GET("/api/v1/organisations/{id}", "getOrganisation", "People", "One organisation", ORGANISATION_READ, ORGANISATION_READ, ONE, NULL, &organisation_shape, people_get),
    PATCH("/api/v1/organisations/{id}", "updateOrganisation", "People", "Changes what is given of an organisation", ORGANISATION_WRITE, ORGANISATION_WRITE, &organisation_change_shape, &organisation_shape, people_change),
    DELETE("/api/v1/organisations/{id}", "deleteOrganisation", "People", "Removes an empty organisation; only over the operator's socket", ORGANISATION_WRITE, ORGANISATION_WRITE, people_remove),
    GET_WITHIN("/api/v1/workspaces", "listWorkspaces", "People", "Workspaces that one may see", WORKSPACES_READ, WORKSPACES_READ, LIST, &people_filter_shape, &workspace_shape, people_list),
    MAKE("/api/v1/workspaces", "createWorkspace", "People", "Makes a workspace", WORKSPACES_WRITE, WORKSPACES_WRITE, &workspace_new_shape, &workspace_shape, people_create),
    GET_WITHIN("/api/v1/workspaces/{id}", "getWorkspace", "People", "One workspace", WORKSPACES_READ, WORKSPACES_READ, ONE, NULL, &workspace_shape, people_get),
    PATCH_WITHIN("/api/v1/workspaces/{id}", "updateWorkspace", "People", "Changes a workspace's description; its name stays", WORKSPACES_WRITE, WORKSPACES_WRITE, &workspace_change_shape, &workspace_shape, people_change),
    DELETE("/api/v1/workspaces/{id}", "deleteWorkspace", "People", "Removes a workspace that has no keys, and the roles given in it", WORKSPACES_WRITE, WORKSPACES_WRITE, people_remove),
    GET("/api/v1/teams", "listTeams", "People", "Teams", USERS_READ, USERS_READ, LIST, &people_filter_shape, &team_shape, people_list),
    MAKE("/api/v1/teams", "createTeam", "People", "Makes a team", USERS_WRITE, USERS_WRITE, &team_new_shape, &team_shape, people_create),
    GET("/api/v1/teams/{id}", "getTeam", "People", "One team", USERS_READ, USERS_READ, ONE, NULL, &team_shape, people_get),
    PATCH("/api/v1/teams/{id}", "updateTeam", "People", "Changes what is given of a team", USERS_WRITE, USERS_WRITE, &team_change_shape, &team_shape, people_change),
    DELETE("/api/v1/teams/{id}", "deleteTeam", "People", "Removes a team, and the roles given to it", USERS_WRITE, USERS_WRITE, people_remove),
    GET("/api/v1/teams/{id}/members", "listMembers", "People", "Users who are in a team", USERS_READ, USERS_READ, LIST, &member_filter_shape, &user_shape, members_list),
    PUT("/api/v1/teams/{id}/members/{user}", "addMember", "People", "Puts a user into a team, who may then do what it may", USERS_WRITE, USERS_WRITE, members_add),
    DELETE("/api/v1/teams/{id}/members/{user}", "removeMember", "People", "Takes a user out of a team", USERS_WRITE, USERS_WRITE, members_remove),
    GET("/api/v1/users", "listUsers", "People", "Users", USERS_READ, USERS_READ, LIST, &user_filter_shape, &user_shape, people_list),
    MAKE("/api/v1/users", "createUser", "People", "Makes a user, who has not signed in yet and has no role", USERS_WRITE, USERS_WRITE, &user_new_shape, &user_shape, people_create),
    GET("/api/v1/users/{id}", "getUser", "People", "One user", USERS_READ, USERS_READ, ONE, NULL, &user_shape, people_get),
    PATCH("/api/v1/users/{id}", "updateUser", "People", "Changes what is given of a user; a disabled one is refused everywhere within a second", USERS_WRITE, USERS_WRITE, &user_change_shape, &user_shape, people_change),
    DELETE("/api/v1/users/{id}", "deleteUser", "People", "Removes a user, with roles and memberships; keys and calls stay", USERS_WRITE, USERS_WRITE, people_remove),
    GET("/api/v1/service-accounts", "listServiceAccounts", "People", "Service accounts", USERS_READ, USERS_READ, LIST, &people_filter_shape, &service_shape, people_list),
    MAKE("/api/v1/service-accounts", "createServiceAccount", "People", "Makes a service account, which has no role yet", USERS_WRITE, USERS_WRITE, &service_new_shape, &service_shape, people_create),
    GET("/api/v1/service-accounts/{id}", "getServiceAccount", "People", "One service account", USERS_READ, USERS_READ, ONE, NULL, &service_shape, people_get),
    PATCH("/api/v1/service-accounts/{id}", "updateServiceAccount", "People", "Changes what is given of a service account", USERS_WRITE, USERS_WRITE, &service_change_shape, &service_shape, people_change),
    DELETE("/api/v1/service-accounts/{id}", "deleteServiceAccount", "People", "Removes a service account, with its roles", USERS_WRITE, USERS_WRITE, people_remove),
    GET("/api/v1/service-accounts/{id}/secrets", "listServiceSecrets", "Machines", "What a service account asks for tokens with, without the secrets", USERS_READ, USERS_READ, WHOLE, NULL, &service_secret_shape, service_secrets_list),
    MAKE("/api/v1/service-accounts/{id}/secrets", "createServiceSecret", "Machines", "Makes a secret of a service account, which is shown in the answer and never again", USERS_WRITE, USERS_WRITE, &service_secret_new_shape, &service_secret_made_shape, service_secrets_create),
    DELETE("/api/v1/service-accounts/{id}/secrets/{secret}", "deleteServiceSecret", "Machines", "Ends a secret; tokens that were had with it last an hour at most", USERS_WRITE, USERS_WRITE, service_secrets_remove),
    GET_WITHIN("/api/v1/permissions", "listPermissions", "Roles", "Every permission there is", ROLES_READ, ROLES_READ, WHOLE, NULL, &permission_shape, permissions_list),
    GET_WITHIN("/api/v1/roles", "listRoles", "Roles", "Roles: those built in, then those that were made", ROLES_READ, ROLES_READ, LIST, NULL, &role_shape, roles_list),
    MAKE("/api/v1/roles", "createRole", "Roles", "Makes a role that permits no more than one may oneself", ROLES_WRITE, ROLES_WRITE, &role_new_shape, &role_shape, roles_create),
    GET_WITHIN("/api/v1/roles/{id}", "getRole", "Roles", "One role, by its id or, one built in, by its name", ROLES_READ, ROLES_READ, ONE, NULL, &role_shape, roles_get),
    PATCH("/api/v1/roles/{id}", "updateRole", "Roles", "Changes a role for everybody who has it", ROLES_WRITE, ROLES_WRITE, &role_change_shape, &role_shape, roles_change),
    DELETE("/api/v1/roles/{id}", "deleteRole", "Roles", "Removes a role and takes it from everybody who has it", ROLES_WRITE, ROLES_WRITE, roles_remove),
    GET("/api/v1/grants", "listGrants", "Roles", "Who has which role, and where", USERS_READ, USERS_READ, LIST, &grant_filter_shape, &grant_shape, grants_list),
    MAKE_WITHIN("/api/v1/grants", "createGrant", "Roles", "Gives a role that permits no more than one may oneself; one that is there already is answered", GRANTS_WRITE, GRANTS_WRITE, &grant_new_shape, &grant_shape, grants_create),
    GET("/api/v1/grants/{id}", "getGrant", "Roles", "One grant", USERS_READ, USERS_READ, ONE, NULL, &grant_shape, grants_get),
    DELETE_WITHIN("/api/v1/grants/{id}", "deleteGrant", "Roles", "Takes a role away, everywhere within a second", GRANTS_WRITE, GRANTS_WRITE, grants_remove),
    GET_WITHIN("/api/v1/requests", "listRequests", "Usage", "The request log, newest settled first", USAGE_READ, USAGE_OWN, LIST, &request_filter, &request_shape, requests_list),
    GET_WITHIN("/api/v1/requests/live", "followRequests", "Usage", "Rows of the request log as they are added, as server-sent events or over a WebSocket", USAGE_READ, USAGE_OWN, STREAM, &live_filter, &request_shape, requests_live),
    GET_WITHIN("/api/v1/usage", "sumUsage", "Usage", "Sums of usage, in order of time and then of cost; all of them at once", USAGE_READ, USAGE_OWN, WHOLE, &usage_filter, &usage_shape, usage_list),
    GET("/api/v1/sessions", "listSessions", "Users", "Browsers in which people are signed in, newest first", USERS_READ, USERS_READ, LIST, &session_filter_shape, &session_shape, sessions_list),
    DELETE("/api/v1/sessions/{id}", "endSession", "Users", "Signs somebody out of one of them, everywhere within a second", USERS_WRITE, USERS_WRITE, sessions_end),
    GET_SHARED("/api/v1/health", "getHealth", "System", "How the process that answers is, and what it depends on", SYSTEM_READ, ONE, NULL, &health_shape, health_get),
    GET_SHARED("/api/v1/replicas", "listReplicas", "System", "Processes that share the database", SYSTEM_READ, LIST, NULL, &replica_shape, replicas_list),
    GET_SHARED("/api/v1/settings", "listSettings", "System", "Single values of the configuration: what is in force, the default, and who gave it", SETTINGS_READ, LIST, &setting_filter_shape, &setting_shape, settings_list),
    GET_SHARED("/api/v1/settings/{key}", "getSetting", "System", "One of them, by its key", SETTINGS_READ, ONE, NULL, &setting_shape, settings_get),
    PUT_SHARED("/api/v1/settings/{key}", "putSetting", "System", "Gives a setting a value, on every replica within a second; 409 where the file gives it or it cannot be changed here", SETTINGS_WRITE, &setting_put_shape, &setting_shape, settings_put),
    DELETE_SHARED("/api/v1/settings/{key}", "resetSetting", "System", "Puts the default back; 404 where the store has no value", SETTINGS_WRITE, settings_reset),
    GET_SHARED("/api/v1/jobs", "listJobs", "System", "Work in the background, newest first", SYSTEM_READ, LIST, &job_filter, &job_shape, jobs_list),
    MAKE_SHARED("/api/v1/jobs", "runJob", "System", "Queues a job; the next process that looks runs it", SYSTEM_WRITE, &job_new_shape, &job_shape, jobs_run),
    GET_SHARED("/api/v1/jobs/{id}", "getJob", "System", "One job", SYSTEM_READ, ONE, NULL, &job_shape, jobs_get),
    DO_SHARED("/api/v1/jobs/{id}/cancel", "cancelJob", "System", "A waiting one at once; a running one is asked to stop", SYSTEM_WRITE, NULL, &job_shape, jobs_cancel),
    DO_SHARED("/api/v1/jobs/{id}/retry", "retryJob", "System", "Queues one again that has failed, is dead or was cancelled", SYSTEM_WRITE, NULL, &job_shape, jobs_retry),
    GET("/api/v1/audit", "listAudit", "Audit", "Changes of what is the organisation's, and who made them, newest first", AUDIT_READ, AUDIT_READ, LIST, &audit_filter_shape, &audit_shape, audit_list),
    GET("/api/v1/providers", "listProviders", "Routing", "Providers: what the file declares, then what the store has", ROUTING_READ, ROUTING_READ, LIST, &entry_filter_shape, &provider_shape, entries_list),
    MAKE_SHARED("/api/v1/providers", "createProvider", "Routing", "Makes a provider in the store", ROUTING_WRITE, &provider_new_shape, &provider_shape, entries_create),
    GET("/api/v1/providers/{id}", "getProvider", "Routing", "One of them, by its id or its name", ROUTING_READ, ROUTING_READ, ONE, NULL, &provider_shape, entries_get),
    PATCH_SHARED("/api/v1/providers/{id}", "updateProvider", "Routing", "Changes a provider of the store: members that are given take the place of its own, null removes one", ROUTING_WRITE, &provider_change_shape, &provider_shape, entries_change),
    DELETE_SHARED("/api/v1/providers/{id}", "deleteProvider", "Routing", "Removes a provider of the store that nothing else needs", ROUTING_WRITE, entries_remove),
    GET_SHARED_WITHIN("/api/v1/credentials", "listCredentials", "Routing", "Credentials of providers, without their secrets: those that the configuration declares, then those of the store", CREDENTIALS_READ, LIST, &credential_filter_shape, &credential_shape, credentials_list),
    MAKE_SHARED_WITHIN("/api/v1/credentials", "createCredential", "Routing", "Keeps a credential of a provider, sealed; every replica uses it within a second", CREDENTIALS_WRITE, &credential_new_shape, &credential_shape, credentials_create),
    GET_SHARED_WITHIN("/api/v1/credentials/{id}", "getCredential", "Routing", "One credential of the store", CREDENTIALS_READ, ONE, NULL, &credential_shape, credentials_get),
    PATCH_SHARED_WITHIN("/api/v1/credentials/{id}", "updateCredential", "Routing", "Changes what is given of a credential, or puts another secret in the place of its own", CREDENTIALS_WRITE, &credential_change_shape, &credential_shape, credentials_change),
    DELETE_SHARED_WITHIN("/api/v1/credentials/{id}", "deleteCredential", "Routing", "Removes a credential; calls that need it are refused from then on", CREDENTIALS_WRITE, credentials_remove),
    GET("/api/v1/models", "listModels", "Routing", "Models, in the order they are looked through: what the file declares, then what the store has", ROUTING_READ, ROUTING_READ, LIST, &entry_filter_shape, &model_shape, entries_list),
    MAKE_SHARED("/api/v1/models", "createModel", "Routing", "Makes a model in the store", ROUTING_WRITE, &model_new_shape, &model_shape, entries_create),
    GET("/api/v1/models/{id}", "getModel", "Routing", "One of them, by its id or its name", ROUTING_READ, ROUTING_READ, ONE, NULL, &model_shape, entries_get),
    PATCH_SHARED("/api/v1/models/{id}", "updateModel", "Routing", "Changes a model of the store: members that are given take the place of its own, null removes one", ROUTING_WRITE, &model_change_shape, &model_shape, entries_change),
    DELETE_SHARED("/api/v1/models/{id}", "deleteModel", "Routing", "Removes a model of the store that nothing else needs", ROUTING_WRITE, entries_remove),
    GET("/api/v1/policies", "listPolicies", "Routing", "Policies: what the file declares, then what the store has", ROUTING_READ, ROUTING_READ, LIST, &entry_filter_shape, &policy_shape, entries_list),
    MAKE_SHARED("/api/v1/policies", "createPolicy", "Routing", "Makes a policy in the store", ROUTING_WRITE, &policy_new_shape, &policy_shape, entries_create),
    GET("/api/v1/policies/{id}", "getPolicy", "Routing", "One of them, by its id or its name", ROUTING_READ, ROUTING_READ, ONE, NULL, &policy_shape, entries_get),
    PATCH_SHARED("/api/v1/policies/{id}", "updatePolicy", "Routing", "Changes a policy of the store: members that are given take the place of its own, null removes one", ROUTING_WRITE, &policy_change_shape, &policy_shape, entries_change),
    DELETE_SHARED("/api/v1/policies/{id}", "deletePolicy", "Routing", "Removes a policy of the store that nothing else needs", ROUTING_WRITE, entries_remove),
    GET("/api/v1/prices", "listPrices", "Usage", "Prices, in the order they are looked through: what the file declares, then what the store has", USAGE_READ, USAGE_READ, LIST, &entry_filter_shape, &price_shape, entries_list),
    MAKE_SHARED("/api/v1/prices", "createPrice", "Usage", "Makes a price in the store", ROUTING_WRITE, &price_new_shape, &price_shape, entries_create),
    GET("/api/v1/prices/{id}", "getPrice", "Usage", "One of them, by its id or its name", USAGE_READ, USAGE_READ, ONE, NULL, &price_shape, entries_get),
    PATCH_SHARED("/api/v1/prices/{id}", "updatePrice", "Usage", "Changes a price of the store: members that are given take the place of its own, null removes one", ROUTING_WRITE, &price_change_shape, &price_shape, entries_change),
    DELETE_SHARED("/api/v1/prices/{id}", "deletePrice", "Usage", "Removes a price of the store that nothing else needs", ROUTING_WRITE, entries_remove),
    DO_SHARED("/api/v1/routing/simulate", "simulateRouting", "Routing", "Where a request would go now, in which order, and why not elsewhere; nothing is sent", ROUTING_READ, &simulate_ask_shape, &simulate_shape, simulate),
    GET_SHARED("/api/v1/assignments", "listAssignments", "Routing", "Who is under which policy: what the file declares, then what the store has", ROUTING_READ, LIST, &entry_filter_shape, &assignment_shape, entries_list),
    MAKE_SHARED("/api/v1/assignments", "createAssignment", "Routing", "Makes an assignment in the store", ROUTING_WRITE, &assignment_new_shape, &assignment_shape, entries_create),
    GET_SHARED("/api/v1/assignments/{id}", "getAssignment", "Routing", "One of them, by its id", ROUTING_READ, ONE, NULL, &assignment_shape, entries_get),
    PATCH_SHARED("/api/v1/assignments/{id}", "updateAssignment", "Routing", "Changes an assignment of the store: members that are given take the place of its own, null removes one", ROUTING_WRITE, &assignment_change_shape, &assignment_shape, entries_change),
    DELETE_SHARED("/api/v1/assignments/{id}", "deleteAssignment", "Routing", "Removes an assignment of the store that nothing else needs", ROUTING_WRITE, entries_remove),
    GET_SHARED("/api/v1/limits", "listLimits", "Keys", "Rates that hold for more than one key: what the file declares, then what the store has", KEYS_READ, LIST, &entry_filter_shape, &limit_shape, entries_list),
    MAKE_SHARED("/api/v1/limits", "createLimit", "Keys", "Makes a limit in the store, for a user, a workspace, an organisation or a model", KEYS_WRITE, &limit_new_shape, &limit_shape, entries_create),
    GET_SHARED("/api/v1/limits/{id}", "getLimit", "Keys", "One of them, by its id", KEYS_READ, ONE, NULL, &limit_shape, entries_get),
    PATCH_SHARED("/api/v1/limits/{id}", "updateLimit", "Keys", "Changes a limit of the store: members that are given take the place of its own, null removes one", KEYS_WRITE, &limit_change_shape, &limit_shape, entries_change),
    DELETE_SHARED("/api/v1/limits/{id}", "deleteLimit", "Keys", "Removes a limit of the store", KEYS_WRITE, entries_remove),
    GET("/api/v1/me", "getMe", "Me", "Who calls, and what they may do", COUNT, COUNT, ONE, NULL, &me_shape, me_get),
    PATCH("/api/v1/me", "updateMe", "Me", "Changes one's name or password", COUNT, COUNT, &me_change_shape, &me_shape, me_change),
    GET("/api/v1/me/sessions", "listMySessions", "Me", "Browsers in which one is signed in, newest first", COUNT, COUNT, WHOLE, NULL, &me_session_shape, me_sessions),
    DELETE("/api/v1/me/sessions/{id}", "endMySession", "Me", "Signs one of them out", COUNT, COUNT, me_end_session),
    DO("/api/v1/me/second-factor", "beginSecondFactor", "Me", "A secret for an app, which counts once a code confirms it", COUNT, COUNT, &factor_begin_shape, &factor_shape, me_factor_begin),
    DO("/api/v1/me/second-factor/confirm", "confirmSecondFactor", "Me", "Turns the second factor on", COUNT, COUNT, &factor_confirm_shape, &codes_shape, me_factor_confirm),
    DO("/api/v1/me/second-factor/remove", "removeSecondFactor", "Me", "Turns it off", COUNT, COUNT, &factor_end_shape, &me_shape, me_factor_end),
    GET("/api/v1/users/{id}/sessions", "listUserSessions", "Users", "Browsers in which a user is signed in", USERS_READ, USERS_READ, WHOLE, NULL, &me_session_shape, user_sessions),
    DELETE("/api/v1/users/{id}/sessions", "endUserSessions", "Users", "Signs a user out everywhere", USERS_WRITE, USERS_WRITE, user_end_sessions),
    DO("/api/v1/users/{id}/link", "makeUserLink", "Users", "A link with which a user chooses a password; for those who may do no more than the caller", USERS_WRITE, USERS_WRITE, NULL, &link_shape, user_link),
    DO("/api/v1/users/{id}/mail", "mailUserLink", "Users", "Sends a user such a link by mail, which nobody else sees; 404 where no mail server is configured", USERS_WRITE, USERS_WRITE, NULL, &mailed_shape, user_mail),
    DELETE("/api/v1/users/{id}/second-factor", "removeUserSecondFactor", "Users", "Takes a lost second factor away", USERS_WRITE, USERS_WRITE, user_drop_factor),
};
/* clang-format on */
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);

bool api_has_versions(const char *path) {
  static const char *const paths[] = {
      "/api/v1/keys/{id}",         "/api/v1/keys/{id}/rotate",   "/api/v1/keys/{id}/block",
      "/api/v1/keys/{id}/unblock", "/api/v1/organisations/{id}", "/api/v1/workspaces/{id}",
      "/api/v1/teams/{id}",        "/api/v1/users/{id}",         "/api/v1/service-accounts/{id}",
      "/api/v1/roles/{id}",        "/api/v1/grants/{id}",        "/api/v1/settings/{key}",
      "/api/v1/providers/{id}",    "/api/v1/models/{id}",        "/api/v1/policies/{id}",
      "/api/v1/prices/{id}",       "/api/v1/assignments/{id}",   "/api/v1/limits/{id}",
      "/api/v1/credentials/{id}"};
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
    if (strcmp(path, paths[i]) == 0)
      return true;
  return false;
}
