"""Performed procedure steps over HTTP (PS3.18 chapter 15): create, update, retrieve."""
