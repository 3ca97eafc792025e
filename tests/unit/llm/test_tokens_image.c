/* Images counted by the pixels that their headers tell. */
#include "llm/tokens.h"

#include "../base/expect.h"

static struct text image_of(const unsigned char *bytes, size_t n, char out[256]) {
  return (struct text){out, text_base64(bytes, n, out)};
}

static void images_are_counted_by_their_pixels(void **state) {
  const unsigned char png[] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10,   0, 0, 0, 13,
                               'I',  'H', 'D', 'R', 0,  0,  3,  0xE8, 0, 0, 3, 0xE8};
  const unsigned char gif[] = {'G', 'I', 'F', '8', '9', 'a', 0x90, 1, 0x2C, 1};
  const unsigned char jpeg[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0, 0xFF, 0xC4, 0, 2, 0xFF, 0xC2, 0, 17, 8, 3, 0, 4, 0};
  const unsigned char lossy[] = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W',  'E', 'B',  'P',  'V', 'P',  '8',
                                 ' ', 0,   0,   0,   0, 0, 0, 0, 0x9D, 1,   0x2A, 0x58, 2,   0x58, 2};
  const unsigned char extended[] = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E',  'B', 'P', 'V',  'P', '8',
                                    'X', 0,   0,   0,   0, 0, 0, 0, 0,   0xE7, 3,   0,   0xE7, 3,   0};
  char room[256];
  assert_int_equal(llm_tokens_of_image(image_of(png, sizeof(png), room)), 1334);    /* 1000 * 1000 / 750 */
  assert_int_equal(llm_tokens_of_image(image_of(gif, sizeof(gif), room)), 255);     /* 400 * 300: one tile */
  assert_int_equal(llm_tokens_of_image(image_of(jpeg, sizeof(jpeg), room)), 1049);  /* 1024 * 768 */
  assert_int_equal(llm_tokens_of_image(image_of(lossy, sizeof(lossy), room)), 765); /* 600 * 600: four tiles */
  assert_int_equal(llm_tokens_of_image(image_of(extended, sizeof(extended), room)), 1334);
}

static void what_is_no_image_counts_as_a_large_one(void **state) {
  const unsigned char endless[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0xFF, 0xE0};
  char room[256];
  assert_int_equal(llm_tokens_of_image(TEXT("")), LLM_TOKENS_IMAGE);
  assert_int_equal(llm_tokens_of_image(TEXT("AAAA")), LLM_TOKENS_IMAGE);
  assert_int_equal(llm_tokens_of_image(image_of(endless, sizeof(endless), room)), LLM_TOKENS_IMAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(images_are_counted_by_their_pixels),
      cmocka_unit_test(what_is_no_image_counts_as_a_large_one),
  };
  return RUN_TESTS(tests);
}
