# QEMU plugins that tools load, and the tools that load them.
.PHONY: plugins
plugins: build/plugins/references.so ## Build QEMU's plugins, for tools/eat: build/plugins/*

build/plugins/%.so: tools/plugins/%.c tools/plugins/plugin.h
	@mkdir -p $(@D)
	@echo "  TOOL  $@"
	@$(HOSTCC) -std=gnu11 -O2 -g $(WARNINGS) -I. -shared -fPIC -fvisibility=hidden $< -o $@

tests test-guest: plugins
