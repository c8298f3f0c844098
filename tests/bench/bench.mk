# Measuring: what operations cost, beside Linux and beside other revisions.

bench_tools := build/bench/counter.so build/bench/bench build/bench/linux_init build/bench/marked
.PHONY: bench bench-loads bench-compare bench-growth bench-profile test-compare

more_tests += tests/bench/size

bench: all $(bench_tools) ## What each operation costs: PEER=linux beside it, MEMORY=16,8,32, ROWS='cpu boot'
	@tests/bench/micro $(if $(PEER),--peer $(PEER)) $(if $(MEMORY),--memory $(MEMORY)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(ROWS)

bench-loads: all pagesim ## Run the paging loads and print a table of what each cost; LOADS=load=: where a program's pages come from
	@tests/bench/run $(LOADS)

build/bench/counter.so: tests/bench/counter.c tools/plugins/plugin.h
	@mkdir -p $(@D)
	@echo "  TOOL  $@"
	@$(HOSTCC) -std=gnu11 -O2 -g $(WARNINGS) -I. -shared -fPIC -fvisibility=hidden $< -o $@

build/bench/bench build/bench/linux_init build/bench/marked: build/bench/%: tests/bench/programs/%.c build/user.flags
	@mkdir -p $(@D)
	@echo "  USER  $<"
	@$(CC) -m32 -std=gnu11 -O1 -g -Wall -Wextra -Werror -static $< -o $@

bench-compare: all $(bench_tools) ## Instructions of each operation against revision BASE; fails at 3 % more
	@tests/bench/compare $(or $(BASE),HEAD)

test-compare: all $(bench_tools) ## Does bench-compare find a path that is 4 % slower, and nothing where nothing is?
	@tests/bench/compare --patch tests/bench/slower.patch --expect zero HEAD

bench-growth: all $(bench_tools) ## How a fault's cost grows with memory, areas, sharers: table, build/growth.svg
	@tests/bench/growth

bench-profile: all $(bench_tools) ## Where the instructions of REGION=zero go, by function; BLOCKS=NAME: inside one
	@tests/bench/profile $(if $(BLOCKS),--blocks $(BLOCKS)) $(REGION)
