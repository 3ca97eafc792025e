/* Names for GET /v1/models. The simulator answers to any name; these are the behaviours worth choosing from a list,
 * with usable numbers where a name takes one. Used by both dialects. */
#include "sim/models.h"

const char *const sim_models[SIM_MODELS_COUNT] = {
    "sim-text",     "sim-tools",    "sim-thinking", "sim-cache",         "sim-image",       "sim-long-200",
    "sim-slow-500", "sim-drip-100", "sim-fail-529", "sim-reset-after-5", "sim-cut-after-5", "sim-error-after-5",
};
