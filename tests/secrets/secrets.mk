# Whether `secrets` (user/secrets) knows what each call writes to memory: run by `make test` and `make test-unit` like a unit test.
unit_tests += tests/secrets/calls
