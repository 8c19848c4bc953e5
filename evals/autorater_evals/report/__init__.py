"""The report of evaluated runs: tables, plots and every item, as one HTML file and as Markdown for a paper."""
