"""Modality Performed Procedure Step (PS3.4 F.7 to F.9): created, set, ended, retrieved, and told to others."""
