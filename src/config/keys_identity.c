/* The rows about who may call besides the declared keys: external issuers of tokens. Part of the table in keys.c, from
 * which they are reached; what a row cannot say is in check_identity.c. */
#include "config/keys.h"

#include "config/check.h"
#include "config/config.h"
#include "config/rows.h"

#define LIMITS(member) AT(config_issuer, limits.member)

static const struct key budget_keys[] = {
    {"usd", KEY_MONEY, true, LIMITS(budget_nano), .initial = "0", .max = 1000000000,
     .help = "the most each subject may cost in one period"},
    {"period", KEY_CHOICE, true, LIMITS(budget_period), .initial = "", .choices = "|day|week|month",
     .help = "calendar periods in `timezone`"},
};
static const struct key_section budget = {"jwt_issuers[].budget", "What each subject may spend.", 0, ROWS(budget_keys),
                                          check_issuer_budget};

static const struct key issuer_keys[] = {
    {"name", KEY_TEXT, true, AT(config_issuer, name), .initial = "", .max = 64,
     .help = "short and unique; its subject S appears as `jwt:name/S`; the host of `issuer` when empty"},
    {"issuer", KEY_TEXT, true, AT(config_issuer, issuer), .min = 1, .max = 1024,
     .help = "what `iss` of its tokens says, to the byte"},
    {"audience", KEY_TEXTS, true, ARRAY(config_issuer, audiences, audience_count), .min = 1, .max = 16,
     .help = "what `aud` must name; one or a list, of which one is enough"},
    {"jwks_uri", KEY_TEXT, true, AT(config_issuer, jwks_uri), .initial = "", .max = 2048,
     .help = "where its keys are; https, or http on this machine; when empty, what its "
             "`/.well-known/openid-configuration` says"},
    {"algorithms", KEY_TEXTS, true, ARRAY(config_issuer, algorithms, algorithm_count), .initial = "",
     .choices = "RS256|PS256|ES256|EdDSA", .min = 1, .max = 4, .help = "which of them are taken; all when empty"},
    {"scopes", KEY_TEXTS, true, ARRAY(config_issuer, scopes, scope_count), .initial = "", .min = 1, .max = 16,
     .help = "every one must be in `scope` or `scp`"},
    {"user_claim", KEY_TEXT, true, AT(config_issuer, user_claim), .initial = "email", .max = 64,
     .help = "the claim that names the user; `sub` where a token lacks it"},
    {"role", KEY_TEXT, true, AT(config_issuer, role), .initial = "", .max = 16,
     .choices = "|owner|admin|auditor|member|viewer",
     .help = "what its subjects may do in the control API, in the first organisation; nothing when empty"},
    {"nbf_optional", KEY_BOOL, true, AT(config_issuer, nbf_optional), .initial = "false",
     .help = "take tokens without `nbf`"},
    {"leeway", KEY_DURATION, true, AT(config_issuer, leeway_ms), .initial = "60s", .max = 600000,
     .help = "how far the clocks may differ; whole seconds count"},
    {"refresh", KEY_DURATION, true, AT(config_issuer, refresh_ms), .initial = "15m", .min = 1000, .max = DAY_MS,
     .help = "its keys are fetched again when they are older"},
    {"pause", KEY_DURATION, true, AT(config_issuer, pause_ms), .initial = "10s", .min = 100, .max = DAY_MS,
     .help = "the least time between two fetches, whatever keys tokens name"},
    {"ca", KEY_TEXT, true, AT(config_issuer, ca), .initial = "", .max = 4096,
     .help = "PEM file of the authorities trusted for fetching them; `upstream_ca` when empty"},
    {"models", KEY_TEXTS, true, ARRAY(config_issuer, limits.models, limits.model_count), .initial = "", .min = 1,
     .max = 256, .help = "the models each subject may ask for, with `*`; all when empty"},
    {"rpm", KEY_COUNT, true, LIMITS(rpm), .initial = "0", .max = 1000000000,
     .help = "requests a minute of each subject; 0 for no limit"},
    {"tpm", KEY_COUNT, true, LIMITS(tpm), .initial = "0", .max = 1000000000000,
     .help = "tokens a minute of each subject; 0 for no limit"},
    {"concurrency", KEY_COUNT, true, LIMITS(concurrency), .initial = "0", .max = 1000000,
     .help = "requests at one time of each subject; 0 for no limit"},
    {"budget", KEY_SECTION, true, NO_MEMBER, .section = &budget, .initial = "", .help = "what each subject may spend"},
    {"workspace", KEY_TEXT, true, LIMITS(workspace), .initial = "", .max = 128,
     .help = "the workspace its subjects belong to"},
    {"policy", KEY_TEXT, true, LIMITS(policy), .initial = "", .max = 64, .help = "the name of a policy for them"},
};
const struct key_section keys_issuer = {"jwt_issuers[]",
                                        "External issuers whose signed tokens (JWT) are taken wherever a key is.",
                                        sizeof(struct config_issuer), ROWS(issuer_keys), check_issuer};
