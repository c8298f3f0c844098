# What README.md and docs/ name exists, and the calls of docs/abi.md are the kernel's: run by `make test` and `make test-unit` like a unit test.
unit_tests += tests/docs/check tests/docs/calls
