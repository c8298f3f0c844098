# Faultline. `make help` lists what can be made.
#
# Everything is built under build/, from relative paths (a checkout may lie in a path with spaces), by an
# ordinary user. Objects depend on a stamp with the compiler and its flags, so `make CC=clang` after `make`
# rebuilds what it must and nothing else.
#
# Variables:
#   CC=clang                        another compiler for the kernel and the programs
#   CROSS_COMPILE=i686-linux-gnu-   prefix of the tools that make i386 code; the default off x86
#   DEBUG=1                         a kernel that looks for undefined behaviour and misuse of memory
#   HOSTCC=gcc                      compiler of the unit tests and of the test programs, which run here
#   MEM=, FRAMES=, APPEND=, GUEST=  of run, exec and gdb: memory, pageable frames, boot words, and any
#                                   other options of tools/guest

jobs := -j$(shell nproc 2>/dev/null || echo 1)
ifeq ($(MAKELEVEL)$(filter exec,$(MAKECMDGOALS)),0)
MAKEFLAGS += $(jobs)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# What one part of the house makes for itself lies beside it.
parts := $(sort $(wildcard tests/*/*.mk tools/*/*.mk))

help: ## List the targets
	@awk -F ':[^#]*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile $(parts)

setup: ## Install what is needed from Debian's or Ubuntu's packages
	@tools/setup

setup-lint: ## The same, and the tools of `make lint`
	@tools/setup --lint

clean: ## Remove build/
	@rm -rf build

# `make setup run`: the other goals wait for these and are then made by a fresh make, which sees the compiler.
first_goals := $(filter setup setup-lint clean,$(MAKECMDGOALS))
other_goals := $(filter-out setup setup-lint clean,$(MAKECMDGOALS))
ifneq ($(and $(first_goals),$(other_goals)),)

.PHONY: help $(MAKECMDGOALS)
$(wordlist 2,99,$(other_goals)): $(firstword $(other_goals))
	@:
$(firstword $(other_goals)): $(first_goals)
	@$(MAKE) $(other_goals)

else

# ---- Tools and flags ----------------------------------------------------------------------------------

ifeq ($(filter x86_64 i%86,$(shell uname -m)),)
CROSS_COMPILE ?= i686-linux-gnu-
endif
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
HOSTCC  ?= gcc
LD      := $(CROSS_COMPILE)ld
AR      := $(CROSS_COMPILE)ar
OBJCOPY := $(CROSS_COMPILE)objcopy
NM      := $(CROSS_COMPILE)nm
NASM    ?= nasm
export PATH := $(PATH):/usr/sbin:/sbin

compiler := $(shell $(CC) --version 2>/dev/null | head -n 1)
ifeq ($(compiler)$(filter help clean setup setup-lint,$(MAKECMDGOALS)),)
$(error no compiler $(CC) here: make setup)
endif
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wvla
# Who sleeps links a struct on its own stack into a list, and takes it out before it returns.
ifeq ($(findstring clang,$(compiler)),)
WARNINGS += -Wno-dangling-pointer
endif
DEPEND    = -MMD -MP -MF $(@:.o=.d)

# No FPU or SSE in the kernel: the registers hold the program's values (arch/x86/fpu.c).
NO_FPU := $(if $(findstring clang,$(compiler)),-mno-sse -mno-mmx -mno-80387,-mgeneral-regs-only)

# Nothing of the kernel's on a stack needs 16 bytes' alignment, for which compilers spend instructions at each call.
STACK_OF_WORDS := $(if $(findstring clang,$(compiler)),-mstack-alignment=4,-mpreferred-stack-boundary=2)

# Arguments in registers: a call has two instructions less for each (arch/x86/asm.inc has the convention). Tuned for
# no processor in particular: for an i686 itself the compiler keeps and loads registers in more instructions.
KERNEL_CFLAGS := -m32 -march=i686 -mtune=generic -mregparm=3 -std=gnu11 -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-omit-frame-pointer -fno-strict-aliasing -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fdata-sections \
	$(NO_FPU) $(STACK_OF_WORDS) -O2 -g $(WARNINGS) -I.
# DEBUG=1: undefined behaviour and overwritten stacks are reported, freed memory is poisoned (kernel/debug.h).
ifeq ($(DEBUG),1)
KERNEL_CFLAGS := $(filter-out -fno-stack-protector,$(KERNEL_CFLAGS)) -DFAULTLINE_DEBUG -fsanitize=undefined \
	-fstack-protector-strong -mstack-protector-guard=global
endif
KERNEL_LDFLAGS := -m32 -static -nostdlib -Wl,-T,linker.ld -Wl,-z,max-page-size=0x1000 \
	-Wl,-z,noexecstack -Wl,--build-id=none -Wl,--fatal-warnings
# Without -w+all: in newer versions it warns of every address that the linker is to fill in.
NASMFLAGS   := -f elf32 -g -F dwarf -Werror -I ./
USER_CFLAGS := -m32 -std=gnu11 -O1 -g -fno-asynchronous-unwind-tables -Wall -Wextra -Werror -I.
USER_LDFLAGS := -m32 -static
UNIT_CFLAGS := -std=gnu11 -O1 -g $(WARNINGS) -DFAULTLINE_HOST -Itests/unit/fake -I. \
	-fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
GUEST_TEST_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -I.

# ---- Sources ------------------------------------------------------------------------------------------

rooms := boot arch/x86 kernel mm mm/policy fs drivers drivers/ata lib
kernel_sources := $(sort $(wildcard $(rooms:=/*.c) $(rooms:=/*.asm)))
kernel_objects := $(patsubst %.c,build/obj/%.o,$(filter %.c,$(kernel_sources))) \
	$(patsubst %.asm,build/obj/%.asm.o,$(filter %.asm,$(kernel_sources)))
user_c      := $(patsubst user/%.c,%,$(sort $(wildcard user/*.c)))
user_asm    := $(patsubst user/%.asm,%,$(sort $(wildcard user/*.asm)))
user_lib    := $(patsubst %.c,build/obj/%.o,$(sort $(wildcard user/lib/*.c)))
many_files  := fuzz secrets semantics sh
pieces      := $(patsubst %.c,build/obj/%.o,$(sort $(wildcard $(many_files:%=user/%/*.c))))
programs    := $(addprefix build/user/,$(user_c) $(user_asm))
# Programs for nobody but tests are built, and put on the disk, for a goal that may be a test, or where they have
# been built or are named in CMD=: a first `make` does without.
of_tests    := $(addprefix build/user/,bomb crashme durable elffuzz flow forkstates fuzz lastuser mm_tail mm_told pie pintest secrets sigtest staticswap swapfigures syncfail usetree)
everyday    := all kernel user image run exec exec-run gdb tour watch record replay pagesim trace lint format
ifeq ($(filter-out $(everyday),$(or $(MAKECMDGOALS),all)),)
programs    := $(filter-out $(of_tests),$(programs)) \
	$(wildcard $(of_tests)) $(filter-out $(wildcard $(of_tests)),$(filter $(of_tests),$(addprefix build/user/,$(notdir $(CMD)))))
endif
unit_tests  := $(patsubst %.c,build/%,$(sort $(wildcard tests/unit/test_*.c)))
guest_tests := $(if $(wildcard tests/guest/*.c),build/tests/guest-tests)
real_tests  := build/tests/real-tests
real_test_objects := $(patsubst %.c,build/%.o,$(sort $(wildcard tests/real/*.c)))
guest_test_objects := $(patsubst %.c,build/%.o,$(sort $(wildcard tests/guest/*.c)))

.PHONY: all kernel user pagesim image run exec exec-run gdb test test-unit test-guest tests lint lint-format lint-tidy lint-cppcheck format clean \
	help setup setup-lint FORCE

all: kernel user build/stage.stamp ## Build the kernel, the programs and the disk image (the default)
all: build/faultline.img

kernel: build/faultline.elf ## Build the kernel alone: build/faultline.elf

user: $(programs) ## Build the programs alone: build/user/*

image: build/faultline.img ## Build the disk image: build/faultline.img

# $(call stamp,text,directories): a file that changes exactly when the text does. What depends on it finds
# the directories made.
define stamp
	@mkdir -p build $2
	@printf '%s\n' '$1' | cmp -s - $@ || printf '%s\n' '$1' >$@
endef

build/kernel.flags: FORCE
	$(call stamp,$(CC) $(compiler) $(KERNEL_CFLAGS) $(NASMFLAGS) -O2: $(hot_files),$(sort $(dir $(kernel_objects))) \
		build/obj/user build/user)
build/link.flags: FORCE
	$(call stamp,$(CC) $(compiler) $(KERNEL_LDFLAGS) $(kernel_objects))
build/user.flags: FORCE
	$(call stamp,$(CC) $(compiler) $(USER_CFLAGS) $(USER_LDFLAGS) $(user_lib),build/obj/user/lib build/user)
build/unit.flags: FORCE
	$(call stamp,$(HOSTCC) $(UNIT_CFLAGS),build/tests/unit)
build/guest-tests.flags: FORCE
	$(call stamp,$(HOSTCC) $(GUEST_TEST_CFLAGS) $(guest_test_objects),build/tests/guest)
build/stage.flags: FORCE
	$(call stamp,$(programs))

# ---- The kernel ---------------------------------------------------------------------------------------

# Size before speed where no instruction counts: what a system call or a fault passes through each time is not here.
cold_rooms := kernel fs drivers drivers/ata
hot_files  := $(addprefix kernel/,descriptor exit fork process sched signal syscall thread trap wait) fs/file fs/pipe fs/readwrite
cold_files := $(wildcard $(cold_rooms:=/*.c)) $(addprefix mm/,$(addsuffix .c,advice contents devpager \
	loadcontrol lock refstring reftrace remap swapper vm))
cold       := $(filter-out $(hot_files:%=build/obj/%.o),$(cold_files:%.c=build/obj/%.o))
$(cold): private KERNEL_CFLAGS += -Os

build/obj/%.o: %.c build/kernel.flags
	@echo "  CC    $<"
	@$(CC) $(KERNEL_CFLAGS) $(DEPEND) -c $< -o $@

build/obj/%.asm.o: %.asm build/kernel.flags
	@echo "  NASM  $<"
	@$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) $< -o $@

# By rename: a guest that is being started has the old kernel or the new one. Linked
# twice: the names of its functions, for panic(), are known after the first time.
define link-kernel
	@NM='$(NM)' tools/symbols $2 >build/obj/symbols.asm
	@$(NASM) -f elf32 -o build/obj/symbols.o build/obj/symbols.asm
	@$(CC) $(KERNEL_LDFLAGS) -o $1 $(kernel_objects) build/obj/symbols.o
endef

build/faultline.elf: $(kernel_objects) linker.ld build/link.flags tools/symbols
	@echo "  LINK  $@"
	$(call link-kernel,$@.new,)
	$(call link-kernel,$@.new,$@.new)
	@mv $@.new $@

# ---- Programs: one a file, ordinary Linux i386, they run here as well ---------------------------------

build/obj/user/lib/%.o: user/lib/%.c build/user.flags
	@echo "  CC    $<"
	@$(CC) $(USER_CFLAGS) $(DEPEND) -c $< -o $@

# A program of several files has the others in a directory of its name.
$(pieces): build/obj/%.o: %.c build/user.flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(USER_CFLAGS) $(DEPEND) -c $< -o $@

$(foreach name,$(many_files),$(eval build/user/$(name): $(filter build/obj/user/$(name)/%,$(pieces))))

# One that can be loaded anywhere.
build/user/pie: private USER_LDFLAGS := -m32 -static-pie
build/user/pie: private USER_CFLAGS += -fPIE

build/obj/user/libuser.a: $(user_lib) build/user.flags
	@rm -f $@
	@$(AR) rcs $@ $(user_lib)

$(addprefix build/user/,$(user_c)): build/user/%: user/%.c build/obj/user/libuser.a build/user.flags
	@echo "  USER  $<"
	@$(CC) $(USER_CFLAGS) -MMD -MP -MF build/obj/user/$*.d $(USER_LDFLAGS) $(filter %.c %.o,$^) \
		build/obj/user/libuser.a -o $@

$(addprefix build/user/,$(user_asm)): build/user/%: user/%.asm build/kernel.flags
	@echo "  USER  $<"
	@$(NASM) $(NASMFLAGS) -I user/ -MD build/obj/user/$*.d -MT $@ $< -o build/obj/user/$*.o
	@$(LD) -m elf_i386 -z noexecstack -o $@ build/obj/user/$*.o

# ---- The page replacement simulator: the kernel's policies, on this machine ----------------------------

pagesim_sources := $(sort $(wildcard tools/pagesim/*.c mm/policy/*.c)) mm/refstring.c
pagesim_objects := $(patsubst %.c,build/host/%.o,$(pagesim_sources))
PAGESIM_CFLAGS  := -std=gnu11 -O2 -g $(WARNINGS) -DFAULTLINE_HOST -I.

build/pagesim.flags: FORCE
	$(call stamp,$(HOSTCC) $(PAGESIM_CFLAGS) $(pagesim_objects))

build/host/%.o: %.c build/pagesim.flags
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(PAGESIM_CFLAGS) $(DEPEND) -c $< -o $@

build/pagesim: $(pagesim_objects) build/pagesim.flags
	@echo "  TOOL  $@"
	@$(HOSTCC) $(pagesim_objects) -o $@ -lm

pagesim: build/pagesim ## Build the page replacement simulator: build/pagesim

# ---- The disk -----------------------------------------------------------------------------------------

# What goes into the root file system. The kernel is stripped: GRUB would load its symbols into memory.
build/stage.stamp: build/faultline.elf $(programs) build/stage.flags tools/stage
	@echo "  STAGE build/stage"
	@OBJCOPY='$(OBJCOPY)' tools/stage build/stage build/faultline.elf $(programs)
	@touch $@

build/faultline.img: build/stage.stamp tools/mkimage boot/grub.cfg boot/grub-early.cfg
	@echo "  IMAGE $@"
	@tools/mkimage --stage build/stage $@

# ---- Running ------------------------------------------------------------------------------------------

guest_options = $(if $(MEM),--mem $(MEM)) $(if $(FRAMES),--frames $(FRAMES)) \
	$(foreach word,$(APPEND),--append '$(word)') $(GUEST)

# Without GRUB's package (hosts other than x86 have none) QEMU loads the kernel itself.
loader = $(if $(wildcard /usr/lib/grub/i386-pc/boot.img),--grub,--direct)

run: all ## Boot the disk image through GRUB, console on this terminal; Ctrl-A x leaves
	@status=0; tools/guest --interactive $(loader) --disk build/faultline.img --ram build/guest.ram $(guest_options) || \
		status=$$?; [ $$status -lt 250 ] # what the shell's last command said is nobody's failure

# The build talks on stderr, so that stdout is the program's output and nothing else. The status is passed
# through a file of this make's own to tools/makeexit.c, if this make can load it.
exec: exec-run ## Run one command in the guest: make exec CMD='prog args'
	@$(exit-by-file)

exec-run:
	@$(MAKE) $(jobs) all >&2
	@status=0; tools/guest $(guest_options) -- $(CMD) || status=$$?; echo $$status >$(exec_status)

ifneq ($(filter exec,$(MAKECMDGOALS)),)
exec_status := build/exec-$(shell echo $$PPID)
exec_result  = $(shell cat $(exec_status); rm -f $(exec_status))
exit-by-file = $(if $(findstring makeexit,$(.LOADED)),$(exit-with $(exec_result)),exit $(exec_result))
ifneq ($(filter load,$(.FEATURES)),)
-load build/makeexit.so
build/makeexit.so: tools/makeexit.c
	@mkdir -p $(@D)
	@$(HOSTCC) -Wall -Wextra -shared -fPIC -o $@ $< 2>/dev/null || true
endif
endif

gdb: all ## Boot under gdb, stopped at reset, with the kernel's symbols and the commands of tools/gdb
	@tools/gdb/run $(if $(ATTACH),--attach $(ATTACH),$(guest_options) $(if $(CMD),-- $(CMD)))

# ---- Tests --------------------------------------------------------------------------------------------

tests: $(unit_tests) $(guest_tests) pagesim trace ## Build the tests without running them

test: all tests ## Run all tests
	@tests/run $(addprefix --unit ,$(unit_tests) $(more_tests)) $(addprefix --guest ,$(guest_tests))

test-unit: $(unit_tests) ## Run the unit tests, on this machine
	@tests/run $(addprefix --unit ,$(unit_tests))

test-guest: all $(guest_tests) pagesim trace ## Run the tests in the guest; CASE='one two' names test cases
	@tests/run $(addprefix --guest ,$(guest_tests)) $(addprefix --case ,$(CASE)) \
		$(addprefix --record-until-fail ,$(RECORD))

build/unit/%.o: %.c build/unit.flags
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(UNIT_CFLAGS) $$(pkg-config --cflags check) $(DEPEND) -c $< -o $@

# A unit test names the sources it is linked with, in comment lines that contain "links: a.c b/"; a folder
# stands for all the sources in it.
define unit_test
unit_links := $$(foreach word,$$(shell sed -n 's/^.*links:\([^*]*\).*/\1/p' tests/unit/$1.c),$$(if $$(filter %/,$$(word)),$$(wildcard $$(word)*.c),$$(word)))
build/tests/unit/$1: build/unit/tests/unit/$1.o $$(patsubst %.c,build/unit/%.o,$$(unit_links))
endef
$(foreach test,$(unit_tests),$(eval $(call unit_test,$(notdir $(test)))))

$(unit_tests):
	@echo "  TEST  $@"
	@$(HOSTCC) $(UNIT_CFLAGS) $^ -o $@ $$(pkg-config --libs check)

$(guest_test_objects): build/%.o: %.c build/guest-tests.flags
	@echo "  HOST  $<"
	@$(HOSTCC) $(GUEST_TEST_CFLAGS) $$(pkg-config --cflags check jansson) $(DEPEND) -c $< -o $@

build/tests/guest-tests: $(guest_test_objects) build/guest-tests.flags
	@echo "  TEST  $@"
	@$(HOSTCC) $(guest_test_objects) -o $@ $$(pkg-config --libs check jansson) -lutil

# ---- Programs nobody here wrote -----------------------------------------------------------------------

# Debian's i386 packages, as far as they can be had: static programs, and static libraries with mains of ours.
# The second make is for the time when they are there.
test-real: all $(real_tests) ## Run Debian's i386 programs in the guest and here; fetches them; CASE= as above
	@if tools/fetch-i386 --all; then \
		$(MAKE) real-programs && tests/run --guest $(real_tests) $(addprefix --case ,$(CASE)); \
	else \
		echo 'test-real: SKIPPED, the packages cannot be had'; echo '0 passed, 0 failed'; fi

real_usr   := build/real/root/usr
real_flags := $(USER_CFLAGS) -isystem $(real_usr)/include -isystem $(real_usr)/include/i386-linux-gnu \
	-isystem $(real_usr)/include/lua5.4 $(USER_LDFLAGS) -L$(real_usr)/lib/i386-linux-gnu
real_libs_codec  := -lz -llz4 -lzstd -lbz2 -llzma -lpthread
real_libs_lua    := -llua5.4 -lm
real_libs_sqlite := -lsqlite3 -lm
real_libs_lmdb   := -llmdb -lpthread
real_libs_procps := -lproc2
real_own   := $(patsubst tests/real/programs/%.c,build/real/bin/%,$(wildcard tests/real/programs/*.c))

real-programs: $(real_own) build/real/bin/busybox build/real/bin/bash

# The linker warns of static programs that could load libraries; these load none.
$(real_own): build/real/bin/%: tests/real/programs/%.c
	@mkdir -p $(@D)
	@echo "  REAL  $<"
	@$(CC) $(real_flags) $< $(real_libs_$*) -o $@

build/real/bin/busybox build/real/bin/bash: build/real/bin/%: build/real/%
	@mkdir -p $(@D)
	@cp $< $@

$(real_test_objects): build/%.o: %.c build/guest-tests.flags
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(GUEST_TEST_CFLAGS) $$(pkg-config --cflags check jansson) $(DEPEND) -c $< -o $@

$(real_tests): $(real_test_objects) build/tests/guest/guest.o build/tests/guest/typing.o
	@echo "  TEST  $@"
	@$(HOSTCC) $^ -o $@ $$(pkg-config --libs check jansson) -lutil

include $(parts)

# ---- Checking and cleaning ----------------------------------------------------------------------------

kernel_c   = $(filter %.c,$(kernel_sources))
own_c_code = $(sort $(wildcard $(rooms:=/*.[ch]) user/*.[ch] user/*/*.[ch] tests/*/*.[ch] \
	tests/real/programs/*.[ch] tests/bench/programs/*.[ch] \
	tests/unit/fake/*.[ch]))

lint: lint-format lint-tidy lint-cppcheck ## clang-format, clang-tidy, cppcheck, who includes whom (packages: setup-lint)

lint-format:
	@clang-format --dry-run -Werror $(own_c_code)

# With what DEBUG=1 adds as well. clang wants its own way to say "no FPU", and does not know all of gcc's flags.
lint-tidy: tidy_flags = $(filter-out -mgeneral-regs-only -Wno-dangling-pointer -mpreferred-stack-boundary=2,$(KERNEL_CFLAGS)) -mno-sse -mno-mmx -mno-80387
lint-tidy: debug_c = $(shell grep -lE 'FAULTLINE_DEBUG|"(kernel/debug|mm/redzone)\.h"' $(kernel_c))
lint-tidy:
	@printf '%s\n' $(kernel_c) | xargs -P $$(nproc) -n 3 sh -c \
		'clang-tidy --quiet "$$@" -- $(tidy_flags) 2>/dev/null' -
	@clang-tidy --quiet $(debug_c) -- $(tidy_flags) -DFAULTLINE_DEBUG 2>/dev/null

lint-cppcheck:
	@for debug in -U -D; do \
		cppcheck -q -j $$(nproc) --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
			--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=comparePointers \
			--platform=unix32 --std=c11 -I . $${debug}FAULTLINE_DEBUG $(kernel_c) || exit 1; \
	done

format: ## Lay out the C files as .clang-format says
	@clang-format -i $(own_c_code)

-include $(kernel_objects:.o=.d) $(user_lib:.o=.d) $(pieces:.o=.d) $(programs:build/%=build/obj/%.d) $(guest_test_objects:.o=.d) \
	$(real_test_objects:.o=.d)
-include $(pagesim_objects:.o=.d)
-include $(wildcard build/unit/*/*.d build/unit/*/*/*.d build/unit/*/*/*/*.d)

endif
