"""What holds across the web door and the DIMSE door of one archive."""
