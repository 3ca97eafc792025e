/* The part of the table about the control API over the network. keys.c has the rest and the top level, section.c reads
 * it. */
#include "config/check.h"
#include "config/config.h"
#include "config/rows.h"

static const struct key control_keys[] = {
    {"rpm", KEY_COUNT, true, AT(config_control, rpm), .initial = "600", .max = 1000000,
     .help = "requests a minute of each caller, counted by each replica; 0 for no limit"},
    {"allow_ips", KEY_TEXTS, true, ARRAY(config_control, allow_ips, allow_ip_count), .initial = "", .min = 1, .max = 64,
     .help = "networks it may be reached from, such as `10.0.0.0/8`; from everywhere when empty", .file_only = true},
    {"cors_origins", KEY_TEXTS, true, ARRAY(config_control, cors_origins, cors_origin_count), .initial = "", .min = 1,
     .max = 64, .help = "other sites whose pages may call it from a browser, such as `https://admin.example.org`",
     .file_only = true},
};
const struct key_section keys_control = {"control", "The control API over the network.", sizeof(struct config_control),
                                         ROWS(control_keys), check_control};
