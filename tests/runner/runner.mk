# The runner's own tests, run like unit tests.
unit_tests += tests/runner/arguments tests/runner/patience
