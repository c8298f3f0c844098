# Parallel work fails rarely, if it fails at all: once more, and once more.
REPEAT = $(or $(CASE),parallel)

test-repeat: all $(guest_tests) pagesim ## Run guest test cases RUNS=100 times in a row; CASE= as above, default: parallel
	@tests/repeat --runs $(or $(RUNS),100) $(addprefix --guest ,$(guest_tests)) $(addprefix --case ,$(REPEAT))
.PHONY: test-repeat
