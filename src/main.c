/* The command table. Each command is a file in cli/; a word that is not in the table is answered with the list.
 * Nothing else happens here. */
#include "cli/cli.h"

#include <signal.h>
#include <sys/prctl.h>

static const struct command {
  const char *name, *help;
  int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "run the gateway", cli_serve},
    {"status", "show the running gateway", cli_status},
    {"reload", "read the configuration anew, here or in every replica", cli_reload},
    {"upgrade", "replace the running gateway without cutting a stream", cli_upgrade},
    {"check", "validate a configuration", cli_check},
    {"job", "list, run, retry and cancel work in the background", cli_job},
    {"key", "create, list, block, rotate and delete keys", cli_key},
    {"credential", "credentials of providers, kept in the store", cli_credential},
    {"setting", "single values of the configuration, kept in the store", cli_setting},
    {"service", "service accounts, and their secrets for tokens", cli_service},
    {"audit", "list, verify and export the audit log", cli_audit},
    {"ledger", "list and verify the ledger", cli_ledger},
    {"usage", "add up what was used and what it cost", cli_usage},
    {"person", "export what is known of a person, or erase it", cli_person},
    {"backup", "copy the database into a file, also while weir runs", cli_backup},
    {"restore", "put a backup in place of the database", cli_restore},
    {"store", "copy the store into another database", cli_store},
    {"vault", "show the master key of secrets in the store, change it", cli_vault},
    {"migrate", "change or show the database's schema", cli_migrate},
    {"route", "explain where a request would go", cli_route},
    {"breaker", "show the circuit breakers, open and close them by hand", cli_breaker},
    {"openapi", "print the OpenAPI document of the control API", cli_openapi},
    {"reference", "print every configuration key, or how failures are told apart", cli_reference},
    {"user", "create, list, disable and delete people", cli_user},
    {"version", "print the version", cli_version},
};

static void print_help(FILE *out) {
  fputs("usage: weir COMMAND [OPTION]...\n", out);
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
  fputs("weir COMMAND -h says more\n", out);
}

int main(int argc, char **argv) {
  /* No core dump, and no debugger of another user's: memory holds keys. */
  prctl(PR_SET_DUMPABLE, 0);
  /* A file that may not grow (ulimit -f) is a full disk, which every command says in words. */
  sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
    print_help(stdout);
    return 0;
  }
  for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
    if (strcmp(argv[1], commands[i].name) == 0)
      return commands[i].run(argc - 1, argv + 1);
  }
  if (argc > 1)
    fprintf(stderr, "weir: unknown command \"%s\"\n", argv[1]);
  print_help(stderr);
  return 2;
}
