.PHONY: bench-multiprogramming
bench-multiprogramming: all ## Throughput against processes, without and with load control: SVG=FILE, APPEND=policy=fifo
	@tests/bench/multiprogramming $(if $(SVG),--svg $(SVG)) $(foreach word,$(APPEND),--append $(word))
