# Attacks for as long as one likes. `make test` has a few seconds of each, with fixed seeds.

MINUTES ?= 10
.PHONY: fuzz-syscalls

fuzz-syscalls: all ## Random system calls in guests for MINUTES=10, from SEED= on
	@tests/fuzz/syscalls $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES)
