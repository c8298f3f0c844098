/* Words into arguments: quotes removed, variables put in. */
#include "user/sh/sh.h"

#include <ctype.h>

struct text {
    char *data;
    size_t length, room;
};

static void text_add(struct text *t, const char *from, size_t length) {
    if (t->length + length + 1 > t->room) {
        size_t room = 2 * (t->length + length + 32);
        char *data = line_alloc(room);
        if (t->length > 0)
            memcpy(data, t->data, t->length);
        t->data = data;
        t->room = room;
    }
    memcpy(t->data + t->length, from, length);
    t->length += length;
    t->data[t->length] = '\0';
}

/* Adds the value of the variable at @s, which is behind the '$'; returns what follows the name. */
static const char *expand_variable(struct text *t, const char *s) {
    if (*s == '?' || *s == '!' || *s == '$') {
        char number[16];
        int value = *s == '?' ? last_status : *s == '!' ? last_background : shell_pid;
        text_add(t, number, (size_t)snprintf(number, sizeof(number), "%d", value));
        return s + 1;
    }
    bool braces = *s == '{';
    const char *name = braces ? s + 1 : s;
    const char *end = name;
    while (isalnum((unsigned char)*end) || *end == '_')
        end++;
    if (end == name || (braces && *end != '}')) { /* a dollar sign like any other character */
        text_add(t, "$", 1);
        return s;
    }
    const char *value = getenv(line_copy(name, (size_t)(end - name)));
    if (value != NULL)
        text_add(t, value, strlen(value));
    return braces ? end + 1 : end;
}

/* Adds the double-quoted part at @s, behind the opening quote; returns what follows the closing one. */
static const char *expand_quoted(struct text *t, const char *s) {
    while (*s != '"') {
        if (*s == '\\' && strchr("\\\"$", s[1]) != NULL) {
            text_add(t, s + 1, 1);
            s += 2;
        } else if (*s == '$') {
            s = expand_variable(t, s + 1);
        } else {
            text_add(t, s++, 1);
        }
    }
    return s + 1;
}

char *expand(const char *s) {
    struct text t = {0};
    bool quoted = false;
    while (*s != '\0') {
        if (*s == '\'') {
            const char *end = strchr(s + 1, '\'');
            text_add(&t, s + 1, (size_t)(end - s - 1));
            s = end + 1;
            quoted = true;
        } else if (*s == '"') {
            s = expand_quoted(&t, s + 1);
            quoted = true;
        } else if (*s == '\\') {
            text_add(&t, s + 1, 1);
            s += 2;
        } else if (*s == '$') {
            s = expand_variable(&t, s + 1);
        } else {
            text_add(&t, s++, 1);
        }
    }
    if (t.length == 0 && !quoted)
        return NULL;
    return t.data != NULL ? t.data : line_copy("", 0);
}

bool is_assignment(const char *word) {
    const char *s = word;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return s > word && *s == '=' && !isdigit((unsigned char)*word);
}

char **expand_command(const struct command *command) {
    char **arguments = line_alloc((command->count + 1) * sizeof(*arguments));
    unsigned i = 0, count = 0;
    for (; i < command->count && is_assignment(command->words[i]); i++) {
        char *word = expand(command->words[i]);
        char *equals = strchr(word, '=');
        *equals = '\0';
        setenv(word, equals + 1, 1);
    }
    for (; i < command->count; i++) {
        char *word = expand(command->words[i]);
        if (word != NULL)
            arguments[count++] = word;
    }
    return arguments;
}
