# What tools/gdb offers beside `make gdb`.
.PHONY: tour record replay

tour: all ## A guided walk through one page fault: make tour TOUR=zero|file|swap|reclaim|copy|bad
	@AUTO='$(AUTO)' tools/gdb/run --tour $(or $(TOUR),swap)

recording := $(or $(RECORDING),build/recording)

record: all ## Run one command and record it: make record CMD='prog args' [RECORDING=dir]
	@tools/guest --record '$(recording)' $(guest_options) -- $(or $(CMD),sh -c 'ls /')

replay: ## gdb on the recording, forwards and backwards: reverse-continue, who-dirtied, who-freed
	@tools/gdb/run --replay '$(recording)'
