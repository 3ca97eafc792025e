/* The list of text columns. What makes one personal: it names somebody, or was chosen by them.
 * house: tested-by tests/unit/store/test_store_persons.c */
#include "store/person_columns.h"

const struct person_columns person_columns[] = {
    {"weir_schema", " ", " name checksum "},
    {"weir_sequence", " ", " name "},
    {"weir_keys", " name prefix user_name ",
     " models budget_period workspace policy routes allow_ips cors_origins "}, /* deleted as a whole */
    {"weir_key_old", " ", " "},
    {"weir_answers", " ", " caller "}, /* by a number; what was answered is sealed, and gone after a day */
    {"weir_ledger", " key_name user_name ",
     " request_id wire operation provider credential model upstream_model upstream_request_id outcome error "
     "workspace provider_metadata "}, /* of the provider about the call, from fixed members: nobody chose them */
    {"weir_ledger_balance", " ", " "},
    {"weir_ledger_spend", " ", " "},
    {"weir_ledger_stream", " ", " stream "},
    {"weir_ledger_stretches", " subject ", " "},
    {"weir_usage", " user_name key_name ", " workspace provider model outcome "},
    {"weir_usage_dirty", " ", " "},
    {"weir_usage_zone", " ", " name "},
    {"weir_events", " ", " kind subject "}, /* a key by its number */
    {"weir_meta", " ", " name value "},
    {"weir_replicas", " ", " boot name version "},
    {"weir_audit", " actor before after ", " origin action subject "},
    {"weir_audit_end", " ", " name "},
    {"weir_erased", " ", " pseudonym "},
    /* Of kinds that are given a name (erase_person, export_person) it stands as the member "user" or "actor" of these
       two. */
    {"weir_jobs", " args result ", " kind state leased_by note error unique_key "},
    {"weir_schedules", " ", " kind cron "},
    {"weir_catalogues", " ", " vendor body "},
    {"weir_ledger_archived", " ", " "},
    {"weir_archives", " ", " name digest "},
    {"weir_signing_keys", " ", " kid "},
    {"weir_service_secrets", " ", " prefix "},
    {"weir_credentials", " ", " provider name workspace kind last4 "},
    {"weir_entities", " name user_name body ",
     " kind "}, /* of an assignment to a user or a limit of theirs, which is deleted as a whole */
    {"weir_organisations", " ", " name description timezone week_start "},
    {"weir_workspaces", " ", " name description "},
    {"weir_workspace_names", " ", " name "},
    {"weir_teams", " ", " name description "},
    {"weir_team_members", " ", " "},              /* with the user */
    {"weir_users", " name email external ", " "}, /* deleted as a whole */
    {"weir_services", " ", " name description "},
    {"weir_roles", " ", " name permissions "},
    {"weir_grants", " ", " to_kind role origin "}, /* with the user */
    {"weir_passwords", " ", " hash "},             /* these six are deleted with the user */
    {"weir_totp", " ", " "},
    {"weir_recovery_codes", " ", " "},
    {"weir_sessions", " address agent ", " way "},
    {"weir_links", " ", " kind "},
    {"weir_attempts", " ", " "}, /* a hash of whom and from where */
};
const size_t person_columns_count = sizeof person_columns / sizeof *person_columns;
