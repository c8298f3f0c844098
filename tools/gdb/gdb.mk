# What tools/gdb offers beside `make gdb`.
.PHONY: tour

tour: all ## A guided walk through one page fault: make tour TOUR=zero|file|swap|reclaim|copy|bad
	@AUTO='$(AUTO)' tools/gdb/run --tour $(or $(TOUR),swap)
