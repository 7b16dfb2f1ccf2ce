"""A trained run as one file that needs neither ssmtl nor the run: ONNX or a PyTorch program, and its model card."""
