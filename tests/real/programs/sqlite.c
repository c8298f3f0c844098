/* sqlite DATABASE SQL-FILE: runs the file on the database (":memory:" for none on disk) and prints the rows.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static int print_row(void *context, int columns, char **values, char **names) {
    (void)context;
    (void)names;
    for (int i = 0; i < columns; i++)
        printf("%s%s", i == 0 ? "" : "|", values[i] != NULL ? values[i] : "NULL");
    putchar('\n');
    return 0;
}

static char *read_all(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (file == NULL || text == NULL || fread(text, 1, (1 << 16) - 1, file) == 0)
        return NULL;
    fclose(file);
    return text;
}

int main(int argc, char **argv) {
    sqlite3 *database;
    char *error = NULL, *text = argc == 3 ? read_all(argv[2]) : NULL;
    if (text == NULL) {
        fputs("usage: sqlite DATABASE SQL-FILE\n", stderr);
        return 2;
    }
    int status = sqlite3_open(argv[1], &database);
    if (status == SQLITE_OK)
        status = sqlite3_exec(database, text, print_row, NULL, &error);
    if (status != SQLITE_OK)
        printf("sqlite: %s\n", error != NULL ? error : sqlite3_errmsg(database));
    sqlite3_close(database);
    free(text);
    return status == SQLITE_OK ? 0 : 1;
}
