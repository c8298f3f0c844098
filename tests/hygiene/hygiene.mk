# The debug build: does each of its checks fire, and do the loads run without one (tests/hygiene/run)?

.PHONY: test-hygiene

test-hygiene: all ## Break a kernel of DEBUG=1 in all ways it looks for, then run loads on it
	@tests/hygiene/run
