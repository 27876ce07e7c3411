"""Clients of the Worklist and the Storage Commitment service that work by the text: for tests, load and play."""
