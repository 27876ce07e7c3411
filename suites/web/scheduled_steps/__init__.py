"""Scheduled procedure steps over HTTP (PS3.18 chapter 14): the modality worklist as a search."""
