"""How good the predictions on a labelled set are, with intervals over patients, at each threshold and by subgroup."""
