"""Which specialists help a judge: subsets tried on some prompts and reported on others, counterfactuals, baselines."""
