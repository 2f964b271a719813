"""This SDK's version, as gates report it to their server."""

VERSION = "0.1.0"
