/*
 * main.c - the command line.
 *
 *   perilune [options] APP [arguments]
 *   perilune [options] test [busted's arguments]
 *   perilune cert DIR [--self-signed] [--name NAME]...
 *   perilune password [USER]
 *   perilune attach [PATH] [options]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/embedded.h"
#include "base/log.h"
#include "crypto/certificate_folder.h"
#include "lua/lua_script.h"

enum { EXIT_USAGE = 2, CERT_NAMES = 100 };

static const char help[] =
	"Usage: perilune [options] APP [arguments]\n"
	"       perilune [options] test [DIR] [busted's arguments]\n"
	"       perilune cert DIR [--self-signed] [--name NAME]...\n"
	"       perilune password [USER]\n"
	"       perilune attach [PATH] [options]\n"
	"\n"
	"Runs a Lua script that serves realtime protocols. APP is a Lua file, or a folder\n"
	"with a main.lua. Whatever follows APP is the script's own (arg[1], arg[2], ...).\n"
	"\n"
	"Options:\n"
	"  --check            load the script, check its options, then exit\n"
	"  --control PATH     make a Unix socket there for perilune attach, for the same user and\n"
	"                     root; worker N > 1 has PATH.N. Default: none\n"
	"  --log-level LEVEL  error, warn, info or debug (default info)\n"
	"  --workers N        threads, each of which runs the script (1 to 256, default 1)\n"
	"  --version          print the version\n"
	"  --help             print this\n"
	"\n"
	"Commands:\n"
	"  test               run busted specs inside the runtime (default folder: spec)\n"
	"  cert               make certificates for TLS: an authority of your own (ca.pem, which\n"
	"                     clients have to trust) and what a server needs (cert.pem, key.pem).\n"
	"                     Self-signed: these two alone, without an authority.\n"
	"                     Names: host names and IP addresses; default localhost, 127.0.0.1, "
	"::1\n"
	"  password           hash a password for the auth_users of a server: USER=HASH. Reads it\n"
	"                     from the terminal, or a line of standard input\n"
	"  attach             talk with a program that runs with --control: Lua is evaluated in a\n"
	"                     worker's state, see perilune attach --help\n"
	"\n"
	"Environment:\n"
	"  PERILUNE_CONTROL   what --control and attach take for PATH when there is none\n"
	"  PERILUNE_HOME      a source tree whose lua/ folder is used instead of the files\n"
	"                     in the program\n"
	"\n"
	"Exit status: 0, 1 when the script fails or cannot start, 2 for wrong usage.\n";

static const char cert_help[] =
	"Usage: perilune cert DIR [--self-signed] [--name NAME]...\n"
	"Makes certificates for TLS in a folder, which is made when it is missing. Nothing that\n"
	"is there is overwritten.\n"
	"\n"
	"  ca.pem, ca-key.pem  an authority of your own, which clients have to trust\n"
	"  cert.pem, key.pem   what a server needs\n"
	"\n"
	"Options:\n"
	"  --name NAME         a host name or an IP address that it is for; may be repeated.\n"
	"                      Default: localhost, 127.0.0.1 and ::1\n"
	"  --self-signed       cert.pem and key.pem alone, which clients have to trust\n"
	"  --help, -h          print this\n"
	"\n"
	"Exit status: 0, 1 when they cannot be made, 2 for wrong usage.\n";

static int usage(const char *format, const char *what)
{
	fputs("perilune: ", stderr);
	fprintf(stderr, format, what);
	fputs("\nTry 'perilune --help'.\n", stderr);
	return EXIT_USAGE;
}

static int run(pl_worker *worker, void *context)
{
	pl_script_options *options = context;

	if (worker->id == 1 && options->control_path) {
		options->control = pl_control_new(options->control_path, worker->count);
		if (!options->control)
			return EXIT_FAILURE;
	}
	return pl_script_run(worker, options);
}

/* The value of option argv[*i]: behind '=', or the next argument. NULL when there is none. */
static const char *option_value(int argc, char **argv, int *i)
{
	const char *equals = strchr(argv[*i], '=');

	if (equals)
		return equals + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool is_option(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == '=');
}

static bool asks_help(const char *text)
{
	return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

static int take_workers(const char *value, uint16_t *workers)
{
	char *end;
	long count = value ? strtol(value, &end, 10) : 0;

	if (!value || end == value || *end || count < 1 || count > PL_WORKERS_MAX)
		return usage("--workers takes a number from 1 to 256%s", "");
	*workers = (uint16_t)count;
	return 0;
}

static int take_control(const char *value, pl_script_options *options)
{
	if (!value || !value[0])
		return usage("--control takes a path%s", "");
	options->control_path = value;
	return 0;
}

static int take_level(const char *value)
{
	enum pl_log_level level;

	if (!value || !pl_log_level_parse(value, &level))
		return usage("--log-level takes error, warn, info or debug%s", "");
	pl_log_set_level(level);
	return 0;
}

/* Options up to APP; *app is its index. Returns an exit code, or -1 to go on. */
static int take_options(int argc, char **argv, pl_script_options *options, int *app)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		int code = 0;

		if (asks_help(argv[i]))
			return fputs(help, stdout), 0;
		if (strcmp(argv[i], "--version") == 0)
			return puts("perilune " PL_VERSION), 0;
		if (strcmp(argv[i], "--check") == 0)
			options->check = true;
		else if (is_option(argv[i], "--control"))
			code = take_control(option_value(argc, argv, &i), options);
		else if (is_option(argv[i], "--workers"))
			code = take_workers(option_value(argc, argv, &i), &options->workers);
		else if (is_option(argv[i], "--log-level"))
			code = take_level(option_value(argc, argv, &i));
		else
			return usage("unknown option %s", argv[i]);
		if (code)
			return code;
	}
	*app = i;
	return -1;
}

static int write_certificates(const char *folder, const char *const *names, size_t count,
			      bool self_signed)
{
	static const char *const usual[] = { "localhost", "127.0.0.1", "::1" };
	char error[PL_CERTIFICATE_FOLDER_ERROR];

	if (pl_certificate_folder(folder, count ? names : usual, count ? count : 3, self_signed,
				  error)) {
		fprintf(stderr, "perilune: %s\n", error);
		return EXIT_FAILURE;
	}
	if (!self_signed)
		printf("%s/ca.pem      the authority, for %d days: clients have to trust it\n"
		       "%s/ca-key.pem  its key: keep it safe\n",
		       folder, PL_CERTIFICATE_CA_DAYS, folder);
	printf("%s/cert.pem    the server's certificate, for %d days%s\n"
	       "%s/key.pem     its key\n",
	       folder, PL_CERTIFICATE_SERVER_DAYS, self_signed ? ": clients have to trust it" : "",
	       folder);
	return EXIT_SUCCESS;
}

/* The words behind `cert`. */
static int cert(int argc, char **argv)
{
	const char *names[CERT_NAMES];
	const char *folder = NULL;
	bool self_signed = false;
	size_t count = 0;
	int i;

	for (i = 0; i < argc; i++) {
		if (asks_help(argv[i]))
			return fputs(cert_help, stdout), 0;
		if (strcmp(argv[i], "--self-signed") == 0) {
			self_signed = true;
		} else if (is_option(argv[i], "--name")) {
			const char *name = option_value(argc, argv, &i);

			if (!name || count == CERT_NAMES)
				return usage("--name takes a name, and at most 100 are taken%s",
					     "");
			names[count++] = name;
		} else if (argv[i][0] == '-') {
			return usage("unknown option %s", argv[i]);
		} else if (folder) {
			return usage("one folder, not '%s' as well", argv[i]);
		} else {
			folder = argv[i];
		}
	}
	if (!folder)
		return usage("cert: which folder?%s", "");
	return write_certificates(folder, names, count, self_signed);
}

/* What a command runs; NULL: it is none. */
static const char *module_of(const char *command)
{
	static const char *const commands[][2] = {
		{ "test", "perilune.internal.test" },
		{ "password", "perilune.internal.password_command" },
		{ "attach", "perilune.internal.attach_command" },
	};
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(command, commands[i][0]) == 0)
			return commands[i][1];
	return NULL;
}

/* What is said of scripts means nothing to a command. */
static int refuse_options(const pl_script_options *options, const char *command)
{
	if (options->workers > 1)
		return usage("%s runs in one worker", command);
	if (options->control_path)
		return usage("%s takes no --control", command);
	if (options->check)
		return usage("%s takes no --check", command);
	return 0;
}

/* --check starts nothing, so that nobody can attach. */
static void choose_app(pl_script_options *options, const char *path)
{
	const char *control = getenv("PERILUNE_CONTROL");

	options->path = path;
	if (!options->control_path && control && control[0])
		options->control_path = control;
	if (options->check)
		options->control_path = NULL;
}

int main(int argc, char **argv)
{
	pl_script_options options = { .workers = 1 };
	struct stat info;
	int app = 0;
	int code = take_options(argc, argv, &options, &app);
	bool is_cert;

	pl_alloc_keep_large();
	/* What a script prints is seen at once, also through a pipe. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (code >= 0)
		return code;
	if (app >= argc)
		return usage("which script?%s", "");
	is_cert = strcmp(argv[app], "cert") == 0;
	options.module = module_of(argv[app]);
	if (is_cert || options.module)
		code = refuse_options(&options, argv[app]);
	if (code > 0)
		return code;
	if (is_cert)
		return cert(argc - app - 1, argv + app + 1);
	if (!options.module && stat(argv[app], &info))
		return usage("there is no file or folder '%s'", argv[app]);
	if (!options.module)
		choose_app(&options, argv[app]);
	options.argc = argc - app - 1;
	options.argv = argv + app + 1;
	pl_embedded_use(pl_embedded_files);
	code = pl_worker_run(options.workers, run, &options);
	pl_control_free(options.control);
	return code;
}
