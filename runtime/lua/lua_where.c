#include "lua/lua_where.h"

#include <stdio.h>

#include "worker/slow.h"

const char *pl_where_of(lua_State *L, const char *what)
{
	char text[PL_SLOW_PLACE_MAX];
	lua_Debug where;

	lua_pushvalue(L, -1);
	lua_getinfo(L, ">S", &where);
	if (where.linedefined > 0)
		snprintf(text, sizeof(text), "%s, %s:%d", what, where.short_src, where.linedefined);
	else
		snprintf(text, sizeof(text), "%s", what);
	return pl_slow_place(text);
}
