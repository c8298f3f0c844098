"""The parts of tools/guest: the disk, the machine, how it ended, and what is said about that."""
