"""The report of evaluated runs: tables, plots and every item, as one HTML file and as Markdown for a paper."""

MOST_ITEMS = 10_000
"""Items in the browser at most; the figures are always of all."""
