#include "codec/http_date.h"

#include <string.h>

static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

typedef struct civil {
	int64_t year;
	unsigned month; /* 0..11 */
	unsigned day;	/* 1..31 */
} civil;

/* The date of a day since 1970. Counts from 0000-03-01, so that the leap day is a year's last
 * and the lengths of the months before it follow one line: day 30.6 * m starts month m. */
static civil civil_from_days(int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = shifted / 146097; /* of 400 years */
	unsigned day_of_era = (unsigned)(shifted % 146097);
	unsigned year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day = day_of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day + 2) / 153; /* 0 is March */

	return (civil){
		.year = era * 400 + year + (month >= 10),
		.month = (month + 2) % 12,
		.day = day - (153 * month + 2) / 5 + 1,
	};
}

/* The other way; the year is 0 to 9999. */
static int64_t days_from_civil(const civil *date)
{
	int64_t year = date->year - (date->month < 2) + 400; /* positive */
	int64_t month = (date->month + 10) % 12;	     /* 0 is March */
	int64_t era = year / 400;
	int64_t year_of_era = year % 400;
	int64_t day_of_year = (153 * month + 2) / 5 + date->day - 1;

	return (era - 1) * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static char *put_text(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

static char *put_number(char *at, int64_t value, size_t digits)
{
	for (size_t i = digits; i-- > 0; value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + digits;
}

void pl_http_date_encode(char out[PL_HTTP_DATE_SIZE], int64_t seconds)
{
	int64_t days = seconds / 86400;
	int64_t time = seconds % 86400;
	civil date = civil_from_days(days);
	char *at = put_text(out, weekdays + days % 7 * 3, 3);

	at = put_text(at, ", ", 2);
	at = put_number(at, date.day, 2);
	*at++ = ' ';
	at = put_text(at, months + (size_t)date.month * 3, 3);
	*at++ = ' ';
	at = put_number(at, date.year, 4);
	*at++ = ' ';
	at = put_number(at, time / 3600, 2);
	*at++ = ':';
	at = put_number(at, time / 60 % 60, 2);
	*at++ = ':';
	at = put_number(at, time % 60, 2);
	put_text(at, " GMT", 4);
}

/* What a text says. */
typedef struct moment {
	int64_t weekday; /* 0 is Thursday */
	int64_t year;
	int64_t month; /* 0..11 */
	int64_t day;
	int64_t hour;
	int64_t minute;
	int64_t second;
	bool short_year; /* of two digits */
} moment;

static bool take(pl_slice *text, size_t len, pl_slice *taken)
{
	if (text->len < len)
		return false;
	*taken = pl_slice_make(text->at, len);
	*text = pl_slice_make(text->at + len, text->len - len);
	return true;
}

static bool take_number(pl_slice *text, size_t digits, int64_t *value)
{
	pl_slice taken;
	uint64_t number;

	if (!take(text, digits, &taken) || !pl_slice_to_u64(taken, 9999, &number))
		return false;
	*value = (int64_t)number;
	return true;
}

/* A day of asctime, with a blank for a zero in front. */
static bool take_blank_day(pl_slice *text, int64_t *value)
{
	pl_slice blank;

	if (text->len > 0 && text->at[0] == ' ')
		return take(text, 1, &blank) && take_number(text, 1, value);
	return take_number(text, 2, value) && *value >= 10;
}

/* One of the names of three letters in `list`. */
static bool take_name(pl_slice *text, const char *list, int64_t *index)
{
	pl_slice taken;

	if (!take(text, 3, &taken))
		return false;
	for (size_t i = 0; list[i * 3]; i++)
		if (memcmp(list + i * 3, taken.at, 3) == 0) {
			*index = (int64_t)i;
			return true;
		}
	return false;
}

static bool take_long_weekday(pl_slice *text, int64_t *index)
{
	static const char *const rest[] = {
		"rsday", "day", "urday", "day", "day", "sday", "nesday"
	};
	pl_slice taken;
	size_t len;

	if (!take_name(text, weekdays, index))
		return false;
	len = strlen(rest[*index]);
	return take(text, len, &taken) && memcmp(taken.at, rest[*index], len) == 0;
}

static bool take_literal(pl_slice *text, char c)
{
	pl_slice taken;

	return take(text, 1, &taken) && taken.at[0] == c;
}

static bool take_field(pl_slice *text, char field, moment *out)
{
	switch (field) {
	case 'w':
		return take_name(text, weekdays, &out->weekday);
	case 'W':
		return take_long_weekday(text, &out->weekday);
	case 'd':
		return take_number(text, 2, &out->day);
	case 'e':
		return take_blank_day(text, &out->day);
	case 'm':
		return take_name(text, months, &out->month);
	case 'y':
		out->short_year = true;
		return take_number(text, 2, &out->year);
	case 'Y':
		return take_number(text, 4, &out->year);
	case 'H':
		return take_number(text, 2, &out->hour);
	case 'M':
		return take_number(text, 2, &out->minute);
	default:
		return take_number(text, 2, &out->second);
	}
}

/* `form` has a field behind each '%', and what has to stand between them. */
static bool read_form(moment *out, pl_slice text, const char *form)
{
	memset(out, 0, sizeof(*out));
	for (; *form; form++) {
		bool taken =
			*form == '%' ? take_field(&text, *++form, out) : take_literal(&text, *form);

		if (!taken)
			return false;
	}
	return text.len == 0;
}

/* RFC 9110 5.6.7: what seems more than 50 years ahead is a century before. */
static int64_t whole_year(int64_t two_digits, int64_t now)
{
	int64_t current = civil_from_days(now / 86400).year;
	int64_t year = current / 100 * 100 + 100 + two_digits;

	while (year > current + 50)
		year -= 100;
	return year;
}

/* The day and its name exist: what counts its days the other way comes to the same. */
static bool day_valid(const civil *date, int64_t days, int64_t weekday)
{
	civil same = civil_from_days(days);

	return same.year == date->year && same.month == date->month && same.day == date->day &&
	       ((days % 7) + 7) % 7 == weekday;
}

static bool to_seconds(int64_t *seconds, const moment *said)
{
	civil date = { said->year, (unsigned)said->month, (unsigned)said->day };
	int64_t days;

	if (said->hour > 23 || said->minute > 59 || said->second > 60 || said->day < 1)
		return false;
	days = days_from_civil(&date);
	if (!day_valid(&date, days, said->weekday))
		return false;
	*seconds = days * 86400 + said->hour * 3600 + said->minute * 60 + said->second;
	return true;
}

bool pl_http_date_decode(int64_t *seconds, pl_slice text, int64_t now)
{
	moment said;

	if (!read_form(&said, text, "%w, %d %m %Y %H:%M:%S GMT") &&
	    !read_form(&said, text, "%W, %d-%m-%y %H:%M:%S GMT") &&
	    !read_form(&said, text, "%w %m %e %H:%M:%S %Y"))
		return false;
	if (said.short_year)
		said.year = whole_year(said.year, now);
	return to_seconds(seconds, &said);
}
