/* Handlers of the control API's routes, by resource. Each is a row in routes.c; what they take and give is in the
 * shapes beside it. All run on the offload pool. */
#ifndef CONTROL_VIEWS_H
#define CONTROL_VIEWS_H

#include "control/api.h"

/* keys.c */
extern const struct shape key_shape, key_filter_shape;
enum err keys_list(struct api_call *c, struct fault *f);
enum err keys_get(struct api_call *c, struct fault *f);
/* keys_write.c */
extern const struct shape key_new_shape, key_change_shape, key_rotate_shape, key_made_shape;
enum err keys_create(struct api_call *c, struct fault *f);
enum err keys_change(struct api_call *c, struct fault *f);
enum err keys_delete(struct api_call *c, struct fault *f);
enum err keys_rotate(struct api_call *c, struct fault *f);
enum err keys_block(struct api_call *c, struct fault *f);
enum err keys_unblock(struct api_call *c, struct fault *f);
/* requests.c: the ledger's rows */
extern const struct shape request_shape, request_filter;
enum err requests_list(struct api_call *c, struct fault *f);
void request_write(const struct ledger_row *r, struct buf *out); /* as requests_list shows it */
/* live.c: the same as they come; runs in the request's fiber and answers by itself */
extern const struct shape live_filter;
enum err requests_live(struct api_call *c, struct fault *f);
/* usage.c: the roll-ups */
extern const struct shape usage_shape, usage_filter;
enum err usage_list(struct api_call *c, struct fault *f);
/* jobs.c */
extern const struct shape job_shape, job_filter, job_new_shape;
enum err jobs_run(struct api_call *c, struct fault *f);
enum err jobs_cancel(struct api_call *c, struct fault *f);
enum err jobs_retry(struct api_call *c, struct fault *f);
enum err jobs_list(struct api_call *c, struct fault *f);
enum err jobs_get(struct api_call *c, struct fault *f);
/* audit.c */
extern const struct shape audit_shape, audit_filter_shape;
enum err audit_list(struct api_call *c, struct fault *f);
/* replicas.c */
extern const struct shape replica_shape;
enum err replicas_list(struct api_call *c, struct fault *f);
/* health.c */
extern const struct shape health_shape;
enum err health_get(struct api_call *c, struct fault *f);
/* sessions.c */
extern const struct shape session_shape, session_filter_shape;
enum err sessions_list(struct api_call *c, struct fault *f);
enum err sessions_end(struct api_call *c, struct fault *f);
/* entries.c: providers, models, policies, prices, assignments, limits, of the file and of the store */
extern const struct shape provider_shape, model_shape, policy_shape, price_shape, assignment_shape, limit_shape;
extern const struct shape entry_filter_shape;
enum err entries_list(struct api_call *c, struct fault *f);
enum err entries_get(struct api_call *c, struct fault *f);
/* entries_write.c */
extern const struct shape provider_new_shape, model_new_shape, policy_new_shape, price_new_shape, assignment_new_shape,
    limit_new_shape;
extern const struct shape provider_change_shape, model_change_shape, policy_change_shape, price_change_shape,
    assignment_change_shape, limit_change_shape;
enum err entries_create(struct api_call *c, struct fault *f);
enum err entries_change(struct api_call *c, struct fault *f);
enum err entries_remove(struct api_call *c, struct fault *f);
/* settings.c and settings_write.c: single values of the configuration */
extern const struct shape setting_shape, setting_filter_shape, setting_put_shape;
enum err settings_list(struct api_call *c, struct fault *f);
enum err settings_get(struct api_call *c, struct fault *f);
enum err settings_put(struct api_call *c, struct fault *f);
enum err settings_reset(struct api_call *c, struct fault *f);
/* me.c: the caller, and how people sign in */
extern const struct shape me_shape, me_change_shape, me_session_shape, factor_shape, factor_begin_shape,
    factor_confirm_shape, factor_end_shape, codes_shape, link_shape, mailed_shape;
enum err me_get(struct api_call *c, struct fault *f);
enum err me_change(struct api_call *c, struct fault *f);
enum err me_sessions(struct api_call *c, struct fault *f);
enum err me_end_session(struct api_call *c, struct fault *f);
enum err me_factor_begin(struct api_call *c, struct fault *f);
enum err me_factor_confirm(struct api_call *c, struct fault *f);
enum err me_factor_end(struct api_call *c, struct fault *f);
enum err user_sessions(struct api_call *c, struct fault *f);
enum err user_end_sessions(struct api_call *c, struct fault *f);
enum err user_link(struct api_call *c, struct fault *f);
enum err user_mail(struct api_call *c, struct fault *f);
enum err user_drop_factor(struct api_call *c, struct fault *f);
/* simulate.c */
extern const struct shape simulate_ask_shape, simulate_shape;
enum err simulate(struct api_call *c, struct fault *f);
/* people.c: organisations, workspaces, teams, users, service accounts */
extern const struct shape people_filter_shape, user_filter_shape, member_filter_shape;
extern const struct shape organisation_shape, organisation_new_shape, organisation_change_shape;
extern const struct shape workspace_shape, workspace_new_shape, workspace_change_shape;
extern const struct shape team_shape, team_new_shape, team_change_shape;
extern const struct shape user_shape, user_new_shape, user_change_shape;
extern const struct shape service_shape, service_new_shape, service_change_shape;
enum err people_list(struct api_call *c, struct fault *f);
enum err people_get(struct api_call *c, struct fault *f);
enum err people_create(struct api_call *c, struct fault *f);
enum err people_change(struct api_call *c, struct fault *f);
enum err people_remove(struct api_call *c, struct fault *f);
/* service_secrets.c: what service accounts ask for tokens with */
extern const struct shape service_secret_shape, service_secret_new_shape, service_secret_made_shape;
enum err service_secrets_list(struct api_call *c, struct fault *f);
enum err service_secrets_create(struct api_call *c, struct fault *f);
enum err service_secrets_remove(struct api_call *c, struct fault *f);
/* credentials.c: of providers */
extern const struct shape credential_shape, credential_filter_shape, credential_new_shape, credential_change_shape;
enum err credentials_list(struct api_call *c, struct fault *f);
enum err credentials_get(struct api_call *c, struct fault *f);
enum err credentials_create(struct api_call *c, struct fault *f);
enum err credentials_change(struct api_call *c, struct fault *f);
enum err credentials_remove(struct api_call *c, struct fault *f);
/* people_roles.c */
extern const struct shape role_shape, role_new_shape, role_change_shape, permission_shape;
enum err permissions_list(struct api_call *c, struct fault *f);
enum err roles_list(struct api_call *c, struct fault *f);
enum err roles_get(struct api_call *c, struct fault *f);
enum err roles_create(struct api_call *c, struct fault *f);
enum err roles_change(struct api_call *c, struct fault *f);
enum err roles_remove(struct api_call *c, struct fault *f);
/* people_grants.c: grants, and members of teams */
extern const struct shape grant_shape, grant_new_shape, grant_filter_shape;
enum err grants_list(struct api_call *c, struct fault *f);
enum err grants_get(struct api_call *c, struct fault *f);
enum err grants_create(struct api_call *c, struct fault *f);
enum err grants_remove(struct api_call *c, struct fault *f);
enum err members_list(struct api_call *c, struct fault *f);
enum err members_add(struct api_call *c, struct fault *f);
enum err members_remove(struct api_call *c, struct fault *f);

#endif
