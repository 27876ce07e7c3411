"""Rules of the Retrieve transaction (WADO-RS, PS3.18 10.4). Must not know other services' rules."""
