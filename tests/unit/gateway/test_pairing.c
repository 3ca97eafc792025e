/* Which wire a provider is spoken to in, for every wire of a client's. */
#include "gateway/pairing.h"

#include "../base/expect.h"
#include "provider/table.h"

struct row {
  enum wire_id client;
  enum config_provider_kind kind;
  const char *kind_name, *model;
  enum err err;
  enum pairing_mode mode;
  enum wire_id wire;
};

#define CLAUDE "us.anthropic.claude-sonnet-4-5-v1:0"
#define NOVA   "amazon.nova-pro-v1:0"
static const struct row rows[] = {
    {WIRE_ANTHROPIC, CONFIG_ANTHROPIC, "anthropic", "m", ERR_OK, PAIRING_PASS, WIRE_ANTHROPIC},
    {WIRE_OPENAI_CHAT, CONFIG_ANTHROPIC, "anthropic", "m", ERR_OK, PAIRING_TRANSLATE, WIRE_ANTHROPIC},
    {WIRE_OPENAI_RESPONSES, CONFIG_ANTHROPIC, "anthropic", "m", ERR_OK, PAIRING_TRANSLATE, WIRE_ANTHROPIC},
    {WIRE_OPENAI_EMBEDDINGS, CONFIG_ANTHROPIC, "anthropic", "m", ERR_UNSUPPORTED, 0, 0},
    {WIRE_BEDROCK_INVOKE, CONFIG_ANTHROPIC, "anthropic", "m", ERR_OK, PAIRING_REFRAME, WIRE_ANTHROPIC},
    {WIRE_BEDROCK_CONVERSE, CONFIG_ANTHROPIC, "anthropic", "m", ERR_OK, PAIRING_TRANSLATE, WIRE_ANTHROPIC},
    {WIRE_ANTHROPIC, CONFIG_OPENAI, "openai", "m", ERR_OK, PAIRING_TRANSLATE, WIRE_OPENAI_CHAT},
    {WIRE_OPENAI_CHAT, CONFIG_OPENAI, "openai", "m", ERR_OK, PAIRING_PASS, WIRE_OPENAI_CHAT},
    {WIRE_OPENAI_RESPONSES, CONFIG_OPENAI, "openai", "m", ERR_OK, PAIRING_PASS, WIRE_OPENAI_RESPONSES},
    {WIRE_OPENAI_EMBEDDINGS, CONFIG_OPENAI, "openai", "m", ERR_OK, PAIRING_PASS, WIRE_OPENAI_EMBEDDINGS},
    {WIRE_BEDROCK_CONVERSE, CONFIG_OPENAI, "openai", "m", ERR_OK, PAIRING_TRANSLATE, WIRE_OPENAI_CHAT},
    {WIRE_OPENAI_RESPONSES, CONFIG_OPENROUTER, "openrouter", "m", ERR_OK, PAIRING_TRANSLATE, WIRE_OPENAI_CHAT},
    {WIRE_ANTHROPIC, CONFIG_BEDROCK, "bedrock", CLAUDE, ERR_OK, PAIRING_REFRAME, WIRE_BEDROCK_INVOKE},
    {WIRE_ANTHROPIC, CONFIG_BEDROCK, "bedrock", NOVA, ERR_OK, PAIRING_TRANSLATE, WIRE_BEDROCK_CONVERSE},
    {WIRE_OPENAI_CHAT, CONFIG_BEDROCK, "bedrock", CLAUDE, ERR_OK, PAIRING_TRANSLATE, WIRE_BEDROCK_INVOKE},
    {WIRE_OPENAI_CHAT, CONFIG_BEDROCK, "bedrock", NOVA, ERR_OK, PAIRING_TRANSLATE, WIRE_BEDROCK_CONVERSE},
    {WIRE_BEDROCK_INVOKE, CONFIG_BEDROCK, "bedrock", NOVA, ERR_OK, PAIRING_PASS, WIRE_BEDROCK_INVOKE},
    {WIRE_BEDROCK_CONVERSE, CONFIG_BEDROCK, "bedrock", CLAUDE, ERR_OK, PAIRING_PASS, WIRE_BEDROCK_CONVERSE},
};

static void every_wire_finds_the_nearest_of_every_kind(void **state) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct row *r = &rows[i];
    const struct config_provider p = {.kind = r->kind};
    struct pairing got = {0};
    enum err e = pairing_find(wire_get(r->client), &p, text_of(r->model), provider_find(text_of(r->kind_name)), &got);
    if (e != r->err || (e == ERR_OK && (got.mode != r->mode || got.wire->id != r->wire)))
      fail_msg("%s to %s %s: %s, mode %d, %s", wire_get(r->client)->name, r->kind_name, r->model, err_name(e), got.mode,
               got.wire ? got.wire->name : "none");
  }
}

static void a_provider_speaks_what_its_configuration_says(void **state) {
  struct text wires[] = {TEXT("openai_responses"), TEXT("openai_chat")};
  struct config_provider p = {.kind = CONFIG_OPENAI, .wires = wires, .wire_count = 2};
  struct pairing got;
  assert_int_equal(pairing_find(&wire_anthropic, &p, TEXT("m"), &provider_openai, &got), ERR_OK);
  assert_int_equal(got.wire->id, WIRE_OPENAI_RESPONSES);
  p.wires = wires + 1;
  p.wire_count = 1;
  assert_int_equal(pairing_find(&wire_openai_responses, &p, TEXT("m"), &provider_openai, &got), ERR_OK);
  assert_int_equal(got.wire->id, WIRE_OPENAI_CHAT);
  assert_int_equal(got.operation, PROVIDER_CHAT);
  assert_int_equal(pairing_find(&wire_openai_embeddings, &p, TEXT("m"), &provider_openai, &got), ERR_UNSUPPORTED);
}

static void an_anthropic_body_for_another_vendors_model_is_translated(void **state) {
  const struct config_provider aws = {.kind = CONFIG_BEDROCK}, own = {.kind = CONFIG_ANTHROPIC};
  const struct wire *invoke = wire_get(WIRE_BEDROCK_INVOKE), *converse = wire_get(WIRE_BEDROCK_CONVERSE);
  const struct wire *body = pairing_body_wire(invoke, true, &aws, TEXT(NOVA));
  struct pairing got;
  assert_int_equal(body->id, WIRE_ANTHROPIC);
  assert_int_equal(pairing_find(body, &aws, TEXT(NOVA), provider_find(TEXT("bedrock")), &got), ERR_OK);
  assert_int_equal(got.mode, PAIRING_TRANSLATE);
  assert_int_equal(got.wire->id, WIRE_BEDROCK_CONVERSE);
  assert_ptr_equal(pairing_body_wire(invoke, false, &aws, TEXT(NOVA)), invoke);
  assert_ptr_equal(pairing_body_wire(invoke, true, &aws, TEXT(CLAUDE)), invoke);
  assert_ptr_equal(pairing_body_wire(invoke, true, &aws, TEXT("arn:aws:bedrock:us-east-1:1:p/x")), invoke);
  assert_ptr_equal(pairing_body_wire(invoke, true, &own, TEXT("m")), invoke);
  assert_ptr_equal(pairing_body_wire(converse, true, &aws, TEXT(NOVA)), converse);
}

/* What is found for a kind is what is found for the request itself. */
static void requests_of_one_kind_are_paired_alike(void **state) {
  static const struct {
    const char *kind, *model;
    enum config_provider_kind is;
  } targets[] = {{"anthropic", "m", CONFIG_ANTHROPIC},
                 {"openai", "m", CONFIG_OPENAI},
                 {"bedrock", NOVA, CONFIG_BEDROCK},
                 {"bedrock", CLAUDE, CONFIG_BEDROCK}};
  for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
    const struct config_provider p = {.kind = targets[i].is};
    const struct provider *adapter = provider_find(text_of(targets[i].kind));
    struct text model = text_of(targets[i].model);
    for (int id = 0; id < WIRE_COUNT; id++) {
      const struct wire *client = wire_get((enum wire_id)id);
      struct pairing expected = {0}, got = {0};
      enum err e = pairing_find(client, &p, model, adapter, &expected);
      assert_int_equal(pairing_for_kind(pairing_kind(client, false, false), &p, model, adapter, &got), e);
      assert_int_equal(got.mode, expected.mode);
      assert_ptr_equal(got.wire, expected.wire);
      assert_int_equal(got.operation, expected.operation);
      assert_in_range(pairing_kind(client, true, true), 0, PAIRING_KINDS - 1);
    }
  }
}

static void a_count_is_asked_in_the_callers_own_dialect_or_not_at_all(void **state) {
  const struct config_provider own = {.kind = CONFIG_ANTHROPIC}, aws = {.kind = CONFIG_BEDROCK};
  const struct provider *bedrock = provider_find(TEXT("bedrock")), *openai = provider_find(TEXT("openai"));
  size_t anthropic = pairing_kind(wire_get(WIRE_ANTHROPIC), false, true);
  size_t converse = pairing_kind(wire_get(WIRE_BEDROCK_CONVERSE), false, true);
  struct pairing got;
  assert_int_equal(pairing_for_kind(anthropic, &own, TEXT("m"), provider_find(TEXT("anthropic")), &got), ERR_OK);
  assert_int_equal(got.operation, PROVIDER_COUNT_TOKENS);
  assert_int_equal(pairing_for_kind(anthropic, &aws, TEXT(CLAUDE), bedrock, &got), ERR_OK);
  assert_int_equal(got.mode, PAIRING_REFRAME);
  assert_int_equal(got.operation, PROVIDER_COUNT_BEDROCK);
  assert_int_equal(pairing_for_kind(converse, &aws, TEXT(NOVA), bedrock, &got), ERR_OK);
  assert_int_equal(got.mode, PAIRING_PASS);
  assert_int_equal(got.wire->id, WIRE_BEDROCK_CONVERSE);
  assert_int_equal(pairing_for_kind(anthropic, &own, TEXT("m"), openai, &got), ERR_UNSUPPORTED);
}

static void a_versioned_body_is_a_kind_of_its_own(void **state) {
  const struct config_provider aws = {.kind = CONFIG_BEDROCK};
  const struct provider *bedrock = provider_find(TEXT("bedrock"));
  const struct wire *invoke = wire_get(WIRE_BEDROCK_INVOKE);
  struct pairing got;
  assert_int_equal(pairing_for_kind(pairing_kind(invoke, true, false), &aws, TEXT(NOVA), bedrock, &got), ERR_OK);
  assert_int_equal(got.wire->id, WIRE_BEDROCK_CONVERSE);
  assert_int_equal(pairing_for_kind(pairing_kind(invoke, true, false), &aws, TEXT(CLAUDE), bedrock, &got), ERR_OK);
  assert_int_equal(got.mode, PAIRING_PASS);
  assert_int_equal(pairing_for_kind(pairing_kind(invoke, false, false), &aws, TEXT(NOVA), bedrock, &got), ERR_OK);
  assert_int_equal(got.mode, PAIRING_PASS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_wire_finds_the_nearest_of_every_kind),
      cmocka_unit_test(a_provider_speaks_what_its_configuration_says),
      cmocka_unit_test(an_anthropic_body_for_another_vendors_model_is_translated),
      cmocka_unit_test(requests_of_one_kind_are_paired_alike),
      cmocka_unit_test(a_count_is_asked_in_the_callers_own_dialect_or_not_at_all),
      cmocka_unit_test(a_versioned_body_is_a_kind_of_its_own),
  };
  return RUN_TESTS(tests);
}
