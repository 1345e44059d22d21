"""Adapters to models: each knows one wire protocol, and not why it was asked."""
