/* limits.c - the table of limits.h as data. */
#include "base/limits.h"

#define X(name, unit, standard, smallest, largest, text)                                           \
	_Static_assert((smallest) <= (standard) && (standard) <= (largest),                        \
		       "the default of " #name " is outside its bounds");
PL_LIMITS_MAP(X)
#undef X

void pl_limits_init(pl_limits *limits)
{
	*limits = (pl_limits){
#define X(name, unit, standard, smallest, largest, text) .name = (standard),
		PL_LIMITS_MAP(X)
#undef X
	};
}

static const pl_limit_info table[] = {
#define X(name, unit, standard, smallest, largest, text)                                           \
	{                                                                                          \
		#name,	    text,     offsetof(pl_limits, name), PL_LIMIT_##unit, (standard),      \
		(smallest), (largest)                                                              \
	},
	PL_LIMITS_MAP(X)
#undef X
};

const pl_limit_info *pl_limits_table(size_t *count)
{
	*count = sizeof(table) / sizeof(table[0]);
	return table;
}
