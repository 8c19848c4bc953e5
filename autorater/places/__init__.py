"""Where specialists run: in this process, in a worker process with an interpreter of its own, or behind an address."""
