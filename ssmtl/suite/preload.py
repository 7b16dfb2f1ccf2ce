"""Imported once by the process that workers are forked from, so that none of them takes seconds to start."""

from ssmtl.assemble import assemble
from ssmtl.data.prepare import prepare
from ssmtl.plugins import load_plugins
from ssmtl.run import execute

USED = (assemble, execute, load_plugins, prepare)
"""What a worker calls; plugins bring their own libraries with the first component that needs them."""
