/* The part of the table about people who sign in: how, for how long, and those who are declared. Part of the table in
 * keys.c, from which it is reached; what a row cannot say is in check_signin.c. */
#include "config/rows.h"

#include "config/check.h"
#include "config/config.h"

static const struct key password_keys[] = {
    {"memory_kib", KEY_COUNT, true, AT(config_signin, memory_kib), .initial = "65536", .min = 8192, .max = 4194304,
     .help = "what each hash takes of it; older hashes are renewed when they are used", .file_only = true},
    {"passes", KEY_COUNT, true, AT(config_signin, passes), .initial = "3", .min = 1, .max = 100,
     .help = "how often it goes over it", .file_only = true},
    {"at_once", KEY_COUNT, true, AT(config_signin, at_once), .initial = "2", .min = 1, .max = 64,
     .help = "hashes at one time; some more wait, the rest are told to try again", .file_only = true},
};
static const struct key_section password = {"signin.password", "Passwords are kept as Argon2id hashes (RFC 9106).", 0,
                                            ROWS(password_keys), NULL};

static const struct key signin_keys[] = {
    {"password", KEY_SECTION, true, NO_MEMBER, .section = &password, .initial = "",
     .help = "what working on a password costs"},
    {"access", KEY_DURATION, true, AT(config_signin, access_ms), .initial = "10m", .min = 60000, .max = 3600000,
     .help = "how long an access token lasts; the page fetches the next one by itself"},
    {"idle", KEY_DURATION, true, AT(config_signin, idle_ms), .initial = "7d", .min = 3600000, .max = 90 * DAY_MS,
     .help = "a session that is not used for so long is over"},
    {"session", KEY_DURATION, true, AT(config_signin, session_ms), .initial = "30d", .min = 3600000,
     .max = 365 * DAY_MS, .help = "and any session after this"},
};
const struct key_section keys_signin = {"signin", "How people sign in.", sizeof(struct config_signin),
                                        ROWS(signin_keys), NULL};

static const struct key smtp_keys[] = {
    {"url", KEY_TEXT, true, AT(config_smtp, url), .initial = "", .max = 300,
     .help = "`smtps://HOST:465`, or `smtp://HOST:587`, where the line is encrypted before anything is said",
     .file_only = true},
    {"user", KEY_TEXT, true, AT(config_smtp, user), .initial = "", .max = 254, .help = "who signs in there",
     .file_only = true},
    {"password", KEY_SECRET, true, AT(config_smtp, password), .initial = "", .max = 1024, .help = "and with what"},
    {"from", KEY_TEXT, true, AT(config_smtp, from), .initial = "", .max = 254, .help = "the address of the sender",
     .file_only = true},
    {"from_name", KEY_TEXT, true, AT(config_smtp, from_name), .initial = "Weir", .max = 100, .help = "and the name",
     .file_only = true},
    {"ca", KEY_TEXT, true, AT(config_smtp, ca), .initial = "", .max = 4096,
     .help = "PEM file with the authorities of its certificate; the system's when empty", .file_only = true},
};
const struct key_section keys_smtp = {
    "smtp", "The mail server for invitations, new passwords and links to sign in with. Without one no mail is sent.",
    sizeof(struct config_smtp), ROWS(smtp_keys), check_smtp};

static const struct key user_keys[] = {
    {"email", KEY_TEXT, AT(config_user, email), .min = 3, .max = 254, .help = "under which they sign in; unique"},
    {"name", KEY_TEXT, AT(config_user, name), .initial = "", .max = 128, .help = "what they are called"},
    {"password", KEY_SECRET, AT(config_user, password), .min = 12, .max = 256,
     .help = "theirs from each start on, whatever they had changed it to; best from the environment"},
    {"role", KEY_TEXT, AT(config_user, role), .initial = "member", .min = 1, .max = 16,
     .choices = "owner|admin|auditor|member|viewer",
     .help = "in the first organisation; other roles that they have stay"},
};
const struct key_section keys_user = {
    "users[]", "People who are there from the start. One that is taken out of the file stays until it is removed.",
    sizeof(struct config_user), ROWS(user_keys), check_user};
