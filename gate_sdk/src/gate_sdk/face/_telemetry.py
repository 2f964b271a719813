"""Switches off ONNX Runtime's telemetry; imported before everything that could load it.

From 1.29 on the official builds for Linux and macOS report sessions, models and a persistent device id to the
runtime's maker unless this variable stands before the library is loaded (Privacy.md in the onnxruntime wheel). The
call `disable_telemetry_events` comes too late: importing alone writes the device id.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
