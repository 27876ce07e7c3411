"""Rules of the URI service (WADO-URI, PS3.18 9). Must not know other services' rules."""
