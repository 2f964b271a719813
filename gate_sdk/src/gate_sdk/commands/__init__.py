"""The subcommands of `doorward-gate`, one module each.

A module has `add_arguments(subparsers)`, which sets `run` as the default of its parser: a function from the parsed
arguments to the exit code. Modules import numpy, ONNX Runtime and the like inside `run` only, so that `--help` and
the commands without recognition work without them.
"""
