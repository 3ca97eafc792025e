/* Errors of the Bedrock runtime: a body {"message": ...} with the type in the header x-amzn-errortype, and exception
 * frames inside event streams. Shared by InvokeModel and Converse. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html#Errors */
#ifndef WIRE_BEDROCK_ERROR_H
#define WIRE_BEDROCK_ERROR_H

#include "wire/fault_map.h"
#include "wire/wire.h"

/* For x-amzn-errortype: "ThrottlingException". */
const char *bedrock_error_type(const struct fault *f);
/* The status an error type stands for, written as in a header or as in :exception-type; 500 when unknown. */
int bedrock_error_status(struct text type);
/* See struct wire in wire.h. */
bool bedrock_error_is(struct text body);
struct text bedrock_error_message(struct text body, struct arena *a);
void bedrock_error_write(struct buf *out, const struct fault *f, struct text request_id);
/* An exception frame. */
void bedrock_error_write_frame(struct buf *out, const struct fault *f, struct text request_id);
/* Does the name of a stream's event say that it is an exception? */
bool bedrock_error_is_exception(struct text event);
/* The fault that an exception inside a stream stands for. type: :exception-type; data: its payload. Its name is the
 * type, unless the payload tells the status that the model gave. */
void bedrock_error_read(struct text type, struct text data, struct fault *out);

#endif
