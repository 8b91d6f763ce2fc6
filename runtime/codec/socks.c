#include "codec/socks.h"

#include "base/status.h"

enum { CONNECT = 1, IPV4 = 1, NAME = 3, IPV6 = 4 };

typedef struct writer {
	uint8_t *at;
} writer;

static void put(writer *out, unsigned byte)
{
	*out->at++ = (uint8_t)byte;
}

static void put_bytes(writer *out, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(out->at, bytes, len);
	out->at += len;
}

static void put_text(writer *out, pl_slice text)
{
	put(out, (unsigned)text.len);
	put_bytes(out, text.at, text.len);
}

static void put_port(writer *out, uint16_t port)
{
	put(out, port >> 8);
	put(out, port & 0xFF);
}

static bool has_nul(pl_slice text)
{
	return pl_slice_find(text, '\0') < text.len;
}

int pl_socks4_request_encode(uint8_t *out, const pl_socks_target *target, pl_slice user)
{
	static const uint8_t unknown[] = { 0, 0, 0, 1 }; /* 4a: 0.0.0.x, not 0 */
	bool named = target->name.len > 0;
	writer to = { out };

	if ((!named && target->address.family != 4) || target->name.len > PL_SOCKS_TEXT_MAX ||
	    user.len > PL_SOCKS_TEXT_MAX || has_nul(user) || has_nul(target->name))
		return PL_EINVAL;
	/* Such an address would be taken for the mark of a name. */
	if (!named && memcmp(target->address.ip, "\0\0\0", 3) == 0)
		return PL_EINVAL;
	put(&to, 4);
	put(&to, CONNECT);
	put_port(&to, target->port);
	put_bytes(&to, named ? unknown : target->address.ip, 4);
	put_bytes(&to, user.at, user.len);
	put(&to, 0);
	if (named) {
		put_bytes(&to, target->name.at, target->name.len);
		put(&to, 0);
	}
	return (int)(to.at - out);
}

int pl_socks4_reply_decode(uint8_t *code, const uint8_t *buf, size_t len, const char **error)
{
	if (len > 0 && buf[0] != 0)
		*error = "it does not begin as a reply of SOCKS4";
	else if (len > 1 && (buf[1] < PL_SOCKS4_GRANTED || buf[1] > 93))
		*error = "a code that SOCKS4 does not have";
	else if (len < 8)
		return 0;
	else {
		*code = buf[1];
		return 8;
	}
	return PL_EPROTO;
}

int pl_socks5_offer_encode(uint8_t *out, bool password)
{
	writer to = { out };

	put(&to, 5);
	put(&to, password ? 2 : 1);
	put(&to, PL_SOCKS5_OPEN);
	if (password)
		put(&to, PL_SOCKS5_PASSWORD);
	return (int)(to.at - out);
}

/* A version, and a byte that says something. */
static int decode_pair(uint8_t *value, unsigned version, const uint8_t *buf, size_t len,
		       const char **error)
{
	if (len > 0 && buf[0] != version) {
		*error = "a version that is not the one of SOCKS5";
		return PL_EPROTO;
	}
	if (len < 2)
		return 0;
	*value = buf[1];
	return 2;
}

int pl_socks5_choice_decode(uint8_t *method, const uint8_t *buf, size_t len, const char **error)
{
	return decode_pair(method, 5, buf, len, error);
}

int pl_socks5_password_encode(uint8_t *out, pl_slice user, pl_slice password)
{
	writer to = { out };

	if (user.len == 0 || user.len > PL_SOCKS_TEXT_MAX || password.len == 0 ||
	    password.len > PL_SOCKS_TEXT_MAX)
		return PL_EINVAL;
	put(&to, 1);
	put_text(&to, user);
	put_text(&to, password);
	return (int)(to.at - out);
}

int pl_socks5_status_decode(uint8_t *status, const uint8_t *buf, size_t len, const char **error)
{
	return decode_pair(status, 1, buf, len, error);
}

int pl_socks5_request_encode(uint8_t *out, const pl_socks_target *target)
{
	const pl_address *address = &target->address;
	writer to = { out };

	if (target->name.len > PL_SOCKS_TEXT_MAX || (target->name.len == 0 && !address->family))
		return PL_EINVAL;
	put(&to, 5);
	put(&to, CONNECT);
	put(&to, 0);
	if (target->name.len > 0) {
		put(&to, NAME);
		put_text(&to, target->name);
	} else {
		put(&to, address->family == 4 ? IPV4 : IPV6);
		put_bytes(&to, address->ip, address->family == 4 ? 4 : 16);
	}
	put_port(&to, target->port);
	return (int)(to.at - out);
}

/* The bytes of a reply with its address; 0: more are needed to know, -1: there is no such kind. */
static int reply_length(const uint8_t *buf, size_t len)
{
	if (len < 4)
		return 0;
	if (buf[3] == IPV4)
		return 4 + 4 + 2;
	if (buf[3] == IPV6)
		return 4 + 16 + 2;
	if (buf[3] != NAME)
		return -1;
	return len < 5 ? 0 : 4 + 1 + buf[4] + 2;
}

int pl_socks5_reply_decode(uint8_t *code, const uint8_t *buf, size_t len, const char **error)
{
	int used = decode_pair(code, 5, buf, len, error);

	if (used <= 0 || *code != 0)
		return used;
	if (len > 2 && buf[2] != 0) {
		*error = "a reserved byte that is not zero";
		return PL_EPROTO;
	}
	used = reply_length(buf, len);
	if (used < 0) {
		*error = "an address of a kind that SOCKS5 does not have";
		return PL_EPROTO;
	}
	return used == 0 || len < (size_t)used ? 0 : used;
}

const char *pl_socks4_text(uint8_t code)
{
	switch (code) {
	case 91:
		return "refused, or the host does not answer";
	case 92:
		return "it cannot ask our identd";
	case 93:
		return "our identd names another user";
	default:
		return "a code that is not known";
	}
}

static const struct {
	const char *text;
	int status;
} replies[] = {
	{ "granted", PL_OK },
	{ "general failure", PL_ECONNREFUSED },
	{ "its rules do not allow it", PL_EACCES },
	{ "the network cannot be reached", PL_ECONNREFUSED },
	{ "the host cannot be reached", PL_ECONNREFUSED },
	{ "the host refuses the connection", PL_ECONNREFUSED },
	{ "the host does not answer in time", PL_ETIMEDOUT },
	{ "it does not know the command", PL_ENOTSUP },
	{ "it does not know this kind of address", PL_ENOTSUP },
};

enum { REPLIES = sizeof(replies) / sizeof(replies[0]) };

const char *pl_socks5_text(uint8_t code)
{
	return code < REPLIES ? replies[code].text : "a code that is not known";
}

int pl_socks5_status(uint8_t code)
{
	return code < REPLIES ? replies[code].status : PL_ECONNREFUSED;
}
