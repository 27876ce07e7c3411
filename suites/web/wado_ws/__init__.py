"""Rules of WADO-WS and of RAD-69, which is its first action (PS3.18 2017b 6.4). Must not know other services' rules."""
