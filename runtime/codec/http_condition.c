#include "codec/http_condition.h"

#include "codec/http_date.h"

enum { IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE, NAMES };

/* The fields that matter: where the first of each is, and how many there are. */
typedef struct conditions {
	const pl_http_field *fields;
	size_t count;
	size_t first[NAMES];
	size_t lines[NAMES];
} conditions;

static unsigned name_of(pl_slice name)
{
	static const pl_slice names[] = {
		{ "if-match", 8 },	 { "if-unmodified-since", 19 },
		{ "if-none-match", 13 }, { "if-modified-since", 17 },
		{ "if-range", 8 },	 { "range", 5 },
	};
	unsigned i = 0;

	if (name.len < 5 || (name.at[2] != '-' && name.len != 5))
		return NAMES;
	while (i < NAMES && !pl_slice_equal_nocase(name, names[i]))
		i++;
	return i;
}

/* False when the request is unconditional. */
static bool collect(conditions *self, const pl_http_field *fields, size_t count)
{
	bool any = false;

	self->fields = fields;
	self->count = count;
	for (unsigned i = 0; i < NAMES; i++)
		self->lines[i] = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned name = name_of(fields[i].name);

		if (name == NAMES)
			continue;
		any = true;
		if (self->lines[name]++ == 0)
			self->first[name] = i;
	}
	return any;
}

static pl_slice value_of(const conditions *self, unsigned name)
{
	return self->fields[self->first[name]].value;
}

/* Entity tags (8.8.3). */

typedef struct tag {
	pl_slice text; /* with its quotes */
	bool weak;
} tag;

static pl_slice behind(pl_slice text, size_t used)
{
	return pl_slice_make(text.at + used, text.len - used);
}

static bool is_tag_byte(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

/* Takes an entity-tag from the front of *text. */
static bool take_tag(pl_slice *text, tag *out)
{
	pl_slice rest = *text;
	size_t len = 1;

	out->weak = rest.len > 2 && rest.at[0] == 'W' && rest.at[1] == '/';
	if (out->weak)
		rest = behind(rest, 2);
	if (rest.len < 2 || rest.at[0] != '"')
		return false;
	while (len < rest.len && is_tag_byte(rest.at[len]))
		len++;
	if (len == rest.len || rest.at[len] != '"')
		return false;
	out->text = pl_slice_make(rest.at, len + 1);
	*text = behind(rest, len + 1);
	return true;
}

static pl_slice skip_commas(pl_slice text)
{
	size_t used = 0;

	while (used < text.len &&
	       (text.at[used] == ',' || text.at[used] == ' ' || text.at[used] == '\t'))
		used++;
	return behind(text, used);
}

/* Whether a list of tags has this one; what is no list matches nothing. */
static bool list_has(pl_slice list, pl_slice etag, bool strong)
{
	bool found = false;
	tag candidate;

	for (list = skip_commas(list); list.len > 0; list = skip_commas(list)) {
		if (!take_tag(&list, &candidate))
			return false;
		list = pl_slice_trim(list);
		if (list.len > 0 && list.at[0] != ',')
			return false;
		if (pl_slice_equal(candidate.text, etag) && !(strong && candidate.weak))
			found = true;
	}
	return found;
}

/* If-Match or If-None-Match, over all their lines. "*" stands for any representation. */
static bool tags_match(const conditions *self, unsigned name, pl_slice etag, bool strong)
{
	if (self->lines[name] == 1 && pl_slice_equal(value_of(self, name), PL_SLICE("*")))
		return true;
	for (size_t i = self->first[name]; i < self->count; i++)
		if (name_of(self->fields[i].name) == name &&
		    list_has(self->fields[i].value, etag, strong))
			return true;
	return false;
}

/* Dates. */

static bool date_of(const conditions *self, unsigned name, int64_t now, int64_t *date)
{
	return self->lines[name] == 1 && pl_http_date_decode(date, value_of(self, name), now);
}

/* Whether there is such a date, and the representation has not changed since. */
static bool unchanged_since(const conditions *self, unsigned name,
			    const pl_http_validators *validators, int64_t now, bool *said)
{
	int64_t date;

	*said = validators->modified >= 0 && date_of(self, name, now, &date);
	return *said && validators->modified <= date;
}

static bool range_applies(const conditions *self, const pl_http_validators *validators, int64_t now)
{
	pl_slice value;
	int64_t date;
	tag candidate;

	if (self->lines[RANGE] != 1)
		return false;
	if (self->lines[IF_RANGE] == 0)
		return true;
	if (self->lines[IF_RANGE] > 1)
		return false;
	value = value_of(self, IF_RANGE);
	if (take_tag(&value, &candidate))
		return value.len == 0 && !candidate.weak &&
		       pl_slice_equal(candidate.text, validators->etag);
	return validators->modified >= 0 && validators->modified < now &&
	       pl_http_date_decode(&date, value, now) && date == validators->modified;
}

int pl_http_evaluate(const pl_http_field *fields, size_t count,
		     const pl_http_validators *validators, int64_t now, bool part, pl_slice *range)
{
	conditions self;
	bool said;
	bool unchanged;

	if (!collect(&self, fields, count))
		return PL_HTTP_PERFORM;
	if (self.lines[IF_MATCH]) {
		if (!tags_match(&self, IF_MATCH, validators->etag, true))
			return PL_HTTP_FAILED;
	} else {
		unchanged = unchanged_since(&self, IF_UNMODIFIED_SINCE, validators, now, &said);
		if (said && !unchanged)
			return PL_HTTP_FAILED;
	}
	if (self.lines[IF_NONE_MATCH]) {
		if (tags_match(&self, IF_NONE_MATCH, validators->etag, false))
			return PL_HTTP_NOT_MODIFIED;
	} else if (unchanged_since(&self, IF_MODIFIED_SINCE, validators, now, &said)) {
		return PL_HTTP_NOT_MODIFIED;
	}
	if (!part || !range_applies(&self, validators, now))
		return PL_HTTP_PERFORM;
	*range = value_of(&self, RANGE);
	return PL_HTTP_PERFORM_PART;
}
