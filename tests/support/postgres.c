/* Starts, freezes, kills and stops a PostgreSQL server for tests. Processes are found by their parent and signalled by
 * their number. Called by tests of the store and by postgres_server.c for tests in other languages. */
#include "postgres.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSWORD     "hush-hush/word"
#define READY_ROUNDS 1500
#define CHILDREN_MAX 256

/* The newest server of 15 or later. */
static bool find_programs(char out[128]) {
  glob_t found;
  long newest = 14;
  if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0)
    return false;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    long version = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
    if (version <= newest)
      continue;
    newest = version;
    snprintf(out, 128, "/usr/lib/postgresql/%ld/bin", version);
  }
  globfree(&found);
  return newest > 14;
}

const char *postgres_server_missing(void) {
  char bin[128];
  if (!find_programs(bin))
    return "no PostgreSQL 15 or newer under /usr/lib/postgresql";
  if (geteuid() == 0 && !getpwnam("postgres"))
    return "root cannot run PostgreSQL, and there is no user postgres";
  return NULL;
}

static bool fail(struct postgres_server *s, const char *what) {
  snprintf(s->why, sizeof s->why, "%s", what);
  return false;
}

static void pause_ms(int ms) { poll(NULL, 0, ms); }

/* A port that was free a moment ago. */
static int free_port(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;
  if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0)
    port = ntohs(a.sin_port);
  if (fd >= 0)
    close(fd);
  return port;
}

/* In the child: the user the server must be, output into the log, and the end together with the test. */
static void become(const struct postgres_server *s, pid_t parent) {
  char log[128];
  const struct passwd *user = s->as_postgres ? getpwnam("postgres") : NULL;
  if (s->as_postgres &&
      (!user || initgroups("postgres", user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
    _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (getppid() != parent || chdir(s->dir) != 0)
    _exit(126);
  snprintf(log, sizeof log, "%s/log", s->dir);
  int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
  if (out < 0 || in < 0)
    _exit(126);
  dup2(in, 0);
  dup2(out, 1);
  dup2(out, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static pid_t spawn(const struct postgres_server *s, char *const argv[]) {
  pid_t parent = getpid(), pid = fork();
  if (pid != 0)
    return pid;
  become(s, parent);
  execv(argv[0], argv);
  _exit(127);
}

static bool write_password(const struct postgres_server *s, const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const struct passwd *user = s->as_postgres ? getpwnam("postgres") : NULL;
  bool good = fd >= 0 && write(fd, PASSWORD "\n", sizeof PASSWORD) == (ssize_t)sizeof PASSWORD &&
              (!user || fchown(fd, user->pw_uid, user->pw_gid) == 0);
  if (fd >= 0)
    close(fd);
  return good;
}

/* Finds the programs and makes the folder. */
static bool prepare(struct postgres_server *s) {
  memset(s, 0, sizeof *s);
  const char *missing = postgres_server_missing();
  if (missing)
    return fail(s, missing);
  find_programs(s->bin);
  s->as_postgres = geteuid() == 0;
  const struct passwd *user = s->as_postgres ? getpwnam("postgres") : NULL;
  snprintf(s->dir, sizeof s->dir, "/tmp/weir-test-postgres-XXXXXX");
  if (!mkdtemp(s->dir) || (user && chown(s->dir, user->pw_uid, user->pw_gid) != 0))
    return fail(s, "cannot make a folder in /tmp");
  return true;
}

static bool make_cluster(struct postgres_server *s) {
  char program[160], data[96], file[96], password[128];
  int status = -1;
  snprintf(program, sizeof program, "%s/initdb", s->bin);
  snprintf(data, sizeof data, "%s/data", s->dir);
  snprintf(file, sizeof file, "%s/password", s->dir);
  snprintf(password, sizeof password, "--pwfile=%s", file);
  if (!write_password(s, file))
    return fail(s, "cannot write the password file");
  char *const argv[] = {program,
                        (char[]){"-D"},
                        data,
                        (char[]){"-U"},
                        (char[]){"weir"},
                        (char[]){"-A"},
                        (char[]){"scram-sha-256"},
                        password,
                        (char[]){"--no-sync"},
                        (char[]){"-E"},
                        (char[]){"UTF8"},
                        (char[]){"--locale=C"},
                        NULL};
  pid_t pid = spawn(s, argv);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
    return fail(s, "initdb failed; see the log in its folder");
  return true;
}

static void settings_of(const struct postgres_server *s, const char *database, bool over_socket, char *out,
                        size_t cap) {
  snprintf(out, cap, "postgres://weir:%s@%s:%d/%s", POSTGRES_TEST_PASSWORD, over_socket ? "" : "127.0.0.1", s->port,
           database);
  if (over_socket) { /* the folder of the socket as the host */
    char host[128] = "";
    size_t n = 0;
    for (const char *c = s->dir; *c && n + 4 < sizeof host; c++)
      n += (size_t)snprintf(host + n, sizeof host - n, *c == '/' ? "%%2F" : "%c", *c);
    snprintf(out, cap, "postgres://weir:%s@%s:%d/%s", POSTGRES_TEST_PASSWORD, host, s->port, database);
  }
}

/* Ready when somebody can sign in and write. */
static bool wait_until_ready(struct postgres_server *s) {
  char address[256];
  settings_of(s, "postgres", false, address, sizeof address);
  for (int i = 0; i < READY_ROUNDS; i++) {
    PGconn *db = PQconnectdb(address);
    bool ready = PQstatus(db) == CONNECTION_OK;
    PQfinish(db);
    if (ready)
      return true;
    if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
      s->pid = 0;
      return fail(s, "the server ended; see the log in its folder");
    }
    pause_ms(20);
  }
  return fail(s, "the server did not become ready");
}

static bool launch(struct postgres_server *s) {
  char program[160], data[96], port[16], folder[96], buffers[32], vacuum[32];
  snprintf(program, sizeof program, "%s/postgres", s->bin);
  snprintf(data, sizeof data, "%s/data", s->dir);
  snprintf(port, sizeof port, "%d", s->port);
  snprintf(folder, sizeof folder, "%s", s->dir);
  snprintf(buffers, sizeof buffers, "shared_buffers=%dMB", s->as_installed ? 128 : 16);
  snprintf(vacuum, sizeof vacuum, "autovacuum=%s", s->as_installed ? "on" : "off");
  char *const argv[] = {program,
                        (char[]){"-D"},
                        data,
                        (char[]){"-p"},
                        port,
                        (char[]){"-k"},
                        folder,
                        (char[]){"-c"},
                        (char[]){"listen_addresses=127.0.0.1"},
                        (char[]){"-c"},
                        (char[]){"fsync=off"}, /* its processes are killed, never the machine */
                        (char[]){"-c"},
                        buffers,
                        (char[]){"-c"},
                        (char[]){"max_connections=60"},
                        (char[]){"-c"},
                        vacuum,
                        (char[]){"-c"},
                        (char[]){"dynamic_shared_memory_type=mmap"},
                        NULL};
  s->pid = spawn(s, argv);
  return s->pid > 0 && wait_until_ready(s);
}

static bool launch_somewhere(struct postgres_server *s) {
  for (int i = 0; i < 5; i++) { /* somebody may take the port in between */
    s->port = free_port();
    if (launch(s))
      return true;
    if (s->pid > 0)
      break;
  }
  return false;
}

bool postgres_server_start(struct postgres_server *s) { return prepare(s) && make_cluster(s) && launch_somewhere(s); }

bool postgres_server_follow(struct postgres_server *s, const struct postgres_server *primary) {
  char program[160], data[96], address[256];
  int status = -1;
  if (!prepare(s))
    return false;
  settings_of(primary, "postgres", false, address, sizeof address);
  snprintf(program, sizeof program, "%s/pg_basebackup", s->bin);
  snprintf(data, sizeof data, "%s/data", s->dir);
  char *const argv[] = {program,
                        (char[]){"-D"},
                        data,
                        (char[]){"-d"},
                        address,
                        (char[]){"-R"},
                        (char[]){"-X"},
                        (char[]){"stream"},
                        (char[]){"-c"},
                        (char[]){"fast"},
                        (char[]){"--no-sync"},
                        NULL};
  pid_t pid = spawn(s, argv);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
    return fail(s, "pg_basebackup failed; see the log in its folder");
  return launch_somewhere(s);
}

long postgres_server_ask(const struct postgres_server *s, const char *database, const char *sql) {
  char address[256];
  settings_of(s, database, false, address, sizeof address);
  PGconn *db = PQconnectdb(address);
  PGresult *r = PQexec(db, sql);
  long n = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 ? strtol(PQgetvalue(r, 0, 0), NULL, 10) : -1;
  PQclear(r);
  PQfinish(db);
  return n;
}

bool postgres_server_promote(struct postgres_server *s) {
  return postgres_server_ask(s, "postgres", "SELECT pg_promote(true, 60)::int") == 1 ? true
                                                                                     : fail(s, "it was not promoted");
}

/* The server and its direct children, which are all there are. */
static size_t processes(const struct postgres_server *s, pid_t out[CHILDREN_MAX]) {
  char path[64];
  size_t n = 0;
  int pid;
  out[n++] = s->pid;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
  FILE *f = fopen(path, "re");
  while (f && n < CHILDREN_MAX && fscanf(f, "%d", &pid) == 1)
    out[n++] = pid;
  if (f)
    fclose(f);
  return n;
}

static void signal_all(const struct postgres_server *s, int signal_number) {
  pid_t all[CHILDREN_MAX];
  for (size_t i = 0, n = processes(s, all); i < n; i++)
    kill(all[i], signal_number);
}

void postgres_server_kill(struct postgres_server *s) {
  pid_t all[CHILDREN_MAX];
  if (s->pid <= 0)
    return;
  kill(s->pid, SIGSTOP); /* so that it starts no more of them meanwhile */
  size_t n = processes(s, all);
  for (size_t i = 0; i < n; i++)
    kill(all[i], SIGKILL);
  waitpid(s->pid, NULL, 0);
  for (size_t i = 1; i < n; i++)
    for (int round = 0; round < 500 && kill(all[i], 0) == 0; round++)
      pause_ms(5);
  s->pid = 0;
}

void postgres_server_end(struct postgres_server *s) {
  if (s->pid <= 0)
    return;
  kill(s->pid, SIGINT);
  waitpid(s->pid, NULL, 0);
  s->pid = 0;
}

/* After a kill the server refuses to start while an orphan of the last one is still about to end. */
bool postgres_server_restart(struct postgres_server *s) {
  for (int i = 0; i < 50; i++) {
    if (launch(s))
      return true;
    if (s->pid > 0)
      return false;
    pause_ms(50);
  }
  return false;
}

/* The server reads it after postgresql.conf. */
static bool write_tls_settings(const struct postgres_server *s) {
  char path[128];
  snprintf(path, sizeof path, "%s/data/postgresql.auto.conf", s->dir);
  FILE *f = fopen(path, "ae");
  if (!f)
    return false;
  fprintf(f, "ssl = on\nssl_cert_file = '%s/server.crt'\nssl_key_file = '%s/server.key'\n", s->dir, s->dir);
  return fclose(f) == 0;
}

bool postgres_server_add_tls(struct postgres_server *s) {
  int status = -1;
  char *const argv[] = {(char[]){"/usr/bin/openssl"},
                        (char[]){"req"},
                        (char[]){"-x509"},
                        (char[]){"-nodes"},
                        (char[]){"-newkey"},
                        (char[]){"ec"},
                        (char[]){"-pkeyopt"},
                        (char[]){"ec_paramgen_curve:prime256v1"},
                        (char[]){"-days"},
                        (char[]){"2"},
                        (char[]){"-subj"},
                        (char[]){"/CN=localhost"},
                        (char[]){"-addext"},
                        (char[]){"subjectAltName=DNS:localhost"},
                        (char[]){"-keyout"},
                        (char[]){"server.key"},
                        (char[]){"-out"},
                        (char[]){"server.crt"},
                        NULL};
  pid_t pid = spawn(s, argv);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || !write_tls_settings(s))
    return fail(s, "cannot make a certificate");
  postgres_server_end(s);
  return postgres_server_restart(s);
}

void postgres_server_freeze(struct postgres_server *s) { signal_all(s, SIGSTOP); }
void postgres_server_thaw(struct postgres_server *s) { signal_all(s, SIGCONT); }

bool postgres_server_database(struct postgres_server *s, bool over_socket, char *out, size_t cap) {
  char address[256], name[32], sql[64];
  settings_of(s, "postgres", false, address, sizeof address);
  snprintf(name, sizeof name, "weir_%u", ++s->databases);
  snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
  PGconn *db = PQconnectdb(address);
  PGresult *r = PQexec(db, sql);
  bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
  if (!good)
    fail(s, PQerrorMessage(db));
  PQclear(r);
  PQfinish(db);
  if (good)
    settings_of(s, name, over_socket, out, cap);
  return good;
}

static void remove_folder(struct postgres_server *s) {
  char path[64];
  snprintf(path, sizeof path, "%s", s->dir);
  char *const argv[] = {(char[]){"/bin/rm"}, (char[]){"-rf"}, path, NULL};
  pid_t pid = fork();
  if (pid == 0) {
    execv(argv[0], argv);
    _exit(127);
  }
  if (pid > 0)
    waitpid(pid, NULL, 0);
}

void postgres_server_stop(struct postgres_server *s) {
  if (s->pid > 0) {
    postgres_server_thaw(s);
    kill(s->pid, SIGQUIT);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
  }
  if (s->dir[0])
    remove_folder(s);
  s->dir[0] = '\0';
}
