/*
 * Debug builds (make DEBUG=1): what the compiler's checks for undefined behaviour call. Each tells the kind and
 * the place, and panics: the value that is computed next would be anybody's guess.
 *
 * The compiler passes a description of the place, whose first member is always file, line and column, and the
 * operands; their layout is the same for gcc and clang.
 *
 * Source: the interface of gcc's libsanitizer (ubsan_handlers.h), in C as in Linux's lib/ubsan.c.
 */
#ifdef FAULTLINE_DEBUG

#include "lib/log.h"
#include "lib/types.h"

/* What every description begins with. */
struct place {
    const char *file;
    uint32_t line, column;
};

struct type {
    uint16_t kind, info;
    char name[];
};

struct typed_place {
    struct place place;
    const struct type *type;
};

struct mismatch_place {
    struct place place;
    const struct type *type;
    uint8_t log_alignment, kind;
};

struct index_place {
    struct place place;
    const struct type *array, *index;
};

/* gcc passes the arguments as in every call in the kernel, clang on the stack. */
#ifdef __clang__
#define BY_COMPILER __attribute__((regparm(0)))
#else
#define BY_COMPILER
#endif

#define AT(where) (where)->file, (where)->line

static NORETURN void undefined(const struct place *place, const char *what) {
    panic("undefined behaviour at %s:%u: %s", AT(place), what);
}

/* Handlers of one name and no more than a place that interests us: the operands stay where they are. */
#define HANDLER(name, what)                                                                                  \
    BY_COMPILER NORETURN void __ubsan_handle_##name(const struct place *place);                              \
    void __ubsan_handle_##name(const struct place *place) {                                                  \
        undefined(place, what);                                                                              \
    }

HANDLER(add_overflow, "an addition overflows")
HANDLER(sub_overflow, "a subtraction overflows")
HANDLER(mul_overflow, "a multiplication overflows")
HANDLER(negate_overflow, "a negation overflows")
HANDLER(divrem_overflow, "a division by zero, or one that overflows")
HANDLER(shift_out_of_bounds, "a shift by more than there are bits, or of a negative value")
HANDLER(pointer_overflow, "a pointer overflows, or is made from NULL")
HANDLER(vla_bound_not_positive, "an array of no length")
HANDLER(builtin_unreachable, "a place that is never reached")
HANDLER(missing_return, "the end of a function that returns a value")
HANDLER(nonnull_arg, "NULL for an argument that may not be")
HANDLER(nonnull_return_v1, "NULL for a result that may not be")
HANDLER(invalid_builtin, "a builtin with a value that it is not defined for")
HANDLER(alignment_assumption, "a pointer less aligned than was promised")
HANDLER(function_type_mismatch, "a call of a function of another type")

BY_COMPILER void __ubsan_handle_out_of_bounds(const struct index_place *index, uintptr_t value);
BY_COMPILER void __ubsan_handle_load_invalid_value(const struct typed_place *load, uintptr_t value);
BY_COMPILER void __ubsan_handle_type_mismatch_v1(const struct mismatch_place *access, uintptr_t pointer);

void __ubsan_handle_out_of_bounds(const struct index_place *index, uintptr_t value) {
    panic("undefined behaviour at %s:%u: index %ld of a %s", AT(&index->place), (long)value,
          index->array->name);
}

void __ubsan_handle_load_invalid_value(const struct typed_place *load, uintptr_t value) {
    panic("undefined behaviour at %s:%u: a %s of value %lu", AT(&load->place), load->type->name,
          (unsigned long)value);
}

void __ubsan_handle_type_mismatch_v1(const struct mismatch_place *access, uintptr_t pointer) {
    uintptr_t alignment = (uintptr_t)1 << access->log_alignment;

    if (pointer == 0)
        panic("undefined behaviour at %s:%u: a NULL pointer to %s is used", AT(&access->place),
              access->type->name);
    if (pointer & (alignment - 1))
        panic("undefined behaviour at %s:%u: the %s at 0x%lx is not aligned to %lu", AT(&access->place),
              access->type->name, (unsigned long)pointer, (unsigned long)alignment);
    panic("undefined behaviour at %s:%u: the memory at 0x%lx is too small for a %s", AT(&access->place),
          (unsigned long)pointer, access->type->name);
}

#endif
