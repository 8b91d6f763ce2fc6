/*
 * overflow_rule.h - which channels treat slow receivers in a way of their own.
 */
#ifndef PL_SERVER_OVERFLOW_RULE_H
#define PL_SERVER_OVERFLOW_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "conn/overflow.h"

typedef struct pl_overflow_rule {
	pl_slice channel; /* one that ends in '*': all that begin so */
	pl_overflow overflow;
} pl_overflow_rule;

/* Of the first rule that fits; NULL: none does. */
const pl_overflow *pl_overflow_rule_find(const pl_overflow_rule *rules, size_t count,
					 pl_slice channel);

/* Whether anything is left out, by one of the rules or without them. */
bool pl_overflow_rule_any(const pl_overflow_rule *rules, size_t count, const pl_overflow *others);

#endif
