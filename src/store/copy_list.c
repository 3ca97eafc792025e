/* The list of tables that a copy of the store carries over, in the order in which they are filled. Read by
 * store_copy.c; it decides nothing else.
 * house: tested-by tests/unit/store/test_store_copy.c */
#include "store/copy_list.h"

#include <string.h>

const struct copy_entry copy_list[] = {
    {"weir_schema", COPY_NOT}, /* the target has its own history */
    {"weir_sequence", COPY_SEEDED},
    {"weir_keys", COPY_WHOLE},
    {"weir_answers", COPY_WHOLE},
    {"weir_ledger", COPY_WHOLE},
    {"weir_ledger_balance", COPY_WHOLE},
    {"weir_ledger_spend", COPY_WHOLE},
    {"weir_ledger_stream", COPY_WHOLE},
    {"weir_ledger_stretches", COPY_WHOLE},
    {"weir_usage", COPY_WHOLE},
    {"weir_usage_dirty", COPY_WHOLE},
    {"weir_usage_zone", COPY_WHOLE},
    {"weir_ledger_archived", COPY_WHOLE},
    {"weir_archives", COPY_WHOLE},
    {"weir_events", COPY_WHOLE},
    {"weir_meta", COPY_WHOLE},
    {"weir_catalogues", COPY_WHOLE},
    {"weir_jobs", COPY_WHOLE},
    {"weir_schedules", COPY_WHOLE},
    {"weir_audit", COPY_WHOLE},
    {"weir_audit_end", COPY_WHOLE},
    {"weir_key_old", COPY_WHOLE},
    {"weir_erased", COPY_WHOLE},
    {"weir_signing_keys", COPY_WHOLE},
    {"weir_service_secrets", COPY_WHOLE},
    {"weir_credentials", COPY_WHOLE},
    {"weir_entities", COPY_WHOLE},
    {"weir_organisations", COPY_SEEDED},
    {"weir_workspaces", COPY_WHOLE},
    {"weir_workspace_names", COPY_WHOLE},
    {"weir_teams", COPY_WHOLE},
    {"weir_team_members", COPY_WHOLE},
    {"weir_users", COPY_WHOLE},
    {"weir_services", COPY_WHOLE},
    {"weir_roles", COPY_WHOLE},
    {"weir_grants", COPY_WHOLE},
    {"weir_passwords", COPY_WHOLE},
    {"weir_totp", COPY_WHOLE},
    {"weir_recovery_codes", COPY_WHOLE},
    {"weir_sessions", COPY_WHOLE},
    {"weir_links", COPY_WHOLE},
    {"weir_attempts", COPY_WHOLE},
    /* who lives on the source does not live on the target */
    {"weir_replicas", COPY_NOT},
};
const size_t copy_list_count = sizeof copy_list / sizeof *copy_list;

const struct copy_entry *copy_list_find(const char *table) {
  for (size_t i = 0; i < copy_list_count; i++)
    if (strcmp(copy_list[i].table, table) == 0)
      return &copy_list[i];
  return NULL;
}
