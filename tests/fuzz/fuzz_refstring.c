/*
 * Reference strings as tools/pagesim reads them, and what is made of them. Input: text.
 *
 * links: tools/pagesim/string.c mm/refstring.c lib/print.c
 */
#include "tests/fuzz/fuzz.h"
#include "tools/pagesim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

static jmp_buf refused;

void fail(const char *format UNUSED, ...) {
    longjmp(refused, 1);
}

void *allocate(size_t count, size_t bytes) {
    return calloc(count + 1, bytes);
}

void panic(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    abort();
}

static void check_string(const struct string *string) {
    for (uint32_t i = 0; i < string->count; i++) {
        uint32_t page = reference_page(string->references[i]), next = string->next[i];
        MUST(page < string->pages);
        MUST(next == REFERENCE_NEVER || (next > i && next < string->count));
        MUST(next == REFERENCE_NEVER || reference_page(string->references[next]) == page);
    }
}

const unsigned long fuzz_runs = 3000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static struct string string;
    char *text = calloc(1, bytes + 1);
    memcpy(text, data, bytes);
    FILE *file = fmemopen(text, bytes + 1, "r");
    MUST(file != NULL);
    if (setjmp(refused) == 0) {
        string_read(&string, file);
        string_finish(&string);
        check_string(&string);
    }
    fclose(file);
    string_free(&string);
    free(text);
    return 0;
}

size_t fuzz_example(unsigned number, uint8_t *data, size_t room) {
    static const char *const texts[] = {"7,0,1,2,0,3w,0,4,2,3w # Belady\n1 2 3\n",
                                        "1 2 3 4 1 2 5 1 2 3 4 5\n",
                                        "2147483647w,0W,4294967295,99999999999999999999"};
    if (number >= sizeof(texts) / sizeof(texts[0]) || room < 200)
        return 0;
    memcpy(data, texts[number], strlen(texts[number]));
    return strlen(texts[number]);
}
