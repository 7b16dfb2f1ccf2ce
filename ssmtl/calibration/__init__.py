"""How sure a trained network is of its labels: calibration, temperature, operating thresholds. Without PyTorch."""
