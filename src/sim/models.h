/* The models the simulator lists, the same in every dialect. Pure. */
#ifndef SIM_MODELS_H
#define SIM_MODELS_H

#include "base/text.h"

#define SIM_MODELS_COUNT 12
extern const char *const sim_models[SIM_MODELS_COUNT];

#endif
