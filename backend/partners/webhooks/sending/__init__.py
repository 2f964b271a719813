"""Sending what happened to companies' endpoints: the worker's."""
