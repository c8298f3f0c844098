# build/trace: what tools/guest --trace has written, as text, in sum, for Perfetto, checked, as a picture.

trace_sources := $(sort $(wildcard tools/trace/*.c))
trace_objects := $(patsubst %.c,build/host-trace/%.o,$(trace_sources))
TRACE_CFLAGS  := -std=gnu11 -O2 -g $(WARNINGS) -DFAULTLINE_HOST -I.

.PHONY: trace
trace: build/trace ## Build the reader of traces: build/trace

build/trace.flags: FORCE
	$(call stamp,$(HOSTCC) $(TRACE_CFLAGS) $(trace_objects))

build/host-trace/%.o: %.c build/trace.flags
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(TRACE_CFLAGS) $(DEPEND) -c $< -o $@

build/host-trace/tools/trace/html.o: $(wildcard tools/trace/view/*)

build/trace: $(trace_objects)
	@echo "  TOOL  $@"
	@$(HOSTCC) $(trace_objects) -o $@

.PHONY: watch
watch: all ## Watch the page frames of the guest of `make run` live, or of CMD='prog args'
	@tools/watch $(if $(CMD),--run $(guest_options) -- $(CMD))

.PHONY: bench-trace
bench-trace: all $(bench_tools) ## What the trace costs: processor time in pairs, instructions
	@tests/bench/trace

.PHONY: test-pictures
test-pictures: all $(guest_tests) trace ## Run the tests of the trace's page, in a headless Chromium
	@tests/run $(addprefix --guest ,$(guest_tests)) --case pictures

-include $(trace_objects:.o=.d)
