/* The rows about identity providers that people sign in through (OpenID Connect). Part of the table in keys.c, from
 * which they are reached; what a row cannot say is in check_oidc.c. */
#include "config/rows.h"

#include "config/check.h"
#include "config/config.h"

static const struct key oidc_keys[] = {
    {"name", KEY_NAME, true, AT(config_oidc, name),
     .help = "short and unique; people start at `/auth/oidc/NAME`, and the provider must know "
             "`public_url` + `/auth/oidc/NAME/callback` as where to send them back"},
    {"issuer", KEY_TEXT, true, AT(config_oidc, issuer), .min = 1, .max = 1024,
     .help = "its address, to the byte as `iss` of its tokens says it; https, or http on this machine"},
    {"client_id", KEY_TEXT, true, AT(config_oidc, client_id), .min = 1, .max = 256,
     .help = "as which it knows this server"},
    {"client_secret", KEY_SECRET, true, AT(config_oidc, client_secret), .initial = "", .max = 1024,
     .help = "what this server proves that with; empty for a public client, which PKCE alone protects"},
    {"scopes", KEY_TEXTS, true, ARRAY(config_oidc, scopes, scope_count), .initial = "", .min = 1, .max = 16,
     .help = "what is asked for, `openid` among it; `openid`, `email` and `profile` when empty"},
    {"domains", KEY_TEXTS, true, ARRAY(config_oidc, domains, domain_count), .initial = "", .min = 1, .max = 64,
     .help = "who may come, by the domain of their verified email, each of them as it is; all when empty"},
    {"role_claim", KEY_TEXT, true, AT(config_oidc, role_claim), .initial = "", .max = 128,
     .help = "the claim that says what somebody is, a text or a list, such as `groups` or `realm_access.roles`; "
             "looked at with every sign-in"},
    {"roles", KEY_PAIRS, true, ARRAY(config_oidc, roles, role_count), .initial = "", .max = 64,
     .help = "its values, each with a role in the first organisation; of several the one that may do most"},
    {"default_role", KEY_TEXT, true, AT(config_oidc, default_role), .initial = "", .max = 16,
     .choices = "|owner|admin|auditor|member|viewer",
     .help = "of who has none of these; when empty they come in only with what they were given here"},
    {"ca", KEY_TEXT, true, AT(config_oidc, ca), .initial = "", .max = 4096,
     .help = "PEM file of the authorities trusted for it; `upstream_ca` when empty"},
    {"after_logout", KEY_TEXT, true, AT(config_oidc, after_logout), .initial = "", .max = 1024,
     .help =
         "where it sends the browser of who has signed out here and there, such as `public_url` + `/`; it must know "
         "it as a post logout redirect URI; its own page when empty"},
    {"require_verified_email", KEY_BOOL, true, AT(config_oidc, require_verified_email), .initial = "true",
     .help = "refuse who has no email that the provider says is verified"},
    {"leeway", KEY_DURATION, true, AT(config_oidc, leeway_ms), .initial = "60s", .max = 600000,
     .help = "how far the clocks may differ; whole seconds count"},
};
const struct key_section keys_oidc = {"oidc[]", "Identity providers that people sign in through (OpenID Connect).",
                                      sizeof(struct config_oidc), ROWS(oidc_keys), check_oidc};
