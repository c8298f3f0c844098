"""The commands of `make gdb`: what Faultline's memory looks like, where it stops, and how it came about."""
