"""The lock under which models are built whose packages keep something for the whole process."""

import threading

BUILDING = threading.RLock()
"""Held while a package's own names, its folders or its registry are replaced: one model at a time, in any thread."""
