/* The parser: text into tokens, tokens into statements. The grammar is at the head of user/sh.c. */
#include "user/sh/sh.h"

#include <ctype.h>
#include <fcntl.h>

/* --- memory of one line: everything the parser and the expansion make is freed together ------------ */

struct block {
    struct block *next;
};
static struct block *blocks;

void *line_alloc(size_t bytes) {
    struct block *block = calloc(1, sizeof(*block) + bytes);
    if (block == NULL)
        fail("out of memory");
    block->next = blocks;
    blocks = block;
    return block + 1;
}

void line_free_all(void) {
    while (blocks != NULL) {
        struct block *block = blocks;
        blocks = block->next;
        free(block);
    }
}

char *line_copy(const char *from, size_t length) {
    char *copy = line_alloc(length + 1);
    return memcpy(copy, from, length);
}

/* --- words into tokens --------------------------------------------------------------------------- */

enum token {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_WORD,
    TOKEN_PIPE,
    TOKEN_BACKGROUND,
    TOKEN_SEMICOLON,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_REDIRECT,
    TOKEN_INCOMPLETE, /* the text ends inside a word */
};

struct parser {
    const char *at; /* behind the current token */
    const char *start;
    enum token token;
    char *word;                     /* of TOKEN_WORD */
    struct redirection redirection; /* of TOKEN_REDIRECT: all but the word */
    bool incomplete;                /* more text would help */
    const char *error;              /* NULL: none */
};

static const struct {
    const char *text;
    int descriptor, flags, duplicate_of;
} redirections[] = {
    {"2>&1", 2, 0, 1},
    {"2>>", 2, O_WRONLY | O_CREAT | O_APPEND, -1},
    {"2>", 2, O_WRONLY | O_CREAT | O_TRUNC, -1},
    {">&2", 1, 0, 2},
    {">>", 1, O_WRONLY | O_CREAT | O_APPEND, -1},
    {">", 1, O_WRONLY | O_CREAT | O_TRUNC, -1},
    {"<", 0, O_RDONLY, -1},
};

static const struct {
    const char *text;
    enum token token;
} operators[] = {
    {"&&", TOKEN_AND},       {"||", TOKEN_OR},       {"|", TOKEN_PIPE},
    {"&", TOKEN_BACKGROUND}, {";", TOKEN_SEMICOLON}, {"\n", TOKEN_NEWLINE},
};

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool take_redirection(struct parser *p) {
    for (unsigned i = 0; i < COUNT_OF(redirections); i++) {
        if (!starts_with(p->at, redirections[i].text))
            continue;
        p->redirection = (struct redirection){.descriptor = redirections[i].descriptor,
                                              .flags = redirections[i].flags,
                                              .duplicate_of = redirections[i].duplicate_of};
        p->at += strlen(redirections[i].text);
        p->token = TOKEN_REDIRECT;
        return true;
    }
    return false;
}

static bool take_operator(struct parser *p) {
    for (unsigned i = 0; i < COUNT_OF(operators); i++) {
        if (!starts_with(p->at, operators[i].text))
            continue;
        p->at += strlen(operators[i].text);
        p->token = operators[i].token;
        return true;
    }
    return false;
}

/* The end of the word at @s: quotes hold it together. NULL: the text ends inside quotes. */
static const char *word_end(const char *s) {
    while (*s != '\0' && strchr(" \t\n|&;<>", *s) == NULL) {
        if (*s == '\\') {
            if (*++s == '\0')
                return NULL;
        } else if (*s == '\'' || *s == '"') {
            char quote = *s++;
            for (; *s != quote; s++) {
                if (*s == '\\' && quote == '"' && s[1] != '\0')
                    s++;
                if (*s == '\0')
                    return NULL;
            }
        }
        s++;
    }
    return s;
}

static void next_token(struct parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || starts_with(p->at, "\\\n"))
        p->at += *p->at == '\\' ? 2 : 1;
    if (*p->at == '#')
        p->at += strcspn(p->at, "\n");
    p->start = p->at;
    if (*p->at == '\0') {
        p->token = TOKEN_END;
        return;
    }
    if (take_redirection(p) || take_operator(p))
        return;
    const char *end = word_end(p->at);
    if (end == NULL) {
        p->token = TOKEN_INCOMPLETE;
        p->incomplete = true;
        return;
    }
    p->word = line_copy(p->at, (size_t)(end - p->at));
    p->at = end;
    p->token = TOKEN_WORD;
}

static void skip_newlines(struct parser *p) {
    while (p->token == TOKEN_NEWLINE)
        next_token(p);
}

/* --- tokens into statements ---------------------------------------------------------------------- */

static void syntax_error(struct parser *p, const char *text) {
    if (p->token == TOKEN_END || p->token == TOKEN_INCOMPLETE)
        p->incomplete = true; /* and an error only if there is no more */
    if (p->error == NULL)
        p->error = text;
}

static void parse_redirection(struct parser *p, struct command *command) {
    struct redirection *redirection = line_alloc(sizeof(*redirection));
    *redirection = p->redirection;
    struct redirection **tail = &command->redirections; /* in the order written */
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = redirection;
    next_token(p);
    if (redirection->duplicate_of >= 0)
        return;
    if (p->token != TOKEN_WORD) {
        syntax_error(p, "a file name must follow < or >");
        return;
    }
    redirection->word = p->word;
    next_token(p);
}

static void append_word(struct command *command, char *word) {
    char **words = line_alloc((command->count + 2) * sizeof(*words));
    if (command->count > 0)
        memcpy(words, command->words, command->count * sizeof(*words));
    words[command->count++] = word;
    command->words = words;
}

static struct command *parse_command(struct parser *p) {
    struct command *command = line_alloc(sizeof(*command));
    while (p->error == NULL) {
        if (p->token == TOKEN_WORD) {
            append_word(command, p->word);
            next_token(p);
        } else if (p->token == TOKEN_REDIRECT) {
            parse_redirection(p, command);
        } else {
            break;
        }
    }
    if (command->count == 0 && command->redirections == NULL)
        syntax_error(p, "a command is missing");
    return command;
}

static char *text_between(const char *start, const char *end) {
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    return line_copy(start, (size_t)(end - start));
}

static struct pipeline *parse_pipeline(struct parser *p) {
    struct pipeline *pipeline = line_alloc(sizeof(*pipeline));
    struct command **tail = &pipeline->commands;
    const char *start = p->start;
    *tail = parse_command(p);
    while (p->error == NULL && p->token == TOKEN_PIPE) {
        next_token(p);
        skip_newlines(p);
        tail = &(*tail)->next;
        *tail = parse_command(p);
    }
    pipeline->text = text_between(start, p->start);
    return pipeline;
}

static struct statement *parse_statement(struct parser *p) {
    struct statement *statement = line_alloc(sizeof(*statement));
    const char *start = p->start;
    struct pipeline **tail = &statement->pipelines;
    *tail = parse_pipeline(p);
    while (p->error == NULL && (p->token == TOKEN_AND || p->token == TOKEN_OR)) {
        enum connector when = p->token == TOKEN_AND ? IF_SUCCEEDED : IF_FAILED;
        next_token(p);
        skip_newlines(p);
        tail = &(*tail)->next;
        *tail = parse_pipeline(p);
        (*tail)->when = when;
    }
    statement->text = text_between(start, p->start);
    if (p->token == TOKEN_BACKGROUND)
        statement->background = true;
    if (p->token == TOKEN_BACKGROUND || p->token == TOKEN_SEMICOLON || p->token == TOKEN_NEWLINE)
        next_token(p);
    else if (p->token != TOKEN_END)
        syntax_error(p, "misplaced word or operator");
    return statement;
}

struct parse_result parse(const char *text) {
    struct parser p = {.at = text, .start = text};
    struct statement *first = NULL, **tail = &first;
    next_token(&p);
    for (skip_newlines(&p); p.error == NULL && p.token != TOKEN_END; skip_newlines(&p)) {
        *tail = parse_statement(&p);
        tail = &(*tail)->next;
    }
    bool good = p.error == NULL && !p.incomplete;
    return (struct parse_result){good ? first : NULL, p.error, p.incomplete};
}
