# The order of the rooms, a part of `make lint`.
.PHONY: lint-rooms
lint: lint-rooms

lint-rooms:
	@tools/lint/rooms
