"""Backups: a dump of the database and the object store's bytes, each with its checksum, and their way back."""
