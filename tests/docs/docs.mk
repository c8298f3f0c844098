# What README.md and docs/ name exists: run by `make test` and `make test-unit` like a unit test.
unit_tests += tests/docs/check
