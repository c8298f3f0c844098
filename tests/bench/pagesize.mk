.PHONY: bench-pagesize
bench-pagesize: all pagesim ## The size of a page as an experiment, in the guest (unit=) and simulated: SVG=DIRECTORY plots
	@tests/bench/pagesize --large $(if $(SVG),--svg $(SVG))
