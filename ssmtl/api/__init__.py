"""The calls that `import ssmtl` offers; the command line is a thin layer over them."""
