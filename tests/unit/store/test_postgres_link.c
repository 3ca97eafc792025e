/* A connection that breaks at any point: a relay between the store and its server passes messages on and cuts the line
 * at the n-th one, for n = 1, 2, ... until a call comes through. Whatever happened, a batch is in the ledger once and a
 * key is there or not, as the answer said. */
#include "store/postgres.h"

#include "contract.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct relay {
  pthread_t thread;
  int listener, port;
  _Atomic bool stop;
  _Atomic int cut_after; /* the line is cut instead of passing the n-th answer of the server from now on; 0: never */
  _Atomic bool cut_at_query; /* ... instead of the n-th message to it */
  _Atomic int cuts;
};

static struct relay relay;

static int dial_server(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  a.sin_port = htons((uint16_t)contract_server.port);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
    return -1;
  return fd;
}

static bool is_cut(bool query) {
  if (atomic_load(&relay.cut_at_query) != query || atomic_load(&relay.cut_after) == 0)
    return false;
  if (atomic_fetch_sub(&relay.cut_after, 1) != 1)
    return false;
  atomic_fetch_add(&relay.cuts, 1);
  return true;
}

/* One read from one side to the other; false when the line is over. */
static bool pass(int from, int to, bool query) {
  char bytes[2048];
  ssize_t n = recv(from, bytes, sizeof bytes, 0);
  return n > 0 && !is_cut(query) && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* One connection at a time is enough for a pool of one. */
static void serve(int client) {
  int server = dial_server();
  while (server >= 0 && !atomic_load(&relay.stop)) {
    struct pollfd p[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(p, 2, 50) < 0 || (p[0].revents && !pass(client, server, true)) ||
        (p[1].revents && !pass(server, client, false)))
      break;
  }
  close(server);
  close(client);
}

static void *relay_run(void *arg) {
  while (!atomic_load(&relay.stop)) {
    struct pollfd p = {relay.listener, POLLIN, 0};
    int client = poll(&p, 1, 50) > 0 ? accept(relay.listener, NULL, NULL) : -1;
    if (client >= 0)
      serve(client);
  }
  return NULL;
}

static struct store *open_through_relay(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  char address[300];
  struct store *s = NULL;
  memset(&relay, 0, sizeof relay);
  relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(relay.listener, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(relay.listener, 8), 0);
  assert_int_equal(getsockname(relay.listener, (struct sockaddr *)&a, &len), 0);
  assert_int_equal(pthread_create(&relay.thread, NULL, relay_run, NULL), 0);
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:%d/weir_%u?sslmode=disable", POSTGRES_TEST_PASSWORD,
           ntohs(a.sin_port), contract_server.databases);
  struct store_place place = *contract_place(address);
  place.postgres.pool = 1;
  place.postgres.overflow = 0;
  EXPECT_OK(store_open(&place, &s, &test_fault));
  return s;
}

static void close_relay(struct store *s) {
  s->ops->close(s);
  atomic_store(&relay.stop, true);
  pthread_join(relay.thread, NULL);
  close(relay.listener);
}

static void arm(bool query, int n) {
  atomic_store(&relay.cuts, 0);
  atomic_store(&relay.cut_at_query, query);
  atomic_store(&relay.cut_after, n);
}

/* The direct store looks what became of it. */
static void expect_rows(struct store *direct, uint64_t rows) {
  struct arena a;
  struct ledger_totals totals;
  arena_init(&a);
  EXPECT_OK(direct->ops->ledger_verify(direct, &a, &totals, &test_fault));
  assert_int_equal(totals.rows, rows);
  if (totals.mismatched_keys)
    fail_msg("%.*s", TEXT_ARGS(totals.first_mismatch));
  arena_done(&a);
}

/* A batch through a line that is cut once comes through all the same, and counts once: wherever the cut was, in the
 * answer to the commit too. Returns how many cuts there were before n was beyond the last message. */
static int append_with_cuts(struct store *s, struct store *direct, bool query) {
  static struct ledger_row rows[40];
  static int64_t id;
  uint64_t known = (uint64_t)id;
  for (int n = 1; n < 200; n++) {
    for (int i = 0; i < 40; i++)
      rows[i] = make_row(++id, i % 3, 10, 10);
    known += 40;
    arm(query, n);
    EXPECT_OK(s->ops->ledger_append(s, rows, 40, TEXT("journal/0/1"), known, &test_fault));
    int cuts = atomic_load(&relay.cuts);
    arm(query, 0);
    expect_rows(direct, known);
    if (cuts == 0)
      return n - 1;
  }
  return 200;
}

static void a_batch_counts_once_wherever_the_line_is_cut(void **state) {
  struct store *direct = contract_store(state), *s = open_through_relay();
  uint64_t at = 0;
  int answers = append_with_cuts(s, direct, false), queries = append_with_cuts(s, direct, true);
  if (answers < 7 || answers > 60 || queries < 7 || queries > 60)
    fail_msg("%d cuts at answers, %d at queries", answers, queries);
  EXPECT_OK(direct->ops->ledger_position(direct, TEXT("journal/0/1"), &at, &test_fault));
  assert_int_equal(at, (uint64_t)(answers + queries + 2) * 40);
  close_relay(s);
}

static bool has_key(struct store *s, const struct store_key *k) {
  struct arena a;
  struct store_key found;
  arena_init(&a);
  enum err e = s->ops->key_find(s, k->hash, &a, &found, &test_fault);
  arena_done(&a);
  return e == ERR_OK;
}

static void a_key_is_made_once_or_its_making_is_said_to_be_in_doubt(void **state) {
  struct store *direct = contract_store(state), *s = open_through_relay();
  int doubts = 0, cuts = 1, n = 1;
  for (; cuts > 0 && n < 100; n++) {
    char name[16];
    int64_t id = 0;
    struct store_key k = {.name = text_of(name), .models = TEXT("*"), .budget_period = TEXT("")};
    memset(k.hash, n, sizeof k.hash);
    snprintf(name, sizeof name, "key %d", n);
    k.name = text_of(name);
    arm(false, n);
    enum err e = s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault);
    cuts = atomic_load(&relay.cuts);
    arm(false, 0);
    if (e) {
      EXPECT_ERR(e, ERR_STORE);
      EXPECT_MENTIONS("may have been made or not");
      doubts++;
    } else {
      assert_true(has_key(direct, &k));
    }
  }
  assert_int_equal(doubts, 1); /* the answer to the commit, and no other */
  assert_true(n > 4);
  close_relay(s);
}

static bool is_encrypted(struct store *s) {
  struct driver_link *l = NULL;
  EXPECT_OK(postgres_take((struct database *)s, DRIVER_READ, false, &l, &test_fault));
  bool encrypted = PQsslInUse(((struct postgres_link *)l)->db);
  postgres_give((struct database *)s, l);
  return encrypted;
}

/* Opens the last database under another host and with other settings. */
static enum err open_as(const char *host, const char *settings, struct store **out) {
  char address[400];
  snprintf(address, sizeof address, "postgres://weir:%s@%s:%d/weir_%u?hostaddr=127.0.0.1&%s", POSTGRES_TEST_PASSWORD,
           host, contract_server.port, contract_server.databases, settings);
  test_fault = (struct fault){0};
  return store_open(contract_place(address), out, &test_fault);
}

static void a_server_on_another_machine_must_have_a_certificate_for_its_name(void **state) {
  struct store *s = NULL;
  static struct ledger_row rows[3000];
  char trusted[160];
  (void)contract_store(state);
  if (!postgres_server_add_tls(&contract_server))
    fail_msg("%s", contract_server.why);
  snprintf(trusted, sizeof trusted, "sslmode=verify-full&sslrootcert=%s/server.crt", contract_server.dir);
  EXPECT_ERR(open_as("localhost", "sslmode=verify-full", &s), ERR_STORE);
  EXPECT_MENTIONS("certificate verify failed");
  assert_string_equal(fault_brief(&test_fault), "TLS failed");
  EXPECT_ERR(open_as("db.example", trusted, &s), ERR_STORE);
  EXPECT_MENTIONS("db.example");
  EXPECT_OK(open_as("localhost", trusted, &s));
  assert_true(is_encrypted(s));
  for (int i = 0; i < 3000; i++)
    rows[i] = make_row(i + 1, i % 3, 10, 10);
  append(s, rows, 3000, 3000);
  expect_rows(s, 3000);
  s->ops->close(s);
  EXPECT_OK(open_as("localhost", "application_name=weir", &s)); /* on this machine TLS is used where it is offered */
  assert_true(is_encrypted(s));
  s->ops->close(s);
}

static void why_there_is_no_connection_is_classed_without_a_name(void **state) {
  static const char *const cases[][2] = {
      {"connection to server at \"10.0.0.7\", port 5432 failed: Connection refused", "refused"},
      {"could not translate host name \"db7.internal\" to address: Name or service not known", "name not resolved"},
      {"connection to server at \"db7\" failed: timeout expired", "timed out"},
      {"FATAL:  password authentication failed for user \"weir\"", "authentication failed"},
      {"FATAL:  no pg_hba.conf entry for host \"10.0.0.9\"", "authentication failed"},
      {"FATAL:  sorry, too many clients already", "too many connections"},
      {"FATAL:  database \"weir\" does not exist", "no such database"},
      {"FATAL:  the database system is starting up", "starting"},
      {"session is read-only", "read-only"},
      {"kein Weg zum Zielrechner", "unreachable"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(postgres_refusal_brief(cases[i][0]), cases[i][1]);
}

#define ON_POSTGRES(test)                                                                                              \
  { #test, test, contract_postgres, contract_close, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_POSTGRES(a_batch_counts_once_wherever_the_line_is_cut),
      ON_POSTGRES(a_key_is_made_once_or_its_making_is_said_to_be_in_doubt),
      cmocka_unit_test(why_there_is_no_connection_is_classed_without_a_name),
      ON_POSTGRES(a_server_on_another_machine_must_have_a_certificate_for_its_name),
  };
  return RUN_CONTRACT(tests);
}
