"""Sending notifications to telephones: the worker's."""
