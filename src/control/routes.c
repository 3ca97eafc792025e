/* THE TABLE of the control API. One row a route; its shapes and its handler are in the file of its resource. What is
 * checked, answered and documented follows from it. Read by api.c and openapi.c. */
#include "control/views.h"

#define GET(at, name, of, what, may, which, takes, gives, with)                                                        \
  {                                                                                                                    \
    .method = "GET", .path = (at), .id = (name), .tag = (of), .summary = (what), .permission = (may), .kind = (which), \
    .status = 200, .query = (takes), .answer = (gives), .handle = (with)                                               \
  }

/* clang-format off */
const struct api_route api_routes[] = {
    GET("/api/v1/keys", "listKeys", "Keys", "Keys of the store, oldest first", "keys.read", API_LIST, NULL, &key_shape, keys_list),
    GET("/api/v1/keys/{id}", "getKey", "Keys", "One key of the store", "keys.read", API_ONE, NULL, &key_shape, keys_get),
    GET("/api/v1/requests", "listRequests", "Usage", "The request log, newest settled first", "usage.read", API_LIST, &request_filter, &request_shape, requests_list),
    GET("/api/v1/usage", "sumUsage", "Usage", "Sums of usage, in order of time and then of cost; all of them at once", "usage.read", API_WHOLE, &usage_filter, &usage_shape, usage_list),
    GET("/api/v1/replicas", "listReplicas", "System", "Processes that share the database", "system.read", API_LIST, NULL, &replica_shape, replicas_list),
    GET("/api/v1/jobs", "listJobs", "System", "Work in the background, newest first", "system.read", API_LIST, &job_filter, &job_shape, jobs_list),
    GET("/api/v1/jobs/{id}", "getJob", "System", "One job", "system.read", API_ONE, NULL, &job_shape, jobs_get),
    GET("/api/v1/audit", "listAudit", "Audit", "Changes and who made them, newest first", "audit.read", API_LIST, &audit_filter_shape, &audit_shape, audit_list),
    GET("/api/v1/providers", "listProviders", "Routing", "Providers that the configuration declares", "routing.read", API_LIST, NULL, &provider_shape, providers_list),
    GET("/api/v1/providers/{name}", "getProvider", "Routing", "One of them", "routing.read", API_ONE, NULL, &provider_shape, providers_get),
    GET("/api/v1/models", "listModels", "Routing", "Models that the configuration declares, in the order they are looked through", "routing.read", API_LIST, NULL, &model_shape, models_list),
    GET("/api/v1/policies", "listPolicies", "Routing", "Policies that the configuration declares", "routing.read", API_LIST, NULL, &policy_shape, policies_list),
    GET("/api/v1/prices", "listPrices", "Usage", "Prices that the configuration declares, in the order they are looked through", "usage.read", API_LIST, NULL, &price_shape, prices_list),
};
/* clang-format on */
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);
