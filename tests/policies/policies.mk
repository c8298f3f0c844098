# Every policy over the paging loads, many times, with little memory.

.PHONY: test-policies
test-policies: all pagesim ## Every replacement policy over the paging loads in tight memory: RUNS=20 times each; UNITS="2 4 8": paging units
	@tests/policies/run --runs $(or $(RUNS),2) $(if $(POLICIES),--policies '$(POLICIES)') \
		$(if $(UNITS),--units '$(UNITS)')

# The promises of the default policy, in the simulator: tests/policies/bounds.
.PHONY: bench-policies

more_tests += tests/policies/bounds

bench-policies: all pagesim ## Default policy, clock and OPT on recorded programs and generated loads, point by point; OTHERS=1: other loads
	@tests/policies/bounds $(if $(OTHERS),--others,--recorded build/recordings)
