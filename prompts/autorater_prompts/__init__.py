"""Prompts and checklists: data only, read by name. The format is described in `prompts/README.md`."""
