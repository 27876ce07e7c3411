"""Rules of PS3.8 and of PS3.7 Annex D on associations. Must not know what the messages mean to their services."""
