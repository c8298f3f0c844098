/*
 * codec NAME BYTES: compresses and expands BYTES of made-up text by one of the libraries, all in memory, and
 * prints sizes and checksums. The libraries are Debian's; only this main is ours. Low levels: a high one looks
 * all over its tables for each byte, and with a quarter of them in memory that takes hours.
 */
#include <bzlib.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Compresses or expands @length bytes from @in into @out of size @room: bytes made, 0 on failure. */
typedef size_t transform(const uint8_t *in, size_t length, uint8_t *out, size_t room);

struct codec {
    const char *name;
    transform *compress, *expand;
};

static size_t zlib_compress(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    uLongf made = room;
    return compress2(out, &made, in, length, 6) == Z_OK ? made : 0;
}

static size_t zlib_expand(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    uLongf made = room;
    return uncompress(out, &made, in, length) == Z_OK ? made : 0;
}

static size_t lz4_compress(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    return (size_t)LZ4_compress_HC((const char *)in, (char *)out, (int)length, (int)room, 4);
}

static size_t lz4_expand(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    int made = LZ4_decompress_safe((const char *)in, (char *)out, (int)length, (int)room);
    return made > 0 ? (size_t)made : 0;
}

static size_t zstd_compress(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    size_t made = ZSTD_compress(out, room, in, length, 3);
    return ZSTD_isError(made) ? 0 : made;
}

static size_t zstd_expand(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    size_t made = ZSTD_decompress(out, room, in, length);
    return ZSTD_isError(made) ? 0 : made;
}

static size_t bzip2_compress(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    unsigned made = (unsigned)room;
    return BZ2_bzBuffToBuffCompress((char *)out, &made, (char *)in, (unsigned)length, 1, 0, 0) == BZ_OK ? made
                                                                                                        : 0;
}

static size_t bzip2_expand(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    unsigned made = (unsigned)room;
    return BZ2_bzBuffToBuffDecompress((char *)out, &made, (char *)in, (unsigned)length, 0, 0) == BZ_OK ? made
                                                                                                       : 0;
}

static size_t xz_compress(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    size_t made = 0;
    return lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, in, length, out, &made, room) == LZMA_OK ? made
                                                                                                       : 0;
}

static size_t xz_expand(const uint8_t *in, size_t length, uint8_t *out, size_t room) {
    uint64_t memory = UINT64_MAX;
    size_t used = 0, made = 0;
    return lzma_stream_buffer_decode(&memory, 0, NULL, in, &used, length, out, &made, room) == LZMA_OK ? made
                                                                                                       : 0;
}

static const struct codec codecs[] = {
    {"zlib", zlib_compress, zlib_expand}, {"lz4", lz4_compress, lz4_expand},
    {"zstd", zstd_compress, zstd_expand}, {"bzip2", bzip2_compress, bzip2_expand},
    {"xz", xz_compress, xz_expand},
};

/* Words of a small vocabulary in an order that repeats itself now and then. */
static void make_text(uint8_t *text, size_t length) {
    static const char *const words[] = {"frame ",  "page ",  "fault ",  "swap ",
                                        "victim ", "clock ", "dirty\n", "set "};
    uint32_t random = 12345;
    for (size_t i = 0; i < length;) {
        random = random * 1664525 + 1013904223;
        char number[16];
        const char *word = words[random >> 29];
        if ((random >> 20 & 7) == 0)
            word = (snprintf(number, sizeof(number), "%u ", random >> 8 & 0xffff), number);
        for (; *word != 0 && i < length; word++)
            text[i++] = (uint8_t)*word;
    }
}

static uint32_t checksum(const uint8_t *bytes, size_t length) {
    return (uint32_t)crc32(0, bytes, length);
}

static int round_trip(const struct codec *codec, size_t length) {
    size_t room = length + length / 8 + 4096;
    uint8_t *text = malloc(length), *packed = malloc(room), *again = malloc(length);
    if (text == NULL || packed == NULL || again == NULL)
        return 1;
    make_text(text, length);
    size_t packed_length = codec->compress(text, length, packed, room);
    printf("%s: %zu bytes, checksum %08x, packed to %zu, checksum %08x\n", codec->name, length,
           checksum(text, length), packed_length, checksum(packed, packed_length));
    size_t expanded = packed_length != 0 ? codec->expand(packed, packed_length, again, length) : 0;
    int same = expanded == length && memcmp(text, again, length) == 0;
    printf("%s: expanded to %zu bytes, %s\n", codec->name, expanded, same ? "the same" : "DIFFERENT");
    return same ? 0 : 1;
}

int main(int argc, char **argv) {
    for (unsigned i = 0; argc == 3 && i < sizeof(codecs) / sizeof(codecs[0]); i++)
        if (strcmp(argv[1], codecs[i].name) == 0)
            return round_trip(&codecs[i], strtoul(argv[2], NULL, 0));
    fputs("usage: codec zlib|lz4|zstd|bzip2|xz BYTES\n", stderr);
    return 2;
}
