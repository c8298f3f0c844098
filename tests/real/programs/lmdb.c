/*
 * lmdb fill|fill-mapped|check DIRECTORY COUNT: a database of COUNT records, written through the map
 * (fill-mapped) or through write, then changed and thinned out; or one made earlier, checked. LMDB reads
 * through a shared mapping in any case.
 */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { VALUE_BYTES = 600, BATCH = 500, MAP_BYTES = 64 << 20 };

static void expect(int status, const char *what) {
    if (status != MDB_SUCCESS) {
        printf("lmdb: %s: %s\n", what, mdb_strerror(status));
        exit(1);
    }
}

static void make_value(char value[VALUE_BYTES], unsigned number, unsigned version) {
    uint32_t random = number * 2654435761u + version;
    for (unsigned i = 0; i < VALUE_BYTES; i++) {
        random = random * 1664525 + 1013904223;
        value[i] = (char)('a' + (random >> 24) % 26);
    }
}

/* Records in an order that jumps about the tree. */
static unsigned shuffled(unsigned i, unsigned count) {
    return (unsigned)((uint64_t)i * 7919 % count);
}

/* A third time a record is visited it goes; every second one is replaced. */
static void change(MDB_txn *transaction, MDB_dbi table, unsigned number, unsigned version) {
    char name[16], text[VALUE_BYTES];
    MDB_val key = {(size_t)snprintf(name, sizeof(name), "%08u", number), name}, value = {VALUE_BYTES, text};
    make_value(text, number, version);
    if (version == 2 && number % 3 == 0)
        expect(mdb_del(transaction, table, &key, NULL), "delete");
    else if (version < 2 || number % 2 == 0)
        expect(mdb_put(transaction, table, &key, &value, 0), "put");
}

static void fill(MDB_env *environment, unsigned count) {
    MDB_txn *transaction;
    MDB_dbi table;
    for (unsigned version = 1; version <= 2; version++)
        for (unsigned i = 0; i < count; i += BATCH) {
            expect(mdb_txn_begin(environment, NULL, 0, &transaction), "begin");
            expect(mdb_dbi_open(transaction, NULL, 0, &table), "open the table");
            for (unsigned j = i; j < i + BATCH && j < count; j++)
                change(transaction, table, shuffled(j, count), version);
            expect(mdb_txn_commit(transaction), "commit");
        }
}

static void check(MDB_env *environment, unsigned count) {
    MDB_txn *transaction;
    MDB_dbi table;
    MDB_cursor *cursor;
    MDB_val key, value;
    unsigned found = 0, wrong = 0, last = 0;
    expect(mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction), "begin");
    expect(mdb_dbi_open(transaction, NULL, 0, &table), "open the table");
    expect(mdb_cursor_open(transaction, table, &cursor), "cursor");
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        unsigned number = (unsigned)strtoul(key.mv_data, NULL, 10);
        char text[VALUE_BYTES];
        make_value(text, number, number % 2 == 0 ? 2 : 1);
        wrong += number % 3 == 0 || (found > 0 && number <= last) || value.mv_size != VALUE_BYTES ||
                 memcmp(value.mv_data, text, VALUE_BYTES) != 0;
        last = number;
        found++;
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(transaction);
    printf("lmdb: %u records of %u, %u wrong\n", found, count, wrong);
    if (wrong != 0 || found == 0)
        exit(1);
}

int main(int argc, char **argv) {
    MDB_env *environment;
    if (argc != 4) {
        fputs("usage: lmdb fill|fill-mapped|check DIRECTORY COUNT\n", stderr);
        return 2;
    }
    unsigned count = (unsigned)strtoul(argv[3], NULL, 0),
             flags = strcmp(argv[1], "fill-mapped") == 0 ? MDB_WRITEMAP : 0;
    mkdir(argv[2], 0755);
    expect(mdb_env_create(&environment), "create");
    expect(mdb_env_set_mapsize(environment, MAP_BYTES), "set the map's size");
    expect(mdb_env_open(environment, argv[2], flags, 0644), "open");
    if (strcmp(argv[1], "check") != 0)
        fill(environment, count);
    check(environment, count);
    mdb_env_close(environment);
    return 0;
}
