.PHONY: bench-pagesize
bench-pagesize: all pagesim ## The size of a page as an experiment: faults, disk time, table and unused memory by unit
	@tests/bench/pagesize
