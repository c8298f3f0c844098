# Attacks: on system calls, in guests; on everything that reads bytes from outside, on this machine. `make test` has a
# few seconds of each, with fixed seeds.
#
# A target names the sources it is linked with as a unit test does. It is built twice: with the unit tests' flags and
# standalone.c, for `make test`; with clang's libFuzzer, where that can be had, for `make fuzz`.

MINUTES ?= 10
SECONDS ?= 60

fuzz_targets := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
fuzz_tests   := $(addprefix build/tests/fuzz/,$(fuzz_targets))
fuzz_clang   := $(addprefix build/fuzz/,$(fuzz_targets))
FUZZ_CFLAGS  := -std=gnu11 -O1 -g $(WARNINGS) -Wno-unknown-warning-option -DFAULTLINE_HOST -Itests/unit/fake -I. -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize=fuzzer-no-link

.PHONY: fuzz fuzz-libfuzzer fuzz-syscalls fuzz-disks

# Run by tests/run like unit tests: they print the same last line.
unit_tests += $(fuzz_tests) tests/fuzz/runner
tests test-unit: $(fuzz_tests)

fuzz-syscalls: all ## Random system calls in guests for MINUTES=10, from SEED= on
	@tests/fuzz/syscalls $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES)

fuzz-disks: all ## Guests on damaged disks for MINUTES=10, from SEED= on
	@tests/fuzz/disks $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES)

fuzz: $(fuzz_tests) ## Damaged disks, programs, boot words… for the readers of them, SECONDS=60 each
	@SECONDS_EACH='$(SECONDS)' SEED='$(SEED)' MAKE='$(MAKE)' tests/fuzz/all $(fuzz_targets)

fuzz-libfuzzer: $(fuzz_clang)

define fuzz_target
fuzz_links := $$(foreach word,$$(shell sed -n 's/^.*links:\([^*]*\).*/\1/p' tests/fuzz/$1.c),$$(if $$(filter %/,$$(word)),$$(wildcard $$(word)*.c),$$(word)))
build/tests/fuzz/$1: build/unit/tests/fuzz/$1.o build/unit/tests/fuzz/standalone.o $$(patsubst %.c,build/unit/%.o,$$(fuzz_links))
build/fuzz/$1: build/fuzz/obj/tests/fuzz/$1.o $$(patsubst %.c,build/fuzz/obj/%.o,$$(fuzz_links))
endef
$(foreach target,$(fuzz_targets),$(eval $(call fuzz_target,$(target))))

$(fuzz_tests):
	@mkdir -p $(@D)
	@echo "  TEST  $@"
	@$(HOSTCC) $(UNIT_CFLAGS) $^ -o $@ $$(pkg-config --libs check) -lm

build/fuzz.flags: FORCE
	$(call stamp,$(FUZZ_CFLAGS),build/fuzz)

build/fuzz/obj/%.o: %.c build/fuzz.flags
	@mkdir -p $(@D)
	@clang $(FUZZ_CFLAGS) $$(pkg-config --cflags check) $(DEPEND) -c $< -o $@

$(fuzz_clang):
	@echo "  FUZZ  $@"
	@clang $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ -o $@ $$(pkg-config --libs check) -lm

-include $(wildcard build/unit/tests/fuzz/*.d)
-include $(shell test -d build/fuzz/obj && find build/fuzz/obj -name '*.d')
