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

build/trace: $(trace_objects)
	@echo "  TOOL  $@"
	@$(HOSTCC) $(trace_objects) -o $@

-include $(trace_objects:.o=.d)
