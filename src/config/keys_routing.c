/* The part of the table about where requests go: providers, models with their targets, policies, and what is done about
 * targets that fail, are busy or are slow. keys.c has the rest and the top level. What a row cannot say is in check.c,
 * check_vendor.c and check_routing.c. */
#include "config/rows.h"

#include "config/check.h"

/* In the order of enum config_strategy. */
#define STRATEGIES "ordered|weighted|latency|cost|least_busy"
#define HOUR_MS    INT64_C(3600000)

static const struct key credential_keys[] = {
    {"name", KEY_NAME, true, AT(config_credential, name), .help = "unique within the provider"},
    {"api_key", KEY_SECRET, true, AT(config_credential, api_key), .initial = "", .max = 4096,
     .help = "the vendor's key; empty for a server that wants none"},
    {"access_key_id", KEY_SECRET, true, AT(config_credential, access_key_id), .initial = "", .max = 256,
     .help = "Bedrock: an access key of AWS, with `secret_access_key`"},
    {"secret_access_key", KEY_SECRET, true, AT(config_credential, secret_access_key), .initial = "", .max = 4096,
     .help = "Bedrock: its secret"},
    {"session_token", KEY_SECRET, true, AT(config_credential, session_token), .initial = "", .max = 8192,
     .help = "Bedrock: the session of a temporary access key"},
    {"bearer", KEY_SECRET, true, AT(config_credential, bearer), .initial = "", .max = 8192,
     .help = "Bedrock: an API key of Amazon Bedrock, in place of an access key"},
    {"from", KEY_CHOICE, true, AT(config_credential, from), .initial = "",
     .choices = "|environment|profile|web_identity|container|instance",
     .help = "Bedrock: where to find credentials that do not stand here, renewed before they expire; `environment` "
             "looks in all places in the order of AWS's own tools"},
    {"profile", KEY_TEXT, true, AT(config_credential, profile), .initial = "", .max = 128,
     .help = "with `from: profile`: which one of AWS's shared files; `AWS_PROFILE`, else `default`, when empty"},
};
static const struct key_section credential = {
    "providers[].credentials[]", "What Weir shows to a provider. Clients never see it.",
    sizeof(struct config_credential), ROWS(credential_keys), check_credential};

static const struct key provider_keys[] = {
    {"name", KEY_NAME, true, AT(config_provider, name), .help = "unique; targets and prices refer to it"},
    {"kind", KEY_CHOICE, true, AT(config_provider, kind), .choices = "anthropic|openai|openrouter|bedrock",
     .help = "`openai` also for compatible servers"},
    {"base_url", KEY_TEXT, true, AT(config_provider, base_url), .initial = "", .max = 2048,
     .help =
         "what the vendor's own SDK takes (Anthropic without `/v1`, OpenAI with it); the vendor's address when empty"},
    {"region", KEY_TEXT, true, AT(config_provider, region), .initial = "", .max = 64,
     .help = "Bedrock: the region of AWS; `AWS_REGION` or `AWS_DEFAULT_REGION` when empty"},
    {"wires", KEY_TEXTS, true, ARRAY(config_provider, wires, wire_count), .initial = "", .min = 1, .max = 6,
     .choices = "anthropic|openai_chat|openai_responses|openai_embeddings|bedrock_invoke|bedrock_converse",
     .help = "the wire formats it speaks, the best first; those of its kind when empty"},
    {"api_version", KEY_TEXT, true, AT(config_provider, api_version), .initial = "", .max = 64,
     .help =
         "OpenAI on Azure: turns on the paths with deployment and `api-version`; `base_url` then ends in `/openai`"},
    {"referer", KEY_TEXT, true, AT(config_provider, referer), .initial = "", .max = 512,
     .help = "OpenRouter: the address of your application, for its rankings"},
    {"title", KEY_TEXT, true, AT(config_provider, title), .initial = "", .max = 256,
     .help = "OpenRouter: its name; `Weir` when not given, the client's own when empty"},
    {"metadata", KEY_PAIRS, true, ARRAY(config_provider, metadata, metadata_count), .initial = "", .max = 16,
     .help = "Bedrock: request metadata that goes with every Converse call into its invocation logs"},
    {"credentials", KEY_SECTIONS, true, ARRAY(config_provider, credentials, credential_count), .initial = "", .max = 64,
     .section = &credential,
     .help = "none for a local server without keys; Bedrock without any looks in the environment"},
    {"timeouts", KEY_OVERLAY, true, AT(config_provider, timeouts), .section = &keys_overlay, .initial = "",
     .help = "what differs from the general ones"},
    {"on_disconnect", KEY_CHOICE, true, AT(config_provider, on_disconnect), .initial = "", .choices = "|cancel|drain",
     .help = "when a client leaves before its answer is whole: `cancel` the call at once, or `drain` it, reading on "
             "for at most `timeouts.abandoned` to learn what it cost; when empty, `drain` for Bedrock, else `cancel`"},
    {"charges_cancelled", KEY_BOOL, true, AT(config_provider, charges_cancelled), .initial = "false",
     .help = "whether it bills what it was still making when a call was cancelled; `true` for Bedrock when not given"},
};
const struct key_section keys_provider = {"providers[]",
                                          "Where requests may go. Without a file, `weir serve` takes the vendors "
                                          "whose keys are in the environment, or starts in demo mode.",
                                          sizeof(struct config_provider), ROWS(provider_keys), check_provider};

static const struct key target_keys[] = {
    {"provider", KEY_NAME, true, AT(config_target, provider_name), .help = "the name of a provider"},
    {"model", KEY_TEXT, true, AT(config_target, model), .min = 1, .max = 256,
     .help = "the provider's own model name; one `*` or `{*}` stands for what the `*` of the model's name matched"},
    {"credential", KEY_TEXT, true, AT(config_target, credential_name), .initial = "", .max = 64,
     .help = "the name of one of its credentials, here or in the store; the first when empty; `*`: each of them is a "
             "target "
             "of its own"},
    {"weight", KEY_COUNT, true, AT(config_target, weight), .initial = "1", .min = 0, .max = 1000000,
     .help = "share among the targets, for `strategy: weighted`"},
    {"concurrency", KEY_COUNT, true, AT(config_target, concurrency), .initial = "0", .max = 1000000,
     .help =
         "calls at one time over all workers, of all models that a `*` stands for; 0 for no limit. Targets with the "
         "same provider, credential and model share their places, those without a limit take none"},
    {"billable", KEY_BOOL, true, AT(config_target, billable), .initial = "true",
     .help = "whether its cost counts against budgets; it is recorded either way"},
    {"leave_out", KEY_TEXTS, true, ARRAY(config_target, leave_out, leave_out_count), .initial = "", .min = 1, .max = 32,
     .help = "members of a request that may be left out where this target cannot express them; all others are refused"},
    {"timeouts", KEY_OVERLAY, true, AT(config_target, timeouts), .section = &keys_overlay, .initial = "",
     .help = "what differs from the provider's"},
};
static const struct key_section target = {"models[].targets[]", "One place a request for the model may go to.",
                                          sizeof(struct config_target), ROWS(target_keys), check_target};

static const struct key hedge_keys[] = {
    {"enabled", KEY_BOOL, true, AT(config_hedge, enabled), .initial = "false",
     .help = "ask the next target too when the first has sent no token for so long, and keep whichever answers first"},
    {"delay", KEY_DURATION, true, AT(config_hedge, delay_ms), .initial = "0s", .max = DAY_MS,
     .help = "so long; 0 for the 95th percentile of the target's times to the first token"},
    {"min", KEY_DURATION, true, AT(config_hedge, min_ms), .initial = "50ms", .min = 1, .max = DAY_MS,
     .help = "at least so long, whatever the percentile"},
    {"max", KEY_DURATION, true, AT(config_hedge, max_ms), .initial = "30s", .min = 1, .max = DAY_MS,
     .help = "at most so long"},
};
static const struct key_section hedge = {"models[].hedge", "A second call for an answer that is slow to begin.",
                                         sizeof(struct config_hedge), ROWS(hedge_keys), check_hedge};

static const struct key model_keys[] = {
    {"name", KEY_TEXT, true, AT(config_model, name), .min = 1, .max = 256,
     .help = "what clients ask for; `*` matches any run of characters; the first entry that matches wins"},
    {"wire", KEY_TEXT, true, AT(config_model, wire), .initial = "", .max = 64,
     .choices = "|anthropic|openai|openai_chat|openai_responses|openai_embeddings|bedrock|bedrock_invoke|"
                "bedrock_converse",
     .help = "only for requests in this wire format; all when empty"},
    {"strategy", KEY_CHOICE, true, AT(config_model, strategy), .initial = "ordered", .choices = STRATEGIES,
     .help = "how a target is chosen: the first that works, by `weight`, the fastest to its first token, the cheapest, "
             "or the one with the fewest open calls"},
    {"targets", KEY_SECTIONS, true, ARRAY(config_model, targets, target_count), .min = 1, .max = 256,
     .section = &target, .help = "at least one"},
    {"display_name", KEY_TEXT, true, AT(config_model, display_name), .initial = "", .max = 256,
     .help = "shown in model lists"},
    {"context_tokens", KEY_SIZE, true, AT(config_model, context_tokens), .initial = "0", .max = 1000000000,
     .help = "shown in model lists; 0 when unknown"},
    {"max_output_tokens", KEY_SIZE, true, AT(config_model, max_output_tokens), .initial = "0", .max = 1000000000,
     .help = "the most one answer can have, assumed when a request does not say; 0 when unknown"},
    {"hedge", KEY_SECTION, AT(config_model, hedge), .section = &hedge, .initial = "",
     .help = "a second call when the first is slow"},
};
const struct key_section keys_model = {"models[]", "What clients may ask for and where it goes.",
                                       sizeof(struct config_model), ROWS(model_keys), check_model};

static const struct key breaker_keys[] = {
    {"failures", KEY_COUNT, true, AT(config_breaker, failures), .initial = "3", .min = 1, .max = 1000000,
     .help = "so many failures open the breaker of a target"},
    {"window", KEY_DURATION, true, AT(config_breaker, window_ms), .initial = "60s", .min = 1, .max = DAY_MS,
     .help = "within this time"},
    {"open", KEY_DURATION, true, AT(config_breaker, open_ms), .initial = "1800s", .min = 1, .max = DAY_MS,
     .help = "how long it then gets no requests"},
    {"probe", KEY_DURATION, true, AT(config_breaker, probe_ms), .initial = "60s", .min = 1, .max = DAY_MS,
     .help = "a probe without an outcome for so long is given up"},
};
const struct key_section keys_breaker = {"breaker", "When a failing target is left alone.",
                                         sizeof(struct config_breaker), ROWS(breaker_keys), NULL};

static const struct key retry_keys[] = {
    {"attempts", KEY_COUNT, true, AT(config_retry, attempts), .initial = "1", .max = 10,
     .help = "further rounds over the targets after all have failed"},
    {"base", KEY_DURATION, true, AT(config_retry, base_ms), .initial = "250ms", .min = 1, .max = HOUR_MS,
     .help =
         "the longest wait before the first of them, doubled for each further one; how much of it is waited is random"},
    {"max", KEY_DURATION, true, AT(config_retry, max_ms), .initial = "5s", .min = 1, .max = HOUR_MS,
     .help = "the longest wait before any of them"},
    {"budget_percent", KEY_COUNT, true, AT(config_retry, budget_percent), .initial = "20", .max = 100,
     .help = "further calls within a minute, for every hundred first ones"},
    {"budget_floor", KEY_COUNT, true, AT(config_retry, budget_floor), .initial = "10", .max = 1000000,
     .help = "so many further calls within a minute are always allowed"},
};
const struct key_section keys_retry = {"retry", "What happens when all targets of a request have failed.",
                                       sizeof(struct config_retry), ROWS(retry_keys), check_retry};

static const struct key affinity_keys[] = {
    {"enabled", KEY_BOOL, true, AT(config_affinity, enabled), .initial = "true",
     .help = "a conversation stays with the target that holds its prompt cache"},
    {"ttl", KEY_DURATION, true, AT(config_affinity, ttl_ms), .initial = "5m", .min = 1, .max = DAY_MS,
     .help = "how long after its last request"},
    {"entries", KEY_SIZE, AT(config_affinity, entries), .initial = "65536", .min = 1, .max = 16777216,
     .help = "conversations remembered at one time"},
};
const struct key_section keys_affinity = {"affinity", "Which conversations stay with their target.",
                                          sizeof(struct config_affinity), ROWS(affinity_keys), NULL};

static const struct key queue_keys[] = {
    {"size", KEY_SIZE, true, AT(config_queue, size), .initial = "64", .max = 1000000,
     .help = "calls that may wait for one target whose `concurrency` is taken; 0 for none"},
    {"wait", KEY_DURATION, true, AT(config_queue, wait_ms), .initial = "10s", .max = DAY_MS,
     .help = "how long one may wait"},
};
const struct key_section keys_queue = {"queue", "Calls that wait for a target whose `concurrency` is taken.",
                                       sizeof(struct config_queue), ROWS(queue_keys), NULL};

static const struct key policy_keys[] = {
    {"name", KEY_NAME, true, AT(config_policy, name),
     .help = "unique; not one of the policies that are always there: `plan_first`, `anthropic_only`, `bedrock_only`, "
             "`openrouter_only`, `openai_only`"},
    {"strategy", KEY_CHOICE, true, AT(config_policy, strategy), .initial = "", .choices = "|" STRATEGIES,
     .help = "in place of the model's own; that when empty"},
    {"only", KEY_TEXTS, true, ARRAY(config_policy, only, only_count), .initial = "", .min = 1, .max = 32,
     .help = "names or kinds of providers a request may go to; all when empty"},
    {"first", KEY_TEXTS, true, ARRAY(config_policy, first, first_count), .initial = "", .min = 1, .max = 32,
     .help = "names or kinds of providers that are tried before the others, in this order"},
};
const struct key_section keys_policy = {
    "policies[]",
    "Rules about providers for some keys, users or workspaces. Some are always there: `plan_first` (Anthropic before "
    "the others, with the caller's own credentials where there are any), `anthropic_only`, `bedrock_only`, "
    "`openrouter_only`, `openai_only`.",
    sizeof(struct config_policy), ROWS(policy_keys), check_policy};

static const struct key assignment_keys[] = {
    {"key", KEY_TEXT, true, AT(config_assignment, key), .initial = "", .max = 128, .help = "the name of a key"},
    {"user", KEY_TEXT, true, AT(config_assignment, user), .initial = "", .max = 128, .help = "or a user"},
    {"workspace", KEY_TEXT, true, AT(config_assignment, workspace), .initial = "", .max = 128,
     .help = "or a workspace; exactly one of the three"},
    {"policy", KEY_NAME, true, AT(config_assignment, policy_name), .help = "the name of a policy"},
};
const struct key_section keys_assignment = {"assignments[]",
                                            "Who is under which policy. A key's own comes first, then what is assigned "
                                            "to the key, to its user, to its workspace.",
                                            sizeof(struct config_assignment), ROWS(assignment_keys), check_assignment};
