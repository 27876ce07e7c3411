"""Modality Worklist (PS3.4 Annex K): what is asked, what comes back, and whether it is what was asked for."""
