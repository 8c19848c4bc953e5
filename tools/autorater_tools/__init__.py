"""The specialists: one module and one card each. Nothing is imported until a specialist is asked for."""
