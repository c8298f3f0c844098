# Failing disks, power cuts and long mixed runs: tests/faults/matrix, powercut and soak say what each does.

SEED ?=

test-faultmatrix: all ## Every paging load on a disk that fails in every way: RUNS=n of the matrix, SEED=s
	@tests/faults/matrix $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

.PHONY: test-faultmatrix

test-powercut: all ## QEMU killed at random moments of a write-heavy run: RUNS=n, SEED=s
	@tests/faults/powercut $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

.PHONY: test-powercut

MINUTES ?= 10

soak: all ## Random mixes of loads, faults, memory and boot words: MINUTES=n, SEED=s
	@tests/faults/soak --minutes $(MINUTES) $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

.PHONY: soak
