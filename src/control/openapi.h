/* The OpenAPI 3.1 document of the control API, written from the table of routes and their shapes. */
#ifndef CONTROL_OPENAPI_H
#define CONTROL_OPENAPI_H

#include "base/buf.h"

/* The whole document as JSON. */
void openapi_write(struct buf *out);

#endif
