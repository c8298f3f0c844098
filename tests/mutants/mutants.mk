# Mutants: the kernel with one deliberate defect each, which the tests must notice (tests/mutants/run).

.PHONY: test-mutants

more_tests += tests/mutants/few

test-mutants: all $(unit_tests) ## Break the kernel on purpose: do the tests notice? MUTANT='a b' names mutants
	@tests/mutants/run $(addprefix --mutant ,$(MUTANT))
