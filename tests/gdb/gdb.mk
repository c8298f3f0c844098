# The tests of gdb's commands, of the tours and of recordings: scripts that run inside gdb, as `make test` and
# `make test-guest CASE=gdb-views` run all that boots guests.
guest_tests += tests/gdb/cases
