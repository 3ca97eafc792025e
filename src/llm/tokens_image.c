/* The size of an image in pixels, read from the few bytes of its header through the base64 it comes in, and what it
 * costs in tokens. Nothing is decoded but these bytes, however large the image. Called by tokens.c. */
#include "llm/tokens.h"

#define EDGE_MAX         1568 /* Anthropic scales down to this */
#define PIXELS_PER_TOKEN 750
#define BOX_EDGE         2048 /* OpenAI scales into this box, and then the shorter side to this: */
#define SHORT_EDGE       768
#define TILE_EDGE        512
#define TILE_TOKENS      170
#define IMAGE_TOKENS     85
#define SEGMENTS_MAX     512 /* of a JPEG before its frame */

struct pixels {
  uint64_t width, height;
};

static uint32_t six_bits(char c) {
  if (c >= 'A' && c <= 'Z')
    return (uint32_t)(c - 'A');
  if (c >= 'a' && c <= 'z')
    return (uint32_t)(c - 'a') + 26;
  if (c >= '0' && c <= '9')
    return (uint32_t)(c - '0') + 52;
  return c == '+' ? 62 : 63;
}

/* The byte at an offset of what the base64 means; 0 beyond its end. */
static uint32_t byte_at(struct text base64, uint64_t offset) {
  uint64_t group = offset / 3 * 4;
  uint32_t bits = 0;
  if (group + 4 > base64.len)
    return 0;
  for (size_t i = 0; i < 4; i++)
    bits = bits << 6 | six_bits(base64.at[group + i]);
  return bits >> (16 - 8 * (uint32_t)(offset % 3)) & 0xFF;
}

static uint64_t big(struct text base64, uint64_t at, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++)
    value = value << 8 | byte_at(base64, at + i);
  return value;
}

static uint64_t little(struct text base64, uint64_t at, size_t n) {
  uint64_t value = 0;
  while (n-- > 0)
    value = value << 8 | byte_at(base64, at + n);
  return value;
}

/* ITU T.81 annex B: segments with their lengths until a frame header (SOF0..SOF15 without DHT, JPG and DAC). */
static struct pixels of_jpeg(struct text b) {
  uint64_t at = 2;
  for (int i = 0; i < SEGMENTS_MAX && byte_at(b, at) == 0xFF; i++) {
    uint32_t marker = byte_at(b, at + 1);
    bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame)
      return (struct pixels){big(b, at + 7, 2), big(b, at + 5, 2)};
    at += marker == 0xFF ? 1 : 2 + big(b, at + 2, 2);
  }
  return (struct pixels){0, 0};
}

/* The three kinds of the first chunk: lossy, lossless, extended. */
static struct pixels of_webp(struct text b) {
  switch (byte_at(b, 15)) {
  case ' ': return (struct pixels){little(b, 26, 2) & 0x3FFF, little(b, 28, 2) & 0x3FFF};
  case 'L': {
    uint64_t bits = little(b, 21, 4);
    return (struct pixels){(bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1};
  }
  case 'X': return (struct pixels){little(b, 24, 3) + 1, little(b, 27, 3) + 1};
  default: return (struct pixels){0, 0};
  }
}

static struct pixels size_of(struct text b) {
  if (big(b, 0, 4) == 0x89504E47)
    return (struct pixels){big(b, 16, 4), big(b, 20, 4)};
  if (big(b, 0, 2) == 0xFFD8)
    return of_jpeg(b);
  if (big(b, 0, 3) == 0x474946)
    return (struct pixels){little(b, 6, 2), little(b, 8, 2)};
  if (big(b, 0, 4) == 0x52494646 && big(b, 8, 4) == 0x57454250)
    return of_webp(b);
  return (struct pixels){0, 0};
}

static struct pixels scaled(struct pixels p, uint64_t from, uint64_t to) {
  return from > to ? (struct pixels){p.width * to / from + 1, p.height * to / from + 1} : p;
}

static uint64_t longer(struct pixels p) { return p.width > p.height ? p.width : p.height; }
static uint64_t shorter(struct pixels p) { return p.width < p.height ? p.width : p.height; }

static uint64_t by_area(struct pixels p) {
  p = scaled(p, longer(p), EDGE_MAX);
  uint64_t tokens = (p.width * p.height + PIXELS_PER_TOKEN - 1) / PIXELS_PER_TOKEN;
  return tokens < LLM_TOKENS_IMAGE ? tokens : LLM_TOKENS_IMAGE;
}

static uint64_t by_tiles(struct pixels p) {
  p = scaled(p, longer(p), BOX_EDGE);
  p = scaled(p, shorter(p), SHORT_EDGE);
  uint64_t across = (p.width + TILE_EDGE - 1) / TILE_EDGE, down = (p.height + TILE_EDGE - 1) / TILE_EDGE;
  return IMAGE_TOKENS + TILE_TOKENS * across * down;
}

uint64_t llm_tokens_of_image(struct text base64) {
  struct pixels p = size_of(base64);
  if (p.width == 0 || p.height == 0 || p.width > UINT32_MAX || p.height > UINT32_MAX)
    return LLM_TOKENS_IMAGE;
  uint64_t area = by_area(p), tiles = by_tiles(p);
  return area > tiles ? area : tiles;
}
