/* A PostgreSQL server for tests that are not written in C: prints the address of an empty database on one line, serves
 * until standard input ends or it is told to stop, and takes everything away again. Lines on standard input: "new"
 * prints the address of one more database, "kill" and "restart" do that and print "done". Exit status 77 and a reason
 * when no server can be started here. --as-installed: with the memory and the vacuuming that PostgreSQL has of itself,
 * for bench/store.sh. */
#include "support/postgres.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct postgres_server server;

static bool print_database(void) {
  char address[256];
  if (!postgres_server_database(&server, false, address, sizeof address))
    return false;
  printf("%s\n", address);
  fflush(stdout);
  return true;
}

static bool obey(const char *word) {
  bool good = true;
  if (strcmp(word, "new\n") == 0)
    return print_database();
  if (strcmp(word, "kill\n") == 0)
    postgres_server_kill(&server);
  else if (strcmp(word, "restart\n") == 0)
    good = postgres_server_restart(&server);
  else
    return false;
  puts("done");
  fflush(stdout);
  return good;
}

/* Ends the wait for a line. */
static void on_signal(int number) {}

int main(int argc, char **argv) {
  char word[64];
  server.as_installed = argc > 1 && strcmp(argv[1], "--as-installed") == 0;
  if (postgres_server_missing()) {
    puts(postgres_server_missing());
    return 77;
  }
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
  sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
  bool good = postgres_server_start(&server) && print_database();
  while (good && fgets(word, sizeof word, stdin))
    good = obey(word);
  if (!good)
    fprintf(stderr, "postgres_server: %s\n", server.why);
  postgres_server_stop(&server);
  return good ? 0 : 1;
}
