/* The sources of this process, found by what they are for, so that a reload that changes nothing about a credential
 * keeps what was fetched for it, and all workers share it. */
#ifndef AWS_REGISTRY_H
#define AWS_REGISTRY_H

#include "aws/source.h"

#define AWS_REGISTRY_MAX 4096

/* A reference to the source of this provider's credential with these options, made when there is none. A changed option
 * gives another source. Take the references of a new configuration before those of the old one are given back. Any
 * thread; does not wait. NULL when there are AWS_REGISTRY_MAX sources already. */
struct aws_source *aws_registry_find(struct text provider, struct text credential, const struct aws_source_options *o);
/* Gives a reference back; with the last one the source goes. NULL is fine. Any thread. */
void aws_registry_release(struct aws_source *s);

#endif
