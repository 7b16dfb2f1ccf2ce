"""Everything a paper's protocol needs on top of a source: splits, budgets, caching, sampling, randomness."""
