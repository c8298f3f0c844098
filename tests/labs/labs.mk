# Laboratory exercises: docs/labs.md.

.PHONY: lab grade test-labs

more_tests += tests/labs/starts

lab: ## Start a laboratory exercise (docs/labs.md): LAB=clock, LAB=defect N=3
	@tests/labs/lab start $(LAB) $(N)

grade: ## Count the points of a laboratory exercise: LAB=clock, LAB=policy POLICY=mine
	@tests/labs/lab grade $(LAB) $(POLICY)

test-labs: ## See for each laboratory exercise that its start fails and its solution passes
	@tests/labs/lab self-test
